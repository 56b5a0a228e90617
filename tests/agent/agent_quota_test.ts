/** What is over the day's quota waits in the spool, and arrives once. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { spooledIds, startScene, totalAt } from "../fixtures/agent_fixture.ts";
import { assertExactlyOnce, type StoredRecord, storedRecordsSql } from "../fixtures/exactly_once.ts";
import { addUsage } from "../../platform/agents/quota.ts";
import { day, hour, minute, openOffice } from "../fixtures/office_agent.ts";
import { until } from "../fixtures/until.ts";

Deno.test({
  name: "opendca run keeps what is over the platform's quota, says so, and sends it once when the quota is raised",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using scene = await startScene({ network: 100, printers: 3 });
    const quota = 1024 * 1024;
    {
      // Today and tomorrow: the test may run at midnight.
      using db = new DatabaseSync(`${scene.folder}/platform/platform.db`);
      const [{ customer_id }] = db.prepare("SELECT customer_id FROM customers").all() as [{ customer_id: string }];
      const today = Math.floor(Date.now() / 86_400_000);
      for (const day of [today, today + 1]) {
        db.prepare(
          `INSERT INTO usage (customer_id, day, agent_id, bytes, told) VALUES (?, ?, ?, ?, 0)
           ON CONFLICT DO UPDATE SET bytes = excluded.bytes`,
        ).run(customer_id, day, scene.agentId, quota + 200_000);
      }
    }
    await scene.here.admin("task", "scan", scene.agentId);
    const ids: string[] = [];
    {
      await using _small = await scene.here.startPlatform("--agent-quota", "1");
      await using agent = await scene.here.startAgent();
      await agent.line((line) => line.includes('"uploadFailed"'));
      await until("the status has the fault", async () => {
        const { agent: own, spool } = await scene.status();
        return own?.faults.some(({ code }) => code === "upload-over-quota") === true && (spool?.depth ?? 0) >= 3;
      });
      const { agent: own, spool } = await scene.status();
      const fault = own!.faults.find(({ code }) => code === "upload-over-quota")!;
      assert.match(
        fault.message,
        /Cannot store more of this agent today: 1\.2 MiB are stored and 1\.0 MiB a day are allowed; .*--agent-quota is raised/,
      );
      assert.deepEqual([spool!.quarantinedRecords, own!.faults.length], [0, 1]);
      assert.match((await scene.here.opendca("doctor")).out, /ask the platform's operator to raise the quota/);
      assert.deepEqual(scene.store(storedRecordsSql), []);
      ids.push(...spooledIds(agent));
    }
    await using _large = await scene.here.startPlatform("--agent-quota", "100");
    await using agent = await scene.here.startAgent();
    await agent.line((line) => line.includes('"batchSent"'));
    await until("the spool is empty", async () => (await scene.status()).spool?.depth === 0);
    const { agent: own, spool } = await scene.status();
    assert.deepEqual([spool!.quarantinedRecords, own!.faults], [0, []]);
    assert.ok(ids.length >= 3);
    ids.push(...spooledIds(agent));
    assertExactlyOnce(scene.store<StoredRecord>(storedRecordsSql), ids, totalAt);
  },
});

Deno.test({
  name: "an agent over its quota sends all of it by itself when the day is over (slow)",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const schedule = "{ fullSweepEvery: 24h, statusEvery: 6h, metersEvery: 12h, jitter: 0% }";
    await using office = await openOffice({ network: 101, printers: 2, schedule });
    const { tenant, agentId, platformClock } = office;
    const untilMidnight = 4 * hour;
    await office.pass(day - (office.clock.now().getTime() + untilMidnight) % day, day);
    await addUsage(tenant, { agentId, at: platformClock.now(), bytes: 300 * 1024 * 1024 });
    await using _agent = await office.startAgent();
    await office.pass(10 * minute, minute);
    const before = await office.status();
    assert.deepEqual(before.faults.map(({ code }) => code), ["upload-over-quota"]);
    assert.ok(before.spool.depth > 0 && before.spool.quarantinedRecords === 0);
    assert.deepEqual(await office.stored(), []);
    await office.pass(untilMidnight + 65 * minute, 10 * minute);
    assert.ok(await office.assertAllThere() > 0);
    const { faults, spool } = await office.status();
    assert.deepEqual([faults, spool.quarantinedRecords], [[], 0]);
  },
});
