/** Lists of devices on a store: none is left out, whatever it lacks. */
import assert from "node:assert/strict";
import { slowInPostgres } from "../../../tests/fixtures/each_database.ts";
import stringWidth from "string-width";
import { ReadingScope, Record as RecordMessage } from "../../../proto/gen/opendca/v1/batch.ts";
import { AlertSeverity, LevelKind, PrinterState, Reading } from "../../../proto/gen/opendca/v1/reading.ts";
import { now, type RunCommand, withPlatform } from "../../../tests/platform/commands.ts";
import { keepReading } from "../../devices/keep_reading.ts";
import { withKnown } from "../../../tests/fixtures/known_devices.ts";
import { addAgent } from "../../agents/agents.ts";
import { packRecord } from "../../store/stored_record.ts";
import type { Tenant } from "../../store/store.ts";

interface Made {
  name: string;
  ageMs?: number;
  state?: string;
  parts?: Parameters<typeof Reading.fromPartial>[0];
}

const hour = 3_600_000;
const toner = (percent: number) => ({
  index: "1.1",
  kind: "tonerCartridge",
  colorant: "black",
  description: "TN",
  level: { kind: LevelKind.EXACT, percent, level: percent, capacity: 100, unit: "percent" },
});
const total = {
  name: "total",
  value: 48210,
  unit: "impressions",
  source: { oid: "1.3.6.1", rule: "rfc3805.lifeCount" },
};
const devices: Made[] = [
  {
    name: "whole",
    parts: {
      meters: [total],
      supplies: [toner(62)],
      trays: [{ index: "1", name: "Tray 1", level: { kind: LevelKind.SOME } }],
      alerts: [{ severity: AlertSeverity.WARNING, code: 807, group: "input", description: "Tray 1 is empty" }],
    },
  },
  { name: "asleep", parts: { status: { state: PrinterState.SLEEPING }, supplies: [toner(3)] } },
  { name: "away", ageMs: 30 * hour, parts: { meters: [total], supplies: [toner(90)] } },
  { name: "unread" },
];

async function made(
  tenant: Tenant,
  { agentId, device }: { agentId: string; device: Made },
  n: number,
): Promise<void> {
  const { name, ageMs = 0, state = "idle", parts } = device;
  const at = new Date(now.getTime() - ageMs);
  const facts = { hostname: name, manufacturer: "Example", model: `Model of ${name}`, firmware: null, location: null };
  const address = `10.1.0.${n}`;
  await withKnown(tenant, {}, (known) => {
    const deviceId = known.addDevice({
      facts: { agent_id: agentId, network: "office", serial: `SERIAL-${n}`, address, state, ...facts },
      at,
    });
    known.addHistory({ deviceId, at: at.getTime(), kind: "appeared", before: null, after: address });
    known.setEvidence({
      kind: "serial",
      value: `SERIAL-${n}`,
      device_id: deviceId,
      seen_at: at.getTime(),
      current: 1,
      shared: 0,
      sure: 1,
    });
    const place = { scope: `agent ${agentId}`, device_id: deviceId, seen_at: at.getTime() };
    known.setPlace({ ...place, place: `${address} 161 0`, until: null });
    known.setPlace({ ...place, place: "10.9.0.1 161 0", until: at.getTime() });
    if (parts === undefined) return;
    const reading = Reading.fromPartial({ observedAt: at, address, port: 161, ...parts });
    const content = { $case: "reading" as const, value: reading };
    const stored = packRecord(
      RecordMessage.encode(RecordMessage.fromPartial({ scope: ReadingScope.FULL, content })).finish(),
    );
    const read = { deviceId, agentId, observedAt: at, receivedAt: at, basis: "agent" as const };
    keepReading(known, { ...read, scope: "full", reading, stored });
    known.addRecord({
      agentId,
      recordId: crypto.randomUUID(),
      deviceId,
      observedAt: at,
      basis: "agent",
      agentAt: at,
      receivedAt: at,
      kind: "reading",
      stored,
    });
  });
}

function withDevices(
  body: (run: RunCommand) => Promise<void>,
  { width = Infinity, list = devices } = {},
): Promise<void> {
  return withPlatform(
    async (run, { openStore }) => {
      await run("customer", "create", "Acme");
      const { siteId } = JSON.parse((await run("site", "create", "Berlin", "--json")).stdout);
      const { customerId } = JSON.parse((await run("site", "list", "--json")).stdout)[0];
      {
        await using store = await openStore();
        await store.transaction(async (tx) => {
          const tenant = tx.tenant(customerId);
          const agent = { siteId, installationId: "i", hostname: "server-1", version: "0.1.0", at: now };
          const agentId = await addAgent(tenant, agent);
          for (const [i, device] of list.entries()) await made(tenant, { agentId, device }, i + 1);
        });
      }
      await body(run);
    },
    {},
    { USER: "eva" },
    width,
  );
}

const scenes = { wide: {}, narrow: { width: 80 }, empty: { list: [] } };
type Step = (run: RunCommand) => Promise<void>;
const steps: { scene: keyof typeof scenes; name: string; step: Step }[] = [];

/** A step that changes nothing: all of a scene share its platform. */
function shown(name: string, step: Step, scene: keyof typeof scenes = "wide"): void {
  steps.push({ scene, name, step });
}

for (const list of [["device", "list"], ["reading", "list"]]) {
  shown(`${list.join(" ")} shows every device, and why something of it is missing`, async (run) => {
    const { stdout } = await run(...list);
    for (const { name } of devices) assert.match(stdout, new RegExp(`Model of ${name}`));
    assert.match(stdout, /asleep .* no meters: asleep$/m);
    assert.match(stdout, /away .* not answered since 2026-03-01 02:00$/m);
    assert.match(stdout, /unread .* not read yet$/m);
    assert.match(stdout, /\n4 devices: 1 with low supplies, 1 silent, 2 without meters\n$/);
    const shown = JSON.parse((await run(...list, "--json")).stdout);
    assert.deepEqual(shown.map(({ note }: { note: string }) => note), [
      null,
      "no meters: asleep",
      "not answered since 2026-03-01 02:00",
      "not read yet",
    ]);
  });

  const filters: [args: string[], names: string[], line: RegExp][] = [
    [["--low"], ["asleep"], /\n1 of 4 devices \(--low\): 1 with low supplies, 1 without meters\n$/],
    [["--silent"], ["away"], /\n1 of 4 devices \(--silent\): 1 silent\n$/],
    [["--silent", "1h"], ["away"], /\n1 of 4 devices \(--silent 1h\): 1 silent\n$/],
    [["--silent", "364d"], [], /^0 of 4 devices \(--silent 364d\)\n$/],
    [["--low", "--silent"], [], /^0 of 4 devices \(--low, --silent\)\n$/],
    [["--network", "OFFICE"], ["whole", "asleep", "away", "unread"], /\n4 of 4 devices \(--network OFFICE\): /],
    [["--site", "berlin", "--low"], ["asleep"], /\n1 of 4 devices \(--site berlin, --low\): /],
  ];
  for (const [args, names, line] of filters) {
    shown(`${list.join(" ")} ${args.join(" ")} shows ${names.join(", ") || "none"} and counts all`, async (run) => {
      const { stdout } = await run(...list, ...args);
      assert.deepEqual([...stdout.matchAll(/Model of (\w+)/g)].map(([, name]) => name), names);
      assert.match(stdout, line);
      const { stdout: json, stderr } = await run(...list, ...args, "--json");
      assert.equal(JSON.parse(json).length, names.length);
      assert.match(stderr, new RegExp(`^note: ${names.length} of 4 devices \\(`));
    });
  }

  shown(`${list.join(" ")} fits into 80 columns, and says a site that there is not`, async (run) => {
    const { stdout } = await run(...list);
    for (const line of stdout.split("\n")) assert.ok(stringWidth(line) <= 80, line);
    assert.match(stdout, /^columns left out: [A-Z, ]+ \(--wide shows them\)$/m);
    assert.match((await run(...list, "--site", "Paris")).stderr, /^error: Cannot find the site "Paris"\nhint: /);
  }, "narrow");

  shown(`${list.join(" ")} says what to do where there is no device`, async (run) => {
    assert.match((await run(...list)).stdout, /^no devices yet: .*opendca-platform agent list/);
    assert.equal((await run(...list, "--json")).stdout, "[]\n");
    assert.equal((await run(...list, "--low")).stdout, "0 of 0 devices (--low)\n");
  }, "empty");
}

shown("device show has supplies, trays, alerts, meters with their source, identity, places and agents", async (run) => {
  const { stdout } = await run("device", "show", "10.1.0.1");
  for (const line of stdout.split("\n")) assert.ok(stringWidth(line) <= 80, line);
  assert.match(stdout, /^black toner +black +62 % +62 of 100 +percent +- /m);
  assert.match(stdout, /^Tray 1 +- +some/m);
  assert.match(stdout, /^warning +input +- +Tray 1 is empty$/m);
  assert.match(stdout, /^total +48210 +impressions +2026-03-02 08:00:00 +rfc3805\.lifeCount$/m);
  assert.match(stdout, /^serial +SERIAL-1 +2026-03-02 08:00$/m);
  assert.match(stdout, /^10\.1\.0\.1 +161 +2026-03-02 08:00 +now +agt-\w{12}$/m);
  assert.match(stdout, /^10\.9\.0\.1 +161 +2026-03-02 08:00 +2026-03-02 08:00 +agt-\w{12}$/m);
  assert.match(stdout, /^agt-\w{12} +server-1 +1 +2026-03-02 08:00$/m);
  const shown = JSON.parse((await run("device", "show", "10.1.0.1", "--json")).stdout);
  assert.deepEqual(
    [shown.supplies[0].name, shown.supplies[0].low, shown.supplies[0].level.unit, shown.alerts[0].severity],
    ["black toner", false, "percent", "warning"],
  );
  assert.deepEqual([shown.meters[0].rule, shown.places.length, shown.agents[0].readings], [
    "rfc3805.lifeCount",
    2,
    1,
  ]);
  assert.equal(shown.places[1].until, now.toISOString());
}, "narrow");

for (const name of ["serial-1", "WHOLE", "10.1.0.1"]) {
  shown(
    `device show ${name} finds the device by it`,
    async (run) => assert.match((await run("device", "show", name)).stdout, /^Serial +SERIAL-1$/m),
  );
}

slowInPostgres("device show says which devices share what was given", () =>
  withDevices(async (run) => {
    const { code, stderr } = await run("device", "show", "twin");
    assert.equal(code, 64);
    assert.match(stderr, /"twin" as there are 2\nhint: name one by its id: dev-\w{12}, dev-\w{12}\n$/);
  }, { list: [{ name: "twin" }, { name: "twin" }] }));

shown("device show of a device that was never read says so", async (run) => {
  const { stdout } = await run("device", "show", "SERIAL-4");
  assert.match(stdout, /^Supplies: none were read\n\nMeters: not read yet$/m);
  assert.match(
    (await run("meter", "list", "SERIAL-4")).stdout,
    /^no meters were read of it: .* device show SERIAL-4/,
  );
  assert.match(
    (await run("meter", "history", "SERIAL-1", "--name", "x")).stdout,
    /^no meter "x" .* there are: total/,
  );
});

shown("supply list shows every supply, and with --low those to order", async (run) => {
  const { stdout } = await run("supply", "list");
  assert.match(stdout, /^Berlin +10\.1\.0\.1 +Model of whole +SERIAL-1 +black toner +- +62 % /m);
  assert.match(stdout, /\n3 supplies of 3 devices\n$/);
  const low = JSON.parse((await run("supply", "list", "--low", "--json")).stdout);
  assert.deepEqual(low.map((row: Record<string, unknown>) => [row.deviceSerial, row.name, row.percent, row.low]), [
    ["SERIAL-2", "black toner", 3, true],
  ]);
  assert.equal(
    (await run("supply", "list", "--low", "--model", "WHOLE")).stdout,
    "no supply is low (--model WHOLE)\n",
  );
  assert.equal((await run("supply", "list", "--model", "nosuch")).stdout, "no supplies were read (--model nosuch)\n");
  const { code, stderr } = await run("supply", "list", "--site", "Paris");
  assert.equal(code, 64);
  assert.match(stderr, /Cannot find the site "Paris"/);
});

shown("alert list shows the alerts that last, by severity", async (run) => {
  assert.match((await run("alert", "list")).stdout, /^warning +Berlin +10\.1\.0\.1 .*Tray 1 is empty$/m);
  assert.equal((await run("alert", "list", "--severity", "critical")).stdout, "no critical alerts\n");
  assert.equal((await run("alert", "list", "--model", "nosuch")).stdout, "no alerts (--model nosuch)\n");
  assert.match((await run("alert", "list")).stdout, /\n1 alert\n$/);
  const [alert] = JSON.parse((await run("alert", "list", "--format", "json")).stdout);
  assert.deepEqual([alert.group, alert.code, alert.endedAt, alert.firstSeenAt], [
    "input",
    807,
    null,
    now.toISOString(),
  ]);
  const { code, stderr } = await run("alert", "list", "--severity", "bad");
  assert.equal(code, 64);
  assert.match(stderr, /--severity as a severity: current value is "bad"/);
});

slowInPostgres("alert list says that --limit has cut it off, in every format", () =>
  withDevices(async (run) => {
    const rest = "alerts 1 to 1; there are more: --offset 1";
    assert.ok((await run("alert", "list", "--limit", "1")).stdout.endsWith(`\n${rest}\n`));
    const { stdout, stderr } = await run("alert", "list", "--limit", "1", "--json");
    assert.deepEqual([JSON.parse(stdout).length, stderr], [1, `note: ${rest}\n`]);
    assert.equal((await run("alert", "list", "--limit", "2", "--json")).stderr, "");
  }, { list: [devices[0]!, devices[0]!] }));

shown("device list takes --offset without --limit, and says what comes behind a page", async (run) => {
  const ids = async (...options: string[]) =>
    (await run("device", "list", ...options)).stdout.match(/^dev-\w+/gm) ?? [];
  const all = await ids();
  assert.deepEqual(await ids("--offset", "3"), all.slice(3));
  assert.deepEqual(await ids("--offset", "1", "--limit", "2"), all.slice(1, 3));
  assert.match((await run("device", "list", "--offset", "9")).stdout, /^none of 4 devices/);
  assert.match(
    (await run("device", "list", "--limit", "3")).stderr,
    /^next: --offset 3 shows what comes behind them$/m,
  );
  assert.doesNotMatch((await run("device", "list", "--offset", "3")).stderr, /next:/);
}, "narrow");

shown("a list of CSV without rows is an empty file", async (run) => {
  assert.equal((await run("supply", "list", "--model", "nosuch", "--format", "csv")).stdout, "");
});

shown("meter export has what each meter showed in the period", async (run) => {
  const csv = (await run("meter", "export", "--from", "2026-03-02", "--to", "2026-03-02", "--format", "csv")).stdout;
  const [head, row, ...others] = csv.trimEnd().split("\r\n");
  const cells = Object.fromEntries(head!.split(",").map((name, i) => [name, row!.split(",")[i]]));
  assert.deepEqual(
    [cells.serial, cells.name, cells.firstValue, cells.lastValue, cells.difference, cells.resets, others.length],
    ["SERIAL-1", "total", "48210", "48210", "0", "0", 0],
  );
  const none = await run("meter", "export", "--from", "2026-04-01", "--to", "2026-04-30");
  assert.equal(none.stdout, "no meters were read in this period\n");
});

for (
  const [options, want] of [
    [["--from", "2026-02-30", "--to", "2026-03-31"], /--from as a day or a time: current value is "2026-02-30"/],
    [["--from", "march", "--to", "2026-03-31"], /--from as a day or a time/],
    [["--from", "2026-03-31", "--to", "2026-03-01"], /period that ends before it begins/],
    [["--from", "2026-03-01"], /required option.*--to/],
  ] as const
) {
  shown(`meter export refuses ${options.join(" ")}`, async (run) => {
    const { code, stderr } = await run("meter", "export", ...options);
    assert.equal(code, 64);
    assert.match(stderr, want);
  }, "empty");
}

shown("--format csv is for lists, and --format takes three names", async (run) => {
  const csv = (await run("device", "list", "--format", "csv")).stdout;
  assert.equal(csv.split("\r\n").length, 6);
  assert.match((await run("device", "show", "10.1.0.1", "--format", "csv")).stderr, /the answer is not a list/);
  assert.match(
    (await run("device", "list", "--format", "xml")).stderr,
    /--format as a format: current value is "xml"/,
  );
});

for (const list of [["device", "list"], ["reading", "list"]]) {
  shown(`${list.join(" ")} shows a page, and says of how many it is one`, async (run) => {
    const { stdout } = await run(...list, "--limit", "2", "--offset", "1");
    assert.match(stdout, /Model of asleep[^]*Model of away/);
    assert.doesNotMatch(stdout, /Model of (whole|unread)/);
    assert.match(stdout, /\n2 to 3 of 4 devices: 1 with low supplies, 1 silent, 2 without meters\n$/);
    assert.match((await run(...list, "--limit", "2", "--offset", "9")).stdout, /^none of 4 devices: /);
    assert.match((await run(...list, "--limit", "9")).stdout, /\n4 devices: /);
    assert.equal((await run(...list, "--limit", "0")).code, 64);
  });
}

for (const [scene, options] of Object.entries(scenes)) {
  slowInPostgres(
    `lists and sheets of devices that nothing changes: ${scene}`,
    (t) =>
      withDevices(async (run) => {
        for (const { name, step, ...of } of steps) if (of.scene === scene) await t.step(name, () => step(run));
      }, options),
  );
}

slowInPostgres(
  "each list says that there are no devices, or that they are at closed sites",
  () =>
    withDevices(async (run) => {
      const lists = ["supply", "alert", "device", "reading"];
      await run("customer", "create", "Empty");
      for (const list of lists) {
        const none = await run(list, "list", "--customer", "Empty");
        assert.match(none.stdout, /^no devices yet: agents report them after their first scan; /, list);
      }
      const closed = await run("site", "close", "Berlin", "--customer", "Acme", "--reason", "x", "--revoke-agents");
      assert.equal(closed.code, 0, closed.stderr);
      for (const list of lists) {
        const left = await run(list, "list", "--customer", "Acme");
        assert.equal(left.stdout, "no devices but 4 at closed sites: --site shows them\n", list);
      }
      await run("site", "create", "Potsdam", "--customer", "Acme");
      for (const list of lists) {
        const named = await run(list, "list", "--customer", "Acme", "--site", "Berlin", "--json");
        assert.ok(JSON.parse(named.stdout).length > 0, list);
      }
    }),
);
