import type { AddressSpace, AllowedRange, Segment } from "./address_space.ts";

export interface Narrowing {
  ranges: readonly AllowedRange[];
  hostnames?: readonly string[];
}

/** The part of a space that is in `ranges`, or belongs to one of `hostnames`. Adds no addresses. */
export function narrowSpace(space: AddressSpace, to: Narrowing): AddressSpace {
  const { ranges, hostnames = [] } = to;
  const kept = space.segments.flatMap((segment): { segment: Segment; first: bigint; last: bigint }[] => {
    const first = BigInt(segment.first), last = first + BigInt(segment.count) - 1n;
    if (segment.hostname !== null && hostnames.includes(segment.hostname)) return [{ segment, first, last }];
    return ranges.flatMap((range) => {
      if (range.family !== segment.family || range.port !== segment.port) return [];
      const from = range.first > first ? range.first : first, to = range.last < last ? range.last : last;
      return from <= to ? [{ segment, first: from, last: to }] : [];
    });
  });
  let size = 0, before: { segment: Segment; last: bigint } | undefined;
  const segments: Segment[] = [], allowed: AllowedRange[] = [];
  kept.sort((a, b) => a.segment.index - b.segment.index || (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
  for (const { segment, first, last } of kept) {
    // Ranges may overlap, but no address may be asked twice.
    const from = before?.segment === segment && before.last >= first ? before.last + 1n : first;
    if (from > last) continue;
    before = { segment, last };
    const { port, hostname } = segment;
    const common = { count: Number(last - from + 1n), port, hostname, index: size };
    size += common.count;
    segments.push(
      segment.family === 4 ? { ...segment, first: Number(from), ...common } : { ...segment, first: from, ...common },
    );
    allowed.push({ family: segment.family, first: from, last, port });
  }
  const alternatives = space.alternatives === undefined ? undefined : narrowSpace(space.alternatives, to);
  const hasOthers = alternatives !== undefined && alternatives.size > 0;
  return { size, segments, allowed, ...(hasOthers ? { alternatives } : {}) };
}
