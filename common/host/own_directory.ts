/**
 * Directories that root writes to must not be changeable by another user. If another user owns a part of the path, or
 * may rename entries in it, any name in it may become a link to one of root's files at any moment, so root writes
 * nothing there. For other users the system's permissions are sufficient.
 */
import { lstatSync, mkdirSync, readFileSync, readlinkSync, type Stats } from "node:fs";
import { resolve } from "node:path";
import process from "node:process";
import { NotPermittedError } from "../core/errors.ts";
import { hasCode } from "../core/system_error.ts";

const sticky = 0o1000, groupWritable = 0o020, worldWritable = 0o002;
/** Maximum number of symbolic links, the same as on Linux. */
const maxLinks = 40;

/** Creates a directory with its parents, mode 0700, without checking the path. */
export function makeDirectory(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
}

/**
 * Creates a directory with its parents, mode 0700. Throws `NotPermittedError` for root if others could change the path.
 */
export function makeOwnDirectory(path: string): void {
  if (process.getuid?.() !== 0) makeDirectory(path);
  else walk(resolve(path), (prefix) => mkdirSync(prefix, { mode: 0o700 }));
}

/**
 * Throws `NotPermittedError` for root if another user could change the path, and ENOENT if it does not exist. With
 * `shared` it may be a directory of many users, such as /tmp or /var/log; then the caller must check each name in it.
 */
export function refuseOthersDirectory(path: string, options: { shared: boolean }): void {
  if (process.getuid?.() !== 0) return;
  const absent = (_: string, error: unknown) => {
    throw error;
  };
  walk(resolve(path), absent, options);
}

/** Whether it is a symbolic link of another user, which must not be followed. */
export function isOthersLink(path: string): boolean {
  const facts = lstatSync(path, { throwIfNoEntry: false });
  return facts !== undefined && facts.isSymbolicLink() && facts.uid !== 0 && facts.uid !== process.getuid?.();
}

/** Checks the parts of the path one by one from the root, so that no checked part can be changed afterwards. */
function walk(
  path: string,
  onAbsent: (prefix: string, error: unknown) => void,
  { shared }: { shared: boolean } = { shared: false },
): void {
  const top = lstatSync("/");
  // In a user namespace without the machine's root, this is the id that stands for all unknown users.
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
      // The target of the link is checked from the root as well.
      parts = [...resolve(prefix || "/", readlinkSync(at)).split("/").filter((part) => part !== ""), ...rest];
      prefix = "";
    } else {
      if (!facts.isDirectory()) throw Object.assign(new Error(`"${at}" is not a directory`), { code: "ENOTDIR" });
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
      // Another process created it first; it is checked like everything else.
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
  // With the sticky bit, others can add names, but change only their own.
  if (others === undefined || ((shared || !isLast) && facts.mode & sticky)) return;
  throw new NotPermittedError(
    `Cannot write in "${path}" as root, as "${prefix}" may be changed by ${others}`,
    `chmod go-w "${prefix}", or use another directory with stateDirectory: in agent.yaml`,
  );
}

/** Whether another group than root's may write; not on macOS, where administrators may write to system directories. */
function isOthersGroup({ mode, gid }: Stats): boolean {
  return process.platform === "linux" && gid !== 0 && (mode & groupWritable) !== 0;
}

function userName(uid: number): string {
  try {
    const line = readFileSync("/etc/passwd", "utf8").split("\n").find((line) => line.split(":")[2] === String(uid));
    const name = line?.split(":")[0];
    if (name !== undefined && /^[a-z_][a-z0-9_.-]*$/i.test(name)) return name;
  } catch { /* the number is sufficient */ }
  return `'#${uid}'`;
}
