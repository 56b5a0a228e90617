import assert from "node:assert/strict";
import { Tag } from "../snmp/value.ts";
import type { SnmpValue } from "../snmp/value.ts";
import { maybeCounter, maybeFirstNumber, maybeInteger, rawOf } from "./raw_value.ts";

const integer = (value: number): SnmpValue => ({ tag: Tag.integer, value });
const octets = (text: string): SnmpValue => ({ tag: Tag.octetString, value: new TextEncoder().encode(text) });

const counters: { name: string; value: SnmpValue; want: number | undefined }[] = [
  { name: "Counter32", value: { tag: Tag.counter32, value: 7 }, want: 7 },
  { name: "INTEGER for Counter32", value: integer(7), want: 7 },
  { name: "Counter64", value: { tag: Tag.counter64, value: 2n ** 40n }, want: 2 ** 40 },
  { name: "Counter64 above 2^53 as unknown", value: { tag: Tag.counter64, value: 2n ** 60n }, want: undefined },
  { name: "text that is a number", value: octets(" 123\0"), want: 123 },
  { name: "text that is more than a number as unknown", value: octets("12 pages"), want: undefined },
  { name: "an INTEGER that wrapped into the sign bit", value: integer(-2147483648), want: 2147483648 },
  { name: "−4 as a wrap", value: integer(-4), want: 4294967292 },
  { name: "−3 as a code", value: integer(-3), want: undefined },
  { name: "−1 as a code", value: integer(-1), want: undefined },
  { name: "Null as unknown", value: { tag: Tag.null, value: null }, want: undefined },
  { name: "OBJECT IDENTIFIER as unknown", value: { tag: Tag.oid, value: "1.3" }, want: undefined },
];
for (const { name, value, want } of counters) {
  Deno.test(`maybeCounter() reads ${name}`, () => assert.equal(maybeCounter(value), want));
}

Deno.test("maybeInteger() keeps the sign of levels", () => assert.equal(maybeInteger(integer(-3)), -3));

const texts = [
  { text: "1920 INCHES, 4876 CENTIMETERS", want: 1920 },
  { text: "12,345 IN", want: 12345 },
  { text: "none", want: undefined },
  { text: "99999999999999999999", want: undefined },
];
for (const { text, want } of texts) {
  Deno.test(`maybeFirstNumber() reads ${JSON.stringify(text)}`, () => {
    assert.equal(maybeFirstNumber(octets(text)), want);
  });
}

const raws: { name: string; value: SnmpValue; want: unknown }[] = [
  { name: "printable octets as text", value: octets("AB 1"), want: "AB 1" },
  { name: "binary octets as hexadecimal", value: { tag: Tag.octetString, value: Uint8Array.of(0, 255) }, want: "00ff" },
  { name: "no octets as no text", value: octets(""), want: "" },
  { name: "Counter64 as a number", value: { tag: Tag.counter64, value: 5n }, want: 5 },
];
for (const { name, value, want } of raws) {
  Deno.test(`rawOf() keeps ${name}`, () => assert.equal(rawOf(value), want));
}
