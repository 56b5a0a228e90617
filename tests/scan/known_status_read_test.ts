/** The service counts what it sends in a status read of printers that it knows; real threads and sockets. */
import assert from "node:assert/strict";
import { createAccessMemory } from "../../src/service/access_memory.ts";
import { createSiteScans } from "../../src/service/site_scans.ts";
import { parseAgentConfig } from "../../src/config/read_config.ts";
import type { Reading, ReadingScope } from "../../common/reading/reading.ts";
import type { DeviceOptions } from "../../simulator/device.ts";
import { type LoggedRequest, startSimulator } from "../../simulator/simulator.ts";
import { fakeNames } from "../fixtures/fake_names.ts";
import { testHost } from "../fixtures/test_host.ts";
import { port, standardPrinter } from "../fixtures/scan_fixture.ts";

const address = "127.187.0.1";
const keys = { auth: "sha256, key: long-auth-password", priv: "aes128, key: long-priv-password" };
const credentials = {
  community: "{ name: public, community: public }",
  user: `{ name: monitor, user: monitor, auth: { protocol: ${keys.auth} }, priv: { protocol: ${keys.priv} } }`,
};

async function reads(device: DeviceOptions, credential: keyof typeof credentials, scopes: readonly ReadingScope[]) {
  const config = parseAgentConfig(
    `
platform: { rootDomain: example.com, endpoints: [dca.example.com] }
sites: [{ name: office, ranges: ["${address}"], port: ${port}, rate: 0, credentials: [${credentials[credential]}] }]
limits: { timeout: 300ms, workers: 1 }
`,
    { file: "agent.yaml", env: () => undefined, readFile: () => "" },
  );
  await using simulator = await startSimulator({ devices: [device], log: true });
  const machine = testHost();
  const access = createAccessMemory(machine.clock, []);
  const readings: Reading[] = [];
  const scans = createSiteScans({
    machine: { ...machine, resolve: fakeNames({}) },
    access,
    config: () => config,
    intake: {
      take(reading) {
        readings.push(reading);
        return { deviceId: reading.address };
      },
      lost: () => 0,
      tellMerges() {},
      notePresence() {},
    },
    log: { warn() {}, info() {} },
    faults: { add() {}, clear() {}, keepSites() {} },
    devices: () => 1,
    onPassed() {},
  });
  const requests: LoggedRequest[][] = [];
  for (const scope of scopes) {
    const before = simulator.log.length;
    const signal = AbortSignal.timeout(60_000);
    await scans.scan({ site: config.sites[0]!, places: [{ address, port }], kind: "read", scope, signal });
    // Where the machine is slow, one is sent twice.
    const sent = simulator.log.slice(before);
    requests.push([...new Map(sent.map((one) => [JSON.stringify([one.version, one.type, one.oids]), one])).values()]);
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
    const { readings, requests } = await reads(standardPrinter(address, changes), credential, scopes);
    const [full, ...status] = requests.map(({ length }) => length);
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
  const { requests } = await reads(standardPrinter(address, uptime), "community", ["status", "status"]);
  const [first, second] = requests.map(({ length }) => length);
  assert(first! >= 6 && second! <= 3, `${first} and ${second} requests`);
});
