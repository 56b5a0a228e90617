/** Write-ahead logs of the running platform and agent do not keep the length of their worst day. */
import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { startTestPlatform } from "../fixtures/platform_fixture.ts";
import { activatedAgent, call, connect } from "../fixtures/platform_fixture.ts";
import { batchOf, readingOf, recordOf } from "../fixtures/platform_uploads.ts";
import { minute, openOffice } from "../fixtures/office_agent.ts";
import { until } from "../fixtures/until.ts";

const sizeOf = (path: string) => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

Deno.test("serve truncates the store's write-ahead log when it is idle", async () => {
  await using platform = await startTestPlatform({ journalLookMs: 500 });
  const agent = await activatedAgent(platform, await platform.customer("Acme"));
  using client = connect(platform, agent.identity);
  const log = `${platform.folder}/platform.db-wal`;
  let worst = 0;
  for (let sequence = 1; sequence <= 2; sequence++) {
    const records = [...Array(200).keys()].map((i) => recordOf(readingOf({ serial: `XYZ${sequence}${1000 + i}` })));
    await call(client, { method: client.upload, request: batchOf(agent, { sequence, records }) });
    worst = Math.max(worst, sizeOf(log));
  }
  assert(worst > 300_000, `the log has ${worst} bytes: too few to prove anything`);
  await until("the log is empty", () => sizeOf(log) === 0);
  assert.equal((await agent.tenant.all("SELECT 1 FROM records WHERE customer_id = :customer")).length, 400);
});

Deno.test({
  name: "opendca run truncates the write-ahead logs of its databases when they are idle",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const schedule = "{ fullSweepEvery: 24h, statusEvery: 12h, metersEvery: 24h, jitter: 0% }";
    await using office = await openOffice({ network: 178, printers: 4, schedule, more: "poll: { interval: 24h }\n" });
    await using _agent = await office.startAgent();
    const logs = ["spool", "inventory", "ledger", "tasks"].map((name) => `${office.folder}/state/${name}.db-wal`);
    const sizes = () => logs.map(sizeOf);
    await until("something was written", async () => {
      await office.pass(1000);
      return sizes().slice(0, 3).every((size) => size > 0) && office.logged("sweepEnded").length > 0;
    });
    assert(await office.assertAllThere() >= 4);
    await office.pass(40 * minute, 20_000);
    assert.deepEqual(sizes(), [0, 0, 0, 0]);
  },
});
