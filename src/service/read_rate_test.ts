import assert from "node:assert/strict";
import { readRateFor } from "./read_rate.ts";

const rates: [pass: Parameters<typeof readRateFor>[0], want: number][] = [
  [{ kind: "sweep", devices: 0, packetsPerSecond: 1000 }, 40],
  [{ kind: "sweep", devices: 50, packetsPerSecond: 1000 }, 40],
  [{ kind: "sweep", devices: 6000, packetsPerSecond: 1000 }, 200],
  [{ kind: "read", devices: 33, packetsPerSecond: 500 }, 40],
  [{ kind: "read", devices: 750, packetsPerSecond: 500 }, 500],
  [{ kind: "read", devices: 1500, packetsPerSecond: 500 }, 500],
  [{ kind: "read", devices: 50, packetsPerSecond: 500, leftMs: 3_600_000 }, 40],
  [{ kind: "read", devices: 50, packetsPerSecond: 500, leftMs: 12_500 }, 100],
  [{ kind: "read", devices: 50, packetsPerSecond: 500, leftMs: 100 }, 500],
  [{ kind: "sweep", devices: 50, packetsPerSecond: 1000, leftMs: 3_600_000 }, 40],
  [{ kind: "sweep", devices: 50, packetsPerSecond: 1000, leftMs: 300_000 }, 1000],
  [{ kind: "sweep", devices: 50, packetsPerSecond: 1000, leftMs: Infinity }, 40],
  [{ kind: "task", devices: 1, packetsPerSecond: 10 }, 10],
  [{ kind: "read", devices: 1500, packetsPerSecond: 0 }, 0],
];
for (const [pass, want] of rates) {
  Deno.test(`readRateFor() is ${want} for ${JSON.stringify(pass)}`, () => assert.equal(readRateFor(pass), want));
}
