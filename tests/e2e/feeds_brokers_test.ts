/** Feeds to Debian's Mosquitto and to Debian's Zabbix proxy. */
import assert from "node:assert/strict";
import { closeCustomer } from "../../platform/customers/close.ts";
import { colorPrinter } from "../fixtures/fed_devices.ts";
import { createFeed, pauseFeed, removeFeed } from "../../platform/feeds/feeds.ts";
import { deviceValues } from "../../platform/feeds/zabbix_values.ts";
import { inPostgres } from "../fixtures/each_database.ts";
import { freePort } from "../fixtures/free_port.ts";
import { mqttClient } from "../fixtures/mqtt_client.ts";
import { maybeProgram, peerTest } from "../fixtures/peers.ts";
import { createTestAuthority } from "../fixtures/test_authority.ts";
import { until } from "../fixtures/until.ts";
import { startZabbixProxy } from "../fixtures/zabbix_peer.ts";
import { feedScene, local, operator, readingWith } from "../platform/feed_scene.ts";

/** Both databases, with a program of Debian. */
function peerOnEach(name: string, program: string, body: () => Promise<void>): void {
  peerTest(name, [program], body);
  if (maybeProgram(program) !== undefined) inPostgres(`${name}, in PostgreSQL`, body);
}

/** Mosquitto by TLS for a user with a password, or for a client's certificate; one that may write some topics alone. */
async function mosquitto() {
  const folder = await Deno.makeTempDir();
  await Deno.chmod(folder, 0o755);
  const authority = await createTestAuthority("Broker Authority");
  const own = await authority.issue({ names: ["localhost"] }), client = await authority.issue({ names: ["dca"] });
  const [port, certificatePort] = [freePort(), freePort()];
  const tls = (port: number) =>
    `listener ${port} 127.0.0.1
cafile ${folder}/ca.pem
certfile ${folder}/broker.pem
keyfile ${folder}/broker.key
acl_file ${folder}/acl
`;
  const files = {
    "ca.pem": authority.pem,
    "broker.pem": own.certificatePem,
    "broker.key": own.keyPem,
    "acl": "user dca\ntopic readwrite #\n\nuser reader\ntopic readwrite #\n\nuser little\ntopic write opendca/#\n",
    "mosquitto.conf": `per_listener_settings true\npersistence false\nuser root\n${
      tls(port)
    }allow_anonymous false\npassword_file ${folder}/passwords\n${
      tls(certificatePort)
    }require_certificate true\nuse_identity_as_username true\n`,
  };
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(`${folder}/${name}`, text, { mode: 0o644 });
  }
  for (const [i, user] of ["dca", "reader", "little"].entries()) {
    const args = ["-b", ...(i === 0 ? ["-c"] : []), `${folder}/passwords`, user, `${user}-word`];
    assert((await new Deno.Command("mosquitto_passwd", { args }).output()).success);
  }
  await Deno.chmod(`${folder}/passwords`, 0o644);
  let child: Deno.ChildProcess | undefined;
  async function stop(): Promise<void> {
    child?.kill("SIGKILL");
    await child?.status;
    child = undefined;
  }
  async function start(): Promise<void> {
    const args = ["-c", `${folder}/mosquitto.conf`];
    child = new Deno.Command(maybeProgram("mosquitto")!, { args, stdin: "null", stdout: "null", stderr: "null" })
      .spawn();
    await until(
      "mosquitto listens",
      () =>
        Deno.connect({ hostname: "127.0.0.1", port: certificatePort }).then((it) => (it.close(), true), () => false),
    );
  }
  await start();
  return {
    port,
    certificatePort,
    ca: authority.pem,
    client,
    start,
    stop,
    /** All that is retained, by topic. */
    async retained(): Promise<Map<string, string>> {
      await using reader = await mqttClient(`mqtts://localhost:${port}`, {
        ca: authority.pem,
        username: "reader",
        password: "reader-word",
      });
      await reader.subscribe("#");
      // Behind all that is retained, as the broker sends it in order.
      const mark = `mark/${crypto.randomUUID()}`;
      await reader.client.publishAsync(mark, "x", { qos: 1 });
      await until("all that is retained has come", () => reader.received.some(({ topic }) => topic === mark));
      return new Map(
        reader.received.filter(({ retain }) => retain).map(({ topic, payload }) => [topic, payload.toString()]),
      );
    },
    async [Symbol.asyncDispose]() {
      await stop();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

peerOnEach(
  "Home Assistant finds each printer at the broker, and finds it no more when it is gone",
  "mosquitto",
  async () => {
    await using broker = await mosquitto();
    const { test, platform, upload, feed, round, settled } = await feedScene();
    await using _ = test;
    const acme = await test.customer("Acme"), other = await test.customer("Other");
    await upload(acme, [readingWith({ serial: "ACME01" }), readingWith({ serial: "ACME02", address: "10.1.0.8" })]);
    await upload(other, [readingWith({ serial: "OTHER1" })]);
    const since = test.clock.now().getTime();
    const { feedId } = await createFeed(platform, operator, {
      kind: "mqtt",
      address: `mqtts://localhost:${broker.port}`,
      settings: { user: "dca", password: "dca-word\n", ca: broker.ca, prefix: "dealer/opendca" },
    });
    const first = await settled(feedId, since);
    assert.deepEqual([first.failure, first.sent], [null, 3]);
    const retained = await broker.retained();
    const configs = [...retained].filter(([topic]) => topic.endsWith("/config"));
    // Two counters, one supply whose level is known, and the state, of each.
    assert.equal(configs.length, 3 * 4);
    const prefix = (customer: typeof acme) => `dealer/opendca/${customer.tenant.customerId}/`;
    for (const [topic, text] of configs) {
      assert.match(topic, /^homeassistant\/sensor\/opendca_dev-\w+\/[\w-]+\/config$/);
      const config = JSON.parse(text), isAcme = /^ACME/.test(config.device.serial_number);
      assert(config.state_topic.startsWith(prefix(isAcme ? acme : other)), config.state_topic);
      const state = JSON.parse(retained.get(config.state_topic)!);
      assert(/\['([\w-]+)'\]/.exec(config.value_template)![1]! in state);
      assert.equal(retained.get(config.availability_topic), "online");
      assert.equal(config.device.configuration_url, undefined);
    }
    // What changes is sent; what is not read for a day is offline.
    await upload(acme, [readingWith({ serial: "ACME01", total: 1003, observedAt: test.clock.now() })]);
    assert.equal((await round(feedId)).sent, 1);
    const totals = async () =>
      [...await broker.retained()].filter(([topic]) => topic.endsWith("/state"))
        .map(([, text]) => JSON.parse(text).meter_total).sort();
    assert.deepEqual(await totals(), [1000, 1000, 1003]);
    // Those of a customer that is closed are gone.
    await closeCustomer(platform, operator, { customer: "Other", reason: "left", revokeAgents: true });
    await round(feedId);
    assert.deepEqual([...(await broker.retained()).keys()].filter((topic) => topic.startsWith(prefix(other))), []);
    assert.equal([...(await broker.retained()).keys()].filter((topic) => topic.endsWith("/config")).length, 8);
    assert.equal((await feed(feedId))!.devices, 2);
    // A sensor that is not there any more.
    const withoutSupplies = readingWith({ serial: "ACME02", address: "10.1.0.8", observedAt: test.clock.now() });
    await upload(acme, [{ ...withoutSupplies, supplies: withoutSupplies.supplies.slice(1) }]);
    await round(feedId);
    assert.equal([...(await broker.retained()).keys()].filter((topic) => topic.endsWith("/config")).length, 7);
    await removeFeed(platform, operator, { feedId });
    await until("the feed is gone", async () => await feed(feedId) === undefined);
    assert.deepEqual([...(await broker.retained()).keys()], []);
  },
);

peerTest("a broker is signed in to by a certificate; one that is away or refuses is named, and tried again", [
  "mosquitto",
], async () => {
  await using broker = await mosquitto();
  const { test, platform, upload, round, settled, feed } = await feedScene({ ...local, timeoutMs: 10_000 });
  await using _ = test;
  await upload(await test.customer("Acme"), [readingWith({ serial: "ACME01" })]);
  const make = async (port: number, settings: Record<string, string>, host = "localhost") => {
    const since = test.clock.now().getTime();
    const { feedId } = await createFeed(platform, operator, {
      kind: "mqtt",
      address: `mqtts://${host}:${port}`,
      settings: { ca: broker.ca, ...settings },
    });
    return await settled(feedId, since);
  };
  const { certificatePem: certificate, keyPem: key } = broker.client;
  const byCertificate = await make(broker.certificatePort, { certificate, key });
  assert.deepEqual([byCertificate.failure, byCertificate.sent], [null, 1]);
  assert.match((await make(broker.port, { user: "dca", password: "wrong" })).failure!, /refused.*[Nn]ot authorized/);
  assert.match((await make(broker.port, { user: "little", password: "little-word" })).failure!, /[Nn]ot authorized/);
  assert.match((await make(broker.port, { user: "dca", password: "dca-word" }, "127.0.0.1")).failure!, /certificate/i);
  const { pem } = await createTestAuthority("Another");
  assert.match(
    (await make(broker.port, { user: "dca", password: "dca-word", ca: pem })).failure!,
    /certificate|issuer/i,
  );
  await broker.stop();
  const { feedId } = byCertificate;
  await upload(await test.customer("More"), [readingWith({ serial: "MORE01" })]);
  assert.match((await round(feedId)).failure!, /refused|closed|reset/i);
  // Removed while the broker is away: its topics are taken away when it is there again.
  await removeFeed(platform, operator, { feedId });
  await until(
    "it was tried",
    async () => (await feed(feedId))!.failure !== null && (await feed(feedId))!.state === "removing",
  );
  await broker.start();
  // It has lost what it retained; the feed ends all the same.
  test.clock.advance(2 * 3_600_000);
  await platform.store.transaction((tx) => Promise.resolve(tx.notify("feed", "")));
  await until("the feed is gone", async () => await feed(feedId) === undefined);
});

const host = (customer: { tenant: { customerId: string } }) => `opendca-${customer.tenant.customerId}`;

peerOnEach(
  "Zabbix takes the discovery and the values; those without an item are told and come again",
  "zabbix_proxy",
  async () => {
    const { test, platform, upload, round, settled, feed } = await feedScene();
    await using _ = test;
    const acme = await test.customer("Acme");
    await upload(acme, [readingWith({ serial: "ACME01" })]);
    const [{ device_id: device }] = await acme.tenant.all<{ device_id: string }>(
      "SELECT device_id FROM devices WHERE customer_id = :customer",
    ) as [{ device_id: string }];
    const discovery = ["opendca.printers", "opendca.meters", "opendca.supplies"];
    const items = [
      `opendca.online[${device}]`,
      `opendca.state[${device}]`,
      `opendca.meter[${device},total]`,
      `opendca.meter[${device},print.color]`,
      `opendca.supply[${device},1.1]`,
    ];
    const since = test.clock.now().getTime();
    let feedId: string;
    {
      // As before Zabbix has made the items of the discovery.
      await using zabbix = await startZabbixProxy({ host: host(acme), keys: [...discovery, items[0]!] });
      ({ feedId } = await createFeed(platform, operator, {
        kind: "zabbix",
        address: `zabbix://127.0.0.1:${zabbix.port}`,
      }));
      const first = await settled(feedId, since);
      assert.equal(
        first.failure,
        `one was refused: it took 1 of 5 values; the others have no item yet: link the template to the host "${
          host(acme)
        }"`,
      );
      await until("the values are there", () => zabbix.received().length >= 4);
      const meters = JSON.parse(zabbix.received().find(({ key }) => key === "opendca.meters")!.value);
      assert.deepEqual(
        meters.map((row: Record<string, string>) => [row["{#DEVICE}"], row["{#METER}"], row["{#UNIT}"]]),
        [
          [device, "total", "pages"],
          [device, "print.color", "pages"],
        ],
      );
      assert.equal((await feed(feedId))!.devices, 0);
    }
    await using zabbix = await startZabbixProxy({ host: host(acme), keys: [...discovery, ...items] });
    await test.queries.run("UPDATE feeds SET address = :address", { address: `zabbix://127.0.0.1:${zabbix.port}` });
    assert.deepEqual([(await round(feedId)).failure, (await feed(feedId))!.devices], [null, 1]);
    await until("the values are there", () => zabbix.received().length >= items.length);
    const got = new Map(zabbix.received().map(({ key, value }) => [key, value]));
    assert.deepEqual(items.map((key) => got.get(key)), ["1", "idle", "1000", "500", "62"]);
    assert(!got.has("opendca.meters"), "it has not changed");
  },
);

/** Files of an authority, a server and a client. With GnuTLS, Zabbix takes no other than RSA. */
async function rsaCertificates(folder: string): Promise<string[]> {
  const openssl = async (...args: string[]) =>
    assert((await new Deno.Command("openssl", { args, stderr: "null", stdout: "null" }).output()).success);
  const key = ["-newkey", "rsa:2048", "-nodes", "-days", "2"];
  await openssl(
    "req",
    "-x509",
    ...key,
    "-subj",
    "/CN=Zabbix Authority",
    "-keyout",
    `${folder}/ca.key`,
    "-out",
    `${folder}/ca.pem`,
  );
  for (const name of ["localhost", "dca"]) {
    const file = `${folder}/${name}`;
    const signed = ["-CA", `${folder}/ca.pem`, "-CAkey", `${folder}/ca.key`, "-addext", `subjectAltName=DNS:${name}`];
    const own = ["-addext", "basicConstraints=critical,CA:FALSE", "-keyout", `${file}.key`, "-out", `${file}.pem`];
    await openssl("req", "-x509", ...key, "-subj", `/CN=${name}`, ...signed, ...own);
    await Deno.chmod(`${file}.key`, 0o644);
  }
  return ["ca", "localhost", "dca"].map((name) => `${folder}/${name}.pem`);
}

peerTest("Zabbix takes values by TLS with a certificate, and none without", ["zabbix_proxy", "openssl"], async () => {
  const folder = await Deno.makeTempDir();
  await Deno.chmod(folder, 0o755);
  const [ca, server, client] = await rsaCertificates(folder);
  const tls = { ca: ca!, certificate: server!, key: server!.replace(".pem", ".key") };
  const { test, platform, upload, settled } = await feedScene();
  await using _ = test;
  const acme = await test.customer("Acme");
  await upload(acme, [readingWith({ serial: "ACME01" })]);
  const [{ device_id: device }] = await acme.tenant.all<{ device_id: string }>(
    "SELECT device_id FROM devices WHERE customer_id = :customer",
  ) as [{ device_id: string }];
  const keys = [
    "opendca.printers",
    "opendca.meters",
    "opendca.supplies",
    ...deviceValues({ ...colorPrinter, deviceId: device }, "h", 0).map(({ key }) => key),
  ];
  await using zabbix = await startZabbixProxy({ host: host(acme), keys, tls });
  const make = async (protocol: string, settings: Record<string, string>) => {
    const since = test.clock.now().getTime();
    const address = `${protocol}://localhost:${zabbix.port}`;
    const { feedId } = await createFeed(platform, operator, { kind: "zabbix", address, settings });
    const listed = await settled(feedId, since);
    await pauseFeed(platform, operator, { feedId });
    return listed.failure;
  };
  const text = (path: string) => Deno.readTextFile(path);
  const [certificate, key] = [await text(client!), await text(client!.replace(".pem", ".key"))];
  assert.equal(await make("zabbixs", { ca: await text(ca!), certificate, key }), null);
  assert.match((await make("zabbix", {}))!, /closed|reset|no item/i);
  assert.match((await make("zabbixs", { ca: await text(ca!) }))!, /by TLS: it closed the connection|closed|reset/);
  await Deno.remove(folder, { recursive: true });
});
