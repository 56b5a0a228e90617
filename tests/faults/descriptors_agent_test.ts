/** The service, whose limit of open files is lowered and raised while it runs or too low from the start. */
import assert from "node:assert/strict";
import { startScene } from "../fixtures/agent_fixture.ts";
import { until } from "../fixtures/until.ts";

/** The fewest within two seconds, as some files are open for a moment only. */
async function openFiles(pid: number): Promise<number> {
  let fewest = Infinity;
  for (const end = Date.now() + 2000; Date.now() < end;) {
    fewest = Math.min(fewest, [...Deno.readDirSync(`/proc/${pid}/fd`)].length);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return fewest;
}

/** Of the soft limit, which needs no privilege. */
async function limitTo(pid: number, files: number): Promise<void> {
  const { success, stderr } = await new Deno.Command("prlimit", {
    args: ["--pid", String(pid), `--nofile=${files}:`],
  }).output();
  assert(success, new TextDecoder().decode(stderr));
}

Deno.test({
  name: "opendca run without file descriptors for a scan polls, says what to do, and scans once there are some",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using scene = await startScene({ network: 142, printers: 2 });

    // At 36 the runtime ended at once, after the stores had taken what there was.
    for (const files of [30, 36, 39]) {
      scene.within = ["sh", "-c", `ulimit -n ${files} && exec "$@"`, "sh"];
      await using starved = scene.spawnAgent();
      assert.equal((await starved.status).code, 69, starved.err());
      assert.match(starved.err(), /^error: Cannot .* file descriptors\nhint: raise its limit: LimitNOFILE=/);
      assert.doesNotMatch(starved.err(), /Uncaught|panicked|\n\s+at /);
    }
    scene.within = [];

    await using _platform = await scene.startPlatform();
    // The result of a task is reported at once, by a poll that brings the next task: nobody waits for the poll after that.
    await scene.admin("task", "scan", scene.agentId);
    await using agent = await scene.startAgent();
    await agent.line((line) => line.includes('"taskFinished"') && line.includes('"succeeded"'));
    await limitTo(agent.pid, await openFiles(agent.pid) + 4);
    await scene.admin("task", "scan", scene.agentId);
    const failed = await agent.line((line) => line.includes('"taskFinished"') && line.includes('"failed"'));
    assert.match(failed, /too few free file descriptors.*LimitNOFILE=.*ulimit -n/);
    const faultOf = async () => (await scene.status()).agent?.faults.find(({ code }) => code === "scan-failed office");
    await until("the status has the fault", async () => await faultOf() !== undefined);
    assert.match((await faultOf())!.message, /too few free file descriptors .*LimitNOFILE=.*ulimit -n/);

    await limitTo(agent.pid, 512);
    const from = agent.lines.length;
    await scene.admin("task", "scan", scene.agentId);
    await agent.line((line) => line.includes('"taskFinished"') && line.includes('"succeeded"'), from);
    await agent.line((line) => line.includes('"batchSent"'), from);
    await until("the fault has ended", async () => await faultOf() === undefined);
    assert.equal(agent.err(), "");
    const devices: { address: string }[] = JSON.parse(await scene.admin("--json", "device", "list"));
    assert.equal(devices.length, 2);
  },
});
