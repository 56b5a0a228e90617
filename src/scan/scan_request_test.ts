import assert from "node:assert/strict";
import { parseTargets } from "../targets/parse_targets.ts";
import { scanRequest } from "./scan_request.ts";

interface Scan {
  addresses: number;
  ratePerSecond: number;
  processors: number;
  workers?: number;
}

async function requestOf({ addresses, ratePerSecond, processors, workers }: Scan) {
  const last = [addresses >> 16, (addresses >> 8) & 255, addresses & 255].join(".");
  const space = await parseTargets([`127.0.0.1-127.${last}`], {
    exclude: [],
    port: 161,
    maxAddresses: 100_000,
    resolve: () => Promise.reject(new Error("no names here")),
    readTextFile: () => Promise.reject(new Error("no files here")),
  });
  return scanRequest({
    space,
    credentials: { rules: [] },
    ratePerSecond,
    limits: { timeoutMs: 1000, retries: 1, deviceDeadlineMs: 60_000, workers: workers ?? null },
    processors,
  });
}

const wanted: readonly [scan: Scan, workers: number, most?: number][] = [
  // Without a rate one begins, and others follow where it is not enough.
  [{ addresses: 1, ratePerSecond: 0, processors: 8 }, 1],
  [{ addresses: 2048, ratePerSecond: 0, processors: 8 }, 1],
  [{ addresses: 2049, ratePerSecond: 0, processors: 8 }, 1, 2],
  [{ addresses: 65_534, ratePerSecond: 0, processors: 8 }, 1, 4],
  [{ addresses: 65_534, ratePerSecond: 0, processors: 2 }, 1, 2],
  [{ addresses: 65_534, ratePerSecond: 0, processors: 1 }, 1],
  [{ addresses: 65_534, ratePerSecond: 0, processors: 2, workers: 2 }, 2],
  // The default rate, which one thread reaches by far.
  [{ addresses: 65_534, ratePerSecond: 2000, processors: 8 }, 1],
  [{ addresses: 65_534, ratePerSecond: 0.5, processors: 8 }, 1],
  [{ addresses: 65_534, ratePerSecond: 10_001, processors: 8 }, 3],
  [{ addresses: 1, ratePerSecond: 2000, processors: 1, workers: 3 }, 3],
];

for (const [scan, workers, most = workers] of wanted) {
  const { addresses, ratePerSecond, processors } = scan;
  const given = scan.workers === undefined ? "" : `, told ${scan.workers}`;
  Deno.test(`scanRequest() has ${workers} workers, at most ${most}, for ${addresses} addresses at ${ratePerSecond}/s on ${processors} processors${given}`, async () => {
    const request = await requestOf(scan);
    assert.deepEqual([request.workers, request.mostWorkers], [workers, most]);
  });
}
