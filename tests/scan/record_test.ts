import assert from "node:assert/strict";
import { type DeviceOptions, objectsOf } from "../../simulator/device.ts";
import { startSimulator } from "../../simulator/simulator.ts";
import { runCli } from "../../src/cli/run_cli.ts";
import type { Reading, ScanDocument } from "../../common/reading/reading.ts";
import { redactRecording } from "../../src/recording/redact_recording.ts";
import { simulateRead } from "../../src/recording/replay.ts";
import { formatSnmprec, parseSnmprec } from "../../src/recording/snmprec.ts";
import { explainReading } from "../../src/cli/explanation.ts";
import type { Varbind } from "../../src/snmp/value.ts";
import { testHost } from "../fixtures/test_host.ts";
import { inTurns, officePrinters, runAgainst } from "../fixtures/office_fixture.ts";
import { recordingsTest } from "../fixtures/peers.ts";
import { recordedPrinters } from "../fixtures/recorded_printers.ts";
import { port, standardPrinter } from "../fixtures/scan_fixture.ts";

interface Recorded {
  text: string;
  objects: Varbind[];
  err: string;
  exitCode: number;
}

/** Runs `opendca record` into a file of its own. */
async function record(address: string, args: string[] = [], options?: { credentials?: boolean }): Promise<Recorded> {
  const folder = await Deno.makeTempDir();
  try {
    const { exitCode, err } = await runAgainst("record", [address, "-o", `${folder}/r.snmprec`, ...args], options);
    const names = [...Deno.readDirSync(folder)].map(({ name }) => name);
    assert.deepEqual(names, exitCode === 0 ? ["r.snmprec"] : []);
    const text = exitCode === 0 ? await Deno.readTextFile(`${folder}/r.snmprec`) : "";
    const { objects, malformedLines } = parseSnmprec(text);
    assert.equal(malformedLines, 0);
    return { text, objects, err, exitCode };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Readings of simulated printers by their address. Nobody else is asked: silence takes time. */
async function readingsOf(devices: readonly DeviceOptions[]): Promise<Map<string, Reading>> {
  const addresses = devices.map(({ address }) => address!);
  const { out, err } = await runAgainst("scan", [...addresses, "--format", "json", "--rate", "0", "--quiet"]);
  assert.notEqual(out, "", err);
  const { printers }: ScanDocument = JSON.parse(out);
  return new Map(printers.map((reading) => [reading.address, reading]));
}

/** A reading without what a recording may change, each replaced text by its kind and length. */
function comparable(reading: Reading) {
  const { observedAt: _1, address: _2, port: _3, snmp: _4, ...rest } = reading;
  const shape = (text: string | null) => text === null ? null : text.length;
  const secrets = [reading.serial, ...reading.supplies.map(({ serial }) => serial)].filter((text) => text !== null);
  const withoutSecrets = (text: string | null) =>
    secrets.reduce<string | null>((left, secret) => left?.replaceAll(secret, "x".repeat(secret.length)) ?? null, text);
  return {
    ...rest,
    hostname: shape(reading.hostname),
    location: shape(reading.location),
    contact: shape(reading.contact),
    serial: shape(reading.serial),
    mac: shape(reading.mac),
    description: withoutSecrets(reading.description),
    supplies: reading.supplies.map((supply) => ({ ...supply, serial: shape(supply.serial) })),
    // A replay has other credentials than the printer.
    problems: reading.problems.filter(({ code }) => code !== "limited-view"),
    // sysUpTime of the recorded device stands still.
    alerts: reading.alerts.map((alert) => ({ ...alert, since: shape(alert.since) })),
  };
}

/** What of a reading would tell whose printer it is. */
function secretsOf(reading: Reading): string[] {
  const { serial, hostname, location, contact, mac, supplies } = reading;
  const texts = [serial, hostname, location, contact, mac, ...supplies.map((supply) => supply.serial)];
  return texts.filter((text) => text !== null);
}

/** Tells whether a secret stands in a file: as text, in hexadecimal or as UTF-16 of either order, in any case. */
function searchIn(text: string): (secret: string) => boolean {
  const octets = parseSnmprec(text).objects.map(({ value }) => value instanceof Uint8Array ? value : new Uint8Array());
  const lower = octets.map((value) => value.map((octet) => octet >= 65 && octet <= 90 ? octet + 32 : octet).toHex());
  const everything = [text.toLowerCase(), ...lower].join("\n");
  return (secret) => {
    const utf8 = new TextEncoder().encode(secret.toLowerCase());
    const utf16 = [...utf8].flatMap((octet) => [octet, 0]);
    const spelt = [utf8.toHex(), Uint8Array.from(utf16).toHex(), Uint8Array.from([0, ...utf16.slice(0, -1)]).toHex()];
    return [secret.toLowerCase(), ...spelt].some((needle) => everything.includes(needle));
  };
}

Deno.test("record of every printer of the office replays to the same reading, without whose it is", async () => {
  const printers = officePrinters("127.96.0");
  const replays: { name: string; before: Reading; recorded: Recorded }[] = [];
  {
    await using _simulator = await startSimulator({ devices: printers });
    const before = await readingsOf(printers);
    replays.push(
      ...await inTurns(printers, async ({ address, name = "" }) => {
        const recorded = await record(address!);
        assert.equal(recorded.exitCode, 0, recorded.err);
        return { name, before: before.get(address!)!, recorded };
      }),
    );
  }
  const devices = replays.map(({ name, recorded }, i): DeviceOptions => ({
    name,
    address: `127.96.1.${i + 1}`,
    port,
    objects: recorded.objects,
  }));
  await using _replay = await startSimulator({ devices });
  const readings = await readingsOf(devices);
  for (const [i, { name, before, recorded }] of replays.entries()) {
    const after = readings.get(devices[i]!.address!)!;
    assert.deepEqual(comparable(after), comparable(before), name);
    assert(secretsOf(before).length >= 2, name);
    const standsIn = searchIn(recorded.text);
    for (const secret of [...secretsOf(before), before.address]) {
      assert(!standsIn(secret), `${name} tells ${secret}`);
    }
    const mac = before.mac?.replaceAll(":", "");
    if (mac !== undefined) assert(!recorded.text.includes(mac), `${name} tells its MAC address`);
    assert.match(recorded.err, /^recorded \d+ objects of .*\nreplaced: .*\nnote: check the file.*\n$/, name);
    for (const secret of secretsOf(before)) {
      assert(!recorded.err.includes(secret), `${name}: the report tells ${secret}`);
    }
  }
});

recordingsTest(
  "redactRecording() leaves the reading of every recorded printer as it is, without whose it is (slow)",
  (folder) => {
    let redacted = 0;
    for (const { name, objects } of recordedPrinters(folder)) {
      const draw = (limit: number) => crypto.getRandomValues(new Uint32Array(1))[0]! % limit;
      const out = redactRecording(objects, { address: "198.18.0.1", hostname: null, credentials: [], texts: [], draw });
      const text = formatSnmprec(out.objects);
      const [before, after] = [objects, parseSnmprec(text).objects].map((it) =>
        explainReading(simulateRead(it), {
          subject: name,
          observedAt: new Date(0),
          address: "198.18.0.1",
          port: 161,
          targetName: null,
          snmp: { version: "2c", engineId: null },
          problems: [],
        }).reading
      ) as [Reading, Reading];
      const numbers = (reading: Reading) => ({
        maker: reading.manufacturer,
        model: reading.model,
        firmware: reading.firmware,
        status: reading.status,
        meters: reading.meters,
        trays: reading.trays,
        supplies: reading.supplies.map(({ serial, ...rest }) => ({ ...rest, hasSerial: serial !== null })),
        alerts: reading.alerts,
        hasSerial: reading.serial !== null,
      });
      assert.deepEqual(numbers(after), numbers(before), name);
      assert.equal(out.objects.length, objects.length);
      const standsIn = searchIn(text);
      for (const secret of secretsOf(before)) {
        const isWord = /^(?:\W*|redacted|private|<private>|.{1,3})$/i.test(secret);
        if (!isWord) assert(!standsIn(secret), `${name} tells one of its secrets`);
      }
      redacted++;
    }
    assert(redacted > 40, `Cannot redact recordings as there are only ${redacted}`);
  },
);

const large = (count: number) =>
  objectsOf(Object.fromEntries(Array.from({ length: count }, (_, i) => [`1.3.6.1.4.1.32473.1.${i + 1}`, i])));

function largePrinter(address: string, count: number): DeviceOptions {
  const base = standardPrinter(address);
  return {
    ...base,
    objects: [
      ...objectsOf({ "1.3.6.1.2.1.1.1.0": "Example Laser 9000" }),
      {
        oid: "1.3.6.1.2.1.1.2.0",
        tag: 6,
        value: "1.3.6.1.4.1.32473.1",
      },
      ...objectsOf({ "1.3.6.1.2.1.43.10.2.1.4.1.1": 7 }),
      ...large(count),
    ],
  };
}

Deno.test("record takes the maker's subtree, cuts it at 5,000 objects and says so", async () => {
  await using _simulator = await startSimulator({
    devices: [largePrinter("127.96.2.5", 5000), largePrinter("127.96.2.6", 5001)],
  });
  const whole = await record("127.96.2.5", [], { credentials: false });
  assert.equal(whole.objects.filter(({ oid }) => oid.startsWith("1.3.6.1.4.1.32473.1.")).length, 5000);
  assert.doesNotMatch(whole.err, /cut/);
  const cut = await record("127.96.2.6", [], { credentials: false });
  assert.equal(cut.objects.filter(({ oid }) => oid.startsWith("1.3.6.1.4.1.32473.1.")).length, 5000);
  assert.match(cut.err, /\nnote: 1\.3\.6\.1\.4\.1\.32473 was cut after 5000 objects; --full takes up to 30000\n$/);
  const full = await record("127.96.2.6", ["--full"], { credentials: false });
  assert.equal(full.objects.filter(({ oid }) => oid.startsWith("1.3.6.1.4.1.32473.1.")).length, 5001);
  assert.doesNotMatch(full.err, /cut/);
});

Deno.test("record keeps everything as it is with --no-redact, and warns", async () => {
  await using _simulator = await startSimulator({ devices: [standardPrinter("127.96.3.5")] });
  const { text, err } = await record("127.96.3.5", ["--no-redact"], { credentials: false });
  for (const secret of ["ZZ1279635", "prn-127-96-3-5", "Test room"]) assert(text.includes(secret), secret);
  assert.match(err, /\nnote: nothing was replaced/);
});

Deno.test("record replaces the community that it was let in with", async () => {
  const device = standardPrinter("127.96.4.5", { communities: ["hush-4711"] });
  const objects = objectsOf({
    "1.3.6.1.2.1.1.1.0": "Example Laser 9000",
    "1.3.6.1.2.1.43.10.2.1.4.1.1": 7,
    "1.3.6.1.2.1.43.18.1.1.8.1.1": "trap sent as hush-4711",
  });
  await using _simulator = await startSimulator({ devices: [{ ...device, objects }] });
  const { text, err } = await record("127.96.4.5", ["-c", "hush-4711"], { credentials: false });
  assert.match(text, /trap sent as [a-z]{4}-\d{4}\n/);
  assert(!text.includes("hush-4711"));
  assert.match(err, /1 password in 1 place/);
});

Deno.test("record says what a device does not answer, and keeps what it gave", async () => {
  const device = standardPrinter("127.96.5.5", { faults: [{ kind: "silence", under: "1.3.6.1.2.1.43.16" }] });
  await using _simulator = await startSimulator({ devices: [device] });
  const { exitCode, objects, err } = await record("127.96.5.5", ["--timeout", "60", "--retries", "5"]);
  assert.equal(exitCode, 0);
  assert(objects.length > 10);
  assert.match(err, /\nnote: incomplete: .*did not answer in time\n/);
});

Deno.test("record leaves no file behind when it is interrupted", async () => {
  const folder = await Deno.makeTempDir();
  const device = standardPrinter("127.96.6.5", { faults: [{ kind: "delay", ms: 150 }] });
  await using simulator = await startSimulator({ devices: [device] });
  const host = testHost();
  const running = runCli(["record", `127.96.6.5:${port}`, "-o", `${folder}/r.snmprec`, "--timeout", "5000"], host);
  while (simulator.requests("127.96.6.5") < 3) await new Promise((resolve) => setTimeout(resolve, 5));
  host.interrupt();
  assert.equal(await running, 130);
  assert.equal(host.err, "interrupted: no recording was written\n");
  assert.deepEqual([...Deno.readDirSync(folder)], []);
  await Deno.remove(folder);
});
