import assert from "node:assert/strict";
import fc from "fast-check";
import {
  cidrRange,
  countOf,
  type IpRange,
  mergeRanges,
  rangeContains,
  rangeToCidrs,
  subtractRanges,
  tryParseCidr,
} from "./ip_range.ts";
import { formatIp } from "./ip.ts";

function text(range: IpRange | undefined): string | undefined {
  const { family, first, last } = range ?? {};
  if (family === undefined) return undefined;
  return `${formatIp({ family, value: first! })}-${formatIp({ family, value: last! })}`;
}

const cidrs: [text: string, want: string | undefined][] = [
  ["10.1.0.0/16", "10.1.0.0-10.1.255.255"],
  ["10.1.2.3/16", "10.1.0.0-10.1.255.255"],
  ["10.1.2.3/32", "10.1.2.3-10.1.2.3"],
  ["10.1.2.3", "10.1.2.3-10.1.2.3"],
  ["0.0.0.0/0", "0.0.0.0-255.255.255.255"],
  ["10.1.2.3/33", undefined],
  ["10.1.2.3/", undefined],
  ["10.1.2.3/08", undefined],
  ["10.1.2.3/8/8", undefined],
  ["10.1.2/24", undefined],
  ["fd00::5/126", "fd00::4-fd00::7"],
  ["::/0", "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["fd00::/129", undefined],
];
for (const [cidr, want] of cidrs) {
  Deno.test(`tryParseCidr() reads "${cidr}" as ${want}`, () => assert.equal(text(tryParseCidr(cidr)), want));
}

const blocks: [first: bigint, last: bigint, want: string[]][] = [
  [0n, 0xffffffffn, ["0.0.0.0/0"]],
  [0x0a000001n, 0x0a000001n, ["10.0.0.1"]],
  [0x0a000001n, 0x0a000006n, ["10.0.0.1", "10.0.0.2/31", "10.0.0.4/31", "10.0.0.6"]],
  [0x0a000000n, 0x0a0001ffn, ["10.0.0.0/23"]],
  [0xfffffffen, 0xffffffffn, ["255.255.255.254/31"]],
];
for (const [first, last, want] of blocks) {
  Deno.test(`rangeToCidrs() covers ${first}-${last} by ${want.length} blocks`, () => {
    assert.deepEqual(rangeToCidrs({ family: 4, first, last }), want);
  });
}

/** Few addresses of both families, so that ranges meet often. */
const small = fc.tuple(
  fc.constantFrom<(4 | 6)[]>(4, 6),
  fc.integer({ min: 0, max: 40 }),
  fc.integer({ min: 0, max: 12 }),
)
  .map(([family, first, more]): IpRange => ({ family, first: BigInt(first), last: BigInt(first + more) }));
const smallRanges = fc.array(small, { maxLength: 6 });

function members(ranges: IpRange[]): Set<string> {
  const all = new Set<string>();
  for (const { family, first, last } of ranges) {
    for (let value = first; value <= last; value++) all.add(`${family}/${value}`);
  }
  return all;
}

Deno.test("mergeRanges() keeps the addresses, sorted, with a gap between any two", () => {
  fc.assert(fc.property(smallRanges, (ranges) => {
    const merged = mergeRanges(ranges);
    assert.deepEqual([...members(merged)].sort(), [...members(ranges)].sort());
    for (let i = 1; i < merged.length; i++) {
      const [before, after] = [merged[i - 1]!, merged[i]!];
      assert.ok(before.family < after.family || before.last + 1n < after.first);
    }
  }));
});

Deno.test("subtractRanges() is the difference of sets", () => {
  fc.assert(fc.property(smallRanges, smallRanges, (ranges, without) => {
    const want = members(ranges).difference(members(without));
    const got = subtractRanges(ranges, without);
    assert.deepEqual([...members(got)].sort(), [...want].sort());
    assert.equal(got.reduce((sum, range) => sum + countOf(range), 0n), BigInt(want.size));
  }));
});

Deno.test("rangeToCidrs() covers exactly the range by the fewest blocks", () => {
  fc.assert(fc.property(small, (range) => {
    const parts = rangeToCidrs(range).map((cidr) => tryParseCidr(cidr)!);
    assert.deepEqual([...members(parts)], [...members([range])]);
    assert.equal(parts.length, fewestBlocks(range.first, range.last));
  }));
});

/** By trying every aligned block at the start. */
function fewestBlocks(first: bigint, last: bigint): number {
  if (first > last) return 0;
  let fewest = Infinity;
  for (let size = 1n; first % size === 0n && first + size - 1n <= last; size *= 2n) {
    fewest = Math.min(fewest, 1 + fewestBlocks(first + size, last));
  }
  return fewest;
}

Deno.test("rangeContains() compares the family, too", () => {
  const range = cidrRange({ family: 4, value: 0x0a000000n }, 30);
  for (const [value, want] of [[0x09ffffffn, false], [0x0a000000n, true], [0x0a000003n, true], [0x0a000004n, false]]) {
    assert.equal(rangeContains(range, { family: 4, value: value as bigint }), want);
  }
  assert.equal(rangeContains(range, { family: 6, value: 0x0a000001n }), false);
});
