import assert from "node:assert/strict";
import fc from "fast-check";
import { formatByteSize, parseByteSize } from "./byte_size.ts";
import { ValueSyntaxError } from "../../common/core/value_syntax_error.ts";

const good: [text: string, bytes: number][] = [
  ["256MB", 256_000_000],
  ["256 mb", 256_000_000],
  ["64KiB", 65_536],
  ["1.5GB", 1_500_000_000],
  ["1TB", 1e12],
  ["7B", 7],
];
for (const [text, bytes] of good) {
  Deno.test(`parseByteSize() reads "${text}" as ${bytes}`, () => assert.equal(parseByteSize(text), bytes));
}

const bad: [text: string, reason: RegExp][] = [
  ["256", /no unit/],
  ["MB", /not a size/],
  ["256 MBit", /not a size/],
  ["-1MB", /not a size/],
  ["999999TB", /not a size/],
  ["999kB", /smaller than 1MB/],
  ["1001MB", /larger than 1GB/],
];
for (const [text, reason] of bad) {
  Deno.test(`parseByteSize() refuses "${text}" within bounds`, () => {
    assert.throws(
      () => parseByteSize(text, { min: "1MB", max: "1GB" }),
      (error) => error instanceof ValueSyntaxError && reason.test(error.reason) && error.hint !== undefined,
    );
  });
}

Deno.test("formatByteSize() is read back as the same", () => {
  fc.assert(fc.property(fc.nat(2 ** 40), (bytes) => assert.equal(parseByteSize(formatByteSize(bytes)), bytes)));
  assert.equal(formatByteSize(256e6), "256MB");
  assert.equal(formatByteSize(65_536), "64KiB");
});
