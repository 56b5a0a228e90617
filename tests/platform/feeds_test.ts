/** Feeds, with a receiver that answers as GLPI does: what is sent to whom, when, and receivers that do not take it. */
import assert from "node:assert/strict";
import { Ajv2020 } from "ajv/dist/2020.js";
import { UsageError } from "../../common/core/errors.ts";
import { listAudit } from "../../platform/audit/read_audit.ts";
import { createDealer } from "../../platform/customers/dealers.ts";
import { createFeed, listFeeds, pauseFeed, refreshFeed, removeFeed, resumeFeed } from "../../platform/feeds/feeds.ts";
import { startFeeds, waitAfter } from "../../platform/feeds/push_feeds.ts";
import { slowInPostgres } from "../fixtures/each_database.ts";
import { glpiSchema } from "../fixtures/glpi_schema.ts";
import { until } from "../fixtures/until.ts";
import { answering, feedScene, glpiServer, local, operator, readingWith, taken } from "./feed_scene.ts";

const validate = new Ajv2020({ strict: false }).compile(glpiSchema);
const serialOf = ({ body }: { body: string }) => JSON.parse(body).content.network_device.serial;

slowInPostgres("each printer is sent once, again when it changes, and all of them after the refresh", async () => {
  await using glpi = await glpiServer();
  const { test, platform, upload, round, settled } = await feedScene();
  await using _ = test;
  const acme = await test.customer("Acme"), other = await test.customer("Other");
  await upload(acme, [readingWith({ serial: "ACME01" }), readingWith({ serial: "ACME02", address: "10.1.0.8" })]);
  await upload(other, [readingWith({ serial: "OTHER1" })]);
  const since = test.clock.now().getTime();
  const { feedId } = await createFeed(platform, operator, {
    kind: "glpi",
    address: glpi.url,
    customer: "Acme",
    settings: { user: "dca", password: "s3cret" },
  });
  const first = await settled(feedId, since);
  assert.equal(first.failure, null);
  assert.deepEqual([first.sent, first.devices], [2, 2]);
  assert.deepEqual(glpi.got.map(serialOf).sort(), ["ACME01", "ACME02"]);
  for (const { body, headers } of glpi.got) {
    assert(validate(JSON.parse(body)), JSON.stringify(validate.errors));
    assert.equal(headers["content-type"], "application/json");
    assert.equal(headers.authorization, `Basic ${btoa("dca:s3cret")}`);
    assert.deepEqual(JSON.parse(body).content.pagecounters, { total: 1000, printcolor: 500 });
    assert.deepEqual(JSON.parse(body).content.cartridges, [{ tonerblack: "62" }], "unknown levels are none");
  }
  assert.equal((await round(feedId)).sent, 0);
  await upload(acme, [readingWith({ serial: "ACME01", total: 1002, observedAt: test.clock.now() })]);
  assert.equal((await round(feedId)).sent, 1);
  assert.equal(JSON.parse(glpi.got[2]!.body).content.pagecounters.total, 1002);
  assert.equal((await round(feedId, first.refreshMs)).sent, 2);
  assert.equal(glpi.got.length, 5);
  // All customers of the dealer.
  const begun = test.clock.now().getTime();
  const all = await createFeed(platform, operator, { kind: "glpi", address: glpi.url });
  assert.equal((await settled(all.feedId, begun)).sent, 3);
});

slowInPostgres("secrets are sealed, and what is done to a feed is in the audit log without them", async () => {
  const { test, platform, feed } = await feedScene();
  await using _ = test;
  await test.customer("Acme");
  const { feedId } = await createFeed(platform, operator, {
    kind: "glpi",
    address: "https://glpi.invalid/front/inventory.php?key=in-the-address",
    customer: "Acme",
    settings: { user: "dca", password: "s3cret-word" },
  });
  await pauseFeed(platform, operator, { feedId });
  assert.equal((await feed(feedId))!.state, "paused");
  await resumeFeed(platform, operator, { feedId });
  await refreshFeed(platform, operator, { feedId });
  const [row] = await test.queries.all<Record<string, unknown>>("SELECT * FROM feeds");
  const stored = Object.values(row!).map((value) =>
    value instanceof Uint8Array ? new TextDecoder("latin1").decode(value) : String(value)
  ).join("\n");
  assert(!stored.includes("s3cret-word"));
  assert(!JSON.stringify(await listFeeds(platform, operator)).includes("s3cret-word"));
  const audit = (await listAudit(platform, operator, {})).filter(({ subject }) => subject === feedId);
  assert.deepEqual(audit.map(({ action }) => action).sort(), [
    "feedCreated",
    "feedPaused",
    "feedRefreshed",
    "feedResumed",
  ]);
  assert(!/s3cret|in-the-address/.test(JSON.stringify(audit)));
  for (const one of [{ feedId: "fed-000000000000" }, { feedId, dealerId: "dea-000000000000" }]) {
    for (const change of [pauseFeed, resumeFeed, refreshFeed, removeFeed]) {
      await assert.rejects(change(platform, operator, one), UsageError);
    }
  }
  assert.deepEqual(await listFeeds(platform, operator, { dealerId: "dea-000000000000" }), []);
});

slowInPostgres("of two processes, one sends each printer", async () => {
  await using glpi = await glpiServer();
  const { test, platform, upload, settled } = await feedScene();
  await using _ = test;
  await using _other = startFeeds(platform, local);
  const acme = await test.customer("Acme");
  await upload(
    acme,
    Array.from({ length: 20 }, (_, i) => readingWith({ serial: `SERIAL${10 + i}`, address: `10.1.0.${10 + i}` })),
  );
  const since = test.clock.now().getTime();
  const { feedId } = await createFeed(platform, operator, { kind: "glpi", address: glpi.url });
  assert.equal((await settled(feedId, since)).sent, 20);
  assert.equal(glpi.got.length, 20);
  assert.equal(new Set(glpi.got.map(serialOf)).size, 20);
});

slowInPostgres(
  "a receiver that fails is tried later and later, told in words, and sent what it has missed",
  async () => {
    await using glpi = await glpiServer();
    const { test, platform, upload, round, settled } = await feedScene();
    await using _ = test;
    const acme = await test.customer("Acme");
    await upload(acme, [readingWith({ serial: "ACME01" })]);
    glpi.answer.with = answering(503, "no");
    const since = test.clock.now().getTime();
    const { feedId } = await createFeed(platform, operator, { kind: "glpi", address: glpi.url });
    let listed = await settled(feedId, since), waited = 0;
    for (let failures = 1; waited < 6 * 3_600_000; failures++) {
      assert.equal(listed.failure, "it answered 503");
      assert.equal(listed.nextAt - listed.failedAt!, waitAfter(failures));
      waited += waitAfter(failures);
      listed = await round(feedId);
    }
    assert(glpi.got.length < 20, `${glpi.got.length} tries in six hours`);
    glpi.answer.with = taken;
    listed = await round(feedId);
    assert.deepEqual([listed.failure, listed.sent], [null, 1]);
    assert.equal(listed.nextAt - listed.succeededAt!, listed.everyMs);
  },
);

Deno.test("a printer that GLPI refuses holds up no other, and an answer that is none of GLPI is no success", async () => {
  await using glpi = await glpiServer();
  const { test, platform, upload, round, settled } = await feedScene();
  await using _ = test;
  const acme = await test.customer("Acme");
  await upload(acme, [readingWith({ serial: "BAD001" }), readingWith({ serial: "GOOD02", address: "10.1.0.8" })]);
  const refused = answering(400, '{"status":"error","message":"JSON does not validate"}');
  glpi.answer.with = (request, response, body) =>
    (serialOf({ body }) === "BAD001" ? refused : taken)(request, response, body);
  const since = test.clock.now().getTime();
  const { feedId } = await createFeed(platform, operator, { kind: "glpi", address: glpi.url });
  const first = await settled(feedId, since);
  assert.deepEqual([first.sent, first.failure], [1, "one was refused: it answered 400: JSON does not validate"]);
  // However often it refuses that one, what changes of the other is sent as soon as ever.
  for (let i = 0; i < 6; i++) await round(feedId);
  const later = await round(feedId);
  assert.equal(later.nextAt - later.failedAt!, later.everyMs);
  for (
    const [answer, failure] of [
      [answering(200, "<html>"), /it answered 200 without JSON/],
      [answering(200, '{"status":"error","message":"no entity"}'), /it answered "error": no entity/],
      [answering(302, "", { location: "https://169.254.169.254/" }), /^it answered 302$/],
      [answering(401, "{}"), /^it answered 401$/],
    ] as const
  ) {
    glpi.answer.with = answer;
    assert.match((await round(feedId)).failure!, failure);
  }
});

Deno.test("a receiver that hangs or answers without end holds up no other feed", async () => {
  await using hanging = await glpiServer();
  await using endless = await glpiServer();
  await using good = await glpiServer();
  hanging.answer.with = () => {};
  endless.answer.with = (_, response) => {
    response.writeHead(200);
    const more = () => {
      while (!response.destroyed && response.write("x".repeat(65_536)));
    };
    response.on("drain", more);
    more();
  };
  const { test, platform, upload, settled } = await feedScene({ ...local, timeoutMs: 1000 });
  await using _ = test;
  const acme = await test.customer("Acme");
  await upload(acme, [readingWith({ serial: "ACME01" })]);
  const since = test.clock.now().getTime();
  const make = async ({ url }: { url: string }) =>
    (await createFeed(platform, operator, { kind: "glpi", address: url })).feedId;
  const [slow, long, quick] = [await make(hanging), await make(endless), await make(good)];
  assert.equal((await settled(quick, since)).sent, 1);
  assert.match((await settled(slow, since)).failure!, /within 1 s/);
  assert.match((await settled(long, since)).failure!, /200 without JSON/);
});

slowInPostgres("receivers of one dealer that hang do not hold up those of another", async () => {
  await using hanging = await glpiServer();
  hanging.answer.with = () => {};
  const { test, platform, upload, feed } = await feedScene({ ...local, timeoutMs: 600_000 });
  await using _ = test;
  await upload(await test.customer("Acme"), [readingWith({ serial: "ACME01" })]);
  for (let i = 0; i < 12; i++) await createFeed(platform, operator, { kind: "glpi", address: hanging.url });
  await until("feeds hang", () => Promise.resolve(hanging.got.length >= 4));
  await createDealer(platform, operator, { name: "Another" });
  const address = "https://glpi.example.com/front/inventory.php";
  const { feedId } = await createFeed(platform, operator, { kind: "glpi", address, dealer: "Another" });
  await until("the other dealer's feed has its turn", async () => (await feed(feedId))!.succeededAt !== null);
  assert.equal(hanging.got.length, 4);
});

Deno.test("addresses that are not of the Internet are not called unless an operator allows them", async () => {
  const { test, platform, settled, upload } = await feedScene({});
  await using _ = test;
  await upload(await test.customer("Acme"), [readingWith({ serial: "ACME01" })]);
  for (
    const [kind, address, failure] of [
      ["glpi", "https://169.254.169.254/front/inventory.php", /not an address of the Internet/],
      ["glpi", "http://glpi.example.com/", /does not begin with https/],
      ["glpi", "https://localhost/", /not an address of the Internet/],
      ["zabbix", "zabbixs://10.0.0.1", /not an address of the Internet/],
      ["zabbix", "zabbix://zabbix.example.com", /not encrypted/],
      ["mqtt", "mqtts://[::1]:8883", /not an address of the Internet/],
      ["mqtt", "mqtts://localhost", /not an address of the Internet/],
      ["mqtt", "mqtt://broker.example.com", /not encrypted/],
    ] as const
  ) {
    const since = test.clock.now().getTime();
    const { feedId } = await createFeed(platform, operator, { kind, address });
    assert.match((await settled(feedId, since)).failure!, failure, address);
  }
});

slowInPostgres("a feed that cannot be is refused in words", async () => {
  const { test, platform } = await feedScene();
  await using _ = test;
  await test.customer("Acme");
  const glpi = "https://glpi.example.com/", mqtt = "mqtts://broker.example.com", zabbix = "zabbixs://z.example.com";
  const wishes: [kind: string, address: string, settings: Record<string, string>, message: RegExp][] = [
    ["nagios", glpi, {}, /"nagios" as a kind/],
    ["glpi", "nothing", {}, /it is not an address/],
    ["glpi", "ftp://glpi.example.com", {}, /does not begin with https:/],
    ["glpi", "https://eva:word@glpi.example.com", {}, /"https:\/\/glpi.example.com\/".* user or a password/],
    ["mqtt", glpi, {}, /does not begin with mqtts:/],
    ["mqtt", `${mqtt}/topic`, {}, /more than a host/],
    ["mqtt", "mqtts://:8883", {}, /not an address|no host/],
    ["zabbix", `${zabbix}:0`, {}, /port is 0/],
    ["zabbix", zabbix, { host: "one" }, /one host of Zabbix for all customers/],
    ["zabbix", zabbix, { host: "a\nb{customer}" }, /control characters/],
    ["zabbix", zabbix, { host: "#{customer}" }, /letters, digits/],
    ["mqtt", mqtt, { prefix: "a/#" }, /other characters/],
    ["mqtt", mqtt, { discovery: "+/{customer}" }, /other characters/],
    ["mqtt", mqtt, { links: "maybe" }, /yes or no/],
    ["mqtt", mqtt, { password: "x" }, /no user/],
    ["mqtt", mqtt, { key: "-----BEGIN PRIVATE KEY-----" }, /certificate and key/],
    ["mqtt", mqtt, { ca: "none" }, /no PEM/],
    ["mqtt", mqtt, { __proto__x: "1" }, /as a setting of MQTT/],
    ["mqtt", mqtt, { constructor: "1" }, /as a setting of MQTT/],
    ["mqtt", mqtt, { user: "" }, /empty/],
  ];
  for (const [kind, address, settings, message] of wishes) {
    await assert.rejects(
      createFeed(platform, operator, { kind, address, settings }),
      (error) => error instanceof UsageError && message.test(error.message),
      `${kind} ${address} ${JSON.stringify(settings)}`,
    );
  }
  assert.deepEqual(await listFeeds(platform, operator), []);
});

slowInPostgres("a paused feed sends nothing, and a removed one is gone", async () => {
  await using glpi = await glpiServer();
  const { test, platform, upload, feed, settled } = await feedScene();
  await using _ = test;
  await upload(await test.customer("Acme"), [readingWith({ serial: "ACME01" })]);
  const since = test.clock.now().getTime();
  const { feedId } = await createFeed(platform, operator, { kind: "glpi", address: glpi.url });
  await settled(feedId, since);
  await pauseFeed(platform, operator, { feedId });
  test.clock.advance(48 * 3_600_000);
  // A later feed has its turn, and the paused one has none.
  const begun = test.clock.now().getTime();
  await settled((await createFeed(platform, operator, { kind: "glpi", address: glpi.url })).feedId, begun);
  assert.equal(glpi.got.length, 2);
  const resumed = test.clock.now().getTime();
  await resumeFeed(platform, operator, { feedId });
  assert.equal((await settled(feedId, resumed)).sent, 1);
  await removeFeed(platform, operator, { feedId });
  await until("it is gone", async () => await feed(feedId) === undefined);
  const left = await test.queries.all("SELECT * FROM feed_devices WHERE feed_id = :feedId", { feedId });
  assert.deepEqual(left, []);
});
