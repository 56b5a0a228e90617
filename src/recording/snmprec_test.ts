import assert from "node:assert/strict";
import fc from "fast-check";
import { type SnmpValue, Tag } from "../snmp/value.ts";
import { formatSnmprec, parseSnmprec } from "./snmprec.ts";

const values: { name: string; line: string; want: { tag: number; value: unknown } | undefined }[] = [
  { name: "an INTEGER", line: "2|-3", want: { tag: 2, value: -3 } },
  { name: "an INTEGER beyond 32 bits", line: "2|4294967295", want: { tag: 2, value: 4294967295 } },
  { name: "text with bars", line: "4|a|b|", want: { tag: 4, value: Uint8Array.of(97, 124, 98, 124) } },
  { name: "empty text", line: "4|", want: { tag: 4, value: new Uint8Array() } },
  { name: "text without the white space behind it", line: "4|a  ", want: { tag: 4, value: Uint8Array.of(97) } },
  { name: "other characters as UTF-8", line: "4|\u00e9", want: { tag: 4, value: Uint8Array.of(0xc3, 0xa9) } },
  { name: "hexadecimal octets", line: "4x|00fF", want: { tag: 4, value: Uint8Array.of(0, 255) } },
  { name: "Null", line: "5|", want: { tag: 5, value: null } },
  { name: "an OID", line: "6|.1.3.6.1", want: { tag: 6, value: "1.3.6.1" } },
  { name: "an IpAddress", line: "64|10.1.2.255", want: { tag: 64, value: Uint8Array.of(10, 1, 2, 255) } },
  { name: "a hexadecimal IpAddress", line: "64x|0a0102ff", want: { tag: 64, value: Uint8Array.of(10, 1, 2, 255) } },
  { name: "Counter32", line: "65|4294967295", want: { tag: 65, value: 4294967295 } },
  { name: "Gauge32", line: "66|7", want: { tag: 66, value: 7 } },
  { name: "TimeTicks", line: "67|8", want: { tag: 67, value: 8 } },
  { name: "Opaque", line: "68x|9f78", want: { tag: 68, value: Uint8Array.of(0x9f, 0x78) } },
  { name: "Counter64", line: "70|18446744073709551615", want: { tag: 70, value: 18446744073709551615n } },
  { name: "a Counter32 below zero", line: "65|-1", want: undefined },
  { name: "a Counter32 of 33 bits", line: "65|4294967296", want: undefined },
  { name: "a Counter64 of 65 bits", line: "70|18446744073709551616", want: undefined },
  { name: "an odd number of digits", line: "4x|abc", want: undefined },
  { name: "an address of three parts", line: "64|10.1.2", want: undefined },
  { name: "text for a number", line: "2|many", want: undefined },
  { name: "an unknown tag", line: "99|1", want: undefined },
  { name: "a line without a value", line: "2", want: undefined },
];
for (const { name, line, want } of values) {
  Deno.test(`parseSnmprec() ${want ? "reads" : "counts as malformed"} ${name}`, () => {
    const { objects, malformedLines } = parseSnmprec(`1.3.6.1.9.0|${line}\n`);
    assert.deepEqual(objects, want ? [{ oid: "1.3.6.1.9.0", ...want }] : []);
    assert.equal(malformedLines, want ? 0 : 1);
  });
}

Deno.test("parseSnmprec() sorts by number, keeps the last of a name and skips empty lines", () => {
  const text = "1.3.6.1.10.0|2|1\r\n1.3.6.1.9.0|2|2\r\n\r\n# note\r\n.1.3.6.1.10.0|2|3\r\nnonsense\r\n1.3|x|\r\n";
  assert.deepEqual(parseSnmprec(text), {
    objects: [{ oid: "1.3.6.1.9.0", tag: 2, value: 2 }, { oid: "1.3.6.1.10.0", tag: 2, value: 3 }],
    malformedLines: 2,
    firstMalformedLine: 6,
  });
});

const octets = fc.uint8Array({ maxLength: 12 }).map((value) => ({ tag: Tag.octetString as number, value }));
const text = fc.string({ maxLength: 12 }).map((value) => ({
  tag: Tag.octetString as number,
  value: new TextEncoder().encode(value),
}));
const value: fc.Arbitrary<SnmpValue> = fc.oneof(
  octets,
  text,
  fc.integer().map((value) => ({ tag: Tag.integer, value })),
  fc.nat().map((value) => ({ tag: Tag.counter32, value })),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((value) => ({ tag: Tag.counter64, value })),
  fc.uint8Array({ minLength: 4, maxLength: 4 }).map((value) => ({ tag: Tag.ipAddress, value })),
  fc.uint8Array({ maxLength: 4 }).map((value) => ({ tag: Tag.opaque, value })),
  fc.constant({ tag: Tag.oid, value: "1.3.6.1.4.1.32473.1" }),
  fc.constant({ tag: Tag.null, value: null }),
);

Deno.test("formatSnmprec() writes what parseSnmprec() reads", () => {
  fc.assert(fc.property(fc.array(value, { maxLength: 12 }), (values) => {
    const objects = values.map((value, i) => ({ oid: `1.3.6.1.9.${i + 1}.0`, ...value }));
    const parsed = parseSnmprec(formatSnmprec(objects.toReversed()));
    assert.deepEqual(parsed, { objects, malformedLines: 0, firstMalformedLine: null });
  }));
});
