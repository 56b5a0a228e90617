/** One row that cannot be read holds up nothing but itself. */
import assert from "node:assert/strict";
import { watchAlerts } from "../../platform/alerts/alert_watch.ts";
import { listRaisedAlerts } from "../../platform/alerts/list_alerts.ts";
import { mailStatements } from "../../platform/billing/mail_statements.ts";
import { changeBillingSettings } from "../../platform/billing/settings.ts";
import { startWebhooks } from "../../platform/interfaces/deliver_webhooks.ts";
import { noteSilent } from "../../platform/interfaces/silent_watch.ts";
import { createWebhook } from "../../platform/interfaces/webhooks.ts";
import { noteSent, queueMail, takeMail } from "../../platform/mail/mail_queue.ts";
import { upload } from "../../platform/devices/upload.ts";
import type { Store } from "../../platform/store/store.ts";
import { LevelKind } from "../../proto/gen/opendca/v1/reading.ts";
import { eachDatabase, openTestStore } from "../fixtures/each_database.ts";
import { batchOf, readingOf, recordOf } from "../fixtures/platform_uploads.ts";
import { until } from "../fixtures/until.ts";
import { billingScene } from "./billing_scene.ts";
import { deviceScene } from "./device_changes_fixture.ts";

const day = 86_400_000, pepper = new Uint8Array(32);
const damaged = new Uint8Array([0xff, 0xff, 0xff]);
const lowToner = [{
  index: "1.1",
  kind: "toner",
  colorant: "black",
  description: "Black",
  level: { kind: LevelKind.EXACT, percent: 2, level: 2, capacity: 100, unit: "percent" },
}];

eachDatabase("a device whose stored supplies are damaged keeps no other from its alerts and forecasts", async () => {
  await using store = await openTestStore();
  await using one = await deviceScene("Acme", store);
  await using two = await deviceScene("Other", store);
  const ids: string[] = [];
  for (const scene of [one, two]) {
    for (const n of [1, 2, 3, 4, 5]) {
      ids.push(
        await scene.upload({ serial: `SERIAL0${n}`, address: `10.1.0.${n}`, supplies: lowToner as never, total: n }),
      );
    }
    await scene.tenant.run("UPDATE agents SET last_seen_at = :now WHERE customer_id = :customer", { now: scene.now() });
  }
  const bad = [ids[1]!, ids[7]!];
  for (const scene of [one, two]) {
    for (const device of bad) {
      await scene.tenant.run(
        "UPDATE device_state SET supplies = :damaged WHERE customer_id = :customer AND device_id = :device",
        { damaged, device },
      );
    }
  }
  const logged: Record<string, unknown>[] = [];
  const platform = {
    ...one.platform,
    log: (event: string, fields: object) => void logged.push({ event, ...fields }),
  };
  assert.equal(await watchAlerts(platform, { isSlow: true }), undefined);
  for (const scene of [one, two]) {
    const alerts = await listRaisedAlerts(scene.platform, scene.by, {});
    assert.equal(alerts.filter(({ kind }) => kind === "supplyLow").length, 4);
    const forecasts = await scene.tenant.get<{ n: number }>(
      "SELECT count(*) AS n FROM supply_forecasts WHERE customer_id = :customer",
    );
    assert.equal(forecasts!.n, 4);
  }
  const devicesOf = (event: string) => logged.filter((each) => each.event === event).map(({ device }) => device).sort();
  assert.deepEqual(devicesOf("alertsNotLookedAt"), bad.toSorted());
  assert.deepEqual(devicesOf("forecastNotMade"), bad.toSorted());
});

eachDatabase("a customer whose settings are damaged keeps no other from its mailed statements", async () => {
  await using store = await openTestStore();
  const scenes = [
    await billingScene(store, "One"),
    await billingScene(store, "Two"),
    await billingScene(store, "Three"),
  ];
  const logged: Record<string, unknown>[] = [];
  const log = (event: string, fields: object) => void logged.push({ event, ...fields });
  for (const scene of scenes) {
    await scene.read(await scene.device(), { "2026-02-28": 1000, "2026-03-31": 1500 });
    const schedule = { day: 1, recipients: ["a@example.com"], forms: ["csv" as const] };
    await changeBillingSettings(scene.platform, scene.by, { schedule });
  }
  const [first, second, third] = scenes.toSorted((a, b) => a.by.tenant < b.by.tenant ? -1 : 1);
  const set = (scene: typeof first, settings: string) =>
    scene!.tenant.run("UPDATE billing_settings SET settings = :settings WHERE customer_id = :customer", { settings });
  await set(first, "{");
  await set(second, JSON.stringify({ zone: "Nowhere/None", schedule: { day: 1, recipients: [], forms: [] } }));
  await mailStatements({ ...third!.platform, pepper, log });
  const made = await third!.tenant.all("SELECT number FROM statements WHERE customer_id = :customer");
  assert.equal(made.length, 1);
  assert.deepEqual(
    logged.map(({ event, customer }) => [event, customer]),
    [first, second].map((scene) => ["statementNotMade", scene!.by.tenant]),
  );
});

eachDatabase("a mail that cannot be read waits as one that cannot be sent, and is given up", async () => {
  await using store = await openTestStore();
  let at = new Date("2026-03-02T08:00:00Z");
  const queue = (recipient: string) =>
    store.transaction((tx) => queueMail(tx, { mail: { recipient, subject: "s", text: "t" }, pepper, at }));
  const bad = await queue("bad@example.com");
  await store.transaction((tx) => tx.run("UPDATE mails SET body = :damaged WHERE mail_id = :bad", { damaged, bad }));
  at = new Date(at.getTime() + 1000);
  const good = await queue("good@example.com");
  const told: { mailId: string; tries: number; isGivenUp: boolean; failure: string }[] = [];
  const take = () => takeMail(store, { pepper, at, onFailed: (mail) => void told.push(mail) });
  const taken = await take();
  assert.equal(taken?.mailId, good);
  await noteSent(store, good);
  for (let n = 0; n < 20; n++) {
    at = new Date(at.getTime() + day);
    assert.equal(await take(), undefined);
  }
  assert.deepEqual(told.map(({ tries }) => tries), told.map((_, i) => i + 1));
  assert.deepEqual([told.length, told.at(-1)!.isGivenUp, told.at(-2)!.isGivenUp], [10, true, false]);
  assert.match(told[0]!.failure, /^Cannot read the mail as it is stored: /);
  const row = await store.transaction((tx) =>
    tx.get<{ state: string; failure: string }>("SELECT state, failure FROM mails WHERE mail_id = :bad", { bad })
  );
  assert.equal(row!.state, "failed");
});

eachDatabase("a webhook whose secret cannot be opened has failures, and dead letters at last", async () => {
  await using store = await openTestStore();
  await using scene = await deviceScene("Acme", store);
  const platform = { ...scene.platform, pepper, log() {} };
  const created = await createWebhook(platform as never, { actor: { kind: "operator", name: "test" } }, {
    url: "http://127.0.0.1:9/hook",
    events: ["device.new"],
    description: "",
  });
  await store.transaction((tx) => tx.run("UPDATE webhooks SET secret = :damaged", { damaged }));
  await scene.upload({ total: 1 });
  await using _ = startWebhooks(platform, { allowed: ["127.0.0.1"] });
  const delivery = () =>
    store.transaction((tx) =>
      tx.get<{ state: string; failure: string | null; tries: number }>(
        "SELECT state, failure, tries FROM webhook_deliveries",
      )
    );
  await until("its failure is noted", async () => (await delivery())?.failure != null);
  assert.ok(created);
  assert.equal((await delivery())!.state, "waiting");
});

eachDatabase("a customer whose agents cannot be read keeps no other from being told of silence", async () => {
  await using store = await openTestStore();
  const scenes = [await deviceScene("One", store), await deviceScene("Two", store)];
  const [first, second] = scenes.toSorted((a, b) => a.by.tenant < b.by.tenant ? -1 : 1) as [
    typeof scenes[0],
    typeof scenes[0],
  ];
  const platform = { ...first.platform, pepper, log() {} };
  await createWebhook(platform as never, { actor: { kind: "operator", name: "test" } }, {
    url: "http://127.0.0.1:9/hook",
    events: ["device.silent"],
    description: "",
  });
  for (const scene of scenes) await scene.upload({ total: 1 });
  first.pass(2 * day);
  second.pass(2 * day);
  const told = () => second.tenant.all("SELECT 1 FROM silent_told WHERE customer_id = :customer");
  const failing: Store = Object.assign(Object.create(store), {
    engine: store.engine,
    transaction: (work: Parameters<Store["transaction"]>[0], options: Parameters<Store["transaction"]>[1]) =>
      store.transaction((tx) => {
        const tenant = (id: string) => {
          if (id === first.by.tenant) throw new Error("a damaged row");
          return tx.tenant(id);
        };
        const parts = { engine: tx.engine, tenant, all: tx.all.bind(tx), get: tx.get.bind(tx), run: tx.run.bind(tx) };
        return work({ ...parts, notify: tx.notify.bind(tx) } as unknown as typeof tx);
      }, options),
  });
  await assert.rejects(noteSilent({ ...platform, store: failing }), /a damaged row/);
  assert.equal((await told()).length, 1);
});

eachDatabase("a counter that no sum could hold is refused, and the readings beside it are stored", async () => {
  await using scene = await deviceScene();
  const [agentId] = scene.agentIds as [string];
  const records = [1e100, 1e99].map((total, n) =>
    recordOf(readingOf({ total, serial: `SERIAL0${n}`, address: `10.1.0.${n + 1}` }))
  );
  const batch = batchOf({ installationId: crypto.randomUUID(), runId: crypto.randomUUID() } as never, {
    sequence: 1,
    records,
  });
  await upload(scene.platform, { customerId: scene.by.tenant, agentId }, batch);
  const values = await scene.tenant.all<{ value: number }>(
    "SELECT value FROM samples WHERE customer_id = :customer AND kind = 'meter' AND name = 'total'",
  );
  assert.deepEqual(values.map(({ value }) => value), [1e99]);
});
