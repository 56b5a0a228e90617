/** What allowed hours make of a scan, a thread and a site; a whole agent over its end of hours is in tests/faults. */
import assert from "node:assert/strict";
import { type Simulator, startSimulator } from "../../simulator/simulator.ts";
import { systemClock } from "../../common/core/clock.ts";
import { defaultPlan, planToWire } from "../../src/snmp/credential.ts";
import { startScannerWorker } from "../../src/host/scanner_worker.ts";
import { type ScanRequest, superviseScan } from "../../src/scan/supervise_scan.ts";
import { parseTargets } from "../../src/targets/parse_targets.ts";
import { runCli } from "../../src/cli/run_cli.ts";
import type { ShownStatus } from "../../src/service/read_status.ts";
import { minute, openOffice } from "../fixtures/office_agent.ts";
import { runPlatformHere } from "../fixtures/platform_here.ts";
import { port, standardPrinter } from "../fixtures/scan_fixture.ts";
import { testHost } from "../fixtures/test_host.ts";
import { until as untilTrue } from "../fixtures/until.ts";

const until = (atMs: number) => new Promise((resolve) => setTimeout(resolve, Math.max(0, atMs - Date.now())));

const slowPrinter = "127.228.0.5";

/** The agent's way to scan one printer, which is slow enough to be still read when the end comes. */
async function scanSlowPrinter(change: Partial<ScanRequest>, signal: AbortSignal) {
  const space = await parseTargets([slowPrinter], {
    exclude: [],
    port,
    maxAddresses: 10,
    resolve: () => Promise.resolve({ addresses: [], fault: null }),
    readTextFile: () => Promise.reject(new Error("no files here")),
  });
  return await superviseScan({
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
    stopsAtOnce: true,
    ...change,
  }, { createWorker: startScannerWorker, clock: systemClock, signal, onProgress: () => {}, onReading: () => {} });
}

function startSlowPrinter(): Promise<Simulator> {
  return startSimulator({ devices: [standardPrinter(slowPrinter, { faults: [{ kind: "delay", ms: 50 }] })] });
}

Deno.test("a reading that is cut off is none, nothing of it is repeated, and it is made as a whole later", async () => {
  await using simulator = await startSlowPrinter();
  const requests = () => simulator.requests(slowPrinter);
  const stop = new AbortController();
  const cutting = scanSlowPrinter({}, stop.signal);
  await untilTrue("it is being read", () => requests() >= 4);
  stop.abort();
  const cut = await cutting;
  const asked = requests();
  assert.deepEqual([cut.interrupted, cut.printers, cut.position], [true, [], { done: [], begun: [] }]);
  // Longer than a repetition would wait.
  await until(Date.now() + 1200);
  assert.equal(requests(), asked);
  const whole = await scanSlowPrinter({ position: cut.position }, new AbortController().signal);
  assert.deepEqual([whole.interrupted, whole.position], [false, { done: [[0, 1]], begun: [] }]);
  assert.deepEqual(whole.printers.map(({ problems, meters }) => [problems, meters.length > 0]), [[[], true]]);
});

for (
  const [name, fromMs, untilMs] of [["that is over", 0, -1], ["that has not begun", 3_600_000, 7_200_000]] as const
) {
  Deno.test(`a thread sends nothing in a window ${name}, whatever the main thread says`, async () => {
    await using simulator = await startSlowPrinter();
    const stop = new AbortController();
    const window = { fromMs: Date.now() + fromMs, untilMs: Date.now() + untilMs };
    const scanning = scanSlowPrinter({ window }, stop.signal);
    await until(Date.now() + 1500);
    stop.abort();
    const { interrupted, position } = await scanning;
    assert.deepEqual([interrupted, position.done, simulator.requests(slowPrinter)], [true, [], 0]);
  });
}

Deno.test("a site that is short of rate or hours is told by config check, by status and by the platform", async () => {
  await using office = await openOffice({
    network: 227,
    printers: 1,
    rate: 1,
    schedule: '{ allowedHours: { hours: ["mon 03:00-03:01"], timeZone: UTC } }',
  });
  const told = /The allowed hours are too short for the site "office": a discovery scan needs about 64 s/;
  const check = testHost({ env: { OPENDCA_CONFIG: `${office.folder}/agent.yaml` } });
  assert.deepEqual([await runCli(["config", "check"], check), told.test(check.err)], [0, true], check.err);
  await using _agent = await office.startAgent();
  await office.pass(3 * minute, minute);
  assert.ok(office.logged("capacityExceeded").some(({ message }) => told.test(String(message))));
  const { agent } = JSON.parse(await office.opendca("status", "--json")) as ShownStatus;
  assert.ok(agent?.faults.some(({ code, message }) => code === "sweep-too-long office" && told.test(message)));
  const show = ["--data", office.platform.folder, "agent", "show", office.agentId];
  assert.match(await runPlatformHere(show, {}), told);
});
