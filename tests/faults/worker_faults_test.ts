/** Real threads that die or hang: the rest of the network is read, and the one bad address is named. */
import assert from "node:assert/strict";
import { startScannerWorker } from "../../src/host/scanner_worker.ts";
import { testHost } from "../fixtures/test_host.ts";
import { scan, standardPrinter } from "../fixtures/scan_fixture.ts";

const poison = new URL("poison_scanner.ts", import.meta.url);

Deno.test("scan names the address that kills its thread, and reads the others", async () => {
  const host = testHost();
  host.createWorker = (net, ofThese) => startScannerWorker(net, ofThese, poison);
  const devices = ["127.94.0.5", "127.94.0.6", "127.94.0.8", "127.94.0.9"].map((address) => standardPrinter(address));
  const { exitCode, document } = await scan(devices, ["127.94.0.1-127.94.0.14"], { host });
  assert.equal(exitCode, 0);
  assert.deepEqual(document.printers.map(({ address }) => address), devices.map(({ address }) => address));
  assert.deepEqual(document.problems.map(({ code, address }) => [code, address]), [["worker-crash", "127.94.0.7"]]);
  assert.match(document.problems[0]!.message, /poisoned/);
});

Deno.test("scan replaces a thread that hangs, and gives up only its address", async () => {
  const host = testHost();
  host.createWorker = (net, ofThese) => startScannerWorker(net, ofThese, poison);
  // Hangs are noticed after seconds; the clock is quick so that the test is not slow.
  const real = host.clock;
  host.clock = {
    now: () => real.now(),
    monotonicMs: () => real.monotonicMs() * 8,
    sleep: (ms, signal) => real.sleep(ms / 8, signal),
  };
  const { document } = await scan([standardPrinter("127.94.1.6")], ["127.94.1.6-127.94.1.7"], { host });
  assert.deepEqual(document.printers.map(({ address }) => address), ["127.94.1.6"]);
  assert.deepEqual(document.problems.map(({ code, address }) => [code, address]), [["worker-crash", "127.94.1.7"]]);
  assert.match(document.problems[0]!.message, /silent for 10 s/);
});
