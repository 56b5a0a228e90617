/**
 * Every real recording, read as the agent would read the device: the store holds only what identifyColumns and readPlan
 * ask for. What comes out is compared with what the source of the recording states. Differences that are right are
 * listed in `explained` with the reason; any other fails.
 */
import assert from "node:assert/strict";
import { interpretReading } from "../src/printers/interpret_reading.ts";
import { ObjectStore } from "../src/printers/object_store.ts";
import type { Profile } from "../src/printers/profile.ts";
import { allProfiles, genericProfile } from "../src/printers/profiles/all.ts";
import { identifyColumns } from "../src/printers/read_plan.ts";
import type { Reading, Supply } from "../src/printers/reading.ts";
import { recognise } from "../src/printers/recognise.ts";
import { colorantFromWords, kindFromWords } from "../src/printers/supply_names.ts";
import { simulateRead } from "../src/recording/replay.ts";
import { parseSnmprec } from "../src/recording/snmprec.ts";
import type { Varbind } from "../src/snmp/value.ts";
import { recordingsTest } from "./peers.ts";

/** `recording: field` of a difference, and why the reading is right. */
const explained: Record<string, string> = {
  "brother-hl-l5100dn: firmware": "the recording holds the record objects only",
  "brother-mfc-8880dn: firmware": "the recording holds the record objects only",
  "brother-mfc-b7715dw: firmware": "the recording holds the record objects only",
  "brother-mfc-l8650cdw: firmware": "the recording holds the record objects only",
  "brother-mfc-b7715dw: supply toner": "the web page rounds up to tens, the record has hundredths of a percent",
  "brother-mfc-l8650cdw: supply toner cyan": "the web page rounds up to tens, the record has hundredths of a percent",
  "brother-mfc-l8650cdw: supply toner magenta": "the web page rounds up to tens",
  "brother-mfc-l8650cdw: supply toner yellow": "the web page rounds up to tens",
  "hp-officejet-pro-x476dw: serial": "the serial is not among the recorded objects",
  "epson-l405: model": "system group and interface only; none of them holds the model",
  "zebra-1: model": "sysDescr.0 is that of the network card and there is nothing else",
};

/** Peers' placeholders for what they removed. */
const placeholders = new Set(["serial_number", "<private>"]);

interface Peer {
  vendor: string;
  model: string;
  scope: string;
}

// deno-lint-ignore no-explicit-any -- sources state different things in different shapes
type Expected = any;

interface Seen {
  name: string;
  reading: Reading;
  objects: Varbind[];
  differences: string[];
}

recordingsTest("interpretReading() says of every recorded printer what its source states", (folder) => {
  const peers = readManifest(folder);
  const differences: string[] = [];
  let compared = 0;
  for (const [name, objects] of readFolder(`${folder}recordings`)) {
    const peer = peers.get(name)!;
    const seen = read(name, objects, forcedProfile(objects, peer));
    const expected = maybeExpected(`${folder}expected/${name}.json`);
    compareIdentity(seen, { expected, peer });
    if (expected !== undefined) compareNumbers(seen, expected);
    checkInvariants(seen);
    differences.push(...seen.differences);
    compared++;
  }
  assert.ok(compared > 40, `Cannot compare recordings as there are only ${compared}`);
  report(differences);
});

recordingsTest("recognise() names the maker of every recording with a sysDescr.0", (folder) => {
  const peers = readManifest(folder);
  const differences: string[] = [];
  let compared = 0;
  for (const part of ["recordings", "fragments", "detection-only"]) {
    for (const [name, objects] of readFolder(folder + part)) {
      if (!objects.some(({ oid }) => oid === "1.3.6.1.2.1.1.1.0")) continue;
      compared++;
      const { store } = simulateRead(objects);
      const { printer, profile, evidence } = recognise(store);
      assert.ok(evidence.length > 0, name);
      if (!printer) differences.push(`${name}: printer: not recognised`);
      if (profile.maker !== peers.get(name)!.vendor) differences.push(`${name}: maker: ${profile.maker}`);
      const seen = read(name, objects, undefined);
      if (part !== "recordings") compareModel(seen, peers.get(name)!.model);
      checkInvariants(seen);
      differences.push(...seen.differences);
    }
  }
  assert.ok(compared > 40, `Cannot compare recordings as there are only ${compared}`);
  report(differences);
});

recordingsTest("recognise() takes no other device for a printer", (folder) => {
  const wrong: string[] = [];
  let compared = 0;
  for (const [name, objects] of readFolder(`${folder}negatives`)) {
    const full = new ObjectStore();
    for (const object of objects) full.add(object);
    for (const store of [full, simulateRead(objects).store]) {
      const { printer, evidence } = recognise(store);
      if (printer) wrong.push(`${name}: ${evidence.join("; ")}`);
    }
    compared++;
  }
  assert.ok(compared > 20);
  assert.deepEqual(wrong, []);
});

recordingsTest("readPlan() keeps a typical printer within twelve requests of 45 varbinds", (folder) => {
  for (const [name, objects] of readFolder(`${folder}recordings`)) {
    const { asked } = simulateRead(objects);
    assert.ok(asked + identifyColumns.length + 2 <= 12 * 45, `${name} takes ${asked} varbinds`);
  }
});

function read(name: string, objects: Varbind[], forced: Profile | undefined): Seen {
  const { store, profile } = simulateRead(objects, forced);
  const { reading, trace } = interpretReading(store, {
    observedAt: new Date("2026-01-02T03:04:05Z"),
    address: "192.0.2.1",
    port: 161,
    targetName: null,
    snmp: { version: "2c", engineId: null },
    problems: [],
    profile,
  });
  for (const { field, candidates } of trace) {
    const winners = candidates.filter(({ verdict }) => verdict === "won");
    assert.ok(winners.length <= 1, `${name}: ${field} has ${winners.length} winners`);
  }
  return { name, reading, objects, differences: [] };
}

/** Walks without a system group test rules, not recognition. */
function forcedProfile(objects: Varbind[], peer: Peer): Profile | undefined {
  if (objects.some(({ oid }) => oid === "1.3.6.1.2.1.1.1.0")) return undefined;
  return allProfiles.find(({ maker }) => maker === peer.vendor) ?? genericProfile;
}

function compareIdentity(seen: Seen, wanted: { expected: Expected; peer: Peer }): void {
  const { reading } = seen;
  const { expected, peer } = wanted;
  differ(seen, "maker", reading.manufacturer === peer.vendor, reading.manufacturer);
  const named = seen.objects.some(({ oid }) => oid.startsWith("1.3.6.1.2.1.1.1.") || /\.7\.0$/.test(oid));
  if (named) compareModel(seen, expected?.model ?? peer.model);
  const { serial, firmware, mac, interfaces } = expected ?? {};
  if (serial && !placeholders.has(serial)) differ(seen, "serial", reading.serial === serial, reading.serial);
  if (firmware) differ(seen, "firmware", reading.firmware === firmware, reading.firmware);
  const macs: string[] = [mac, ...(interfaces ?? []).map((it: { mac?: string }) => it.mac)].filter(Boolean);
  if (macs.length > 0) differ(seen, "mac", macs.includes(reading.mac ?? ""), reading.mac);
}

/** Models are compared by their letters and digits; either may say more than the other. */
function compareModel(seen: Seen, wanted: string): void {
  const bare = (text: string) => text.toLowerCase().replace(/\b(?:series|family|printer)\b|\(.*\)|[^a-z0-9]/g, "");
  const want = bare(wanted), got = bare(seen.reading.model ?? "");
  // The peer names the series ("M408x Series") where the device names itself.
  const series = /x\b.*series/i.test(wanted) || /\d{4} \d{4} series/i.test(wanted);
  differ(seen, "model", got !== "" && (series || want.includes(got) || got.includes(want)), seen.reading.model);
}

function compareNumbers(seen: Seen, expected: Expected): void {
  const counters = [
    ...Array.isArray(expected.page_counters) ? expected.page_counters : [],
    ...expected.page_counters_annotated ?? [],
    ...expected.page_counters_web ?? [],
    ...Object.entries(Array.isArray(expected.page_counters) ? {} : expected.page_counters ?? {})
      .map(([description, value]) => ({ description, value })),
  ];
  for (const { description, value, oid } of counters) compareMeter(seen, { description, value, oid });
  for (const it of [...expected.supplies ?? [], ...expected.supplies_annotated ?? []]) compareSupply(seen, it);
  for (const it of expected.supplies_web ?? []) compareSupply(seen, it);
  for (const [key, value] of Object.entries(expected.supplies_and_life ?? {})) {
    const words = /^(.*?)_?remaining(?:_life)?$/.exec(key)?.[1];
    if (words !== undefined) compareSupply(seen, { description: words.replaceAll("_", " "), level_percent: value });
  }
  for (const { index, level_percent, level_oid } of expected.input_trays ?? []) {
    const tray = seen.reading.trays.find((it) => it.index === `1.${index}`);
    const right = levelAgrees(tray?.level, { percent: level_percent, raw: rawLevel(seen, level_oid) });
    differ(seen, `tray ${index}`, right, JSON.stringify(tray?.level));
  }
}

const meterNames: [RegExp, string][] = [
  [/^(?:life time|total(?:Pages| impressions| pages printed)?$|page[ _]counter)/i, "total"],
  [/^(?:mono(?: impressions)?|bw_counter)$/i, "mono"],
  [/^(?:colou?r(?: impressions)?|color_counter)$/i, "color"],
  [/^mono (?:large|A3)/i, "large.mono"],
  [/^colour (?:large|A3)/i, "large.color"],
  [/^duplex unit pages$/i, "duplex"],
];

function compareMeter(seen: Seen, wanted: { description: string; value: number; oid?: string }): void {
  const { meters } = seen.reading;
  const name = meterNames.find(([words]) => words.test(wanted.description))?.[1];
  const meter = meters.find((it) => it.source.oid === wanted.oid) ?? meters.find((it) => it.name === name);
  if (meter === undefined && name !== "total") return;
  const right = meter?.value === wanted.value || meters.some((it) => it.name === name && it.value === wanted.value);
  differ(seen, `meter ${wanted.description}`, right, meter && `${meter.name}=${meter.value}, stated ${wanted.value}`);
}

function compareSupply(seen: Seen, wanted: Expected): void {
  const percent = wanted.level_percent ?? wanted.value ??
    (wanted.max ? wanted.remaining / wanted.max * 100 : undefined);
  if (percent === undefined) return;
  const found = wanted.level_oid === undefined
    ? byWords(seen.reading.supplies, wanted.description)
    : seen.reading.supplies.find(({ index }) => wanted.level_oid.endsWith(`43.11.1.1.9.${index}`));
  const right = levelAgrees(found?.level, { percent, raw: rawLevel(seen, wanted.level_oid) });
  differ(seen, `supply ${wanted.description}`, right, `${JSON.stringify(found?.level)}, stated ${percent}`);
}

function byWords(supplies: Supply[], description: string): Supply | undefined {
  const words = description.replace(/\bpf kit\b/, "paper feeding kit").replace(/imaging unit kit/, "imaging unit");
  const kind = /laser|feeding/.test(words)
    ? "other"
    : kindFromWords(words) ?? (/cartridge/.test(words) ? "toner" : "other");
  const colorant = colorantFromWords(words);
  const alike = supplies.filter((supply) => supply.kind.replace("Cartridge", "") === kind.replace("Cartridge", ""));
  if (kind === "other") {
    return alike.find((it) => it.description.toLowerCase().startsWith(words.split(" unit")[0]!.toLowerCase()));
  }
  return alike.find((it) => colorant === undefined || it.colorant === colorant) ??
    (alike.length === 1 ? alike[0] : undefined);
}

/** Peers print 50 % for −3, leave −2 out and print 0 % for −1; a reading must not. */
function levelAgrees(
  level: Supply["level"] | undefined,
  wanted: { percent: number; raw: number | undefined },
): boolean {
  if (level === undefined) return false;
  if (wanted.raw === -1) return level.kind === "unlimited";
  if (wanted.raw === -2) return level.kind === "unknown";
  if (wanted.raw === -3) return level.kind === "some" || level.kind === "exact";
  return level.percent !== null && Math.abs(level.percent - wanted.percent) <= 1;
}

function rawLevel(seen: Seen, oid: string | undefined): number | undefined {
  return oid === undefined ? undefined : Number(seen.objects.find((object) => object.oid === oid)?.value);
}

/** What must hold of any reading, stated or not. */
function checkInvariants({ name, reading }: Seen): void {
  for (
    const { level, description } of [...reading.supplies, ...reading.trays.map((it) => ({ ...it, description: "" }))]
  ) {
    const { kind, percent } = level;
    assert.equal(percent !== null, kind === "exact" || kind === "empty", `${name} ${description}`);
    assert.ok(percent === null || (percent >= 0 && percent <= 100), `${name} ${description}`);
  }
  for (const { value } of reading.meters) assert.ok(Number.isSafeInteger(value) && value >= 0, name);
  // deno-lint-ignore no-control-regex -- nothing that a terminal interprets may be left
  assert.ok(!/[\u0000-\u001f\u007f-\u009f]/.test(JSON.stringify(reading)), name);
}

function differ(seen: Seen, field: string, right: boolean, got: unknown): void {
  if (!right) seen.differences.push(`${seen.name}: ${field}: ${got}`);
}

function report(differences: string[]): void {
  const reason = (difference: string) =>
    Object.entries(explained).find(([key]) => difference.startsWith(`${key}:`))?.[1];
  for (const difference of differences) {
    if (reason(difference) !== undefined) console.log(`explained: ${difference} (${reason(difference)})`);
  }
  assert.deepEqual(differences.filter((difference) => reason(difference) === undefined), []);
}

function* readFolder(folder: string): Iterable<[name: string, objects: Varbind[]]> {
  for (const { name } of [...Deno.readDirSync(folder)].sort((a, b) => a.name < b.name ? -1 : 1)) {
    if (name.endsWith(".snmprec")) {
      yield [name.replace(".snmprec", ""), parseSnmprec(Deno.readTextFileSync(`${folder}/${name}`)).objects];
    }
  }
}

function maybeExpected(path: string): Expected {
  try {
    return JSON.parse(Deno.readTextFileSync(path));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return undefined;
  }
}

function readManifest(folder: string): Map<string, Peer> {
  const [header, ...lines] = Deno.readTextFileSync(`${folder}MANIFEST.tsv`).trim().split("\n").map((it) =>
    it.split("\t")
  );
  const column = (name: string) => header!.indexOf(name);
  return new Map(lines.map((cells) => [cells[column("name")]!, {
    vendor: cells[column("vendor")]!,
    model: cells[column("model")]!,
    scope: cells[column("scope")]!,
  }]));
}
