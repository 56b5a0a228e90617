import assert from "node:assert/strict";
import { FakeClock } from "../../tests/fixtures/fake_clock.ts";
import { defaultPlan, planToWire } from "../snmp/credential.ts";
import { parseTargets } from "../targets/parse_targets.ts";
import { scanWithAlternatives } from "./scan_in_turn.ts";

Deno.test("scanWithAlternatives() asks no name at its other address that may have answered in an earlier part", async () => {
  const space = await parseTargets(["printer.example"], {
    exclude: [],
    port: 161,
    maxAddresses: 10,
    resolve: () => Promise.resolve({ addresses: ["127.0.0.5", "::1"], fault: null }),
    readTextFile: () => Promise.reject(new Error("no files here")),
  });
  assert.equal(space.alternatives?.size, 1);
  const { interrupted } = await scanWithAlternatives({
    space,
    credentials: planToWire(defaultPlan(["public"])),
    ratePerSecond: 0,
    timeoutMs: 1000,
    retries: 1,
    workers: 1,
    deviceDeadlineMs: 60_000,
    maxReading: 4,
    scope: "full",
    seed: 7,
    capture: null,
    position: { done: [[0, 1]], begun: [] },
  }, {
    createWorker: () => assert.fail("It asks"),
    clock: new FakeClock(),
    signal: new AbortController().signal,
    onProgress: () => {},
    onReading: () => {},
  });
  assert.equal(interrupted, false);
});
