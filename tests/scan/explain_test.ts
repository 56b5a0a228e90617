import assert from "node:assert/strict";
import { startSimulator } from "../../simulator/simulator.ts";
import { runCli } from "../../src/cli/run_cli.ts";
import type { Reading } from "../../common/reading/reading.ts";
import { tracesLeaf } from "../../src/printers/trace.ts";
import { simulateRead } from "../../src/recording/replay.ts";
import { explainReading, type Explanation } from "../../src/cli/explanation.ts";
import { renderExplanation } from "../../src/cli/explanation_text.ts";
import { testHost } from "../fixtures/test_host.ts";
import { assertGolden } from "../golden/golden.ts";
import { sampleExplanation } from "../golden/sample_explanation.ts";
import { inTurns, officePrinters, runAgainst } from "../fixtures/office_fixture.ts";
import { recordingsTest } from "../fixtures/peers.ts";
import { recordedPrinters } from "../fixtures/recorded_printers.ts";
import { standardPrinter } from "../fixtures/scan_fixture.ts";

/** What the network knows of a device; every other leaf comes from an object. */
const fromNetwork = new Set(["observedAt", "address", "port", "snmp.version", "snmp.engineId"]);

/** Paths of all values of a reading that are known: rows of tables by their index or name, alerts by their place. */
function leavesOf(reading: Reading): string[] {
  const leaves: string[] = [];
  const walk = (value: unknown, path: string): void => {
    if (value === null || path === "problems" || /\.(?:source|others)$/.test(path)) return;
    const isList = Array.isArray(value) && typeof value[0] !== "object";
    if (typeof value !== "object" || (isList && path.startsWith("status"))) return void leaves.push(path);
    for (const [key, part] of Object.entries(value)) {
      const name = /^(?:supplies|trays)$/.test(path) ? part.index : path === "meters" ? part.name : key;
      walk(part, path === "" ? name : `${path}.${name}`);
    }
  };
  walk(reading, "");
  const isKey = (leaf: string) => /^(?:supplies|trays)\..*\.index$|^meters\..*\.name$/.test(leaf);
  return leaves.filter((leaf) => !fromNetwork.has(leaf) && !isKey(leaf));
}

/** Leaves of the reading that no traced field with exactly one winner tells of. An unknown is nobody's. */
function untraced({ reading, values }: Explanation): string[] {
  const won = values.filter(({ candidates }) => candidates.filter(({ verdict }) => verdict === "won").length === 1);
  return leavesOf(reading).filter((leaf) =>
    !won.some(({ field }) => tracesLeaf(field, leaf)) &&
    !(leaf === "status.state" && reading.status.state === "unknown") &&
    !(leaf === "status.errors" && reading.status.errors.length === 0) &&
    !(leaf.endsWith(".description") && leaf.startsWith("supplies") &&
      !values.some(({ field, value }) => field === leaf && value))
  );
}

Deno.test("explain tells of every value of every printer of the office which rule won", async () => {
  const printers = officePrinters("127.95.0");
  await using _simulator = await startSimulator({ devices: printers });
  await inTurns(printers, async ({ address, name }) => {
    const { out, err, exitCode } = await runAgainst("explain", [address!, "--format", "json"]);
    assert.equal(exitCode, 0, err);
    const explanation: Explanation = JSON.parse(out);
    assert(explanation.recognised.printer, String(name));
    assert(explanation.recognised.evidence.length > 0, String(name));
    assert(leavesOf(explanation.reading).length > 10, String(name));
    assert.deepEqual(untraced(explanation), [], String(name));
    for (const { candidates } of explanation.values) {
      for (const { octets, raw } of candidates) assert(octets === null || raw !== null || octets === "", String(name));
    }
  });
});

recordingsTest("explainReading() tells of every value of every recorded printer which rule won", (folder) => {
  let explained = 0;
  for (const { name, objects } of recordedPrinters(folder)) {
    const explanation = explainReading(simulateRead(objects), {
      subject: name,
      observedAt: new Date("2026-01-02T03:04:05Z"),
      address: "192.0.2.1",
      port: 161,
      targetName: null,
      snmp: { version: "2c", engineId: null },
      problems: [],
    });
    assert.deepEqual(untraced(explanation), [], String(name));
    explained++;
  }
  assert(explained > 40, `Cannot explain recordings as there are only ${explained}`);
});

const recording = `
1.3.6.1.2.1.1.1.0|4|Brother NC-8999w, Firmware Ver.1.42  (23.04.18),MID 8CA-Z01,FID 2
1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.2435.2.3.9.1
1.3.6.1.2.1.1.3.0|67|8640250
1.3.6.1.2.1.1.5.0|4|printer-1
1.3.6.1.2.1.1.7.0|2|72
1.3.6.1.2.1.2.2.1.3.1|2|6
1.3.6.1.2.1.2.2.1.6.1|4x|02005e000001
1.3.6.1.2.1.25.3.2.1.3.1|4|Brother HL-L5999DW
1.3.6.1.2.1.25.3.2.1.5.1|2|3
1.3.6.1.2.1.25.3.5.1.1.1|2|3
1.3.6.1.2.1.25.3.5.1.2.1|4x|2000
1.3.6.1.2.1.43.5.1.1.17.1|4x|553634393939413000
1.3.6.1.2.1.43.8.2.1.8.1.1|2|8
1.3.6.1.2.1.43.8.2.1.9.1.1|2|250
1.3.6.1.2.1.43.8.2.1.10.1.1|2|-3
1.3.6.1.2.1.43.8.2.1.13.1.1|4|Tray 1
1.3.6.1.2.1.43.10.2.1.4.1.1|65|48300
1.3.6.1.2.1.43.11.1.1.3.1.1|2|1
1.3.6.1.2.1.43.11.1.1.4.1.1|2|3
1.3.6.1.2.1.43.11.1.1.5.1.1|2|21
1.3.6.1.2.1.43.11.1.1.6.1.1|4|Black Toner Cartridge
1.3.6.1.2.1.43.11.1.1.7.1.1|2|7
1.3.6.1.2.1.43.11.1.1.8.1.1|2|-2
1.3.6.1.2.1.43.11.1.1.9.1.1|2|-3
1.3.6.1.2.1.43.12.1.1.4.1.1|4|black
1.3.6.1.2.1.43.18.1.1.2.1.1|2|4
1.3.6.1.2.1.43.18.1.1.4.1.1|2|11
1.3.6.1.2.1.43.18.1.1.7.1.1|2|1104
1.3.6.1.2.1.43.18.1.1.8.1.1|4|Toner low
1.3.6.1.2.1.43.18.1.1.9.1.1|67|8600000
1.3.6.1.4.1.2435.2.3.9.1.1.7.0|4|MFG:Brother;CMD:PJL,HBP,URF;MDL:HL-L5999DW;CLS:PRINTER;
1.3.6.1.4.1.2435.2.3.9.4.2.1.5.5.8.0|4x|310104000000016f010400001838810104000000
1.3.6.1.4.1.2435.2.3.9.4.2.1.5.5.10.0|4x|0001040000bc520101040000bc52ff
`;

async function explainText(text: string, args: string[] = []) {
  const file = await Deno.makeTempFile({ suffix: ".snmprec" });
  try {
    await Deno.writeTextFile(file, text);
    const host = testHost();
    const clock = { ...host.clock, now: () => new Date("2026-01-02T03:04:05Z") };
    const exitCode = await runCli(["explain", "--recording", file, ...args], Object.assign(host, { clock }));
    return { exitCode, out: host.out.replaceAll(file, "FILE"), err: host.err.replaceAll(file, "FILE") };
  } finally {
    await Deno.remove(file);
  }
}

for (
  const { file, options } of [
    { file: "explain_100.txt", options: { columns: 100, color: false, unicode: true } },
    { file: "explain_100_ascii.txt", options: { columns: 100, color: false, unicode: false } },
    { file: "explain_100_color.txt", options: { columns: 100, color: true, unicode: true } },
  ]
) {
  Deno.test(`renderExplanation() prints the sample as in ${file}`, () => {
    assertGolden(file, renderExplanation(sampleExplanation, options));
  });
}

Deno.test("explain prints a recording with no line wider than 100 columns", async () => {
  const { exitCode, out, err } = await explainText(recording);
  assert.equal(exitCode, 0, err);
  assert.equal(err, "");
  for (const line of out.split("\n")) assert(line.length <= 100, line);
  for (const group of ["IDENTITY", "STATUS", "METERS", "SUPPLIES", "TRAYS", "ALERTS", "PROBLEMS"]) {
    assert(out.includes(`\n\n${group}\n`), group);
  }
});

Deno.test("explain prints a recording as JSON with the octets of each answer", async () => {
  const { out } = await explainText(recording, ["--format", "json"]);
  const { schema, values, unused, notAnswered, recognised }: Explanation = JSON.parse(out);
  assert.equal(schema, "opendca.explanation/1");
  assert.equal(recognised.profile, "brother");
  const serial = values.find(({ field }) => field === "serial")!;
  assert.equal(serial.group, "identity");
  assert.deepEqual(serial.candidates.map(({ rule, verdict, octets }) => [rule, verdict, octets]), [
    ["rfc3805.serial", "won", "553634393939413000"],
    ["brother.serial", "not answered", null],
  ]);
  const total = values.find(({ field }) => field === "meters.total")!;
  assert.equal(total.value, "48210 impressions");
  assert.deepEqual(total.candidates.map(({ rule, value }) => [rule, value]), [
    ["brother.counter", 48210],
    ["rfc3805.lifeCount", 48300],
  ]);
  assert.deepEqual(unused.map(({ oid }) => oid), ["1.3.6.1.2.1.1.7.0"]);
  assert(notAnswered.some(({ oid, name }) => oid.endsWith(".5.5.17.0") && name === "brother.firmware"));
});

Deno.test("explain says of a rule that lost whether its count does not agree, and keeps it in the reading", async () => {
  for (const [count, contradicts] of [[48300, undefined], [61300, true]] as const) {
    const changed = recording.replace("|65|48300", `|65|${count}`);
    const explanation: Explanation = JSON.parse((await explainText(changed, ["--format", "json"])).out);
    const { candidates } = explanation.values.find(({ field }) => field === "meters.total")!;
    assert.deepEqual(candidates.map((it) => [it.rule, it.contradicts]), [["brother.counter", undefined], [
      "rfc3805.lifeCount",
      contradicts,
    ]]);
    const { others } = explanation.reading.meters.find(({ name }) => name === "total")!;
    const oid = "1.3.6.1.2.1.43.10.2.1.4.1.1";
    assert.deepEqual(others, [{ oid, rule: "rfc3805.lifeCount", value: count, why: "lowerPriority" }]);
    const { out } = await explainText(changed);
    assert.equal(out.includes("it says 61300, which does not agree"), contradicts === true);
  }
});

Deno.test("explain names the first line of a recording that is none, and reads the rest", async () => {
  const { exitCode, err } = await explainText(recording.replace("1.3.6.1.2.1.1.5.0|4|", "1.3.6.1.2.1.1.5.0 = "));
  assert.equal(exitCode, 0);
  assert.equal(err, "note: line 5 is not OID|TAG|VALUE: skipped\n");
});

Deno.test("explain lets nothing of a device through to the terminal", async () => {
  const { out } = await explainText(`${recording}\n1.3.6.1.2.1.1.6.0|4x|1b5d303b6576696c071b5b324a726f6f6d`);
  // deno-lint-ignore no-control-regex -- control characters are what is looked for
  assert.doesNotMatch(out, /[\x00-\x09\x0b-\x1f\x7f-\x9f]/);
  assert.match(out, /location +room/);
});

Deno.test("explain says of a device that is no printer what it answered and what it did not", async () => {
  const { out } = await explainText("1.3.6.1.2.1.1.1.0|4|Linux server\n1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.8072.3.2.10\n");
  assert.match(out, /not recognised as a printer\nprofile "generic", without evidence of a maker\n/);
  assert.match(out, /REQUESTED, NOT ANSWERED\n(?:.*\n)*.*prtMarkerLifeCount\n/);
});

Deno.test("explain reads a device with the same number of requests as a scan and never sets anything", async () => {
  await using simulator = await startSimulator({ devices: [standardPrinter("127.95.1.5")] });
  const { exitCode, out } = await runAgainst("explain", ["127.95.1.5"], { credentials: false });
  assert.equal(exitCode, 0);
  assert.match(out, /^127\.95\.1\.5 port \d+, SNMP 2c, /);
  assert(simulator.requests("127.95.1.5") <= 12, `${simulator.requests("127.95.1.5")} requests`);
  assert.equal(simulator.sets, 0);
});

Deno.test("explain shows what a device failed to answer among its problems, once", async () => {
  const device = standardPrinter("127.95.2.5", { faults: [{ kind: "genErr", under: "1.3.6.1.2.1.43.11" }] });
  await using _simulator = await startSimulator({ devices: [device] });
  const { out } = await runAgainst("explain", ["127.95.2.5", "--format", "json"], { credentials: false });
  const { reading }: Explanation = JSON.parse(out);
  assert(reading.problems.some(({ code }) => code === "agent-error"));
  assert.equal(new Set(reading.problems.map(({ message }) => message)).size, reading.problems.length);
});

Deno.test("explain says why no credential works", async () => {
  const users = [{
    name: "other",
    auth: "sha256",
    authKey: "other-auth-key",
    priv: "aes128",
    privKey: "other-key",
  }] as const;
  await using _simulator = await startSimulator({
    devices: [standardPrinter("127.95.3.5", { versions: ["3"], users: [...users] })],
  });
  const { exitCode, err } = await runAgainst("explain", ["127.95.3.5"]);
  assert.equal(exitCode, 69);
  assert.match(err, /^error: Cannot read 127\.95\.3\.5 port \d+ as .*unknownUserName.*\nhint: .*--credentials\n$/);
});
