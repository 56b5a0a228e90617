/** The program `ping` itself: which one is run, with which rights, and that no scanner thread can run any. */
import assert from "node:assert/strict";
import { pingPrograms } from "../../src/host/ping.ts";
import { startScannerWorker } from "../../src/host/scanner_worker.ts";
import { peerTest } from "../fixtures/peers.ts";
import { flagsOf, run, withPingCommand } from "../fixtures/ping_command.ts";

Deno.test("deno.json permits running exactly the known places of ping, from source and in the executable", () => {
  const [fromSource, compiled] = [flagsOf("opendca"), flagsOf("compile")];
  assert.deepEqual(fromSource, compiled);
  assert.deepEqual(fromSource.filter((flag) => flag.startsWith("--allow-run")), [
    `--allow-run=${pingPrograms.join(",")}`,
  ]);
});

Deno.test("a scanner thread can run no program, not even the one that the process may run", async () => {
  const worker = startScannerWorker(["127.0.0.1:161"], 1, new URL("running_scanner.ts", import.meta.url));
  const { promise, resolve } = Promise.withResolvers<unknown>();
  worker.onMessage = resolve;
  const refusals = await promise;
  worker.terminate();
  assert.deepEqual(refusals, pingPrograms.map((program) => [program, "NotCapable"]));
});

peerTest(
  "opendca ping sends real ICMP, by the system's program and not by one that PATH puts in front",
  ["ping"],
  () =>
    withPingCommand(async (args, folder) => {
      await Deno.writeTextFile(`${folder}/ping`, `#!/bin/sh\ntouch ${folder}/hijacked\n`, { mode: 0o755 });
      const env = { PATH: `${folder}:${Deno.env.get("PATH")}`, LD_LIBRARY_PATH: folder };
      const answered = await run(Deno.execPath(), [...args, "127.0.0.1", "--count", "1", "--json"], env);
      assert.equal(answered.code, 0, answered.err);
      const { address, sent, received, roundTripMs } = JSON.parse(answered.out);
      assert.deepEqual([address, sent, received, roundTripMs.length], ["127.0.0.1", 1, 1, 1]);
      assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) => name === "hijacked"), []);
      const outside = await run(Deno.execPath(), [...args, "127.0.1.1"], env);
      assert.deepEqual([outside.code, /outside what/.test(outside.err)], [77, true], outside.err);
    }),
);
