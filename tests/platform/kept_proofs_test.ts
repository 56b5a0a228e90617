/**
 * After the records are gone, a statement is proved as it was before; any history and any period are tried in tests/faults.
 */
import assert from "node:assert/strict";
import { UnavailableError } from "../../common/core/errors.ts";
import { keepProofs } from "../../platform/billing/keep_proofs.ts";
import { makeStatement } from "../../platform/billing/make_statement.ts";
import { defaultRetention, dropOld } from "../../platform/devices/retention.ts";
import { mergeDevices } from "../../platform/devices/devices.ts";
import type { Store } from "../../platform/store/store.ts";
import { eachDatabase } from "../fixtures/each_database.ts";
import { type ProofScene, proofScene, verdictOf } from "./proof_scene.ts";

const day = 86_400_000, hour = day / 24, minute = hour / 60;
const begin = Date.parse("2025-01-10T08:00:00Z");
const printer = { serial: "ABC12345", address: "10.1.0.7" };
const year = { fromDay: "2025-01-01", toDay: "2025-12-31" };

/** A reading a day from `begin`, ten in a batch. */
async function sendDaily(scene: ProofScene, days: number): Promise<void> {
  for (let n = 0; n < days; n += 10) {
    const readings = Array.from({ length: 10 }, (_, i) => ({
      ...printer,
      observedAt: begin + (n + i) * day,
      meters: { total: 1000 + (n + i) * 10 },
    }));
    scene.at(begin + (n + 9) * day + minute);
    await scene.send(0, readings);
  }
}

const counts = async ({ tenant }: ProofScene) => {
  const tables = ["records", "kept_readings", "batch_seals", "kept_seals", "proof_work"] as const;
  const rows = await Promise.all(
    tables.map((table) =>
      tenant.get<{ n: number }>(`SELECT count(*) AS n FROM ${table} WHERE customer_id = :customer`)
    ),
  );
  const [records, kept_readings, batch_seals, kept_seals, proof_work] = rows.map((row) => row!.n) as number[];
  return { records, kept_readings, batch_seals, kept_seals, proof_work } as Record<typeof tables[number], number>;
};

eachDatabase("a year is proved when the records of all but its end are gone", async () => {
  await using scene = await proofScene(begin);
  await sendDaily(scene, 100);
  const quarter = { fromDay: "2025-02-01", toDay: "2025-03-31" };
  const before = await scene.statement(quarter);
  assert.deepEqual(verdictOf(scene, before).rows.map(({ kind, billed }) => [kind, billed]), [["proved", 590]]);
  scene.at(begin + 200 * day);
  await scene.drop();
  // The last ones of three months, the first and the last reading.
  const { records, kept_readings, batch_seals, kept_seals, proof_work } = await counts(scene);
  assert.deepEqual([records, kept_readings, batch_seals, kept_seals, proof_work], [0, 5, 0, 10, 0]);
  const after = await scene.statement(quarter);
  assert.deepEqual(after.lines, before.lines);
  const verdict = verdictOf(scene, after);
  assert.deepEqual([verdict.problems, verdict.notes, verdict.rows[0]!.kind], [[], [], "proved"]);
  // What proves goes at its time as well; the statement says so.
  scene.at(begin + 600 * day);
  await scene.drop();
  assert.equal((await counts(scene)).kept_readings, 0);
  assert.match(verdictOf(scene, await scene.statement(quarter)).rows[0]!.why, /no longer keeps it/);
});

eachDatabase("what was not signed is told as such when the records are gone", async () => {
  await using scene = await proofScene(begin);
  await scene.send(0, [{ ...printer, observedAt: begin, meters: { total: 5 } }], { isSigned: false });
  scene.at(begin + 30 * day);
  await scene.send(0, [{ ...printer, observedAt: begin + 30 * day, meters: { total: 9 } }]);
  const before = await scene.statement(year);
  scene.at(begin + 100 * day);
  await scene.drop();
  const after = await scene.statement(year);
  assert.deepEqual(after.lines, before.lines);
  assert.match(verdictOf(scene, after).rows[0]!.why, /did not sign/);
});

eachDatabase("a batch that is missing among those that no reading needs is seen", async () => {
  await using scene = await proofScene(begin);
  await sendDaily(scene, 100);
  scene.at(begin + 200 * day);
  await scene.drop();
  await scene.tenant.run(
    "DELETE FROM kept_seals WHERE customer_id = :customer AND sequence = 6",
  );
  const verdict = verdictOf(scene, await scene.statement(year));
  assert.match(verdict.problems.join(), /does not follow the one before it: one was removed, altered or put in/);
});

/** A store of which the nth transaction from now fails, and all after it, as if the process had been killed in it. */
function failing(store: Store, nth: number): Store {
  let n = 0;
  return Object.assign(Object.create(store), {
    engine: store.engine,
    transaction: (work: Parameters<Store["transaction"]>[0], options: Parameters<Store["transaction"]>[1]) =>
      store.transaction(async (tx) => {
        const answer = await work(tx);
        if (++n >= nth) throw new UnavailableError("killed");
        return answer;
      }, options),
  });
}

eachDatabase("killed in any of its transactions, it loses nothing and keeps nothing twice", async () => {
  await using scene = await proofScene(begin);
  await sendDaily(scene, 70);
  const before = await scene.statement(year);
  scene.at(begin + 72 * day);
  let killed = 0;
  for (let nth = 1;; nth++) {
    const store = failing(scene.store, nth), now = new Date(scene.now());
    const done = await dropOld(store, { now, retention: defaultRetention, keepProofs }).then(() => true, (error) => {
      assert.match(String(error), /killed/);
      return false;
    });
    assert.deepEqual((await scene.statement(year)).lines, before.lines, `after ${nth} transactions`);
    if (done) break;
    killed++;
    scene.at(scene.now() + hour);
  }
  assert.ok(killed > 10, `${killed}`);
  const { records, kept_readings } = await counts(scene);
  assert.deepEqual([records, kept_readings], [40, 2]);
});

eachDatabase("what arrives while work is left is not dropped with it", async () => {
  await using scene = await proofScene(begin);
  await sendDaily(scene, 40);
  const before = begin + 60 * day, now = new Date(begin + 100 * day), stop = new AbortController();
  stop.abort();
  // It was stopped between marking and working off.
  await keepProofs(scene.store, { before: begin + 20 * day, now });
  await scene.tenant.run("INSERT INTO proof_work VALUES (:customer, 'dev-none', 0, 1)");
  assert.equal(await keepProofs(scene.store, { before, now, signal: stop.signal }), 0);
  assert.equal(await keepProofs(scene.store, { before, now }), before);
  assert.equal((await counts(scene)).proof_work, 0);
  assert.ok((await counts(scene)).kept_readings > 0);
});

eachDatabase("two processes that do it at the same time do it once", async () => {
  await using scene = await proofScene(begin);
  await sendDaily(scene, 70);
  const before = await scene.statement(year), now = new Date(begin + 90 * day);
  const options = { now, retention: defaultRetention, keepProofs };
  await Promise.all([dropOld(scene.store, options), dropOld(scene.store, options)]);
  await dropOld(scene.store, options);
  assert.deepEqual((await scene.statement(year)).lines, before.lines);
});

eachDatabase("a device that is merged while work is left has the needed readings of both", async () => {
  await using scene = await proofScene(begin);
  const other = { serial: "XYZ99999", address: "10.1.0.8" };
  scene.at(begin + 2 * day);
  await scene.send(0, [{ ...printer, observedAt: begin, meters: { total: 5 } }]);
  await scene.send(0, [{ ...other, observedAt: begin + day, meters: { total: 6 } }]);
  const ids = await scene.tenant.all<{ device_id: string }>(
    "SELECT device_id FROM devices WHERE customer_id = :customer ORDER BY first_seen_at",
  );
  const [into, from] = ids.map(({ device_id }) => device_id) as [string, string];
  await scene.tenant.run("INSERT INTO proof_work VALUES (:customer, :into, 9, 10), (:customer, :from, 8, 11)", {
    into,
    from,
  });
  await scene.tenant.transaction.run("DELETE FROM device_evidence WHERE device_id = :from", { from });
  await scene.store.transaction((tx) => mergeDevices(tx.tenant(scene.by.tenant), { from, into, at: scene.now() }));
  const work = await scene.tenant.all<Record<string, unknown>>(
    "SELECT device_id, from_at, until_at FROM proof_work WHERE customer_id = :customer",
  );
  assert.deepEqual(work.map((row) => ({ ...row })), [{ device_id: into, from_at: 8, until_at: 11 }]);
  scene.at(begin + 100 * day);
  await scene.drop();
  const kept = await scene.tenant.all<{ device_id: string }>(
    "SELECT device_id FROM kept_readings WHERE customer_id = :customer",
  );
  assert.deepEqual(kept.map(({ device_id }) => device_id), [into, into]);
});

eachDatabase("a statement's own days are ends whose readings are kept", async () => {
  await using scene = await proofScene(begin);
  await sendDaily(scene, 60);
  await makeStatement(scene.platform, scene.by, { fromDay: "2025-01-15", toDay: "2025-02-14" });
  const next = { fromDay: "2025-02-15", toDay: "2025-03-31" };
  scene.at(begin + 120 * day);
  await scene.drop();
  assert.equal(verdictOf(scene, await scene.statement(next)).rows[0]!.kind, "proved");
  const other = { ...next, fromDay: "2025-02-20" };
  assert.match(verdictOf(scene, await scene.statement(other)).rows[0]!.why, /no longer keeps it/);
});
