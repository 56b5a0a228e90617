/**
 * Size limits of messages, texts and lists, which agents observe and the platform enforces. docs/protocol.md lists
 * them.
 */

const kib = 1024, mib = 1024 * kib;

/** One gRPC message, in either direction. */
export const maxMessageBytes = 4 * mib;

/** Payload of a batch, both as sent and uncompressed. */
export const maxPayloadBytes = 3 * mib;
export const maxPlainBytes = 16 * mib;
export const maxBatchRecords = 5000;
export const maxRecordBytes = 2.5 * mib;

/** A larger task is refused without reading it. */
export const maxTaskBytes = 256 * kib;
/** Tasks in one poll response, and in the queue of an agent. */
export const maxTasks = 20;

/** The archive of a diagnostics task. */
export const maxBundleBytes = 2 * mib;

/** Faults that an agent reports with a poll. */
export const maxFaults = 20;
/** Length to which an agent cuts the message of a fault, a task result or an update. */
export const maxMessageText = 500;
/** Limits for refused settings that an agent reports with every poll, in the log and the status. */
export const maxRefusals = { entries: 50, most: 300 };

export interface Limit {
  /** Maximum length: of a text in UTF-16 units, of bytes in bytes. */
  most?: number;
  /** Maximum number of entries of a list. */
  entries?: number;
  /** The rest is cut off, if it is not important; otherwise the message is refused. */
  cut?: true;
}

const cut = (most: number): Limit => ({ most, cut: true });
const refusals: Limit = { most: 500, entries: 2 * maxRefusals.entries, cut: true };

/** Limits by the end of a field's path in the protocol; the longest match applies. Far above what agents send. */
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
  updateTarget: cut(50),
  target: cut(50),
  "update.version": cut(50),
  "update.message": cut(2 * maxMessageText),
  taskResults: { entries: 100 },
  "taskResults.message": cut(2 * maxMessageText),
  "taskResult.message": cut(2 * maxMessageText),
  site: cut(200),
  deviceKey: cut(200),
  mergedDeviceKey: cut(200),
  bundle: { most: maxBundleBytes + 0.5 * mib },
  // The limit of the message; a batch larger than `maxPayloadBytes` gets a rejection.
  payload: { most: maxMessageBytes },
  csr: { most: 64 * kib },
  // Agents send at most four, with short answers.
  "meters.others": { entries: 20, cut: true },
  "supplies.others": { entries: 20, cut: true },
  "others.oid": cut(1000),
  "others.rule": cut(200),
  "others.unit": cut(100),
  "others.raw.text": cut(200),
  // Raw values from the device, which may be in hexadecimal.
  "raw.text": { most: 256 * kib },
  "columns.text": { most: 256 * kib },
};

/**
 * Limits of fields that are not in the table, so that new fields are limited as well. No SNMP string is longer than
 * that of a record.
 */
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
