/** What a status read asks of a printer, known or not, and what comes of it, with real sockets. */
import assert from "node:assert/strict";
import type { Reading, ReadingScope } from "../../common/reading/reading.ts";
import type { DeviceOptions } from "../../simulator/device.ts";
import { parseFleet } from "../../simulator/fleet_file.ts";
import { type LoggedRequest, startSimulator } from "../../simulator/simulator.ts";
import { port, standardPrinter } from "../fixtures/scan_fixture.ts";
import { readSite, siteConfig, testSiteScans } from "../fixtures/site_scans.ts";
import { until } from "../fixtures/until.ts";

const address = "127.98.0.5";
const counters = "1.3.6.1.4.1.2435.2.3.9.4.2.1.5.5.10";
const brotherSupplies = "1.3.6.1.4.1.2435.2.3.9.4.2.1.5.5.8";
const supplies = "1.3.6.1.2.1.43.11", inputs = "1.3.6.1.2.1.43.8", alerts = "1.3.6.1.2.1.43.18";

const config = siteConfig(`ranges: ["${address}"], port: ${port}, rate: 0`, "timeout: 300ms, workers: 1");

/** Reads one printer whose panel shows `panel`; `asked` is every OID of every request. */
async function read(scope: ReadingScope, panel: string): Promise<{ reading: Reading; asked: string[] }> {
  const devices = parseFleet(`
printers:
  - name: office
    address: ${address}
    port: ${port}
    maker: Brother
    model: HL-L9999
    serial: U64999A0N000101
    description: Brother HL-L9999
    objectId: 1.3.6.1.4.1.2435.2.3.9.1
    mac: 02:00:5e:10:00:05
    panel: ["${panel}"]
    meters: { total: 4711 }
    supplies: [{ type: toner, description: Black Toner, colorant: black, unit: percent, capacity: 100, level: 62 }]
    trays: [{ name: Tray 1, capacity: 250, level: 125 }]
    alerts: [{ severity: warning, group: markerSupplies, code: 1104, description: Toner low }]
`);
  await using simulator = await startSimulator({ devices, log: true });
  const readings = await readSite(config, { places: [{ address, port }], scope });
  assert.equal(readings.length, 1);
  return { reading: readings[0]!, asked: simulator.log.flatMap(({ oids }) => oids) };
}

const under = (asked: readonly string[], table: string) => asked.filter((oid) => oid.startsWith(`${table}.`)).length;

Deno.test("scanSite() with the scope full asks a printer for its meters as well", async () => {
  const { reading, asked } = await read("full", "Ready");
  assert.equal(reading.meters[0]?.value, 4711);
  for (const table of [counters, brotherSupplies, supplies, inputs, alerts]) assert.ok(under(asked, table) > 0, table);
});

Deno.test("scanSite() with the scope status asks for state, alerts, supplies and trays, and for no meter", async () => {
  const { reading, asked } = await read("status", "Ready");
  const { serial, mac, supplies: read1, trays, alerts: told, meters, problems } = reading;
  assert.deepEqual([serial, mac, meters, problems], ["U64999A0N000101", "02:00:5e:10:00:05", [], []]);
  assert.deepEqual([read1[0]?.level.percent, trays[0]?.level.percent, told[0]?.code], [62, 50, 1104]);
  assert.equal(under(asked, counters), 0);
  assert.ok(under(asked, brotherSupplies) > 0);
  const { asked: all } = await read("full", "Ready");
  assert.ok(asked.length < all.length, `${asked.length} of ${all.length} objects`);
});

Deno.test("scanSite() with the scope status asks a printer that sleeps for nothing that it may have to wake for", async () => {
  const { reading, asked } = await read("status", "Sleep");
  assert.deepEqual([reading.status.state, reading.serial], ["sleeping", "U64999A0N000101"]);
  assert.deepEqual([reading.meters, reading.supplies, reading.trays, reading.problems], [[], [], [], []]);
  assert.equal(reading.alerts[0]?.code, 1104);
  assert.deepEqual([under(asked, brotherSupplies), under(asked, counters), under(asked, inputs)], [0, 0, 0]);
  // One of its levels is asked for by the way, as it tells a printer from other devices.
  assert.equal(under(asked, supplies), 1);
});

const known = "127.187.0.1";
const keys = { auth: "sha256, key: long-auth-password", priv: "aes128, key: long-priv-password" };
const credentials = {
  community: "{ name: public, community: public }",
  user: `{ name: monitor, user: monitor, auth: { protocol: ${keys.auth} }, priv: { protocol: ${keys.priv} } }`,
};

/**
 * Readings and requests of one scan for each scope. On a busy machine an answer may be late: the request is sent again
 * then, which counts once, and at last in parts. Such scans are made again.
 */
async function reads(device: DeviceOptions, credential: keyof typeof credentials, scopes: readonly ReadingScope[]) {
  let read = await readOnce(device, credential, scopes);
  await until("every answer comes in time", async () => {
    if (read.requests.every((sent) => !isRepeated(sent))) return true;
    read = await readOnce(device, credential, scopes);
    return false;
  });
  return { readings: read.readings, counts: read.requests.map((sent) => new Set(sent.map(questionOf)).size) };
}

const questionOf = ({ version, type, oids }: LoggedRequest) => JSON.stringify([version, type, oids]);
const getRequest = 0xa0;

/** A Get is never sent in parts. */
function isRepeated(sent: readonly LoggedRequest[]): boolean {
  const questions = sent.filter(({ type = getRequest }) => type !== getRequest).map(questionOf);
  return new Set(questions).size < questions.length;
}

async function readOnce(device: DeviceOptions, credential: keyof typeof credentials, scopes: readonly ReadingScope[]) {
  const config = siteConfig(
    `ranges: ["${known}"], port: ${port}, rate: 0, credentials: [${credentials[credential]}]`,
    "timeout: 300ms, workers: 1",
  );
  await using simulator = await startSimulator({ devices: [device], log: true });
  const { scan, readings } = testSiteScans(config);
  const requests: LoggedRequest[][] = [];
  for (const scope of scopes) {
    const before = simulator.log.length;
    const signal = AbortSignal.timeout(60_000);
    await scan({ site: config.sites[0]!, places: [{ address: known, port }], kind: "read", scope, signal });
    requests.push(simulator.log.slice(before));
  }
  return { readings, requests };
}

const uptime: Partial<DeviceOptions> = { upTimeSeconds: 86_400 };
const user = {
  name: "monitor",
  level: "authPriv" as const,
  auth: "sha256" as const,
  authKey: "long-auth-password",
  priv: "aes128" as const,
  privKey: "long-priv-password",
};
const cases: { name: string; credential: keyof typeof credentials; changes: Partial<DeviceOptions>; most: number }[] = [
  { name: "v2c", credential: "community", changes: uptime, most: 3 },
  // One request more, as nothing stands behind the panel.
  { name: "v1 alone", credential: "community", changes: { ...uptime, versions: ["1"] }, most: 4 },
  // The sweep and the session ask for the engine.
  { name: "v3", credential: "user", changes: { ...uptime, versions: ["3"], users: [user] }, most: 5 },
];
for (const { name, credential, changes, most } of cases) {
  Deno.test(`the service asks a printer that it knows for its status in few requests: ${name}`, async () => {
    const scopes = ["full", "status", "status"] as const;
    const { readings, counts: [full, ...status] } = await reads(standardPrinter(known, changes), credential, scopes);
    assert(full! >= 6, `${full} requests`);
    for (const count of status) assert(count <= most, `${count} of ${full} requests`);
    assert.deepEqual(readings.map(({ serial }) => serial), Array(3).fill(readings[0]!.serial));
    const { supplies, trays, meters } = readings[0]!;
    assert(supplies.length > 0 && trays.length > 0 && meters.length > 0);
    for (const reading of readings.slice(1)) {
      assert.deepEqual([reading.supplies, reading.trays, reading.meters], [supplies, trays, []]);
      assert.deepEqual([reading.model, reading.location, reading.mac], [
        readings[0]!.model,
        readings[0]!.location,
        readings[0]!.mac,
      ]);
    }
  });
}

Deno.test("the service learns from the first status read after a restart", async () => {
  const { counts: [first, second] } = await reads(standardPrinter(known, uptime), "community", ["status", "status"]);
  assert(first! >= 6 && second! <= 3, `${first} and ${second} requests`);
});
