/**
 * Communication between commands on this machine and the running agent about sessions, without a port: `sessions.json`
 * in the state directory lists the sessions, and an empty file in `session-orders/` is an order by its name
 * (`approve-ID`, `kill-ID`, `kill-all`). Users who may write there may also change the configuration.
 */
import type { Clock } from "../../common/core/clock.ts";
import type { Disk } from "../../common/host/disk.ts";
import type { LocalSession, WebAccess } from "./web_access.ts";

export const sessionsFileName = "sessions.json";
export const ordersFolder = "session-orders";

export interface SessionsFile {
  schema: "opendca.sessions/1";
  writtenAt: string;
  sessions: LocalSession[];
}

export type SessionOrder = { kind: "approve" | "kill"; id: string } | { kind: "killAll" };

export function orderName(order: SessionOrder): string {
  return order.kind === "killAll" ? "kill-all" : `${order.kind}-${order.id}`;
}

/** Undefined for other files. */
function maybeOrder(name: string): SessionOrder | undefined {
  if (name === "kill-all") return { kind: "killAll" };
  const [, kind, id] = /^(approve|kill)-([a-z0-9-]{4,64})$/.exec(name) ?? [];
  return kind === undefined ? undefined : { kind: kind as "approve" | "kill", id: id! };
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
/** How often the byte counts are updated. */
const writeEveryMs = 2_000;

export interface SessionFilesOptions {
  stateDirectory: string;
  disk: Pick<Disk, "list" | "remove" | "makeDirectory" | "size">;
  replaceTextFile(path: string, text: string): Promise<void>;
  clock: Clock;
  access: Pick<WebAccess, "sessions" | "approve" | "kill">;
  log(event: `${Lowercase<string>}${string}ed`, fields: Record<string, string | number>): void;
}

export interface SessionFiles extends AsyncDisposable {
  /** The list of sessions or the state of one has changed. */
  changed(): void;
}

/** Looks for orders only while there are sessions. */
export function startSessionFiles(options: SessionFilesOptions): SessionFiles {
  const { stateDirectory, disk, clock, access } = options;
  const folder = `${stateDirectory}/${ordersFolder}`, file = `${stateDirectory}/${sessionsFileName}`;
  const stop = new AbortController();
  let looking: Promise<void> | undefined, isStale = true;

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
    while (access.sessions().length > 0 && !stop.signal.aborted) {
      takeOrders(folder, options);
      if (isStale || clock.monotonicMs() - writtenMs >= writeEveryMs) {
        await write();
        writtenMs = clock.monotonicMs();
      }
      await clock.sleep(lookEveryMs, stop.signal).catch(() => {}); // Stopped.
    }
    await write();
  }

  function changed(): void {
    isStale = true;
    if (looking !== undefined || stop.signal.aborted) return;
    try {
      disk.makeDirectory(folder);
      // Orders for earlier sessions do not apply to these.
      for (const name of disk.list(folder)) disk.remove(`${folder}/${name}`);
    } catch {
      // A full disk. Commands report that they cannot write there.
    }
    keepUntilDone(look());
  }

  function keepUntilDone(work: Promise<void>): void {
    looking = work.finally(() => {
      looking = undefined;
      if (isStale && access.sessions().length > 0) changed();
    });
  }

  // A killed agent may have left its list.
  if (disk.size(file) !== undefined) keepUntilDone(write());
  return {
    changed,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await looking;
    },
  };
}

function takeOrders(folder: string, { disk, access, log }: SessionFilesOptions): void {
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
      if (access.approve(order.id)) log("sessionApproved", { session: order.id });
    } else {
      const ended = access.kill(order.kind === "kill" ? order.id : undefined);
      log("sessionsKilled", { session: order.kind === "kill" ? order.id : "all", ended });
    }
  }
}
