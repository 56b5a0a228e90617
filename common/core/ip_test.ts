import assert from "node:assert/strict";
import fc from "fast-check";
import { canonicalIp, formatEndpoint, formatIp, formatIpv4, formatIpv6, tryParseIp, tryParseIpv4 } from "./ip.ts";

const texts: [text: string, canonical: string | undefined][] = [
  ["0.0.0.0", "0.0.0.0"],
  ["255.255.255.255", "255.255.255.255"],
  ["10.1.2.3", "10.1.2.3"],
  ["256.1.1.1", undefined],
  ["10.1.1", undefined],
  ["10.1.1.1.1", undefined],
  ["010.1.1.1", undefined],
  ["0x10.1.1.1", undefined],
  ["167838211", undefined],
  [" 10.1.1.1", undefined],
  ["", undefined],
  ["::", "::"],
  ["::1", "::1"],
  ["FD00:0:0:0:0:0:0:1", "fd00::1"],
  // RFC 5952 section 4.2: the longest run of zeros, the first of equals, and never a single group.
  ["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
  ["1:0:0:2:3:0:0:4", "1::2:3:0:0:4"],
  ["1:2:3:4:5:6:0:8", "1:2:3:4:5:6:0:8"],
  ["::ffff:10.1.2.3", "10.1.2.3"],
  ["::ffff:a01:203", "10.1.2.3"],
  ["::10.1.2.3", undefined],
  ["fe80::1%eth0", undefined],
  ["[::1]", undefined],
  ["1::2::3", undefined],
  ["12345::", undefined],
];
for (const [text, canonical] of texts) {
  Deno.test(`tryParseIp() reads "${text}" as ${canonical}`, () => {
    const address = tryParseIp(text);
    assert.equal(address && formatIp(address), canonical);
    assert.equal(canonicalIp(text), canonical ?? text);
  });
}

Deno.test("formatIpv4() and tryParseIpv4() are inverse", () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 0xffffffff }), (value) => {
    assert.equal(tryParseIpv4(formatIpv4(value)), value);
    assert.deepEqual(tryParseIp(formatIpv4(value)), { family: 4, value: BigInt(value) });
  }));
});

Deno.test("formatIpv6() and tryParseIp() are inverse outside the mapped addresses", () => {
  fc.assert(fc.property(fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }), (value) => {
    fc.pre(value >> 32n !== 0xffffn);
    assert.deepEqual(tryParseIp(formatIpv6(value)), { family: 6, value });
  }));
});

Deno.test("tryParseIp() throws for no text", () => {
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom(..."0123456789abcdef:.%[]/ ") }), (text) => {
    tryParseIp(text);
  }));
});

Deno.test("formatEndpoint() puts only IPv6 in brackets", () => {
  assert.equal(formatEndpoint("10.0.0.1", 161), "10.0.0.1:161");
  assert.equal(formatEndpoint("fd00::1", 161), "[fd00::1]:161");
});
