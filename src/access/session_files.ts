/**
 * Communication between commands on this machine and the running agent about sessions, without a port: `sessions.json`
 * in the state directory lists the sessions, and an empty file in `session-orders/` is an order by its name
 * (`approve-ID+WHO`, `kill-ID+WHO`, `kill-all+WHO`, and standing approvals). Users who may write there may also change the
 * configuration.
 */
import type { Clock } from "../../common/core/clock.ts";
import type { Disk } from "../../common/host/disk.ts";
import { createWake } from "../../common/core/wake.ts";
import type { ApprovalWish, StandingApprovals } from "./standing_approvals.ts";
import type { LocalSession, WebAccess } from "./web_access.ts";

export const sessionsFileName = "sessions.json";
export const ordersFolder = "session-orders";

export interface SessionsFile {
  schema: "opendca.sessions/1";
  writtenAt: string;
  sessions: LocalSession[];
}

export type SessionOrder =
  /** Without `id`: all of them. */
  | { kind: "approve"; id: string; by: string }
  | { kind: "kill"; id: string | undefined; by: string }
  | { kind: "approveAll"; wish: ApprovalWish }
  /** Takes back one standing approval, or all. */
  | { kind: "withdraw"; id: string | undefined; by: string };

/** Everything is in the name, as the agent's user could not read a file of root. */
export function orderName(order: SessionOrder): string {
  if (order.kind === "withdraw") return ["withdraw", order.id ?? "all", safeName(order.by)].join("+");
  if (order.kind !== "approveAll") return `${order.kind}-${order.id ?? "all"}+${safeName(order.by)}`;
  const { id, lastsMs, raw, device, by } = order.wish;
  const what = [id, lastsMs, raw ? "raw" : "pages", device === undefined ? "all" : `=${encodeURIComponent(device)}`];
  return ["approve", ...what, safeName(by)].join("+");
}

/** Of a user, who may be of a domain: "EXAMPLE\\eva". */
function safeName(by: string): string {
  return by.replace(/[^\w.@-]/g, "_").slice(0, 64);
}

/** Undefined for other files. */
export function maybeOrder(name: string): SessionOrder | undefined {
  const [, kind, session, person] = /^(approve|kill)-(all|[a-z0-9-]{4,64})\+([\w.@-]{1,64})$/.exec(name) ?? [];
  if (kind === "kill") return { kind, id: session === "all" ? undefined : session!, by: person! };
  if (kind === "approve" && session !== "all") return { kind, id: session!, by: person! };
  const withdraw = /^withdraw\+(all|[0-9a-f]{16})\+([\w.@-]{1,64})$/.exec(name);
  if (withdraw !== null) {
    return { kind: "withdraw", id: withdraw[1] === "all" ? undefined : withdraw[1]!, by: withdraw[2]! };
  }
  const wish = /^approve\+([0-9a-f]{16})\+(\d{1,9})\+(raw|pages)\+(all|=[\w.%-]{1,100})\+([\w.@-]{1,64})$/.exec(name);
  if (wish === null) return undefined;
  const device = wish[4] === "all" ? undefined : tryDecode(wish[4]!.slice(1));
  if (device === "") return undefined;
  return {
    kind: "approveAll",
    wish: { id: wish[1]!, lastsMs: Number(wish[2]), raw: wish[3] === "raw", device, by: wish[5]! },
  };
}

/** Empty if it is not encoded. */
function tryDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

/** Undefined for other content. */
export function tryParseSessions(text: string): SessionsFile | undefined {
  try {
    const parsed = JSON.parse(text);
    const isSound = parsed?.schema === "opendca.sessions/1" && Array.isArray(parsed.sessions) &&
      parsed.sessions.every((each: unknown) => typeof (each as LocalSession)?.id === "string");
    return isSound ? parsed : undefined;
  } catch {
    return undefined; // Not JSON: not a file of the agent.
  }
}

const lookEveryMs = 300;
/** Without sessions; only where there may be some. */
const lookIdleMs = 1_000;
/** How often the byte counts are updated. */
const writeEveryMs = 2_000;

export interface SessionFilesOptions {
  stateDirectory: string;
  disk: Pick<Disk, "list" | "remove" | "makeDirectory" | "size">;
  replaceTextFile(path: string, text: string): Promise<void>;
  clock: Clock;
  access: Pick<WebAccess, "sessions" | "approve" | "kill">;
  approvals: Pick<StandingApprovals, "give" | "withdraw" | "tidy">;
  /** Whether the policy allows web access. */
  isOn(): boolean;
  log(event: `${Lowercase<string>}${string}ed`, fields: Record<string, string | number>): void;
}

export interface SessionFiles extends AsyncDisposable {
  /** The list of sessions, the state of one, or the policy has changed. */
  changed(): void;
}

/** Looks for orders while there are sessions, or may be some. */
export function startSessionFiles(options: SessionFilesOptions): SessionFiles {
  const { stateDirectory, disk, clock, access, approvals } = options;
  const folder = `${stateDirectory}/${ordersFolder}`, file = `${stateDirectory}/${sessionsFileName}`;
  const stop = new AbortController(), wake = createWake(clock);
  let looking: Promise<void> | undefined, isStale = false;
  const isNeeded = () => access.sessions().length > 0 || options.isOn();

  async function write(): Promise<void> {
    isStale = false;
    const text: SessionsFile = {
      schema: "opendca.sessions/1",
      writtenAt: clock.now().toISOString(),
      sessions: access.sessions(),
    };
    try {
      await options.replaceTextFile(file, `${JSON.stringify(text, null, 2)}\n`);
    } catch {
      isStale = true; // A full disk; tried again.
    }
  }

  async function look(): Promise<void> {
    let writtenMs = -Infinity;
    while (isNeeded() && !stop.signal.aborted) {
      takeOrders(folder, options);
      approvals.tidy();
      const hasSessions = access.sessions().length > 0;
      if (isStale || (hasSessions && clock.monotonicMs() - writtenMs >= writeEveryMs)) {
        await write();
        writtenMs = clock.monotonicMs();
      }
      await wake.wait(hasSessions ? lookEveryMs : lookIdleMs, stop.signal);
    }
    if (isStale) await write();
  }

  function start(): void {
    if (looking !== undefined || stop.signal.aborted || !isNeeded()) return;
    try {
      disk.makeDirectory(folder);
      // Orders from before are not for these sessions, and nobody waits for them.
      for (const name of disk.list(folder)) disk.remove(`${folder}/${name}`);
    } catch {
      // A full disk. Commands report that they cannot write there.
    }
    keepUntilDone(look());
  }

  function keepUntilDone(work: Promise<void>): void {
    looking = work.finally(() => {
      looking = undefined;
      start();
    });
  }

  // A killed agent may have left its list.
  isStale = disk.size(file) !== undefined;
  if (isStale && !isNeeded()) keepUntilDone(write());
  else start();
  return {
    changed() {
      isStale = true;
      wake.wake();
      start();
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await looking;
    },
  };
}

function takeOrders(folder: string, { disk, access, approvals, log }: SessionFilesOptions): void {
  let names: string[] = [];
  try {
    names = disk.list(folder);
  } catch {
    return; // The next look tries again.
  }
  for (const name of names) {
    const order = maybeOrder(name);
    try {
      disk.remove(`${folder}/${name}`);
    } catch {
      // A remaining order is harmless: it applies to one session, or to all present ones.
    }
    if (order === undefined) continue;
    if (order.kind === "approve") {
      if (access.approve(order.id, order.by)) log("sessionApproved", { session: order.id, by: order.by });
    } else if (order.kind === "approveAll") {
      approvals.give(order.wish);
    } else if (order.kind === "withdraw") {
      approvals.withdraw(order);
    } else {
      const ended = access.kill(order.id, order.by);
      log("sessionsKilled", { session: order.id ?? "all", ended, by: order.by });
    }
  }
}
