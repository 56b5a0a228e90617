/** Host names as targets, of a scan and of a site: printers with two addresses, and names that cannot be resolved. */
import assert from "node:assert/strict";
import { createFaultList } from "../../src/service/fault_list.ts";
import { scanSite } from "../../src/service/scan_site.ts";

import { createHostNames, NameLookupError } from "../../src/targets/host_names.ts";
import type { DeviceOptions } from "../../simulator/device.ts";
import { startSimulator } from "../../simulator/simulator.ts";
import { FakeClock } from "../fixtures/fake_clock.ts";
import { testHost } from "../fixtures/test_host.ts";
import { port, scan, standardPrinter } from "../fixtures/scan_fixture.ts";
import { siteConfig, testSiteScans } from "../fixtures/site_scans.ts";

const v4 = "127.179.0.7", v6 = "::1";

/** One printer at each of these addresses. */
const dual = (...addresses: string[]): DeviceOptions[] =>
  addresses.map((address) => ({ ...standardPrinter(v4), name: address, address }));

const answers: { name: string; devices: DeviceOptions[]; addresses: string[]; want: string[] }[] = [
  { name: "at its IPv4 address alone", devices: dual(v4, v6), addresses: [v6, v4], want: [v4] },
  { name: "at its IPv6 address where IPv4 is silent", devices: dual(v6), addresses: [v4, v6], want: [v6] },
  { name: "at its IPv6 address where it has no other", devices: dual(v4, v6), addresses: [v6], want: [v6] },
];
for (const { name, devices, addresses, want } of answers) {
  Deno.test(`scan reads a printer of a name ${name}`, async () => {
    const { exitCode, document, simulator } = await scan(devices, ["printer.test"], {
      host: testHost({ names: { "printer.test": addresses } }),
    });
    assert.equal(exitCode, 0);
    assert.deepEqual(document.printers.map(({ address, hostname }) => [address, hostname]), [[
      want[0],
      "printer.test",
    ]]);
    assert.deepEqual(devices.filter(({ name }) => simulator.requests(name!) > 0).map(({ name }) => name), want);
    assert.equal(document.stats.printers, 1);
  });
}

Deno.test("scan leaves out names that have no address or an odd one, says so, and scans the others", async () => {
  const names = {
    "good.test": [v4],
    "multicast.test": ["224.0.0.1"],
    "zero.test": ["0.0.0.0"],
    "local.test": ["fe80::1"],
  };
  const targets = ["good.test", "nobody.test", "multicast.test", "zero.test", "local.test"];
  const { exitCode, document } = await scan(dual(v4), targets, { host: testHost({ names }) });
  assert.equal(exitCode, 0);
  assert.deepEqual(document.printers.map(({ hostname }) => hostname), ["good.test"]);
  assert.deepEqual(document.problems.map(({ code, message }) => `${code}: ${message}`).sort(), [
    "name-skipped: Cannot scan local.test as its address is fe80::1, and fe80::/10 holds link-local addresses, which need an interface, as in fe80::1%eth0; it is skipped",
    "name-skipped: Cannot scan multicast.test as its address is 224.0.0.1, and 224.0.0.0/4 holds multicast addresses; it is skipped",
    "name-skipped: Cannot scan nobody.test as no name server knows it; it is skipped",
    "name-skipped: Cannot scan zero.test as its address is 0.0.0.0, and 0.0.0.0/8 holds unspecified addresses; it is skipped",
  ]);
});

Deno.test("scan of nothing but a name that nobody knows is exit code 69, and an exclusion that nobody knows as well", async () => {
  for (const args of [["nobody.test"], [v4, "--exclude", "nobody.test"]]) {
    const { exitCode, host, simulator } = await scan([], args);
    assert.equal(exitCode, 69);
    assert.match(
      host.err,
      /^error: Cannot resolve a host name as no name server knows it: current value is "nobody.test"\nhint: /,
    );
    assert.equal(simulator.log.length, 0);
  }
});

const config = siteConfig(
  `hosts: ["printer.test", "other.test"], port: ${port}, rate: 0`,
  "timeout: 250ms, workers: 1",
  `policy: { hosts: [printer.test, other.test], ports: { snmp: [${port}] } }`,
);

Deno.test("scanSite() reads a printer at its last known address when no name server answers, and asks no place in its stead", async () => {
  await using _simulator = await startSimulator({ devices: dual(v4) });
  const clock = new FakeClock();
  let isSilent = false;
  const { resolve } = createHostNames({
    clock,
    lookUp(name) {
      if (isSilent || name === "other.test") {
        return Promise.reject(new NameLookupError("silent", "no name server answers"));
      }
      return Promise.resolve({ addresses: [v4], ttlSeconds: null });
    },
  });
  for (isSilent of [false, true]) {
    const readAt: string[] = [], faults: string[] = [];
    await clock.advance(10 * 60_000);
    const { unasked } = await scanSite({
      config,
      site: config.sites[0]!,
      places: [{ address: v4, port }, { address: "127.179.0.8", port }],
      kind: "read",
      scope: "status",
      signal: AbortSignal.timeout(30_000),
      onReading: ({ address }) => readAt.push(address),
    }, { ...testHost(), resolve, onHostFault: ({ host, reason }) => faults.push(`${host}: ${reason}`) });
    assert.deepEqual(readAt, [v4]);
    assert.deepEqual(unasked, [{ address: "127.179.0.8", port }]);
    assert.deepEqual(faults, [
      ...isSilent ? [`printer.test: no name server answers; its last known address ${v4} is used`] : [],
      "other.test: no name server answers",
    ]);
  }
});

Deno.test("createSiteScans() has one fault a site for its names, until they are resolved or the site is gone", async () => {
  const machine = testHost();
  const told: string[] = [];
  const faults = createFaultList({
    now: () => machine.clock.now(),
    monotonicMs: () => machine.clock.monotonicMs(),
    changed() {},
    ended: ({ code }) => told.push(code),
  });
  let current = config, answer: string[] | undefined;
  const scans = testSiteScans(config, {
    machine: {
      ...machine,
      resolve: () =>
        Promise.resolve(
          answer === undefined
            ? { addresses: [], fault: { reason: "silent", message: "the name server 192.0.2.53 does not answer" } }
            : { addresses: answer, fault: null },
        ),
    },
    config: () => current,
    log: { warn: (event) => told.push(event), info: (event) => told.push(event) },
    faults,
  });
  const pass = () =>
    scans.scan({
      site: config.sites[0]!,
      places: [],
      kind: "read",
      scope: "status",
      signal: AbortSignal.timeout(30_000),
    });
  await pass();
  await pass();
  const message = 'Cannot use each host name of the site "office": printer.test: ' +
    "the name server 192.0.2.53 does not answer (and 1 more)";
  assert.deepEqual(faults.all().map(({ code, message }) => [code, message]), [["hosts:office", message]]);
  assert.deepEqual(told.splice(0), ["targetSkipped", "targetSkipped"]);
  answer = [v4];
  await pass();
  assert.deepEqual([faults.all(), told.splice(0)], [[], ["targetResolved", "targetResolved", "hosts:office"]]);
  answer = undefined;
  await pass();
  faults.add("neighbours:office", "full");
  scans.configChanged();
  assert.deepEqual(faults.all().map(({ code }) => code), ["neighbours:office", "hosts:office"]);
  current = { ...config, sites: [] };
  scans.configChanged();
  assert.deepEqual(faults.all(), []);
  // One that was under way has nothing more to tell.
  await pass();
  assert.deepEqual(faults.all(), []);
});
