/** Enforces the limits of the protocol on messages from agents. */
import { type defaultLimits, fieldLimits, limitOf } from "../../common/protocol/limits.ts";
import { shortText } from "../store/storable.ts";

const fewest = Math.min(...Object.values(fieldLimits).map(({ most = Infinity }) => most));
const leastEntries = Math.min(...Object.values(fieldLimits).map(({ entries = Infinity }) => entries));

/**
 * Cuts fields that may be cut, and returns the first other field that is too long, such as `reading.meters.name has
 * 70000 characters, at most 65536`.
 */
export function limitMessage(kind: keyof typeof defaultLimits, message: object): string | undefined {
  const path: string[] = [];

  function mistake(has: string, most: number): string {
    return `${path.join(".")} has ${has}, at most ${most}`;
  }

  /* The replacement for `value`; throws a string if it is refused. */
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
      // A member of a oneof is named separately in the protocol.
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
