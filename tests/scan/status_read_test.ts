/** What a status read asks of a printer and what comes of it, with the real threads and sockets. */
import assert from "node:assert/strict";
import { scanSite } from "../../src/service/scan_site.ts";
import { parseAgentConfig } from "../../src/config/read_config.ts";
import type { Reading, ReadingScope } from "../../common/reading/reading.ts";
import { parseFleet } from "../../simulator/fleet_file.ts";
import { startSimulator } from "../../simulator/simulator.ts";
import { fakeNames } from "../fixtures/fake_names.ts";
import { testHost } from "../fixtures/test_host.ts";
import { port } from "../fixtures/scan_fixture.ts";

const address = "127.98.0.5";
const counters = "1.3.6.1.4.1.2435.2.3.9.4.2.1.5.5.10";
const brotherSupplies = "1.3.6.1.4.1.2435.2.3.9.4.2.1.5.5.8";
const supplies = "1.3.6.1.2.1.43.11", inputs = "1.3.6.1.2.1.43.8", alerts = "1.3.6.1.2.1.43.18";

const config = parseAgentConfig(
  `
platform: { rootDomain: example.com, endpoints: [dca.example.com] }
sites: [{ name: office, ranges: ["${address}"], port: ${port}, rate: 0 }]
limits: { timeout: 300ms, workers: 1 }
`,
  { file: "agent.yaml", env: () => undefined, readFile: () => "" },
);

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
  const readings: Reading[] = [];
  await scanSite({
    config,
    site: config.sites[0]!,
    places: [{ address, port }],
    kind: "read",
    scope,
    signal: AbortSignal.timeout(30_000),
    onReading: (reading) => readings.push(reading),
  }, { ...testHost(), resolve: fakeNames({}), onHostFault: ({ reason }) => assert.fail(reason) });
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
