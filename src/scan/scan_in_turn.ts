import { mergeScans, progressAfter } from "./merge_scans.ts";
import { scanWithAlternatives } from "./scan_alternatives.ts";
import type { ScanParts, ScanRequest, ScanResult } from "./supervise_scan.ts";

/** One request after the other, at least one; after a stop the others are not begun, and their addresses not probed. */
export async function scanInTurn(requests: readonly ScanRequest[], parts: ScanParts): Promise<ScanResult> {
  const addresses = requests.reduce((sum, { space }) => sum + space.size, 0);
  let done: ScanResult | undefined;
  for (const request of requests) {
    const before = done;
    if (before?.interrupted === true) {
      done = { ...before, notProbed: before.notProbed + request.space.size };
      continue;
    }
    const result = await scanWithAlternatives(request, {
      ...parts,
      onProgress: (progress) =>
        parts.onProgress(
          before === undefined
            ? { ...progress, addresses: Math.max(addresses, progress.addresses) }
            : progressAfter(before, progress, Math.max(addresses, before.counters.probed + progress.addresses)),
        ),
    });
    done = before === undefined ? result : mergeScans(before, result);
  }
  return done!;
}
