import assert from "node:assert/strict";
import { RefusalReason } from "../../proto/gen/opendca/v1/task.ts";
import { FakeClock } from "../../tests/fixtures/fake_clock.ts";
import { parseAgentConfig } from "../config/read_config.ts";
import { TaskRefusal } from "./task_refusal.ts";
import { ConfigChangedError, HoursEndedError } from "../schedule/interruption.ts";
import { runScanTask, type TaskScan } from "./scan_task.ts";

const config = parseAgentConfig(
  `
platform: { rootDomain: example.com, endpoints: [dca.example.com] }
sites:
  - { name: berlin, ranges: [10.1.0.0/24], exclude: [10.1.0.9], hosts: [p1.example.com] }
  - { name: night, ranges: [10.2.0.0/24], schedule: { allowedHours: { hours: ["22:00-23:00"], timeZone: UTC } } }
`,
  { file: "agent.yaml", env: () => undefined, readFile: () => "" },
);

const outcome = { addresses: 5, answered: 2, printers: 1, durationMs: 1 };

async function run(request: { site?: string; targets?: string[]; knownDevicesOnly?: boolean }, hour = 12) {
  const scans: TaskScan[] = [];
  const output = await runScanTask({ site: "", targets: [], knownDevicesOnly: false, ...request }, {
    config: () => config,
    clock: new FakeClock(`2026-01-01T${hour}:00:00Z`),
    places: (site) => [{ address: site === "berlin" ? "10.1.0.7" : "10.2.0.7", port: 161 }],
    scan(scan) {
      scans.push(scan);
      return Promise.resolve({ ...outcome, durationMs: 1.5 });
    },
  }, new AbortController().signal);
  return { output, scans };
}

const refused: { name: string; request: Parameters<typeof run>[0]; reason: RefusalReason; says: RegExp }[] = [
  { name: "another site", request: { site: "paris" }, reason: RefusalReason.POLICY, says: /no site "paris"/ },
  { name: "an address outside", request: { targets: ["10.3.0.1"] }, reason: RefusalReason.POLICY, says: /outside/ },
  {
    name: "a range half outside",
    request: { targets: ["10.1.0.0/23"] },
    reason: RefusalReason.POLICY,
    says: /outside/,
  },
  { name: "another port", request: { targets: ["10.1.0.1:1161"] }, reason: RefusalReason.POLICY, says: /outside/ },
  {
    name: "an address of another site",
    request: { site: "berlin", targets: ["10.2.0.1"] },
    reason: RefusalReason.POLICY,
    says: /outside/,
  },
  { name: "a strange name", request: { targets: ["p2.example.com"] }, reason: RefusalReason.POLICY, says: /host name/ },
  { name: "garbage", request: { targets: ["10.1.0.999"] }, reason: RefusalReason.MALFORMED, says: /octet 999/ },
  { name: "closed hours", request: { site: "night" }, reason: RefusalReason.POLICY, says: /allowed hours/ },
];
for (const { name, request, reason, says } of refused) {
  Deno.test(`runScanTask() refuses ${name}`, async () => {
    await assert.rejects(run(request), (error) => {
      assert.ok(error instanceof TaskRefusal);
      assert.deepEqual([error.reason, says.test(error.message)], [reason, true], error.message);
      return true;
    });
  });
}

Deno.test("runScanTask() scans the open sites and adds up", async () => {
  const { output, scans } = await run({}, 22);
  assert.deepEqual(scans.map(({ site }) => site.name), ["berlin", "night"]);
  assert.deepEqual(output, { addresses: 10, answered: 4, printers: 2, durationMs: 4 });
  assert.deepEqual((await run({})).scans.map(({ site }) => site.name), ["berlin"]);
});

Deno.test("runScanTask() begins no site whose hours have ended meanwhile", async () => {
  const scanned: string[] = [];
  await runScanTask({ site: "", targets: [], knownDevicesOnly: false }, {
    config: () => config,
    clock: {
      now: () => new Date(Date.UTC(2026, 0, 1, scanned.length === 0 ? 22 : 23)),
    },
    places: () => [],
    scan({ site }) {
      scanned.push(site.name);
      return Promise.resolve(outcome);
    },
  }, new AbortController().signal);
  assert.deepEqual(scanned, ["berlin"]);
});

Deno.test("runScanTask() says so when the hours of a site end meanwhile", async () => {
  const running = runScanTask({ site: "night", targets: [], knownDevicesOnly: false }, {
    config: () => config,
    clock: new FakeClock("2026-01-01T22:30:00Z"),
    places: () => [],
    scan: () => Promise.reject(new HoursEndedError()),
  }, new AbortController().signal);
  await assert.rejects(running, /allowed hours have ended/);
});

Deno.test("runScanTask() begins nothing in the last second of the hours", async () => {
  const running = runScanTask({ site: "night", targets: [], knownDevicesOnly: false }, {
    config: () => config,
    clock: new FakeClock("2026-01-01T22:59:59.500Z"),
    places: () => [],
    scan: () => assert.fail("It scans"),
  }, new AbortController().signal);
  await assert.rejects(running, TaskRefusal);
});

Deno.test("runScanTask() asks known devices where they are", async () => {
  const { scans } = await run({ site: "berlin", knownDevicesOnly: true });
  assert.deepEqual(scans[0]!.places, [{ address: "10.1.0.7", port: 161 }]);
});

Deno.test("runScanTask() narrows a site to the targets", async () => {
  const { scans } = await run({ targets: ["10.1.0.8-10.1.0.9", "p1.example.com"] });
  const whole = { size: 0, segments: [], allowed: [] };
  assert.equal(scans[0]!.narrow!(whole).size, 0);
  const segment = { family: 4 as const, first: 0x0a010001, count: 8, port: 161, hostname: null, index: 0 };
  assert.deepEqual(
    scans[0]!.narrow!({ ...whole, size: 8, segments: [segment] }).segments,
    [{ ...segment, first: 0x0a010008, count: 1 }],
  );
});

Deno.test("runScanTask() begins again under a configuration that has changed, and is refused where that allows no more", async () => {
  const closed = { ...config, sites: config.sites.filter(({ name }) => name === "night") };
  for (const [after, want] of [[config, 1], [closed, "refused"]] as const) {
    let current = config, scans = 0;
    const running = runScanTask({ site: "berlin", targets: [], knownDevicesOnly: false }, {
      config: () => current,
      clock: new FakeClock("2026-01-01T12:00:00Z"),
      places: () => [],
      scan() {
        if (++scans > 1) {
          return Promise.resolve(outcome);
        }
        current = after;
        return Promise.reject(new ConfigChangedError());
      },
    }, new AbortController().signal);
    if (want === "refused") await assert.rejects(running, TaskRefusal);
    else assert.equal((await running).printers, want);
    assert.equal(scans, want === "refused" ? 1 : 2);
  }
});
