/** Two agents from one state directory: the platform notices, and loses nothing of either. */
import assert from "node:assert/strict";
import { spooledIds, startScene, totalAt } from "../fixtures/agent_fixture.ts";
import { assertExactlyOnce, type StoredRecord, storedRecordsSql } from "../fixtures/exactly_once.ts";
import { passThrough, refuseConnection } from "../fixtures/tcp_proxy.ts";
import { hour, minute, openOffice } from "../fixtures/office_agent.ts";
import type { RunningProgram } from "../fixtures/start_program.ts";
import { until } from "../fixtures/until.ts";

Deno.test({
  name:
    "opendca run from a copied state directory beside the first is noticed by the platform, and nothing is lost of either",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using scene = await startScene({ network: 245, printers: 4 });
    const before = await scene.startPlatform();
    const task = await scene.admin("task", "scan", scene.agentId);
    await using first = await scene.startAgent();
    await first.line((line) => line.includes('"taskReceived"'));
    await before.kill("SIGKILL");
    await first.line((line) => line.includes('"taskFinished"') && line.includes(task));
    assert(spooledIds(first).length >= 4, "nothing waits to be sent, so that nothing could be sent twice");
    const copy = `${scene.folder}/copy`;
    const copied = await new Deno.Command("cp", { args: ["-a", `${scene.folder}/state`, copy] }).output();
    assert.equal(copied.code, 0);
    const text = await Deno.readTextFile(scene.config);
    const config = `${scene.folder}/copy.yaml`;
    await Deno.writeTextFile(config, text.replace(`stateDirectory: ${scene.folder}/state`, `stateDirectory: ${copy}`));
    await using second = scene.spawnAgent(config);
    await second.line((line) => line.includes('"agentStarted"'));
    await using _platform = await scene.startPlatform();

    const sentAgain = async (agent: RunningProgram) => {
      // Not the end of a sweep: on a busy machine the first sweep is over before the state is copied.
      await agent.line((line) => line.includes('"recordsSpooled"'));
      const read = spooledIds(agent).at(-1)!;
      const isStored = () => scene.store<StoredRecord>(storedRecordsSql).some(({ record_id }) => record_id === read);
      await until("what each has read is stored", isStored);
    };
    await Promise.all([first, second].map(sentAgain));
    await until("the platform has noticed", async () => /copied\?/.test(await scene.admin("agent", "list")));
    assert.match(await scene.admin("agent", "show", scene.agentId), /Copied +\S/);
    assert.match(await scene.admin("audit", "list"), /cloneSuspected/);
    assert.match(await scene.admin("audit", "verify"), /\S/);
    const ids = new Set([...spooledIds(first), ...spooledIds(second)]);
    const notStored = () => {
      const stored = new Set(scene.store<StoredRecord>(storedRecordsSql).map(({ record_id }) => record_id));
      return [...ids].filter((id) => !stored.has(id));
    };
    await until("everything is stored", () => notStored().length === 0);
    assertExactlyOnce(scene.store<StoredRecord>(storedRecordsSql), ids, totalAt);
    for (const agent of [first, second]) assert.equal((await agent.kill("SIGTERM")).code, 0);
  },
});

Deno.test({
  name: "opendca run whose state directory was put back from a copy sends again what it has, and goes on",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const schedule = "{ fullSweepEvery: 24h, statusEvery: 10m, metersEvery: 20m, jitter: 0% }";
    await using office = await openOffice({ network: 250, printers: 2, schedule });
    const state = `${office.folder}/state`, copy = `${office.folder}/copy`;
    {
      await using _agent = await office.startAgent();
      await office.pass(30 * minute, minute);
      await office.assertAllThere();
      office.proxy.handle = refuseConnection;
      office.proxy.cut();
      await office.pass(30 * minute, minute);
      assert((await office.status()).spool.depth > 0, "nothing waits to be sent");
    }
    assert.equal((await new Deno.Command("cp", { args: ["-a", state, copy] }).output()).code, 0);
    office.proxy.handle = passThrough;
    {
      await using _agent = await office.startAgent();
      await office.pass(hour, minute);
      await office.assertAllThere();
    }
    await Deno.remove(state, { recursive: true });
    await Deno.rename(copy, state);
    await using _agent = await office.startAgent();
    await office.pass(hour, minute);
    await office.assertAllThere();
    assert.match(String(office.logged("epochBegun").at(-1)?.reason), /a copy of this spool/);
  },
});
