/**
 * How large messages, texts and lists may be: what agents keep to and the platform enforces. docs/protocol.md shows them.
 */

const kib = 1024, mib = 1024 * kib;

/** One message of gRPC, in either direction. */
export const maxMessageBytes = 4 * mib;

/** Of a batch: its payload as sent, and uncompressed. */
export const maxPayloadBytes = 3 * mib;
export const maxPlainBytes = 16 * mib;
export const maxBatchRecords = 5000;
export const maxRecordBytes = 2.5 * mib;

/** A larger task is refused unread. */
export const maxTaskBytes = 256 * kib;
/** That one poll brings, and that an agent queues. */
export const maxTasks = 20;

/** The archive of a diagnostics task. */
export const maxBundleBytes = 2 * mib;

/** Faults that an agent tells with a poll. */
export const maxFaults = 20;
/** What an agent cuts the message of a fault or of a task's result to. */
export const maxMessageText = 500;
/** What an agent tells of refused settings with every poll, in the log and the status, however large the document was. */
export const maxRefusals = { entries: 50, most: 300 };

export interface Limit {
  /** Of a text in UTF-16 units, of bytes in bytes. */
  most?: number;
  /** Of a list. */
  entries?: number;
  /** The rest is left out, where nothing is lost by it; otherwise the message is refused. */
  cut?: true;
}

const cut = (most: number): Limit => ({ most, cut: true });
const refusals: Limit = { most: 500, entries: 2 * maxRefusals.entries, cut: true };

/** By the end of a field's path in the protocol, the longest that fits: far above what agents say. */
export const fieldLimits: Record<string, Limit> = {
  agentVersion: cut(50),
  runtimeVersion: cut(50),
  "machine.hostname": cut(255),
  "machine.os": cut(50),
  "machine.arch": cut(50),
  "machine.fingerprint": cut(200),
  effectiveConfigHash: cut(64),
  effectiveConfig: { most: 256 * kib },
  configRefusals: refusals,
  "setConfig.refusals": refusals,
  "status.faults": { entries: maxFaults, cut: true },
  "faults.code": cut(100),
  "faults.message": cut(2 * maxMessageText),
  taskResults: { entries: 100 },
  "taskResults.message": cut(2 * maxMessageText),
  "taskResult.message": cut(2 * maxMessageText),
  site: cut(200),
  deviceKey: cut(200),
  mergedDeviceKey: cut(200),
  bundle: { most: maxBundleBytes + 0.5 * mib },
  // Of the message; a larger batch than `maxPayloadBytes` is answered by a rejection.
  payload: { most: maxMessageBytes },
  csr: { most: 64 * kib },
  // Values as the device gave them, which may be hexadecimal.
  "raw.text": { most: 256 * kib },
  "columns.text": { most: 256 * kib },
};

/** Of fields that are not in the table, so that a new field has its limit at once. SNMP has no longer string than that of a record. */
export const defaultLimits = {
  call: { most: 1024, entries: 1000 },
  record: { most: 64 * kib, entries: 10_000 },
} satisfies Record<string, Required<Omit<Limit, "cut">>>;

/** The limit of a field by its path, such as `["reading", "meters", "name"]`. */
export function limitOf(
  kind: keyof typeof defaultLimits,
  path: readonly string[],
): Required<Omit<Limit, "cut">> & Limit {
  for (let from = 0; from < path.length; from++) {
    const limit = fieldLimits[path.slice(from).join(".")];
    if (limit !== undefined) return { ...defaultLimits[kind], ...limit };
  }
  return defaultLimits[kind];
}
