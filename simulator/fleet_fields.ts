/** Reading of a YAML document whose every mistake is named by its place, such as `printers[2].supplies[0].unit`. */
import { ConfigError } from "../common/core/errors.ts";

/** A value and where it stands. Mappings are `Map`s, so that keys keep their order even where they look like numbers. */
export interface Place {
  readonly value: unknown;
  /** Empty for the document itself. */
  readonly path: string;
  readonly file: string;
}

/** The error for a value that is not what it must be. */
export function wrongValue(place: Place, what: string, hint?: string): ConfigError {
  const shown = place.value instanceof Map
    ? "a mapping"
    : Array.isArray(place.value)
    ? "a list"
    : typeof place.value === "string"
    ? JSON.stringify(place.value)
    : String(place.value);
  return new ConfigError(
    `Cannot use ${place.path || "the file"} of ${place.file} as ${what}: current value is ${shown}`,
    hint,
  );
}

/** Whether the key is there with a value. */
export function isGiven(place: Place): boolean {
  return place.value !== undefined && place.value !== null;
}

/** A mapping that has no other keys than these. */
export function readMapping<K extends string>(place: Place, keys: readonly K[]): Record<K, Place> {
  const given = readAnyMapping(place);
  for (const key of given.keys()) {
    if (!(keys as readonly string[]).includes(key)) {
      throw new ConfigError(
        `Cannot use ${place.path ? `${place.path}.` : ""}${key} of ${place.file}: it is not a known key`,
        `known keys: ${keys.join(", ")}`,
      );
    }
  }
  const entries = keys.map((key) => [key, given.get(key) ?? child(place, key, undefined)]);
  return Object.fromEntries(entries) as Record<K, Place>;
}

/** A mapping with keys of any name; none when it is not given. */
export function readAnyMapping(place: Place): Map<string, Place> {
  if (!isGiven(place)) return new Map();
  if (!(place.value instanceof Map)) throw wrongValue(place, "a mapping");
  return new Map([...place.value].map(([key, value]) => [String(key), child(place, String(key), value)]));
}

/** A list; empty when it is not given. */
export function readList(place: Place): Place[] {
  if (!isGiven(place)) return [];
  if (!Array.isArray(place.value)) throw wrongValue(place, "a list");
  return place.value.map((value, i) => ({ value, path: `${place.path}[${i}]`, file: place.file }));
}

/** A text, or a number or boolean that YAML made of one, such as a version or a serial without quotes. */
export function maybeText(place: Place): string | undefined {
  if (!isGiven(place)) return undefined;
  if (typeof place.value === "object") throw wrongValue(place, "a text");
  return String(place.value);
}

export function maybeBoolean(place: Place): boolean | undefined {
  if (!isGiven(place)) return undefined;
  if (typeof place.value !== "boolean") throw wrongValue(place, "true or false");
  return place.value;
}

/** A number from `low` to `high`; `what` says so in the error. */
export function maybeNumber(
  place: Place,
  { low = -0x80000000, high = 0xffffffff, whole = true }: { low?: number; high?: number; whole?: boolean } = {},
): number | undefined {
  if (!isGiven(place)) return undefined;
  const { value } = place;
  if (typeof value !== "number" || !(value >= low && value <= high) || (whole && !Number.isInteger(value))) {
    throw wrongValue(place, `a ${whole ? "whole " : ""}number from ${low} to ${high}`);
  }
  return value;
}

export function maybeChoice<T extends string>(place: Place, choices: readonly T[]): T | undefined {
  const text = maybeText(place);
  if (text === undefined || (choices as readonly string[]).includes(text)) return text as T | undefined;
  throw wrongValue(place, "one of its values", `one of: ${choices.join(", ")}`);
}

/** The number of a name, or a number as it stands. */
export function maybeNumberOfName(place: Place, numbers: Record<string, number>): number | undefined {
  if (typeof place.value === "number") return maybeNumber(place);
  const name = maybeChoice(place, Object.keys(numbers));
  return name === undefined ? undefined : numbers[name];
}

/** A dotted OID; a leading dot is taken off. */
export function maybeOid(place: Place): string | undefined {
  const text = maybeText(place)?.replace(/^\./, "");
  if (text !== undefined && !/^[0-2]\.\d+(\.\d+)*$/.test(text)) {
    throw wrongValue(place, "an OID", "such as 1.3.6.1.4.1");
  }
  return text;
}

/** Octets from hexadecimal digits with or without colons, dashes or spaces between them. */
export function maybeHex(place: Place): Uint8Array | undefined {
  const digits = maybeText(place)?.replace(/[:\s-]/g, "");
  if (digits === undefined) return undefined;
  if (!/^([0-9a-fA-F]{2})*$/.test(digits)) throw wrongValue(place, "hexadecimal octets");
  return Uint8Array.fromHex(digits);
}

function child(parent: Place, key: string, value: unknown): Place {
  return { value, path: parent.path ? `${parent.path}.${key}` : key, file: parent.file };
}
