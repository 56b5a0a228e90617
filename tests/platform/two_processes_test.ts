/** Two servers on one database, each with its own connections: an agent may go to either at any time. */
import assert from "node:assert/strict";
import { markRevoked } from "../../platform/agents/agents.ts";
import { deviceRows } from "../../platform/devices/listed_devices.ts";
import { countRecords } from "../../platform/devices/readings.ts";
import { meterHistoryRows } from "../../platform/devices/samples.ts";
import { inPostgres } from "../fixtures/each_database.ts";
import {
  activate,
  activatedAgent,
  call,
  connect,
  newKeyAndCsr,
  pollOf,
  reasonOf,
  startTestPlatform,
} from "../fixtures/platform_fixture.ts";
import { batchOf, readingOf, recordOf } from "../fixtures/platform_uploads.ts";

inPostgres("what one of two servers on a database has stored, the other knows", async () => {
  await using first = await startTestPlatform();
  const agent = await activatedAgent(first, await first.customer("Acme"));
  await using second = await first.another();
  using one = connect(first, agent.identity);
  using other = connect(second, agent.identity);
  // By the platform's clock, which stands still: what is ahead of it has the time of its arrival.
  const begin = first.clock.now().getTime() - 10_000;
  const readingAt = (i: number, total: number) =>
    recordOf(readingOf({ total, observedAt: new Date(begin + i * 1000) }));
  const batches = Array.from(
    { length: 6 },
    (_, i) => batchOf(agent, { sequence: i + 1, records: [readingAt(i, 1000 + i)] }),
  );
  // In turns, and each twice: its acknowledgement was lost, and the agent went on to the other server.
  for (const [i, batch] of batches.entries()) {
    for (const client of i % 2 === 0 ? [one, other] : [other, one]) {
      const { highestContiguousSequence } = await call(client, { method: client.upload, request: batch });
      assert.equal(highestContiguousSequence, BigInt(i + 1));
    }
  }
  // At one moment.
  const last = batchOf(agent, { sequence: 7, records: [readingAt(7, 2000)] });
  await Promise.all([one, other].map((client) => call(client, { method: client.upload, request: last })));
  assert.equal(await countRecords(agent.tenant, "reading"), 7);
  const [device, ...more] = await deviceRows(agent.tenant);
  assert.deepEqual([device!.total, more], [2000, []]);
  const history = await meterHistoryRows(agent.tenant, { deviceId: device!.device_id, name: "total", limit: 99 });
  assert.equal(history.length, 7);

  const { tenant, agentId } = agent;
  await markRevoked(tenant, { agentId, reason: "test", at: first.clock.now() });
  for (const client of [one, other]) {
    assert.equal(await reasonOf(call(client, { method: client.poll, request: pollOf(agent) })), "agent-revoked");
  }
});

inPostgres("a source that used up its calls at one of two servers has to wait at the other", async () => {
  await using first = await startTestPlatform();
  await using second = await first.another();
  for (let i = 0; i < 30; i++) assert.equal(await reasonOf(activate(first, { code: "typing error" })), "answered");
  assert.equal(await reasonOf(activate(second, { code: "typing error" })), "too-many-requests");
});

inPostgres("an agent that renewed at one of two servers as often as it may has to wait at the other", async () => {
  await using first = await startTestPlatform();
  await using second = await first.another();
  const { identity } = await activatedAgent(first, await first.customer("Acme"));
  const answers: string[] = [];
  for (const platform of [first, first, second, second, second, second, first]) {
    using client = connect(platform, identity);
    const request = { csr: (await newKeyAndCsr()).csr };
    answers.push(await reasonOf(call(client, { method: client.renew, request })));
  }
  assert.deepEqual(answers, [...Array(5).fill("answered"), "too-many-requests", "too-many-requests"]);
});

inPostgres("who guessed codes at one of two servers has to wait at the other", async () => {
  await using first = await startTestPlatform();
  await using second = await first.another();
  const customer = await second.customer("Acme");
  const wrong = () => reasonOf(activate(second, { code: "AAAA-AAAA-AAAA" }));
  const { store, guesses } = first.platform;
  const actor = { kind: "installation", name: "i" } as const;
  for (let i = 0; i < 300; i++) {
    await store.transaction((tx) => guesses.noteWrong(tx, { source: "127.0.0.1", actor, hostname: "h" }));
  }
  assert.equal(await wrong(), "too-many-requests");
  assert.equal(await reasonOf(activatedAgent(second, customer)), "too-many-requests", "with a right code as well");
  assert.equal(second.events.filter(({ event }) => event === "codeGuessing").length, 0);
});
