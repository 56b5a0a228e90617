/** How the service spreads what it asks, by when requests arrive at simulated printers; real threads and sockets. */
import assert from "node:assert/strict";
import { startSimulator } from "../../simulator/simulator.ts";
import type { ScannerConfig } from "../../src/scan/worker_messages.ts";
import { port, scan, standardPrinter } from "../fixtures/scan_fixture.ts";
import { siteConfig, testSiteScans } from "../fixtures/site_scans.ts";
import { testHost } from "../fixtures/test_host.ts";

const addresses = [...Array(30).keys()].map((i) => `127.182.0.${i + 1}`);
const devices = addresses.map((address) => standardPrinter(address));

const config = siteConfig(`ranges: [127.182.0.0/27], port: ${port}`, "timeout: 500ms");

/** The most requests that arrived within any second. */
function mostInASecond(times: readonly number[]): number {
  return Math.max(...times.map((from) => times.filter((at) => at >= from && at < from + 1000).length));
}

for (const kind of ["sweep", "read"] as const) {
  Deno.test(`the service spreads the requests of a ${kind} of known printers over seconds`, async () => {
    await using simulator = await startSimulator({ devices, log: true });
    const { scan, readings } = testSiteScans(config, { devices: () => addresses.length });
    const places = kind === "sweep" ? null : addresses.map((address) => ({ address, port }));
    const signal = AbortSignal.timeout(60_000);
    await scan({ site: config.sites[0]!, places, kind, scope: "full", signal });
    assert.deepEqual(readings.map(({ address }) => address).toSorted(), addresses.toSorted());
    const times = simulator.log.map(({ atMs }) => atMs);
    assert(times.length > 120, `only ${times.length} requests`);
    // 30 probes, 20 requests at once and 40 in the second, and some that waited for the processor.
    assert(mostInASecond(times) <= 103, `${mostInASecond(times)} of ${times.length} requests within one second`);
  });
}

Deno.test("opendca scan reads as fast as its rate allows", async () => {
  const host = testHost();
  const { createWorker } = host;
  const started: ScannerConfig[] = [];
  host.createWorker = (...args) => {
    const worker = createWorker(...args);
    const { post } = worker;
    worker.post = (message) => {
      if (message.type === "start") started.push(message.config);
      post(message);
    };
    return worker;
  };
  const { document } = await scan(devices, [`${addresses[0]}-${addresses.at(-1)}`, "--rate", "2000"], { host });
  assert.equal(document.printers.length, addresses.length);
  assert.deepEqual(started.map(({ ratePerSecond, reads }) => [ratePerSecond, reads]), [[2000, undefined]]);
});
