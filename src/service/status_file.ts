/** `status.json` in the state directory: what a running agent says of itself, so that nobody needs a port to ask. */
import type { PresenceState } from "../schedule/presence.ts";
import type { AgentFault } from "./fault_list.ts";

export const statusFileName = "status.json";

/** All times are RFC 3339. */
export interface StatusFile {
  schema: "opendca.status/1";
  writtenAt: string;
  /** `stopped`: by itself or on request, in good order. */
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
    /** Of the last poll that was answered in this run. */
    lastAnswerAt: string | null;
    nextPollAt: string | null;
    clockOffsetMs: number | null;
    lastUploadAt: string | null;
  };
  spool: StatusSpool;
  devices: Record<PresenceState, number>;
  sites: SiteStatus[];
  config: { platformHash: string; refusals: readonly string[] };
  /** Newest first. */
  faults: (Omit<AgentFault, "firstAt" | "lastAt"> & { firstAt: string; lastAt: string })[];
}

export interface SiteStatus {
  name: string;
  lastSweepAt: string | null;
  sweeping: boolean;
  /** What is done of a sweep that is under way or was cut off, in addresses; null for none, and left out by older agents. */
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

/** Undefined for what is no such file, such as one of another version. */
export function tryParseStatusFile(text: string): StatusFile | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return hasShape(parsed, shape) && parsed.schema === shape.schema ? parsed as unknown as StatusFile : undefined;
  } catch {
    return undefined; // Not JSON: not ours.
  }
}

/** What is read of it, each by a value of the same type. Lists are of what their first item is like. */
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

/** A running agent writes it at least so often. */
export const heartbeatMs = 10_000;
/** Older than this, it says nothing about now. */
export const staleAfterMs = 30_000;
