/** Set operations on address ranges; CIDR blocks are ranges with aligned ends. */
import { type Family, formatIp, type IpAddress, tryParseIp } from "./ip.ts";

/** All addresses from `first` to `last`, both included. */
export interface IpRange {
  family: Family;
  first: bigint;
  last: bigint;
}

/** Bits of an address: 32 or 128. */
export function bitsOf(family: Family): 32 | 128 {
  return family === 4 ? 32 : 128;
}

/** The block that contains `address`; bits after the prefix are ignored. */
export function cidrRange({ family, value }: IpAddress, prefixLength: number): IpRange {
  const hostBits = BigInt(bitsOf(family) - prefixLength);
  const first = (value >> hostBits) << hostBits;
  return { family, first, last: first + (1n << hostBits) - 1n };
}

/** Reads "10.1.0.0/16", "fd00::/64" or a single address. */
export function tryParseCidr(text: string): IpRange | undefined {
  const [host = "", prefix, ...more] = text.split("/");
  const address = tryParseIp(host);
  if (address === undefined || more.length > 0) return undefined;
  const bits = bitsOf(address.family);
  if (prefix === undefined) return cidrRange(address, bits);
  if (!/^(0|[1-9]\d{0,2})$/.test(prefix) || Number(prefix) > bits) return undefined;
  return cidrRange(address, Number(prefix));
}

export function rangeContains(range: IpRange, { family, value }: IpAddress): boolean {
  return range.family === family && range.first <= value && value <= range.last;
}

export function countOf(range: IpRange): bigint {
  return range.last - range.first + 1n;
}

/** Merges overlapping and adjacent ranges; sorted, IPv4 first. */
export function mergeRanges(ranges: Iterable<IpRange>): IpRange[] {
  const sorted = [...ranges].sort((a, b) => a.family - b.family || compareBigints(a.first, b.first));
  const merged: IpRange[] = [];
  for (const range of sorted) {
    const before = merged.at(-1);
    if (before === undefined || before.family !== range.family || range.first > before.last + 1n) {
      merged.push({ ...range });
    } else if (range.last > before.last) {
      before.last = range.last;
    }
  }
  return merged;
}

/** The addresses of `ranges` that are in none of `without`, merged and sorted. */
export function subtractRanges(ranges: Iterable<IpRange>, without: Iterable<IpRange>): IpRange[] {
  const holes = mergeRanges(without);
  const left: IpRange[] = [];
  let from = 0;
  for (const { family, first, last } of mergeRanges(ranges)) {
    let start = first;
    // Both lists are sorted, so a hole that ends before this range ends before all later ones, too.
    while (from < holes.length && isBefore(holes[from]!, { family, value: first })) from++;
    for (let i = from; i < holes.length; i++) {
      const hole = holes[i]!;
      if (hole.family !== family || hole.first > last) break;
      if (hole.first > start) left.push({ family, first: start, last: hole.first - 1n });
      start = hole.last + 1n;
    }
    if (start <= last) left.push({ family, first: start, last });
  }
  return left;
}

/** The fewest CIDR blocks that cover exactly this range, in order; a single address has no prefix length. */
export function rangeToCidrs({ family, first, last }: IpRange): string[] {
  const bits = bitsOf(family);
  const blocks: string[] = [];
  for (let start = first; start <= last;) {
    let hostBits = 0;
    while (hostBits < bits && fits(start, BigInt(hostBits + 1), last)) hostBits++;
    const address = formatIp({ family, value: start });
    blocks.push(hostBits === 0 ? address : `${address}/${bits - hostBits}`);
    start += 1n << BigInt(hostBits);
  }
  return blocks;
}

function fits(start: bigint, hostBits: bigint, last: bigint): boolean {
  const size = 1n << hostBits;
  return start % size === 0n && start + size - 1n <= last;
}

function isBefore(range: IpRange, address: IpAddress): boolean {
  return range.family < address.family || (range.family === address.family && range.last < address.value);
}

function compareBigints(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
