import { type AddressSpace, targetAt } from "../targets/address_space.ts";
import { narrowSpace } from "../targets/narrow_space.ts";
import { mergeScans, progressAfter } from "./merge_scans.ts";
import { type ScanParts, type ScanRequest, type ScanResult, superviseScan } from "./supervise_scan.ts";

/**
 * A scan of the space, and then of the IPv6 addresses of those names where nobody answered at an IPv4 address: a printer that
 * has both is read once, and at the same address each time.
 */
export async function scanWithAlternatives(request: ScanRequest, parts: ScanParts): Promise<ScanResult> {
  const first = await superviseScan(request, parts);
  // Which names have answered in an earlier part is not known, and nobody is to be asked at two addresses.
  if (request.position !== undefined) return first;
  const space = silentAlternatives(first, request.space);
  if (space === undefined || first.interrupted || parts.signal.aborted) return first;
  const { onShardDone: __, ...others } = parts;
  const second = await superviseScan({ ...request, space }, {
    ...others,
    onProgress: (progress) => parts.onProgress(progressAfter(first, progress, request.space.size + progress.addresses)),
  });
  return mergeScans(first, second);
}

function silentAlternatives(
  { printers, others, unread, problems }: ScanResult,
  space: AddressSpace,
): AddressSpace | undefined {
  if (space.alternatives === undefined) return undefined;
  const heard = new Set([...printers, ...others, ...unread, ...problems].map(({ address }) => address));
  const answered = new Set(
    space.segments.filter(({ hostname, index }) => hostname !== null && heard.has(targetAt(space, index).address))
      .map(({ hostname }) => hostname),
  );
  const names = space.alternatives.segments.flatMap(({ hostname }) => hostname ?? []);
  const narrowed = narrowSpace(space.alternatives, { ranges: [], hostnames: names.filter((it) => !answered.has(it)) });
  return narrowed.size === 0 ? undefined : narrowed;
}
