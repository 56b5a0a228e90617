/** What is raised, ended and acknowledged of real uploads, and that it is exact with two processes. */
import assert from "node:assert/strict";
import { LevelKind } from "../../proto/gen/opendca/v1/reading.ts";
import { acknowledgeAlerts, releaseAlerts } from "../../platform/alerts/acknowledge_alerts.ts";
import { alertEventsAfter } from "../../platform/alerts/alert_events.ts";
import { watchAlerts } from "../../platform/alerts/alert_watch.ts";
import { alertGroups, listRaisedAlerts, maybeRaisedAlert } from "../../platform/alerts/list_alerts.ts";
import { parseDatabaseUrl } from "../../platform/store/postgres/database_url.ts";
import { openPostgresStore } from "../../platform/store/postgres/postgres_store.ts";
import { eachDatabase, inPostgres } from "../fixtures/each_database.ts";
import { sharedPostgres } from "../fixtures/postgres_server.ts";
import { type DeviceScene, deviceScene } from "./device_changes_fixture.ts";

const minute = 60_000, hour = 60 * minute, day = 24 * hour;
const slow = { isSlow: true };

const toner = (percent: number, parts: object = {}) => ({
  index: "1.1",
  kind: "toner",
  colorant: "black",
  description: "Black",
  level: {
    kind: percent === 0 ? LevelKind.EMPTY : LevelKind.EXACT,
    percent,
    level: percent,
    capacity: 100,
    unit: "percent",
  },
  ...parts,
});

/** The agents have just reported. */
async function polled({ tenant, now }: DeviceScene): Promise<void> {
  await tenant.run("UPDATE agents SET last_seen_at = :now WHERE customer_id = :customer", { now: now() });
}

const eventsOf = async ({ tenant }: DeviceScene) =>
  (await alertEventsAfter(tenant, { number: 0, limit: 999 })).map(({ event }) => event);

async function open(scene: DeviceScene): Promise<string[]> {
  return (await listRaisedAlerts(scene.platform, scene.by, {})).map(({ kind, description }) =>
    `${kind} ${description}`
  );
}

eachDatabase("an alert that flaps is raised once, with one event, and ends once it stayed away", async () => {
  await using scene = await deviceScene();
  await polled(scene);
  const look = () => watchAlerts(scene.platform, { isSlow: false });
  await scene.upload({ alert: "Door open" });
  await look();
  assert.deepEqual(await open(scene), []);
  for (let i = 0; i < 40; i++) {
    scene.pass(2 * minute);
    await scene.upload(i % 2 === 0 ? {} : { alert: "Door open" });
    await look();
  }
  assert.deepEqual(await open(scene), ["printer Door open"]);
  assert.deepEqual(await eventsOf(scene), ["raised"]);
  scene.pass(minute);
  await scene.upload({});
  scene.pass(29 * minute);
  await look();
  assert.equal((await open(scene)).length, 1);
  scene.pass(minute);
  await look();
  assert.deepEqual(await open(scene), []);
  assert.deepEqual(await eventsOf(scene), ["raised", "ended"]);
  await look();
  assert.deepEqual(await eventsOf(scene), ["raised", "ended"]);
});

eachDatabase("a low supply is one alert until it is well above the limit, and critical once it is empty", async () => {
  await using scene = await deviceScene();
  await polled(scene);
  const step = async (percent: number, ms = hour, parts = {}) => {
    scene.pass(ms);
    await scene.upload({ supplies: [toner(percent, parts)] });
    await polled(scene);
    await watchAlerts(scene.platform, slow);
  };
  await step(25);
  assert.deepEqual(await open(scene), []);
  for (const percent of [20, 21, 19, 24, 20]) await step(percent);
  assert.deepEqual(await open(scene), ["supplyLow black toner"]);
  assert.deepEqual(await eventsOf(scene), ["raised"]);
  const [alert] = await listRaisedAlerts(scene.platform, scene.by, {});
  await acknowledgeAlerts(scene.platform, scene.by, { alertId: alert!.alert_id, note: "ordered" });
  assert.equal((await listRaisedAlerts(scene.platform, scene.by, { state: "open" })).length, 0);
  const [known] = await listRaisedAlerts(scene.platform, scene.by, { state: "acknowledged" });
  assert.deepEqual([known!.acknowledged_by, known!.note], ["operator:eva", "ordered"]);
  await step(0);
  const [empty] = await listRaisedAlerts(scene.platform, scene.by, { state: "open" });
  assert.equal(empty!.severity, "critical");
  await step(100);
  await step(100);
  assert.deepEqual(await open(scene), []);
  assert.deepEqual(await eventsOf(scene), ["raised", "acknowledged", "changed", "ended"]);
  const audit = await scene.store.transaction((tx) =>
    tx.all<{ action: string; actor: string }>("SELECT action, actor FROM audit_log WHERE action LIKE 'alert%'")
  );
  assert.deepEqual(audit.map(({ action, actor }) => `${action} ${actor}`), ["alertsAcknowledged operator:eva"]);
});

eachDatabase("the silence of devices is explained by that of their agent, and acknowledged with it", async () => {
  await using scene = await deviceScene();
  const { platform, by, pass } = scene;
  await polled(scene);
  for (const n of [1, 2, 3]) await scene.upload({ serial: `SERIAL${n}`, address: `10.1.0.${n}`, agent: 0 });
  await scene.upload({ serial: "OTHER1", address: "10.1.0.9", agent: 1 });
  await watchAlerts(platform, slow);
  assert.deepEqual(await open(scene), []);
  pass(3 * day);
  const [, second] = scene.agentIds;
  await scene.tenant.run("UPDATE agents SET last_seen_at = :now WHERE customer_id = :customer AND agent_id = :id", {
    now: scene.now(),
    id: second!,
  });
  await watchAlerts(platform, slow);
  const { rows: groups } = await alertGroups(platform, by, {});
  assert.deepEqual(
    groups.map(({ kind, count, explains }) => [kind, count, explains]).sort(),
    [["agentSilent", 1, 3], ["deviceSilent", 1, 0]],
  );
  const agentAlert = groups.find(({ kind }) => kind === "agentSilent")!;
  const shown = await maybeRaisedAlert(platform, by, { alertId: agentAlert.alert_id });
  assert.equal(shown!.explains.length, 3);
  assert.equal(await acknowledgeAlerts(platform, by, { kind: "agentSilent", until: new Date(scene.now() + hour) }), 4);
  pass(hour);
  await watchAlerts(platform, slow);
  assert.equal((await listRaisedAlerts(platform, by, { state: "acknowledged", explained: true })).length, 0);
  assert.equal((await eventsOf(scene)).filter((event) => event === "released").length, 4);
  await assert.rejects(releaseAlerts(platform, by, { kind: "agentSilent" }), /there is none/);
  await assert.rejects(
    acknowledgeAlerts(platform, by, { alertId: agentAlert.alert_id, until: new Date(scene.now()) }),
    /time that is over/,
  );
  await assert.rejects(acknowledgeAlerts(platform, by, { alertId: "alr-none" }), /is not open/);
  // The agent comes back; its devices are read a little later, and are not told of one by one meanwhile.
  await polled(scene);
  await watchAlerts(platform, slow);
  pass(31 * minute);
  await polled(scene);
  await watchAlerts(platform, slow);
  assert.deepEqual((await alertGroups(platform, by, {})).rows.map(({ kind, count }) => [kind, count]), [[
    "deviceSilent",
    1,
  ]]);
  pass(day);
  await polled(scene);
  await watchAlerts(platform, slow);
  assert.deepEqual((await alertGroups(platform, by, {})).rows.map(({ kind, count }) => [kind, count]), [[
    "deviceSilent",
    4,
  ]]);
});

eachDatabase("a meter that fell and a new firmware are told once, and for a week", async () => {
  await using scene = await deviceScene();
  await polled(scene);
  await scene.upload({ total: 5000 });
  scene.pass(hour);
  await scene.upload({ total: 12 });
  const look = async () => {
    await polled(scene);
    await watchAlerts(scene.platform, slow);
  };
  await look();
  await look();
  assert.deepEqual(await open(scene), ["meterFell total 5000 → total 12"]);
  scene.pass(2 * day);
  await scene.upload({ total: 13 });
  await look();
  assert.equal((await open(scene)).length, 1);
  scene.pass(5 * day);
  await scene.upload({ total: 14 });
  await look();
  assert.deepEqual(await open(scene), []);
  assert.deepEqual(await eventsOf(scene), ["raised", "ended"]);
});

inPostgres(
  "two processes that look at the same time raise each alert once, and number events without gaps",
  async () => {
    await using database = await (await sharedPostgres()).database();
    await using one = await openPostgresStore(parseDatabaseUrl(database.url));
    await using other = await openPostgresStore(parseDatabaseUrl(database.url));
    await using scene = await deviceScene("Acme", one);
    await polled(scene);
    for (let n = 0; n < 20; n++) await scene.upload({ serial: `S${n}`, address: `10.1.0.${n + 1}`, alert: `Jam ${n}` });
    scene.pass(hour);
    await polled(scene);
    const platforms = [one, other].map((store) => ({ ...scene.platform, store }));
    await Promise.all([0, 1, 2, 3].map((n) => watchAlerts(platforms[n % 2]!, slow)));
    const events = await alertEventsAfter(scene.tenant, { number: 0, limit: 999 });
    assert.deepEqual(events.map(({ number }) => number), Array.from({ length: 20 }, (_, i) => i + 1));
    assert.equal(new Set(events.map(({ alert_id }) => alert_id)).size, 20);
    // Acknowledging goes on beside the looks.
    const alerts = await listRaisedAlerts(scene.platform, scene.by, {});
    await Promise.all(alerts.flatMap(({ alert_id }, n) => [
      acknowledgeAlerts({ ...scene.platform, store: n % 2 === 0 ? one : other }, scene.by, { alertId: alert_id }),
      ...(n % 5 === 0 ? [watchAlerts(platforms[n % 2]!, slow)] : []),
    ]));
    const after = await alertEventsAfter(scene.tenant, { number: 20, limit: 999 });
    assert.deepEqual(after.map(({ number }) => number), Array.from({ length: 20 }, (_, i) => i + 21));
  },
);
