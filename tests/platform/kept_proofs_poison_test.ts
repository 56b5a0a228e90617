/** What cannot be evaluated does not keep records from being dropped, and its readings stay proved. */
import assert from "node:assert/strict";
import { changeBillingSettings } from "../../platform/billing/settings.ts";
import { keepProofs } from "../../platform/billing/keep_proofs.ts";
import { platformStatus } from "../../platform/devices/platform_status.ts";
import { mergeDevice } from "../../platform/devices/merge_device.ts";
import { defaultRetention, dropOld } from "../../platform/devices/retention.ts";
import { storedMetrics } from "../../platform/interfaces/metrics.ts";
import type { Store } from "../../platform/store/store.ts";
import { UnavailableError } from "../../common/core/errors.ts";
import { inPostgres, openTestStore, slowInPostgres } from "../fixtures/each_database.ts";
import { type ProofScene, proofScene, verdictOf } from "./proof_scene.ts";

const day = 86_400_000, minute = 60_000;
const begin = Date.parse("2025-01-10T08:00:00Z");
const printers = [{ serial: "ABC12345", address: "10.1.0.7" }, { serial: "XYZ99999", address: "10.1.0.8" }] as const;
const days = { fromDay: "2025-01-11", toDay: "2025-01-15" };

/** A reading a day of each printer, in batches of their own. */
async function sendDaily(scene: ProofScene, count: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    const observedAt = begin + n * day;
    scene.at(observedAt + minute);
    for (const printer of printers) await scene.send(0, [{ ...printer, observedAt, meters: { total: 1000 + n * 10 } }]);
  }
}

async function count({ tenant }: ProofScene, table: string): Promise<number> {
  return (await tenant.get<{ n: number }>(`SELECT count(*) AS n FROM ${table} WHERE customer_id = :customer`))!.n;
}

async function drop({ store, now }: ProofScene) {
  const logged: Record<string, unknown>[] = [];
  await dropOld(store, {
    now: new Date(now()),
    retention: defaultRetention,
    keepProofs,
    log: (event, fields) => void logged.push({ event, ...fields }),
  });
  return logged;
}

slowInPostgres("a customer that cannot be evaluated keeps all its readings, and holds up no other", async () => {
  await using store = await openTestStore();
  await using bad = await proofScene(begin, store);
  await using good = await proofScene(begin, store);
  await changeBillingSettings(bad.platform, bad.by, { zone: "Europe/Berlin" });
  for (const scene of [bad, good]) await sendDaily(scene, 10);
  const settings = JSON.stringify({ zone: "Nowhere/None" });
  await bad.tenant.run("UPDATE billing_settings SET settings = :settings WHERE customer_id = :customer", { settings });
  for (const scene of [bad, good]) scene.at(begin + 100 * day);
  const logged = await drop(good);
  for (const scene of [bad, good]) {
    assert.deepEqual([await count(scene, "records"), await count(scene, "proof_work")], [0, 0]);
  }
  // The first and the last one of each printer, and all of both.
  assert.deepEqual([await count(good, "kept_readings"), await count(bad, "kept_readings")], [4, 20]);
  assert.deepEqual(logged.map(({ event, customer, kept }) => [event, customer, kept]), [
    ["readingsNotEvaluated", bad.by.tenant, 10],
    ["readingsNotEvaluated", bad.by.tenant, 10],
  ]);
  assert.match(String(logged[0]!.message), /time zone/);
  assert.match(String(logged[0]!.batch), new RegExp(`^${bad.agentIds[0]} \\S+ [12]$`));
  const { notEvaluated } = await platformStatus(good.platform, { actor: "platform" });
  assert.deepEqual(notEvaluated.map(({ deviceId }) => deviceId).sort(), logged.map(({ device }) => device).sort());
  const metrics = await storedMetrics(good.platform);
  assert.deepEqual(metrics.find(({ name }) => name === "opendca_devices_not_evaluated")?.values, [{ value: 2 }]);
  // Once it is mended, statements of any days are proved.
  await changeBillingSettings(bad.platform, bad.by, { zone: "UTC" });
  const { problems, rows } = verdictOf(bad, await bad.statement(days));
  assert.deepEqual([problems, rows.map(({ kind }) => kind)], [[], ["proved", "proved"]]);
  // Nothing is left to tell.
  assert.deepEqual(await drop(good), []);
});

inPostgres("a counter whose sum is no number is set aside alone", async () => {
  await using scene = await proofScene(begin);
  await sendDaily(scene, 10);
  const rows = await scene.tenant.all<{ device_id: string }>(
    "SELECT device_id FROM devices WHERE customer_id = :customer ORDER BY serial",
  );
  const device = rows[0]!.device_id;
  await scene.tenant.run("UPDATE samples SET value = 1.7e308 WHERE customer_id = :customer AND device_id = :device", {
    device,
  });
  scene.at(begin + 100 * day);
  assert.deepEqual((await drop(scene)).map(({ event, device, kept }) => [event, device, kept]), [
    ["readingsNotEvaluated", device, 10],
  ]);
  assert.deepEqual([await count(scene, "records"), await count(scene, "kept_readings")], [0, 12]);
});

slowInPostgres("a store that is away sets nothing aside", async () => {
  await using scene = await proofScene(begin);
  await sendDaily(scene, 5);
  scene.at(begin + 100 * day);
  let reads = 0;
  const away: Store = Object.assign(Object.create(scene.store), {
    engine: scene.store.engine,
    // Only what reads after the list of devices: as if it was back when the result is written.
    transaction: (...[work, options]: Parameters<Store["transaction"]>) =>
      options?.readOnly === true && ++reads > 1
        ? Promise.reject(new UnavailableError("Cannot use the store"))
        : scene.store.transaction(work, options),
  });
  await assert.rejects(keepProofs(away, { before: begin + 50 * day, now: new Date(scene.now()) }), UnavailableError);
  assert.deepEqual([await count(scene, "kept_readings"), await count(scene, "records")], [0, 10]);
  assert.deepEqual(await drop(scene), []);
  assert.deepEqual([await count(scene, "kept_readings"), await count(scene, "records")], [4, 0]);
});

slowInPostgres("what cannot be dropped keeps nothing else", async () => {
  await using scene = await proofScene(begin);
  await sendDaily(scene, 5);
  scene.at(begin + 2000 * day);
  const failing = () => Promise.reject(new Error("no proofs"));
  const options = { now: new Date(scene.now()), retention: defaultRetention };
  await assert.rejects(dropOld(scene.store, { ...options, keepProofs: failing }), /no proofs/);
  assert.deepEqual([await count(scene, "samples"), await count(scene, "records")], [0, 10]);
});

slowInPostgres("the last reading before a device moves to another site is kept", async () => {
  await using scene = await proofScene(begin);
  const [printer] = printers;
  for (let n = 0; n < 24; n++) {
    const observedAt = begin + n * day;
    scene.at(observedAt + minute);
    await scene.send(n < 12 ? 0 : 1, [{ ...printer, observedAt, meters: { total: 1000 + n * 10 } }]);
  }
  const wanted = { fromDay: "2025-01-01", toDay: "2025-01-31" }, before = await scene.statement(wanted);
  assert.equal(before.preview.rows.length, 2);
  scene.at(begin + 200 * day);
  await scene.drop();
  assert.equal(await count(scene, "records"), 0);
  const after = await scene.statement(wanted);
  assert.deepEqual(after.lines, before.lines);
  assert.deepEqual(verdictOf(scene, after).rows.map(({ kind, billed }) => [kind, billed]), [
    ["proved", 120],
    ["proved", 90],
  ]);
});

slowInPostgres("a device that moves to another customer in a month is proved at both", async () => {
  await using store = await openTestStore();
  await using one = await proofScene(begin, store);
  await using other = await proofScene(begin, store);
  const [printer] = printers;
  for (let n = 0; n < 24; n++) {
    const observedAt = begin + n * day, scene = n < 12 ? one : other;
    scene.at(observedAt + minute);
    await scene.send(0, [{ ...printer, observedAt, meters: { total: 1000 + n * 10 } }]);
  }
  for (const [scene, billed] of [[one, 110], [other, 90]] as const) {
    scene.at(begin + 200 * day);
    await scene.drop();
    const { rows } = verdictOf(scene, await scene.statement({ fromDay: "2025-01-01", toDay: "2025-01-31" }));
    assert.deepEqual(rows.map((row) => [row.kind, row.billed]), [["proved", billed]]);
    assert.equal(await count(scene, "records"), 0);
  }
});

slowInPostgres("steps between readings of parts of a merged device have the readings that they are of", async () => {
  await using scene = await proofScene(begin);
  const [a, b] = printers;
  // They are seen in turns, as one machine is that is read by two addresses; then it is reset.
  const total = (n: number) => n < 12 ? 5000 + n * 10 : (n - 12) * 10;
  for (let n = 0; n < 24; n++) {
    const observedAt = begin + n * day;
    scene.at(observedAt + minute);
    await scene.send(0, [{ ...(n % 2 === 0 ? a : b), observedAt, meters: { total: total(n) } }]);
  }
  const ids = await scene.tenant.all<{ device_id: string }>(
    "SELECT device_id FROM devices WHERE customer_id = :customer ORDER BY first_seen_at",
  );
  const [one, other] = ids.map(({ device_id }) => device_id) as [string, string];
  await mergeDevice(scene.platform, scene.by, { device: one, other });
  const wanted = { fromDay: "2025-01-01", toDay: "2025-02-28" }, made = await scene.statement(wanted);
  const [{ marks }] = made.preview.rows as [typeof made.preview.rows[number]];
  const reset = marks.find(({ kind }) => kind === "reset") as { beforePart: string; part: string };
  assert.deepEqual([reset.beforePart, reset.part], [other, one]);
  for (const days of [0, 200]) {
    scene.at(begin + days * day);
    if (days > 0) await scene.drop();
    const { lines } = await scene.statement(wanted), readings = lines.readings.map((line) => JSON.parse(line));
    assert.deepEqual(readings.filter(({ missing }) => missing !== undefined), []);
    const { rows, problems } = verdictOf(scene, await scene.statement(wanted));
    assert.deepEqual([problems, rows.map(({ kind }) => kind)], [[], ["unproved"]]);
    assert.match(rows[0]!.why, /joined several devices/);
  }
});
