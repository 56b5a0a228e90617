import assert from "node:assert/strict";
import { type SnmpValue, Tag } from "../snmp/value.ts";
import { maybeCounter, maybeFirstNumber, maybeInteger, maybeLevel, rawOf } from "./raw_value.ts";

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
  { name: "−129 as a wrap", value: integer(-129), want: 4294967167 },
  { name: "−128 as a code", value: integer(-128), want: undefined },
  { name: "−100 as a code", value: integer(-100), want: undefined },
  { name: "−3 as a code", value: integer(-3), want: undefined },
  { name: "−1 as a code", value: integer(-1), want: undefined },
  { name: "−1 in a Counter32 as a code", value: { tag: Tag.counter32, value: 4294967295 }, want: undefined },
  { name: "−2 in a Gauge32 as a code", value: { tag: Tag.gauge32, value: 4294967294 }, want: undefined },
  { name: "−2 as text as a code", value: octets("-2"), want: undefined },
  { name: "−1 in a Counter64 as unknown", value: { tag: Tag.counter64, value: 2n ** 64n - 1n }, want: undefined },
  { name: "Null as unknown", value: { tag: Tag.null, value: null }, want: undefined },
  { name: "OBJECT IDENTIFIER as unknown", value: { tag: Tag.oid, value: "1.3" }, want: undefined },
];
for (const { name, value, want } of counters) {
  Deno.test(`maybeCounter() reads ${name}`, () => assert.equal(maybeCounter(value), want));
}

Deno.test("maybeInteger() keeps the sign of levels", () => assert.equal(maybeInteger(integer(-3)), -3));

const levels: { name: string; value: SnmpValue; want: number | undefined }[] = [
  { name: "−3", value: integer(-3), want: -3 },
  { name: "−3 in a Gauge32", value: { tag: Tag.gauge32, value: 4294967293 }, want: -3 },
  { name: "−100 in a Counter32", value: { tag: Tag.counter32, value: 4294967196 }, want: -100 },
  { name: "−2 as text", value: octets("-2"), want: -2 },
  { name: "a large level", value: { tag: Tag.gauge32, value: 4294967167 }, want: 4294967167 },
  { name: "no number", value: octets("full"), want: undefined },
];
for (const { name, value, want } of levels) {
  Deno.test(`maybeLevel() reads ${name}`, () => assert.equal(maybeLevel(value), want));
}

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
