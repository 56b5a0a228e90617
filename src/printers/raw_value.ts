import type { SnmpValue } from "../snmp/value.ts";
import { Tag } from "../snmp/value.ts";
import type { RawValue } from "./reading.ts";

/** A value as it is kept in `source.raw`: number, printable ASCII text, dotted identifier, or hexadecimal octets. */
export function rawOf(value: SnmpValue | undefined): RawValue & (number | string | null) {
  if (value === undefined || value.value === null) return null;
  if (typeof value.value === "number") return Number.isFinite(value.value) ? value.value : null;
  if (typeof value.value === "bigint") return Number(value.value);
  if (typeof value.value === "string") return value.value;
  const octets = value.value;
  if (octets.every((octet) => octet >= 0x20 && octet < 0x7f)) return new TextDecoder().decode(octets);
  return octets.toHex();
}

/** The integer that a value means: an integer of any tag, or a text that is nothing but a number. */
export function maybeInteger(value: SnmpValue | undefined): number | undefined {
  if (value === undefined) return undefined;
  const number = typeof value.value === "number" || typeof value.value === "bigint"
    ? Number(value.value)
    : Number.parseInt(maybeNumeral(value) ?? "", 10);
  return Number.isSafeInteger(number) ? number : undefined;
}

/**
 * A counter: never negative. An INTEGER below zero is a Counter32 that wrapped into the sign bit, except −1 to −3,
 * which printers use for "other", "unknown" and "some".
 */
export function maybeCounter(value: SnmpValue | undefined): number | undefined {
  const number = maybeInteger(value);
  if (number === undefined || number >= 0) return number;
  return number >= -3 || number < -(2 ** 31) ? undefined : number + 2 ** 32;
}

/** The first number in a text counter such as an odometer's "1920 INCHES, 4876 CENTIMETERS", or a plain counter. */
export function maybeFirstNumber(value: SnmpValue | undefined): number | undefined {
  if (!(value?.value instanceof Uint8Array)) return maybeCounter(value);
  const digits = /\d[\d,]*/.exec(new TextDecoder("latin1").decode(value.value))?.[0].replaceAll(",", "");
  const number = Number(digits);
  return digits !== undefined && Number.isSafeInteger(number) ? number : undefined;
}

/** Octets of an OCTET STRING, or undefined for any other value. */
export function maybeOctets(value: SnmpValue | undefined): Uint8Array | undefined {
  return value?.value instanceof Uint8Array && value.tag !== Tag.ipAddress ? value.value : undefined;
}

function maybeNumeral(value: SnmpValue): string | undefined {
  const octets = maybeOctets(value);
  if (octets === undefined || octets.length > 24) return undefined;
  // deno-lint-ignore no-control-regex -- counters typed as text are often NUL-terminated
  return /^[\s\x00]*([+-]?\d+)[\s\x00]*$/.exec(new TextDecoder("latin1").decode(octets))?.[1];
}
