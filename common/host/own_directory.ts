/**
 * Directories that root writes in: none that another user could change under its hands. Where another user owns a part of
 * the path, or may rename in it, each name in it may at any moment be a link to a file of root's, so that root writes
 * nothing there at all. Other users get what the system permits them.
 */
import { lstatSync, mkdirSync, readFileSync, readlinkSync, type Stats } from "node:fs";
import { resolve } from "node:path";
import process from "node:process";
import { NotPermittedError } from "../core/errors.ts";
import { hasCode } from "../core/system_error.ts";

const sticky = 0o1000, groupWritable = 0o020, worldWritable = 0o002;
/** As many as Linux follows. */
const maxLinks = 40;

/** Makes a directory with its parents, mode 0700, wherever it is. */
export function makeDirectory(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
}

/** Makes a directory with its parents, mode 0700. Throws `NotPermittedError` for root where others could change the path. */
export function makeOwnDirectory(path: string): void {
  if (process.getuid?.() !== 0) makeDirectory(path);
  else walk(resolve(path), (prefix) => mkdirSync(prefix, { mode: 0o700 }));
}

/**
 * Throws `NotPermittedError` for root where another user could change the path, and ENOENT where there is none. With
 * `shared`, it may be a place of many users, such as /tmp or /var/log, whose names are then to be looked at one by one.
 */
export function refuseOthersDirectory(path: string, options: { shared: boolean }): void {
  if (process.getuid?.() !== 0) return;
  const absent = (_: string, error: unknown) => {
    throw error;
  };
  walk(resolve(path), absent, options);
}

/** Whether it is a link that another user made, whom one's own files are not to be led by. */
export function isOthersLink(path: string): boolean {
  const facts = lstatSync(path, { throwIfNoEntry: false });
  return facts !== undefined && facts.isSymbolicLink() && facts.uid !== 0 && facts.uid !== process.getuid?.();
}

/** Looks at one part of the path after the other, from the root on, so that none can be changed behind the look. */
function walk(
  path: string,
  onAbsent: (prefix: string, error: unknown) => void,
  { shared }: { shared: boolean } = { shared: false },
): void {
  const top = lstatSync("/");
  // In a user namespace that does not know the machine's root, this is the number that it shows for whoever it does not know.
  const unmapped = top.uid;
  let parts = path.split("/").filter((part) => part !== "");
  let prefix = "", links = 0;
  refuseOthers(top, { path, prefix: "/", unmapped, shared, isLast: parts.length === 0 });
  while (parts.length > 0) {
    const at = `${prefix}/${parts[0]}`;
    const facts = look(at, onAbsent);
    const rest = parts.slice(1);
    refuseOthers(facts, { path, prefix: at, unmapped, shared, isLast: rest.length === 0 });
    if (facts.isSymbolicLink()) {
      if (++links > maxLinks) throw Object.assign(new Error(`Too many links in "${path}"`), { code: "ELOOP" });
      // The place that it names is looked at from the root on as well.
      parts = [...resolve(prefix || "/", readlinkSync(at)).split("/").filter((part) => part !== ""), ...rest];
      prefix = "";
    } else {
      if (!facts.isDirectory()) throw Object.assign(new Error(`"${at}" is no directory`), { code: "ENOTDIR" });
      prefix = at;
      parts = rest;
    }
  }
}

function look(path: string, onAbsent: (prefix: string, error: unknown) => void): Stats {
  try {
    return lstatSync(path);
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error;
    try {
      onAbsent(path, error);
    } catch (failure) {
      // Somebody else was faster; what they made is looked at like anything else.
      if (!hasCode(failure, "EEXIST")) throw failure;
    }
    return lstatSync(path);
  }
}

function refuseOthers(
  facts: Stats,
  { path, prefix, unmapped, shared, isLast }: {
    path: string;
    prefix: string;
    unmapped: number;
    shared: boolean;
    isLast: boolean;
  },
): void {
  const isForeign = facts.uid !== 0 && facts.uid !== unmapped;
  if (isForeign) {
    const user = userName(facts.uid);
    throw new NotPermittedError(
      `Cannot write in "${path}" as root, as "${prefix}" belongs to another user: current value is ${user}`,
      `sudo -u ${user} opendca …, or give it to root: chown -R root "${prefix}"`,
    );
  }
  if (facts.isSymbolicLink()) return;
  const others = facts.mode & worldWritable
    ? "everybody"
    : !shared && isOthersGroup(facts)
    ? `group ${facts.gid}`
    : undefined;
  // Where the sticky bit is set, others can add names and change only their own.
  if (others === undefined || ((shared || !isLast) && facts.mode & sticky)) return;
  throw new NotPermittedError(
    `Cannot write in "${path}" as root, as "${prefix}" may be changed by ${others}`,
    `chmod go-w "${prefix}", or use another directory with stateDirectory: in agent.yaml`,
  );
}

/** On macOS the group of administrators may write in places of the system. */
function isOthersGroup({ mode, gid }: Stats): boolean {
  return process.platform === "linux" && gid !== 0 && (mode & groupWritable) !== 0;
}

function userName(uid: number): string {
  try {
    const line = readFileSync("/etc/passwd", "utf8").split("\n").find((line) => line.split(":")[2] === String(uid));
    const name = line?.split(":")[0];
    if (name !== undefined && /^[a-z_][a-z0-9_.-]*$/i.test(name)) return name;
  } catch { /* the number does as well */ }
  return `'#${uid}'`;
}
