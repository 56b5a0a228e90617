/** `status.json` in the state directory: the running agent's status, readable without an open port. */
import type { PresenceState } from "../schedule/presence.ts";
import type { AgentFault } from "./fault_list.ts";
import type { Clock } from "../../common/core/clock.ts";
import { messageOf } from "../../common/core/errors.ts";
import type { Wake } from "../../common/core/wake.ts";
import type { Logger } from "../log/logger.ts";
import type { AgentMachine } from "./agent_machine.ts";

export const statusFileName = "status.json";

/** All times are RFC 3339. */
export interface StatusFile {
  schema: "opendca.status/1";
  writtenAt: string;
  /** `stopped`: ended regularly, by itself or on request. */
  phase: "running" | "stopped";
  version: string;
  pid: number;
  runId: string;
  startedAt: string;
  agentId: string;
  certificateNotAfter: string;
  platform: {
    /** HOST:PORT that answered last in this run. */
    endpoint: string | null;
    lastPollAt: string | null;
    /** Time of the last answered poll of this run. */
    lastAnswerAt: string | null;
    nextPollAt: string | null;
    clockOffsetMs: number | null;
    lastUploadAt: string | null;
  };
  /** Null where no broker is configured; left out by older agents. */
  mqtt?: StatusMqtt | null;
  spool: StatusSpool;
  /** Left out by older agents. */
  update?: StatusUpdate;
  devices: Record<PresenceState, number>;
  sites: SiteStatus[];
  config: { platformHash: string; refusals: readonly string[] };
  /** Newest first. */
  faults: (Omit<AgentFault, "firstAt" | "lastAt"> & { firstAt: string; lastAt: string })[];
}

export interface StatusUpdate {
  /** Why it cannot update itself; null if it can. */
  why: string | null;
  /** What was offered last; null if nothing was. */
  offered: {
    version: string;
    /** refused, downloading, waiting, installing, installed, failed, returned */
    phase: string;
    message: string;
    bytesDone: number;
    bytesTotal: number;
    since: string;
  } | null;
}

export interface StatusMqtt {
  /** Where it is connected now; null where it is not. */
  endpoint: string | null;
  version: string | null;
  since: string | null;
  /** Of the last failure, until there is a connection again. */
  lastError: string | null;
  lastErrorAt: string | null;
}

export interface SiteStatus {
  name: string;
  lastSweepAt: string | null;
  sweeping: boolean;
  /** Addresses done of a sweep that is running or was cut off; null if there is none; missing from older agents. */
  sweep?: { done: number; of: number } | null;
}

export interface StatusSpool {
  depth: number;
  bytes: number;
  oldestObservedAt: string | null;
  quarantinedRecords: number;
  dropped: { status: number; meters: number; lastMeters: number; quarantined: number };
  diskFull: boolean;
}

/** Undefined if it is not a status file of this version. */
export function tryParseStatusFile(text: string): StatusFile | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return hasShape(parsed, shape) && parsed.schema === shape.schema ? parsed as unknown as StatusFile : undefined;
  } catch {
    return undefined; // Not JSON: not ours.
  }
}

/** Fields that are read, each with an example of its type; a list holds items like its first one. */
const shape = {
  schema: "opendca.status/1",
  writtenAt: "",
  phase: "",
  version: "",
  startedAt: "",
  agentId: "",
  platform: {},
  spool: {
    depth: 0,
    bytes: 0,
    quarantinedRecords: 0,
    dropped: { status: 0, meters: 0, lastMeters: 0, quarantined: 0 },
  },
  devices: { awake: 0, asleep: 0, unreachable: 0, gone: 0 },
  sites: [{ name: "", sweeping: false }],
  config: { refusals: [""] },
  faults: [{ code: "", message: "", lastAt: "", count: 0 }],
};

function hasShape<T>(value: unknown, like: T): value is T {
  if (Array.isArray(like)) return Array.isArray(value) && value.every((item) => hasShape(item, like[0]));
  if (typeof like !== "object" || like === null) return typeof value === typeof like;
  if (typeof value !== "object" || value === null) return false;
  return Object.entries(like).every(([key, inner]) => hasShape((value as Record<string, unknown>)[key], inner));
}

/** A running agent writes it at least this often. */
export const heartbeatMs = 10_000;
/** A status older than this is outdated. */
export const staleAfterMs = 30_000;

interface StatusWriterOptions {
  path: string;
  machine: Pick<AgentMachine, "replaceTextFile" | "overwriteTextFile">;
  log: Pick<Logger, "warn" | "info">;
  clock: Clock;
  /** The status has changed: it is written soon; changes close together are one write. */
  wake: Wake;
  /** The current status. */
  describe(phase: StatusFile["phase"]): StatusFile;
}

const settleMs = 500;
const blockBytes = 4096;
/** Padding that has room for the faults that a full disk adds. */
const spareBytes = 2048;

/** Writes at once, on changes and as a heartbeat, and a last time on disposal. */
export function startStatusWriter(options: StatusWriterOptions): AsyncDisposable {
  const { path, machine, log, clock, wake, describe } = options;
  const stop = new AbortController();
  let isFailing = false;

  /** Never rejects; logs when writes begin to fail and when they work again. */
  async function write(phase: StatusFile["phase"]): Promise<void> {
    try {
      const text = JSON.stringify(describe(phase), null, 2);
      await machine.replaceTextFile(path, padded(text))
        .catch((error) => machine.overwriteTextFile(path, text).catch(() => Promise.reject(error)));
      if (isFailing) log.info("statusSaved", {});
      isFailing = false;
    } catch (error) {
      if (!isFailing) log.warn("statusUnsaved", { reason: messageOf(error) });
      isFailing = true;
    }
  }

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      wake.clear();
      await write("running");
      await wake.wait(heartbeatMs, stop.signal);
      await clock.sleep(settleMs, stop.signal).catch(() => {}); // The end.
    }
  }

  const running = run();
  return {
    async [Symbol.asyncDispose]() {
      stop.abort(new Error("The agent is stopping"));
      await running;
      await write("stopped");
    },
  };
}

/** Pads with blanks, which JSON ignores. */
function padded(text: string): string {
  const bytes = new TextEncoder().encode(text).length + 1;
  return text + " ".repeat(Math.ceil((bytes + spareBytes) / blockBytes) * blockBytes - bytes) + "\n";
}
