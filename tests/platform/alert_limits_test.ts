/** From when on alerts are raised: of a dealer and of a customer, by use case, command and page. */
import assert from "node:assert/strict";
import { alertLimits, type OwnLimits, setAlertLimits } from "../../platform/alerts/alert_limits.ts";
import { watchAlerts } from "../../platform/alerts/alert_watch.ts";
import { listRaisedAlerts } from "../../platform/alerts/list_alerts.ts";
import { LevelKind } from "../../proto/gen/opendca/v1/reading.ts";
import { eachDatabase } from "../fixtures/each_database.ts";
import { type DeviceScene, deviceScene } from "./device_changes_fixture.ts";
import { portalScene } from "./portal_scene.ts";

const minute = 60_000, hour = 60 * minute, day = 24 * hour;
const slow = { isSlow: true };

const toner = (percent: number) => ({
  index: "1.1",
  kind: "toner",
  colorant: "black",
  description: "Black",
  level: { kind: LevelKind.EXACT, percent, level: percent, capacity: 100, unit: "percent" },
});

async function dealerOf({ store }: DeviceScene): Promise<string> {
  const row = await store.transaction((tx) => tx.get<{ dealer_id: string }>("SELECT dealer_id FROM customers"));
  return row!.dealer_id;
}

const set = (scene: DeviceScene, changes: Parameters<typeof setAlertLimits>[2]["changes"]) =>
  setAlertLimits(scene.platform, scene.by, { customer: scene.by.tenant, changes });

async function polled({ tenant, now }: DeviceScene): Promise<void> {
  await tenant.run("UPDATE agents SET last_seen_at = :now WHERE customer_id = :customer", { now: now() });
}

async function kinds(scene: DeviceScene): Promise<string[]> {
  await watchAlerts(scene.platform, slow);
  return (await listRaisedAlerts(scene.platform, scene.by, {})).map(({ kind }) => kind).toSorted();
}

eachDatabase(
  "a supply is low from the customer's limit on, else the dealer's, and ends above it after half an hour",
  async () => {
    await using scene = await deviceScene();
    const dealer = await dealerOf(scene);
    await setAlertLimits(scene.platform, scene.by, { dealer, changes: { silentAgentHours: 168 } });
    await scene.upload({ supplies: [toner(28)] });
    assert.deepEqual(await kinds(scene), []);
    await setAlertLimits(scene.platform, scene.by, { dealer, changes: { lowPercent: 30 } });
    assert.deepEqual(await kinds(scene), ["supplyLow"]);
    // It stays while it is no more than five points above, so that it does not flap.
    await set(scene, { lowPercent: 23 });
    scene.pass(31 * minute);
    assert.deepEqual(await kinds(scene), ["supplyLow"]);
    await set(scene, { lowPercent: 22 });
    assert.deepEqual(await kinds(scene), ["supplyLow"]);
    scene.pass(29 * minute);
    assert.deepEqual(await kinds(scene), ["supplyLow"]);
    scene.pass(2 * minute);
    assert.deepEqual(await kinds(scene), []);
    await set(scene, { lowPercent: null });
    assert.deepEqual(await kinds(scene), ["supplyLow"]);
    // Below what lists call low.
    await set(scene, { lowPercent: 10 });
    await scene.upload({ serial: "OTHER", address: "10.1.0.9", supplies: [toner(15)] });
    scene.pass(minute);
    assert.deepEqual(await kinds(scene), ["supplyLow"]);
    await scene.upload({ serial: "OTHER", address: "10.1.0.9", supplies: [toner(9)] });
    assert.deepEqual(await kinds(scene), ["supplyLow", "supplyLow"]);
  },
);

eachDatabase("a device and an agent are silent after the times of their customer", async () => {
  await using scene = await deviceScene();
  await polled(scene);
  await scene.upload({});
  await set(scene, { silentDeviceDays: 1, silentAgentHours: 48 });
  scene.pass(day - minute);
  assert.deepEqual(await kinds(scene), []);
  scene.pass(2 * minute);
  assert.deepEqual(await kinds(scene), ["deviceSilent"]);
  scene.pass(day);
  assert.deepEqual(await kinds(scene), ["agentSilent", "agentSilent"]);
  await set(scene, { silentDeviceDays: 90, silentAgentHours: 168 });
  await kinds(scene);
  scene.pass(31 * minute);
  assert.deepEqual(await kinds(scene), []);
  await set(scene, { silentDeviceDays: null, silentAgentHours: null });
  assert.deepEqual(await kinds(scene), ["agentSilent", "agentSilent"]);
});

eachDatabase("limits that cannot be are refused and change nothing, and each change is in the audit log", async () => {
  await using scene = await deviceScene();
  const shown = async () => (await alertLimits(scene.platform, scene.by, { customer: scene.by.tenant })).own;
  await set(scene, { lowPercent: 12, emptyDays: 14 });
  for (const changes of [{ lowPercent: 0 }, { lowPercent: 51 }, { emptyDays: 1.5 }, { silentAgentHours: NaN }]) {
    await assert.rejects(set(scene, { silentDeviceDays: 5, ...changes }), /Cannot set \w+ to .*: it is a whole number/);
  }
  const wanted: OwnLimits = { lowPercent: 12, emptyDays: 14 };
  assert.deepEqual(await shown(), wanted);
  await assert.rejects(alertLimits(scene.platform, scene.by, { customer: "nobody" }), /Cannot find the customer/);
  await assert.rejects(alertLimits(scene.platform, scene.by, { dealer: "nobody" }), /Cannot find the dealer/);
  await set(scene, { lowPercent: null });
  const entries = await scene.store.transaction((tx) =>
    tx.all<{ customer_id: string; detail: string }>(
      "SELECT customer_id, detail FROM audit_log WHERE action = 'alertLimitsSet' ORDER BY entry",
    )
  );
  assert.deepEqual(entries.map(({ detail }) => JSON.parse(detail)), [
    { before: "none", after: "lowPercent 12, emptyDays 14" },
    { before: "lowPercent 12, emptyDays 14", after: "emptyDays 14" },
  ]);
  assert.equal(entries[0]!.customer_id, scene.by.tenant);
});

eachDatabase("the page of limits saves and inherits them; a customer's users see no page of the dealer's", async () => {
  await using scene = await portalScene();
  const admin = await scene.signedIn("eva@partner.example"), root = `/customers/${scene.acme}/alert-limits`;
  assert.match((await admin.get(`/customers/${scene.acme}/alerts`)).body, new RegExp(`href="${root}"`));
  assert.equal((await admin.post("/alert-limits", { lowPercent: "15" })).location, "/alert-limits");
  assert.match((await admin.get("/alert-limits")).body, /id="lowPercent"[^>]*value="15"/);
  assert.match((await admin.get(root)).body, /id="lowPercent"[^>]*placeholder="15"/);
  const fields = { lowPercent: "", emptyDays: "21", silentDeviceDays: "", silentAgentHours: "0" };
  assert.equal((await admin.post(root, fields)).status, 303);
  const { own } = await alertLimits(scene.platform.platform, { actor: { kind: "operator", name: "x" } }, {
    customer: scene.acme,
  });
  assert.deepEqual(own, { emptyDays: 21, silentAgentHours: 0 });
  for (const bad of ["-1", "1e3", "999", "<b>", "7 days"]) {
    const answer = await admin.post(root, { ...fields, emptyDays: bad });
    assert.equal(answer.status, 422, bad);
    assert.doesNotMatch(answer.body, /<b>/);
  }
  assert.match((await admin.get(root)).body, /id="emptyDays"[^>]*value="21"/);
  const own2 = { customer: "Acme", grants: [{ role: "administrator" as const }] };
  const customer = await scene.signedIn("max@acme.example", own2);
  assert.equal((await customer.get(root)).status, 200);
  assert.equal((await customer.get("/alert-limits")).status, 404);
  assert.equal((await customer.post("/alert-limits", { lowPercent: "50" })).status, 404);
  const ofSite = {
    customer: "Acme",
    grants: [{ role: "administrator" as const, customerId: scene.acme, siteId: scene.berlin }],
  };
  const one = await scene.signedIn("ida@acme.example", ofSite);
  assert.doesNotMatch((await one.get(root)).body, /<input id="lowPercent"/);
  assert.equal((await one.post(root, { ...fields, emptyDays: "5" })).status, 422);
  assert.match((await admin.get(root)).body, /id="emptyDays"[^>]*value="21"/);
});
