import assert from "node:assert/strict";
import { compileArguments, programs } from "./programs.ts";
import { targets } from "./verify_binary.ts";

Deno.test("a compiled agent may start the ping of its own system, and nothing else", () => {
  const agent = programs.find(({ name }) => name === "opendca")!;
  for (const { triple, system } of targets) {
    const run = compileArguments(agent, { triple, output: "x" }).filter((each) => each.startsWith("--allow-run"));
    const want = system === "windows"
      ? "C:\\Windows\\System32\\PING.EXE"
      : "/usr/bin/ping,/bin/ping,/sbin/ping,/run/wrappers/bin/ping";
    assert.deepEqual(run, [`--allow-run=${want}`], triple);
  }
});
