/**
 * The targets of one scan as plain data that survives `postMessage`: a list of segments, each a run of consecutive
 * addresses with one port. Every address and port occurs once; `targetAt` numbers them from 0 to `size` − 1.
 */
import { type Family, formatEndpoint, formatIpv4, formatIpv6 } from "../../common/core/ip.ts";
import { type IpRange, mergeRanges, rangeToCidrs } from "../../common/core/ip_range.ts";

interface SegmentOf<F extends Family, Value> {
  family: F;
  /** Address of the first target as a number. */
  first: Value;
  count: number;
  port: number;
  /** The host name from the input; null if the target was given by address. */
  hostname: string | null;
  /** Index of the first target in the space. */
  index: number;
}

/** `zone`: the interface of a link-local address. */
export type Segment = SegmentOf<4, number> | (SegmentOf<6, bigint> & { zone?: string });

/** Addresses that may be sent to, on one port; contains at least the addresses of the segments. */
export interface AllowedRange extends IpRange {
  port: number;
}

export interface AddressSpace {
  size: number;
  /** In order of their index. */
  segments: Segment[];
  /** As configured: blocks include their network and broadcast addresses, which no segment has. */
  allowed: AllowedRange[];
  /** IPv6 addresses of names that also have IPv4 addresses: asked if there is no answer at those. */
  alternatives?: AddressSpace;
}

export interface Target {
  family: Family;
  /** With the zone of a link-local address. */
  address: string;
  port: number;
  hostname: string | null;
}

/** The target with this index. Throws `RangeError` outside 0 to `size` − 1. */
export function targetAt(space: AddressSpace, index: number): Target {
  const { segments } = space;
  if (!(index >= 0 && index < space.size)) {
    throw new RangeError(`Cannot take a target of ${space.size} as the index is outside: current value is ${index}`);
  }
  let low = 0, high = segments.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (segments[middle]!.index <= index) low = middle;
    else high = middle - 1;
  }
  const segment = segments[low]!;
  const { family, port, hostname } = segment;
  const offset = index - segment.index;
  const address = segment.family === 4
    ? formatIpv4(segment.first + offset)
    : formatIpv6(segment.first + BigInt(offset)) + (segment.zone === undefined ? "" : `%${segment.zone}`);
  return { family, address, port, hostname };
}

/**
 * The `net` permissions of a worker that may reach only these targets: CIDR blocks with a port for IPv4, single
 * addresses for IPv6, for which Deno supports no blocks, and the wildcard address with port 0 to bind the sockets. A
 * wildcard without that port would permit sending to every port of the machine itself. Deno checks the entries of the
 * list one by one for each send: 1,000 entries cost a tenth of the packet rate, 4,000 half.
 */
export function netPermissions(space: AddressSpace): string[] {
  const blocks: string[] = [];
  for (const port of new Set(space.allowed.map((range) => range.port))) {
    for (const range of mergeRanges(space.allowed.filter((allowed) => allowed.port === port))) {
      const cidrs = range.family === 4 ? rangeToCidrs(range) : singleAddresses(range);
      for (const cidr of cidrs) blocks.push(formatEndpoint(cidr, port));
    }
  }
  if (space.segments.some((segment) => segment.family === 4)) blocks.push("0.0.0.0:0");
  if (space.segments.some((segment) => segment.family === 6)) blocks.push("[::]:0");
  return blocks;
}

function* singleAddresses(range: IpRange): Iterable<string> {
  for (let value = range.first; value <= range.last; value++) yield formatIpv6(value);
}
