/** All recordings, read as the agent would read the devices, and held against what their sources state. */
import assert from "node:assert/strict";
import { interpretReading, type ReadingContext } from "../../../src/printers/interpret_reading.ts";
import { ObjectStore } from "../../../src/printers/object_store.ts";
import type { Profile } from "../../../src/printers/profile.ts";
import { allProfiles, genericProfile } from "../../../src/printers/profiles/all.ts";
import { recognise } from "../../../src/printers/recognise.ts";
import type { Trace } from "../../../src/printers/trace.ts";
import { simulateRead } from "../../../src/recording/replay.ts";
import { parseSnmprec } from "../../../src/recording/snmprec.ts";
import type { Varbind } from "../../../src/snmp/value.ts";
import { judge, type Judgement, type Seen } from "./judge.ts";
import { statedFacts, type Statement } from "./stated.ts";

export interface Surveyed extends Seen {
  folder: string;
  /** Whether sysDescr.0 was recorded: without it maker and model are not what the recording is about. */
  system: boolean;
  /** Whether the answers alone were taken for a printer's. */
  recognised: boolean;
  sourceKind: string | null;
  judgements: Judgement[];
  outside: string[];
  trace: Trace;
  /** Varbinds that the read takes. */
  asked: number;
}

export interface Negative {
  name: string;
  /** Evidence for a printer, from a whole walk and from what is asked of a device; empty when both say no. */
  mistaken: string[];
}

export interface Survey {
  devices: Surveyed[];
  negatives: Negative[];
}

/** Where and when a recorded device is said to have been read. */
export const simulatedContext: Omit<ReadingContext, "profile"> = {
  observedAt: new Date("2026-01-02T03:04:05Z"),
  address: "192.0.2.1",
  port: 161,
  targetName: null,
  snmp: { version: "2c", engineId: null },
  problems: [],
};

const sysDescr = "1.3.6.1.2.1.1.1.0";

/** Reads everything below `root`, the folder of recordings; throws when there are suspiciously few. */
export function surveyRecordings(root: string): Survey {
  const manifest = readManifest(root);
  const devices: Surveyed[] = [];
  for (const folder of ["recordings", "fragments", "detection-only"]) {
    for (const [name, objects] of readFolder(`${root}${folder}`)) {
      devices.push(survey({ root, folder, name, objects, entry: manifest.get(name)! }));
    }
  }
  const negatives = [...readFolder(`${root}negatives`)].map(([name, objects]) => ({
    name,
    mistaken: mistaken(objects),
  }));
  if (devices.length < 60 || negatives.length < 20) {
    throw new Error(`Cannot survey ${root} as it holds only ${devices.length} printers and ${negatives.length} others`);
  }
  return { devices, negatives };
}

interface Recorded {
  root: string;
  folder: string;
  name: string;
  objects: Varbind[];
  entry: ManifestEntry;
}

function survey({ root, folder, name, objects, entry }: Recorded): Surveyed {
  const system = objects.some(({ oid }) => oid === sysDescr);
  // Walks that begin behind the system group test rules, not recognition: their maker is given.
  const given = system || folder !== "recordings" ? undefined : profileOf(entry.vendor);
  const { store, profile, asked } = simulateRead(objects, given);
  const { reading, trace } = interpretReading(store, { ...simulatedContext, profile });
  // A scan keeps no trace, and reads the same.
  assert.deepEqual(interpretReading(store, { ...simulatedContext, profile, traces: false }).reading, reading);
  const statement = maybeStatement(`${root}expected/${name}.json`);
  const { facts, outside, convention } = statedFacts(statement ?? {});
  const seen: Seen = { name, reading, objects, model: entry.model, convention };
  if (statement?.model ?? system) {
    facts.unshift({ kind: "model", field: "model", value: statement?.model ?? entry.model });
  }
  if (system) facts.unshift({ kind: "maker", field: "maker", value: entry.vendor });
  return {
    ...seen,
    folder,
    system,
    recognised: recognise(store).printer,
    sourceKind: statement?.source_kind ?? null,
    judgements: facts.map((fact) => judge(seen, fact)),
    outside,
    trace,
    asked,
  };
}

function profileOf(maker: string): Profile {
  return allProfiles.find((profile) => profile.maker === maker) ?? genericProfile;
}

function mistaken(objects: Varbind[]): string[] {
  const whole = new ObjectStore();
  for (const object of objects) whole.add(object);
  return [whole, simulateRead(objects).store].flatMap((store) => {
    const { printer, evidence } = recognise(store);
    return printer ? evidence : [];
  });
}

function* readFolder(folder: string): Iterable<[name: string, objects: Varbind[]]> {
  for (const { name } of [...Deno.readDirSync(folder)].sort((a, b) => a.name < b.name ? -1 : 1)) {
    if (name.endsWith(".snmprec")) {
      yield [name.replace(".snmprec", ""), parseSnmprec(Deno.readTextFileSync(`${folder}/${name}`)).objects];
    }
  }
}

function maybeStatement(path: string): Statement & { source_kind: string } | undefined {
  try {
    return JSON.parse(Deno.readTextFileSync(path));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return undefined;
  }
}

interface ManifestEntry {
  vendor: string;
  model: string;
}

function readManifest(root: string): Map<string, ManifestEntry> {
  const [header, ...lines] = Deno.readTextFileSync(`${root}MANIFEST.tsv`).trim().split("\n").map((it) =>
    it.split("\t")
  );
  const column = (name: string) => header!.indexOf(name);
  const [name, vendor, model] = [column("name"), column("vendor"), column("model")];
  return new Map(lines.map((cells) => [cells[name]!, { vendor: cells[vendor]!, model: cells[model]! }]));
}
