import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeRecords } from "./records.ts";

const typed = "id-type-length-value", plain = "id-length-value";
const cases = [
  {
    name: "four-octet values",
    layout: typed,
    hex: "000104000003e8020104000000ffff",
    want: [[0, 1000, 4], [2, 255, 4]],
  },
  {
    name: "one-octet values",
    layout: typed,
    hex: "31010101410101037fff",
    want: [[0x31, 1, 1], [0x41, 3, 1]],
    cut: true,
  },
  {
    name: "mixed lengths",
    layout: typed,
    hex: "1101040000001054010102a10102041404ff",
    want: [
      [0x11, 16, 4],
      [0x54, 2, 1],
      [0xa1, 0x0414, 2],
    ],
    cut: true,
  },
  { name: "records without a type", layout: plain, hex: "820103a00117ff", want: [[0x82, 3, 1], [0xa0, 0x17, 1]] },
  { name: "no end mark", layout: plain, hex: "820103", want: [[0x82, 3, 1]] },
  { name: "an empty string", layout: typed, hex: "", want: [] },
  { name: "the end mark alone", layout: typed, hex: "ff", want: [] },
  {
    name: "a record that runs past the end",
    layout: typed,
    hex: "000104000003e80201040000",
    want: [[0, 1000, 4]],
    cut: true,
  },
  { name: "a record that lacks one octet", layout: typed, hex: "000104000003", want: [], cut: true },
  { name: "a record cut in its header", layout: typed, hex: "000104000003e80201", want: [[0, 1000, 4]], cut: true },
  { name: "a value without octets as none", layout: plain, hex: "8200a00101ff", want: [[0xa0, 1, 1]] },
  { name: "a value above 2^53 as none", layout: plain, hex: "8208ffffffffffffffffa00101ff", want: [[0xa0, 1, 1]] },
] as const;
for (const { name, layout, hex, want, ...rest } of cases) {
  Deno.test(`decodeRecords() reads ${name}`, () => {
    const { records, truncated } = decodeRecords(Uint8Array.fromHex(hex), layout);
    assert.deepEqual(records.map(({ id, value, octets }) => [id, value, octets]), want);
    assert.equal(truncated, "cut" in rest);
  });
}

Deno.test("decodeRecords() decodes any octets to safe integers", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(typed, plain), (octets, layout) => {
    for (const { value } of decodeRecords(octets, layout).records) assert.ok(Number.isSafeInteger(value) && value >= 0);
  }));
});
