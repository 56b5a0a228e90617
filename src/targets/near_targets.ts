/** Counts targets on links of this machine itself. */
import { type IpRange, mergeRanges, rangeContains } from "../../common/core/ip_range.ts";
import { tryParseIp, withoutZone } from "../../common/core/ip.ts";
import type { AddressSpace } from "./address_space.ts";

/** Number of targets on one of these links; an address with two ports counts twice. */
export function countNear(space: AddressSpace, links: readonly IpRange[]): number {
  const merged = mergeRanges(links);
  let near = 0;
  for (const { family, first, count } of space.segments) {
    const from = BigInt(first), to = from + BigInt(count);
    for (const link of merged) {
      if (link.family !== family) continue;
      const start = link.first > from ? link.first : from, end = link.last + 1n < to ? link.last + 1n : to;
      if (end > start) near += Number(end - start);
    }
  }
  return near;
}

export function isNear(address: string, links: readonly IpRange[]): boolean {
  const parsed = tryParseIp(withoutZone(address));
  return parsed !== undefined && links.some((link) => rangeContains(link, parsed));
}
