/**
 * A transaction that met another one runs again: what it had to say before is rolled back with it. Here every
 * transaction that writes runs twice, and only the second run is committed.
 */
import assert from "node:assert/strict";
import { makeActivationCode } from "../../common/core/activation_code.ts";
import type { Store } from "../../platform/store/store.ts";
import { eachDatabase } from "../fixtures/each_database.ts";
import {
  activate,
  activatedAgent,
  call,
  connect,
  guessAt,
  pollOf,
  reasonOf,
  startTestPlatform,
  type TestPlatform,
} from "../fixtures/platform_fixture.ts";
import { batchOf, readingOf, recordOf } from "../fixtures/platform_uploads.ts";

class MetAnother extends Error {}

function repeating({ transaction }: Store): Store["transaction"] {
  return async (work, options) => {
    if (options?.readOnly) return await transaction(work, options);
    const first = transaction(async (tx) => {
      await work(tx);
      throw new MetAnother();
    });
    await first.catch((error) => {
      if (!(error instanceof MetAnother)) throw error;
    });
    return await transaction(work, options);
  };
}

/** All that the platform logs of itself within transactions. */
async function story(platform: TestPlatform): Promise<void> {
  const customer = await platform.customer("Acme");
  await activate(platform, { code: guessAt(await platform.code(customer)) });
  await activate(platform, { code: makeActivationCode((bytes) => crypto.getRandomValues(bytes)) });
  const agent = await activatedAgent(platform, customer);
  using client = connect(platform, agent.identity);
  const upload = (sequence: number, more: object = {}) => {
    const records = Array.from(
      { length: 50 },
      (_, i) => recordOf(readingOf({ serial: `S${i}`, address: `10.1.0.${i}` })),
    );
    const request = batchOf(agent, { sequence, records: [...records, recordOf(readingOf(), more)] });
    return call(client, { method: client.upload, request });
  };
  await upload(1, { recordId: "no UUID" });
  // Another content under a number that is taken.
  await upload(1);
  for (const hash of ["a", "b"]) {
    const ledgerHead = { number: 7n, hash: hash.repeat(64) };
    await call(client, { method: client.poll, request: pollOf(agent, {}, { ledgerHead }) });
  }
  assert.equal(await reasonOf(upload(2)), "too-many-requests");
}

eachDatabase("what a transaction logs is logged once, however often it runs", async () => {
  const logged: string[][] = [];
  for (const isRepeated of [false, true]) {
    await using platform = await startTestPlatform({ quotas: { agentBytes: 1 } });
    const { store } = platform.platform;
    if (isRepeated) store.transaction = repeating(store);
    await story(platform);
    logged.push(platform.events.map(({ event }) => event));
  }
  const [once, repeated] = logged;
  assert.deepEqual([...new Set(once)].sort(), [
    "activationRejected",
    "agentActivated",
    "batchRejected",
    "cloneSuspected",
    "ledgerRewound",
    "quotaReached",
  ]);
  assert.deepEqual(repeated, once);
});

eachDatabase("afterCommit() waits for the commit, and a transaction that fails has none", async () => {
  await using platform = await startTestPlatform();
  const { store } = platform.platform, done: string[] = [];
  await store.transaction((tx) => {
    tx.afterCommit(() => done.push("first"));
    tx.afterCommit(() => done.push("second"));
    assert.deepEqual(done, []);
    return Promise.resolve();
  });
  await store.transaction((tx) => Promise.resolve(tx.afterCommit(() => done.push("read"))), { readOnly: true });
  await assert.rejects(store.transaction((tx) => {
    tx.afterCommit(() => done.push("failed"));
    return Promise.reject(new Error("no"));
  }));
  assert.deepEqual(done, ["first", "second", "read"]);
});
