import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { activatedAgent, call, connect, pollOf, startTestPlatform } from "../../../tests/fixtures/platform_fixture.ts";
import type { OpenPlatform } from "../../agents/platform.ts";
import { revokedCertificates } from "../../agents/certificates.ts";
import { defaultRetention, dropOld } from "../../devices/retention.ts";
import { createAgentReports } from "../../edge/mqtt/agent_reports.ts";
import { openSqliteStore } from "./sqlite_store.ts";
import { batchOf, readingOf, recordOf } from "../../../tests/fixtures/platform_uploads.ts";

/** The statements that are prepared while `body` runs. */
async function preparedDuring(body: () => Promise<void>): Promise<string[]> {
  const statements: string[] = [];
  const { prepare } = DatabaseSync.prototype;
  DatabaseSync.prototype.prepare = function (...args) {
    statements.push(args[0]);
    return prepare.apply(this, args);
  };
  try {
    await body();
  } finally {
    DatabaseSync.prototype.prepare = prepare;
  }
  return statements;
}

Deno.test("retention and the list of revoked certificates do not go over what is kept", async () => {
  await using store = openSqliteStore(":memory:");
  const now = new Date();
  const statements = await preparedDuring(async () => {
    await dropOld(store, { now, retention: defaultRetention });
    await store.transaction((tx) => revokedCertificates(tx, now), { readOnly: true });
  });
  const asked = statements.filter((sql) => /\b(records|alerts|access_\w+|certificates)\b/.test(sql));
  assert.equal(asked.length, 5);
  for (const sql of asked) {
    const parameters = /:before/.test(sql) ? { before: 0 } : { now: 0 };
    const plan = await store.transaction((tx) => tx.all<{ detail: string }>(`EXPLAIN QUERY PLAN ${sql}`, parameters));
    assert.deepEqual(plan.filter(({ detail }) => detail.startsWith("SCAN")), [], sql);
  }
});

Deno.test("Poll and Upload go over no table and sort no rows of their own", async () => {
  await using platform = await startTestPlatform();
  const agent = await activatedAgent(platform, await platform.customer("Acme"));
  using client = connect(platform, agent.identity);
  const reading = (address: string) => recordOf(readingOf({ address, mac: "00:1b:a9:00:00:01" }));
  const statements = await preparedDuring(async () => {
    const ledgerHead = { number: 1n, hash: "a".repeat(64) };
    await call(client, { method: client.poll, request: pollOf(agent, {}, { agentEpoch: "epoch-1", ledgerHead }) });
    const records = [reading("10.1.0.7"), reading("10.1.0.8")];
    await call(client, { method: client.upload, request: batchOf(agent, { sequence: 1, records }) });
  });
  assert.ok(statements.length > 20, `the statements were seen: ${statements.length}`);
  assert.deepEqual(slowOnes(platform.platform, statements), []);
});

Deno.test("what an agent says by MQTT goes over no table", async () => {
  await using platform = await startTestPlatform();
  const agent = await activatedAgent(platform, await platform.customer("Acme"));
  const reports = createAgentReports(platform.platform, { broker: () => undefined, soon() {} });
  const statements = await preparedDuring(async () => {
    reports.presence(agent.agentId, { isOnline: true, at: new Date() });
    reports.refused(agent.agentId, "it published to a topic of another");
    await reports.run();
  });
  reports.stop();
  assert.ok(statements.some((sql) => /UPDATE agents SET mqtt_online_at/.test(sql)));
  assert.deepEqual(slowOnes(platform.platform, statements), []);
});

/** Those that go over a table, or sort rows that may be many. */
function slowOnes(platform: OpenPlatform, statements: readonly string[]): string[] {
  using database = new DatabaseSync(platform.directory.path("platform.db"));
  return statements.filter((sql) => {
    // Of this process's own look at what people are to be told, which may fall in between.
    if (/\bnotification_(rules|items)\b/.test(sql)) return false;
    const steps = database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all().map(({ detail }) => String(detail));
    if (/rejection IS NOT NULL/.test(sql)) assert.match(steps.join(), /batches_rejected/);
    // Tasks that wait are a handful, and are given in the order in which they were asked.
    const isFew = /FROM tasks/.test(sql);
    return steps.some((step) =>
      /^SCAN(?! \d+ CONSTANT ROW|.* VALUES CLAUSE)/.test(step) || (/TEMP B-TREE/.test(step) && !isFew)
    );
  });
}
