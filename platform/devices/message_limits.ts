/**
 * How long texts, bytes and lists may be in whatever an agent sends: one table for all messages, far above what agents say.
 * What the table does not name has a default, so that a field that is new in the protocol has its limit at once.
 */
import { shortText } from "../store/storable.ts";

export interface Limit {
  /** Of a text in UTF-16 units, of bytes in bytes. */
  most?: number;
  /** Of a list. */
  entries?: number;
  /** The rest is left out, where nothing is lost by it; otherwise the message is refused. */
  cut?: true;
}

const cut = (most: number): Limit => ({ most, cut: true });
const refusals: Limit = { most: 500, entries: 100, cut: true };

/** By the end of a field's path in the protocol, the longest that fits; see protocol.md. */
export const messageLimits: Record<string, Limit> = {
  agentVersion: cut(50),
  runtimeVersion: cut(50),
  "machine.hostname": cut(255),
  "machine.os": cut(50),
  "machine.arch": cut(50),
  "machine.fingerprint": cut(200),
  effectiveConfigHash: cut(64),
  effectiveConfig: { most: 256 * 1024 },
  configRefusals: refusals,
  "setConfig.refusals": refusals,
  "status.faults": { entries: 20, cut: true },
  "faults.code": cut(100),
  "faults.message": cut(1000),
  taskResults: { entries: 100 },
  "taskResults.message": cut(1000),
  "taskResult.message": cut(1000),
  site: cut(200),
  deviceKey: cut(200),
  mergedDeviceKey: cut(200),
  // Diagnostics, of 2 MiB at most.
  bundle: { most: 2.5 * 1024 * 1024 },
  // Of the message; a batch with more than 3 MiB of it is answered by a rejection.
  "payload": { most: 4 * 1024 * 1024 },
  csr: { most: 64 * 1024 },
  // Values as the device gave them, which may be hexadecimal.
  "raw.text": { most: 256 * 1024 },
  "columns.text": { most: 256 * 1024 },
};

/** Of fields that are not in the table. SNMP has no longer string than that of a record. */
export const defaultLimits = {
  call: { most: 1024, entries: 1000 },
  record: { most: 64 * 1024, entries: 10_000 },
} satisfies Record<string, Required<Omit<Limit, "cut">>>;

/** The limit of a field by its path, such as `["reading", "meters", "name"]`. */
export function limitOf(
  kind: keyof typeof defaultLimits,
  path: readonly string[],
): Required<Omit<Limit, "cut">> & Limit {
  for (let from = 0; from < path.length; from++) {
    const limit = messageLimits[path.slice(from).join(".")];
    if (limit !== undefined) return { ...defaultLimits[kind], ...limit };
  }
  return defaultLimits[kind];
}

const fewest = Math.min(...Object.values(messageLimits).map(({ most = Infinity }) => most));
const leastEntries = Math.min(...Object.values(messageLimits).map(({ entries = Infinity }) => entries));

/**
 * Cuts in the message what may be cut, and tells the first thing that is too long, such as
 * `reading.meters.name has 70000 characters, at most 65536`.
 */
export function limitMessage(kind: keyof typeof defaultLimits, message: object): string | undefined {
  const path: string[] = [];

  function mistake(has: string, most: number): string {
    return `${path.join(".")} has ${has}, at most ${most}`;
  }

  /* What is put in the place of `value`; throws a string for what is refused. */
  function limited(value: unknown): unknown {
    if (typeof value === "string") {
      if (value.length <= fewest) return value.includes("\0") ? withoutNul(value) : value;
      const { most, cut } = limitOf(kind, path);
      if (cut) return shortText(value, most);
      if (value.length > most) throw new TooLong(mistake(`${value.length} characters`, most));
      return value;
    }
    if (ArrayBuffer.isView(value)) {
      if (value.byteLength <= fewest) return value;
      const { most } = limitOf(kind, path);
      if (value.byteLength > most) throw new TooLong(mistake(`${value.byteLength} bytes`, most));
      return value;
    }
    if (Array.isArray(value)) {
      if (value.length > leastEntries) {
        const { entries, cut } = limitOf(kind, path);
        if (value.length > entries && !cut) throw new TooLong(mistake(`${value.length} entries`, entries));
        value.length = Math.min(value.length, entries);
      }
      for (let i = 0; i < value.length; i++) value[i] = limited(value[i]);
      return value;
    }
    if (typeof value === "object" && value !== null && !(value instanceof Date)) walk(value as Record<string, unknown>);
    return value;
  }

  function withoutNul(value: string): string {
    return limitOf(kind, path).cut ? shortText(value, Infinity) : value;
  }

  function walk(fields: Record<string, unknown>): void {
    for (const key of Object.keys(fields)) {
      const value = fields[key];
      if (typeof value === "number" || value === undefined || value === null) continue;
      // A member of a oneof has its own name in the protocol.
      const member = isMember(value) ? value : undefined;
      path.push(member?.$case ?? key);
      if (member === undefined) fields[key] = limited(value);
      else member.value = limited(member.value);
      path.pop();
    }
  }

  try {
    walk(message as Record<string, unknown>);
    return undefined;
  } catch (error) {
    if (error instanceof TooLong) return error.message;
    throw error;
  }
}

class TooLong extends Error {
  override readonly name = "TooLong";
}

function isMember(value: unknown): value is { $case: string; value: unknown } {
  return typeof value === "object" && value !== null && "$case" in value;
}
