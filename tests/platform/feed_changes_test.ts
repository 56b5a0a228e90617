/** What a round of a feed reads: what has changed, whoever changed it and whenever it was committed, and no more. */
import assert from "node:assert/strict";
import { createServer, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { closeCustomer, closeSite, reopenCustomer, reopenSite } from "../../platform/customers/close.ts";
import { renameCustomer, renameSite } from "../../platform/customers/customers.ts";
import { mergeDevice, undoDeviceChange } from "../../platform/devices/merge_device.ts";
import { queueChanges } from "../../platform/events/queue_changes.ts";
import { createFeed, pauseFeed, resumeFeed } from "../../platform/feeds/feeds.ts";
import { maybeZabbixText, zabbixFrame } from "../../platform/feeds/zabbix_frames.ts";
import type { Store, Transaction } from "../../platform/store/store.ts";
import { inPostgres, slowInPostgres } from "../fixtures/each_database.ts";
import { until } from "../fixtures/until.ts";
import { answering, feedScene, type Glpi, glpiServer, operator, readingWith, taken } from "./feed_scene.ts";

const hour = 3_600_000;
const serialOf = ({ body }: { body: string }): string => JSON.parse(body).content.network_device.serial;
const serials = ({ got }: Glpi) => got.splice(0).map(serialOf).sort();
const printers = (count: number, parts: Parameters<typeof readingWith>[0] = {}) =>
  Array.from(
    { length: count },
    (_, i) => readingWith({ serial: `SERIAL${10 + i}`, address: `10.1.0.${10 + i}`, ...parts }),
  );

/** Statements of the store, from now on. */
function statementsOf(store: Store): string[] {
  const statements: string[] = [], { transaction } = store;
  const spied = <T extends object>(target: T): T =>
    new Proxy(target, {
      get(_, name) {
        const value = Reflect.get(target, name, target);
        if (typeof value !== "function") return value;
        return (...values: unknown[]) => {
          if (typeof values[0] === "string" && name !== "tenant") statements.push(values[0]);
          const answer = value.apply(target, values);
          return name === "tenant" ? spied(answer) : answer;
        };
      },
    });
  store.transaction = (work, options) => transaction((tx) => work(spied(tx) as Transaction), options);
  return statements;
}

const ofDevices = /\b(FROM|JOIN)\s+(devices|device_state)\b/;

async function fedScene(count = 3) {
  const glpi = await glpiServer(), scene = await feedScene(), { test, platform, upload, settled } = scene;
  const acme = await test.customer("Acme"), since = test.clock.now().getTime();
  await upload(acme, printers(count));
  const { feedId } = await createFeed(platform, operator, { kind: "glpi", address: glpi.url });
  assert.equal((await settled(feedId, since)).sent, count);
  assert.equal(serials(glpi).length, count);
  return {
    ...scene,
    glpi,
    acme,
    feedId,
    by: { ...operator, tenant: acme.tenant.customerId },
    async [Symbol.asyncDispose]() {
      await test[Symbol.asyncDispose]();
      await glpi[Symbol.asyncDispose]();
    },
  };
}

slowInPostgres("a round after no change reads no devices, and one after a change those that came", async () => {
  await using scene = await fedScene(20);
  const { test, platform, acme, glpi, feedId, upload, round } = scene, statements = statementsOf(platform.store);
  assert.equal((await round(feedId)).sent, 0);
  assert.deepEqual(statements.filter((sql) => ofDevices.test(sql)), []);
  const ofFeeds = statements.filter((sql) => /\bfeed_\w+/.test(sql) && !sql.startsWith("SELECT f.*")).length;
  assert(ofFeeds > 0 && ofFeeds < 10, `${ofFeeds} statements`);
  await upload(acme, printers(1, { total: 1002, observedAt: test.clock.now() }));
  statements.splice(0);
  assert.equal((await round(feedId)).sent, 1);
  assert.deepEqual(serials(glpi), ["SERIAL10"]);
  assert.equal(statements.filter((sql) => /FROM devices d\s/.test(sql)).length, 1, "a lot is one statement");
  statements.splice(0);
  assert.equal((await round(feedId)).sent, 0);
  assert.deepEqual(statements.filter((sql) => ofDevices.test(sql)), []);
});

inPostgres("what is committed after a round that did not see it is sent by the next", async () => {
  await using scene = await fedScene();
  const { test, platform, acme, glpi, feedId, round, settled } = scene, { store } = platform;
  /** In a transaction that is committed later. */
  const change = async (location: string) => {
    const made = Promise.withResolvers<void>(), committing = Promise.withResolvers<void>();
    const committed = store.transaction(async (tx) => {
      const tenant = tx.tenant(acme.tenant.customerId);
      const device = await tenant.get<{ device_id: string }>(
        "SELECT device_id FROM devices WHERE customer_id = :customer ORDER BY serial LIMIT 1",
      );
      await tenant.run(
        "UPDATE devices SET location = :location WHERE customer_id = :customer AND device_id = :device",
        {
          device: device!.device_id,
          location,
        },
      );
      await queueChanges(tenant, [device!.device_id]);
      made.resolve();
      await committing.promise;
    });
    await made.promise;
    return () => {
      committing.resolve();
      return committed;
    };
  };
  let commit = await change("Room 2");
  assert.equal((await round(feedId)).sent, 0);
  await commit();
  assert.equal((await round(feedId)).sent, 1);
  assert.match(glpi.got.splice(0)[0]!.body, /Room 2/);
  // A feed that is made while others change devices: its pass waits for them.
  const since = test.clock.now().getTime();
  commit = await change("Room 3");
  const { feedId: made } = await createFeed(platform, operator, { kind: "glpi", address: glpi.url });
  const waits = "SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'advisory'";
  await until("the pass waits", async () => (await test.queries.all(waits)).length > 0);
  await commit();
  assert.equal((await settled(made, since)).sent, 3);
  assert.equal(glpi.got.filter(({ body }) => body.includes("Room 3")).length, 1);
});

slowInPostgres("what a round has not brought to its end comes again, and each other once", async () => {
  await using scene = await fedScene(8);
  const { test, acme, glpi, feedId, upload, round, settled } = scene;
  // One of two servers dies while the receiver thinks.
  const hanging: (() => void)[] = [];
  glpi.answer.with = (request, response, body) => void hanging.push(() => taken(request, response, body));
  await upload(acme, printers(8, { total: 1002, observedAt: test.clock.now() }));
  const begun = round(feedId);
  await until("it is asked", () => hanging.length >= 4);
  glpi.answer.with = taken;
  await test.queries.run("UPDATE feeds SET claim = NULL, next_at = :now", { now: test.clock.now().getTime() });
  await settled(feedId, test.clock.now().getTime());
  for (const answer of hanging) answer();
  await begun;
  const sent = serials(glpi);
  assert.equal(new Set(sent).size, 8);
  assert.equal(sent.length, 12, "four of them again");
  assert.equal((await round(feedId)).sent, 0);
  // A receiver that fails in the middle.
  let asked = 0;
  glpi.answer.with = (...of) => (asked++ < 5 ? taken : answering(503, "no"))(...of);
  await upload(acme, printers(8, { total: 1004, observedAt: test.clock.now() }));
  assert.match((await round(feedId)).failure!, /503/);
  glpi.answer.with = taken;
  glpi.got.splice(0);
  assert.equal((await round(feedId)).failure, null);
  assert.deepEqual(serials(glpi), ["SERIAL14", "SERIAL15", "SERIAL16", "SERIAL17"]);
  assert.equal((await round(feedId)).sent, 0);
});

slowInPostgres("devices are taken away and come back with merges, sites, customers and pauses", async () => {
  await using scene = await fedScene();
  const { test, platform, acme, by, feedId, upload, round, feed } = scene;
  const devices = async () => ((await round(feedId)).failure, (await feed(feedId))!.devices);
  const [one, two] = await acme.tenant.all<{ device_id: string }>(
    "SELECT device_id FROM devices WHERE customer_id = :customer ORDER BY serial",
  );
  const { changeId } = await mergeDevice(platform, by, { device: one!.device_id, other: two!.device_id });
  assert.equal(await devices(), 2);
  await undoDeviceChange(platform, by, { changeId });
  assert.equal(await devices(), 3);
  const [{ name: site }] = await acme.tenant.all<{ name: string }>(
    "SELECT name FROM sites WHERE customer_id = :customer AND site_id IN (SELECT site_id FROM agents WHERE customer_id = :customer)",
  ) as [{ name: string }];
  const closing = { reason: "moved", revokeAgents: true };
  await closeSite(platform, by, { site, ...closing });
  assert.equal(await devices(), 0);
  await reopenSite(platform, by, { site });
  assert.equal(await devices(), 3);
  await closeCustomer(platform, operator, { customer: "Acme", ...closing });
  assert.equal(await devices(), 0);
  assert.deepEqual(await test.queries.all("SELECT customer_id FROM feed_customers"), []);
  await reopenCustomer(platform, operator, { customer: "Acme" });
  assert.equal(await devices(), 3);
  await pauseFeed(platform, operator, { feedId });
  await upload(await test.customer("Other"), [readingWith({ serial: "OTHER1" })]);
  assert.deepEqual(await test.queries.all("SELECT change_id FROM feed_changes"), [], "nobody would take it");
  await resumeFeed(platform, operator, { feedId });
  assert.equal(await devices(), 4);
});

slowInPostgres("a pass once a day mends what the queue does not know", async () => {
  await using scene = await fedScene();
  const { test, acme, glpi, feedId, round } = scene;
  const begun = test.clock.now().getTime();
  await acme.tenant.run("UPDATE devices SET location = 'Cellar' WHERE customer_id = :customer AND serial = 'SERIAL10'");
  await acme.tenant.run(
    `INSERT INTO feed_devices (customer_id, feed_id, device_id, digest, kept, sent_at, due_at)
     SELECT customer_id, feed_id, 'dev-zzzzzzzzzzzz', digest, kept, sent_at, due_at FROM feed_devices
     WHERE customer_id = :customer LIMIT 1`,
  );
  await test.queries.run("UPDATE feed_devices SET due_at = :later", { later: begun + 96 * hour });
  assert.equal((await round(feedId)).sent, 0);
  assert.equal((await round(feedId, 23 * hour)).sent, 0);
  const last = await round(feedId, 2 * hour);
  assert.equal(last.devices, 3, "one is there no more");
  assert.match(glpi.got.map(({ body }) => body).join(), /Cellar/);
});

slowInPostgres("more than a receiver will ever catch up with is left to a pass", async () => {
  await using scene = await fedScene();
  const { test, acme, glpi, feedId, round, upload } = scene;
  glpi.answer.with = answering(503, "no");
  await upload(acme, printers(1, { total: 1002, observedAt: test.clock.now() }));
  await acme.tenant.run(
    `INSERT INTO feed_changes (customer_id, feed_id, change_id, devices)
     WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
     SELECT customer_id, feed_id, 'more-' || CAST(i AS TEXT), devices FROM feed_changes, n WHERE customer_id = :customer`,
  );
  assert.match((await round(feedId)).failure!, /503/);
  assert.equal((await test.queries.all("SELECT 1 FROM feed_changes")).length, 0);
  await upload(acme, printers(2, { total: 1003, observedAt: test.clock.now() }));
  assert.deepEqual(await test.queries.all("SELECT change_id FROM feed_changes"), [], "the pass has it");
  glpi.answer.with = taken;
  glpi.got.splice(0);
  assert.equal((await round(feedId)).sent, 2);
});

/** Takes every value of Zabbix senders. */
async function zabbixServer() {
  const values: { key: string; value: string }[] = [];
  const server = createServer((socket: Socket) => {
    let read = new Uint8Array();
    socket.on("error", () => {});
    socket.on("data", (part: Uint8Array) => {
      read = new Uint8Array([...read, ...part]);
      const text = maybeZabbixText(read, 10_000_000);
      if (text === undefined) return;
      const { data } = JSON.parse(text);
      values.push(...data);
      const info = `processed: ${data.length}; failed: 0; total: ${data.length}; seconds spent: 0.000100`;
      socket.end(zabbixFrame(JSON.stringify({ response: "success", info })));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: `zabbix://127.0.0.1:${(server.address() as AddressInfo).port}`,
    values,
    /** Since the last time. */
    take: () => new Map(values.splice(0).map(({ key, value }) => [key, value])),
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

slowInPostgres(
  "Zabbix has what printers are called and where they are, and that one is silent as soon as it is",
  async () => {
    await using zabbix = await zabbixServer();
    const { test, platform, upload, settled, round } = await feedScene();
    await using _ = test;
    const acme = await test.customer("Acme"), by = { ...operator, tenant: acme.tenant.customerId };
    const since = test.clock.now().getTime();
    await upload(acme, printers(2));
    const wish = { kind: "zabbix", address: zabbix.address, refreshMs: 7 * 24 * hour };
    const { feedId } = await createFeed(platform, operator, wish);
    assert.deepEqual([(await settled(feedId, since)).failure, zabbix.take().size], [null, 3 + 2 * 5]);
    // A site of another name is in the discovery alone.
    const [{ name: site }] = await acme.tenant.all<{ name: string }>(
      "SELECT name FROM sites WHERE customer_id = :customer AND site_id IN (SELECT site_id FROM agents WHERE customer_id = :customer)",
    ) as [{ name: string }];
    await renameSite(platform, by, { site, name: "Attic" });
    await round(feedId);
    let got = zabbix.take();
    assert.deepEqual([...got.keys()], ["opendca.printers", "opendca.meters", "opendca.supplies"]);
    assert.equal(JSON.parse(got.get("opendca.printers")!)[0]["{#SITE}"], "Attic");
    await renameCustomer(platform, operator, { customer: "Acme", name: "Acme Ltd" });
    await round(feedId);
    assert.equal(zabbix.take().size, 0, "Zabbix is not told the customer's name");
    // Another address, and a further printer: the discovery comes with all of them.
    await upload(acme, [readingWith({ serial: "SERIAL10", address: "10.1.0.77", observedAt: test.clock.now() })]);
    await round(feedId);
    got = zabbix.take();
    assert.match(got.get("opendca.printers")!, /10\.1\.0\.77/);
    assert.equal(JSON.parse(got.get("opendca.printers")!).length, 2);
    await upload(acme, [readingWith({ serial: "SERIAL12", address: "10.1.0.12", observedAt: test.clock.now() })]);
    assert.equal((await round(feedId)).sent, 1);
    assert.equal(JSON.parse(zabbix.take().get("opendca.printers")!).length, 3);
    // Silent after a day, which nobody uploads, and between two passes.
    const seen = test.clock.now().getTime();
    await upload(acme, printers(3, { observedAt: test.clock.now() }));
    await round(feedId, 23 * hour);
    zabbix.take();
    await round(feedId, seen + 24 * hour - test.clock.now().getTime() - 2 * 60_000);
    assert.equal(zabbix.take().size, 0);
    const statements = statementsOf(platform.store);
    await round(feedId, 5 * 60_000);
    got = zabbix.take();
    assert.deepEqual([...got].filter(([key]) => key.startsWith("opendca.online")).map(([, value]) => value), [
      "0",
      "0",
      "0",
    ]);
    assert(statements.some((sql) => ofDevices.test(sql)));
    statements.splice(0);
    await round(feedId);
    assert.deepEqual(statements.filter((sql) => ofDevices.test(sql)), []);
  },
);

slowInPostgres("of a printer that changes what Zabbix discovers, no other one is read", async () => {
  await using zabbix = await zabbixServer();
  const { test, platform, upload, settled, round } = await feedScene();
  await using _ = test;
  const acme = await test.customer("Acme"), by = { ...operator, tenant: acme.tenant.customerId };
  const since = test.clock.now().getTime(), observedAt = () => test.clock.now();
  await upload(acme, printers(4));
  const wish = { kind: "zabbix", address: zabbix.address, refreshMs: 7 * 24 * hour };
  const { feedId } = await createFeed(platform, operator, wish);
  await settled(feedId, since);
  zabbix.take();
  const statements = statementsOf(platform.store);
  const lots = () => statements.splice(0).filter((sql) => /FROM devices d\s/.test(sql)).length;
  const told = () => {
    const got = zabbix.take(), keys = [...got.keys()].filter((key) => !key.includes("["));
    const printers: Record<string, string>[] = JSON.parse(got.get("opendca.printers") ?? "[]");
    return { keys, addresses: printers.map((row) => row["{#ADDRESS}"]).sort().join(" ") };
  };
  const all = ["opendca.printers", "opendca.meters", "opendca.supplies"], others = "10.1.0.11 10.1.0.12 10.1.0.13";
  // What it counts says nothing new.
  await upload(acme, printers(1, { total: 1002, observedAt: observedAt() }));
  lots();
  await round(feedId);
  assert.deepEqual([told().keys, lots()], [[], 1]);
  // Another address, and another printer.
  await upload(acme, [readingWith({ serial: "SERIAL10", address: "10.1.0.77", observedAt: observedAt() })]);
  await upload(acme, [readingWith({ serial: "SERIAL20", address: "10.1.0.20", observedAt: observedAt() })]);
  lots();
  await round(feedId);
  assert.deepEqual(told(), { keys: all, addresses: `${others} 10.1.0.20 10.1.0.77` });
  assert.equal(lots(), 1);
  // One that is gone, as it is a part of another one.
  const idOf = async (serial: string) =>
    (await acme.tenant.get<{ device_id: string }>(
      "SELECT device_id FROM devices WHERE customer_id = :customer AND serial = :serial",
      { serial },
    ))!.device_id;
  await mergeDevice(platform, by, { device: await idOf("SERIAL20"), other: await idOf("SERIAL10") });
  await round(feedId);
  assert.equal(told().addresses.split(" ").length, 4);
  // What an earlier version kept says less: all are read, and then no more.
  await test.queries.run("UPDATE feed_devices SET kept = '[\"digest\"]' WHERE device_id <> ''");
  await upload(acme, [readingWith({ serial: "SERIAL11", address: "10.1.0.99", observedAt: observedAt() })]);
  await round(feedId);
  assert.match(told().addresses, /10\.1\.0\.99/);
  await upload(acme, printers(4, { observedAt: observedAt() }));
  await round(feedId);
  told();
  // A pass that is under way has not sent all of them.
  await test.queries.run("UPDATE feed_customers SET place = 'dev-zzzzzzzzzzzz'");
  await test.queries.run("DELETE FROM feed_devices WHERE device_id = :device", { device: await idOf("SERIAL12") });
  await upload(acme, [readingWith({ serial: "SERIAL11", address: "10.1.0.98", observedAt: observedAt() })]);
  await round(feedId);
  assert.equal(zabbix.values.filter(({ key }) => key === "opendca.printers").length, 1, "the first one had all");
  assert.match(told().addresses, /10\.1\.0\.12\b.*10\.1\.0\.98/);
});
