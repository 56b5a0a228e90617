/** Processes with a low limit of open files: each scans all it was told to, or says in a sentence that it cannot. */
import assert from "node:assert/strict";
import { startSimulator } from "../../simulator/simulator.ts";
import { port, standardPrinter } from "../fixtures/scan_fixture.ts";
import { runProgram } from "../fixtures/start_program.ts";

const unix = { ignore: Deno.build.os === "windows" };

/** To be put before a program. Deno itself cannot start with fewer than 23 here. */
const withFiles = (limit: number) => ["sh", "-c", `ulimit -n ${limit} && exec "$@"`, "sh"];

Deno.test({
  name:
    "opendca scan with few file descriptors uses fewer threads and sockets and is complete, or ends with a sentence",
  ...unix,
  async fn() {
    const printers = ["127.81.0.7", "127.81.0.250"];
    await using _simulator = await startSimulator({ devices: printers.map((address) => standardPrinter(address)) });
    const scan = async (limit: number) => {
      const args = ["127.81.0.0/24", "--port", String(port), "--workers", "3", "--rate", "0", "--timeout", "500"];
      const { code, out, err } = await runProgram(
        "main.ts",
        ["scan", ...args, "--format", "json", "--quiet"],
        {},
        withFiles(limit),
      );
      const told = `with ${limit}: ${code} ${err}`;
      assert.doesNotMatch(err, /Uncaught|panicked|\n\s+at /, told);
      if (code === 69) {
        assert.match(err, /^error: Cannot .* file descriptors\nhint: raise its limit: .*ulimit -n/m, told);
        assert(limit < 40, told);
        return;
      }
      assert.equal(code, 0, told);
      const { printers: read } = JSON.parse(out) as { printers: { address: string }[] };
      assert.deepEqual(read.map(({ address }) => address).toSorted(), printers.toSorted(), told);
    };
    const limits = [26, 30, 33, 40, 46, 50, 54, 60, 64, 72, 100];
    for (let at = 0; at < limits.length; at += 2) await Promise.all(limits.slice(at, at + 2).map(scan));
  },
});

Deno.test({
  name: "a name that is looked up without a free file descriptor is not taken for one that does not exist",
  ...unix,
  async fn() {
    const explorer = new URL("starved_lookup.ts", import.meta.url).pathname;
    const [program, ...args] = [...withFiles(64), Deno.execPath(), "run", "--no-prompt", "--no-check", "-A", explorer];
    const { code, stdout, stderr } = await new Deno.Command(program!, { args }).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    assert.equal(code, 0, text(stderr));
    const [unstarted, first, starved, last] = text(stdout).trim().split("\n").map((line) => JSON.parse(line));
    assert.deepEqual([first, last], [{ found: true }, { found: true }]);
    for (const { reason, message } of [unstarted, starved]) {
      assert.equal(reason, "silent");
      assert.match(message, /^the process has no free file descriptors/);
    }
  },
});
