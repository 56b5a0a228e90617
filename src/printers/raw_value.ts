import { type SnmpValue, Tag } from "../snmp/value.ts";
import { maybePrintableAscii } from "./printable_ascii.ts";
import type { RawValue } from "../../common/reading/reading.ts";

/** A value in the form of `source.raw`: number, printable ASCII text, dotted identifier, or hexadecimal octets. */
export function rawOf(value: SnmpValue | undefined): RawValue & (number | string | null) {
  if (value === undefined || value.value === null) return null;
  if (typeof value.value === "number") return Number.isFinite(value.value) ? value.value : null;
  if (typeof value.value === "bigint") return Number(value.value);
  if (typeof value.value === "string") return value.value;
  return maybePrintableAscii(value.value) ?? value.value.toHex();
}

/** The integer of a value: an integer of any tag, or a text that consists of a number only. */
export function maybeInteger(value: SnmpValue | undefined): number | undefined {
  if (value === undefined) return undefined;
  const number = typeof value.value === "number" || typeof value.value === "bigint"
    ? Number(value.value)
    : Number.parseInt(maybeNumeral(value) ?? "", 10);
  return Number.isSafeInteger(number) ? number : undefined;
}

/**
 * The number of a level or capacity: an unsigned number just below 2^32 is a negative one, as a Gauge32 cannot
 * represent the codes −1 to −3 of RFC 3805 otherwise.
 */
export function maybeLevel(value: SnmpValue | undefined): number | undefined {
  const number = maybeInteger(value);
  return number !== undefined && isCodeOf32Bits(number) ? number - 2 ** 32 : number;
}

/**
 * A counter: never negative. An INTEGER far below zero is a Counter32 that wrapped into the sign bit; one just below is
 * a code, such as −1 to −3 for "other", "unknown" and "some", and so is an unsigned number just below 2^32.
 */
export function maybeCounter(value: SnmpValue | undefined): number | undefined {
  const number = maybeInteger(value) ?? maybeGrouped(value);
  if (number === undefined || number < -(2 ** 31)) return undefined;
  const count = number < 0 ? number + 2 ** 32 : number;
  return isCodeOf32Bits(count) ? undefined : count;
}

/** The number of a text with digits in groups of three: "30,211". */
function maybeGrouped(value: SnmpValue | undefined): number | undefined {
  const octets = maybeOctets(value);
  if (octets === undefined || octets.length > 24) return undefined;
  // deno-lint-ignore no-control-regex -- as in maybeNumeral()
  const digits = /^\s*(\d{1,3}(?:[.,' ]\d{3})+)[\s\x00]*$/.exec(new TextDecoder("latin1").decode(octets))?.[1];
  const number = Number(digits?.replace(/\D/g, ""));
  return digits !== undefined && Number.isSafeInteger(number) ? number : undefined;
}

/** Whether an unsigned number of 32 bits is −1 to −128 when read as signed. */
function isCodeOf32Bits(number: number): boolean {
  return number >= 2 ** 32 - 128 && number < 2 ** 32;
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
