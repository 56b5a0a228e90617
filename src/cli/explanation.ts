/** How the values of a reading were chosen: for each value the objects, the rule that won and those that lost. */
import { interpretReadings, type ReadingContext } from "../printers/interpret_reading.ts";
import { ObjectStore } from "../printers/object_store.ts";
import type { MeterRule, Profile, SupplyRule } from "../printers/profile.ts";
import { rawOf } from "../printers/raw_value.ts";
import { identifyColumns, type ReadPlan } from "../printers/read_plan.ts";
import { contradictsLevel, contradictsMeter } from "../../common/reading/other_sources.ts";
import type { Level, OtherSource, RawValue, Reading } from "../../common/reading/reading.ts";
import { deviceIdColumns, recognise, type Recognised } from "../printers/recognise.ts";
import type { Candidate, TracedValue } from "../printers/trace.ts";
import { isUnder } from "../snmp/oid.ts";
import { oids } from "../printers/printer_mib.ts";

export const explanationGroups = ["identity", "status", "meters", "supplies", "trays", "alerts"] as const;

export interface ExplainedCandidate extends Candidate {
  /** Name of the object in the standard MIBs, or in the profile's rules. */
  name: string | null;
  /** The answer in hexadecimal, if it is an OCTET STRING. */
  octets: string | null;
  /** Set if it lost and tells another count or level than the one that was taken. */
  contradicts?: true;
}

export interface ExplainedValue {
  group: (typeof explanationGroups)[number];
  /** Path in the reading; `alerts.0` is the first alert with all its fields. */
  field: string;
  /** The value in words; null if no candidate had one. */
  value: string | null;
  /** The winner first, then the losers in the order in which they were tried. */
  candidates: ExplainedCandidate[];
}

export interface AnsweredObject {
  oid: string;
  name: string | null;
  raw: RawValue;
  octets: string | null;
}

/** Output of `explain --format json`. */
export interface Explanation {
  schema: "opendca.explanation/1";
  /** The device or the recording. */
  subject: string;
  recognised: { printer: boolean; profile: string; maker: string | null; evidence: string[] };
  /** Result of each credential, in the order of trying; empty for a recording. */
  credentials: { name: string; version: string; saw: string }[];
  reading: Reading;
  /** hrDeviceIndex of each printer at the address; present only if there are several. */
  deviceIndexes?: number[];
  values: ExplainedValue[];
  /** Objects and columns that were asked and not answered. */
  notAnswered: { oid: string; name: string | null }[];
  /** Answered objects that no rule has used. */
  unused: AnsweredObject[];
}

/** One device as it was read. */
export interface ReadDevice {
  store: ObjectStore;
  profile: Profile;
  recognised: Recognised;
  plan: ReadPlan;
}

/**
 * Explains what was read; `reading` is the reader's own, if any, with the problems of the read. With several printers
 * at the address, explains the one with `deviceIndex`, or the first. Throws `RangeError` if none has the index.
 */
export function explainReading(
  read: ReadDevice,
  context: ReadingContext & {
    subject: string;
    reading?: Reading | undefined;
    deviceIndex?: number | undefined;
    credentials?: Explanation["credentials"];
  },
): Explanation {
  const { profile, recognised } = read;
  const { store, used } = watchedStore(read.store);
  recognise(store);
  const all = interpretReadings(store, { ...context, profile });
  const deviceIndexes = all.flatMap((each) => each.reading.deviceIndex ?? []);
  const { deviceIndex = context.reading?.deviceIndex ?? deviceIndexes[0] } = context;
  const interpreted = all.find((each) => each.reading.deviceIndex === deviceIndex);
  if (interpreted === undefined) {
    const there = deviceIndexes.length === 0 ? "there is only one printer" : `there are ${deviceIndexes.join(", ")}`;
    throw new RangeError(`Cannot explain the printer of device index ${deviceIndex} as ${there}`);
  }
  // Each of several printers is recognised by its own rows.
  const own = deviceIndexes.length === 0 ? recognised : recognise(store, String(deviceIndex));
  const reading = context.reading ?? interpreted.reading;
  const nameOf = (oid: string) => maybeObjectName(oid, profile) ?? null;
  const explained = (field: string, candidate: Candidate): ExplainedCandidate => ({
    ...candidate,
    name: nameOf(candidate.oid),
    octets: octetsOf(read.store, candidate.oid),
    ...isLoser(candidate) && contradicts(reading, { field, candidate }) ? { contradicts: true } : {},
  });
  return {
    schema: "opendca.explanation/1",
    subject: context.subject,
    recognised: {
      printer: recognised.printer,
      profile: own.profile.id,
      maker: own.profile.maker || null,
      evidence: own.evidence,
    },
    credentials: context.credentials ?? [],
    reading,
    ...deviceIndexes.length === 0 ? {} : { deviceIndexes },
    values: interpreted.trace.map(({ field, candidates }) => ({
      group: groupOf(field),
      field,
      value: valueInWords(reading, field),
      candidates: settled(reading, { field, candidates }).map((candidate) => explained(field, candidate))
        .sort((a, b) => Number(isLoser(a)) - Number(isLoser(b))),
    })).sort((a, b) => explanationGroups.indexOf(a.group) - explanationGroups.indexOf(b.group)),
    notAnswered: asked(read).filter((oid) => !read.store.has(oid)).map((oid) => ({ oid, name: nameOf(oid) })),
    unused: [...read.store].filter(([oid]) => !used.has(oid)).map(([oid, value]) => ({
      oid,
      name: nameOf(oid),
      raw: rawOf(value),
      octets: octetsOf(read.store, oid),
    })),
  };
}

function asked({ recognised, plan }: ReadDevice): string[] {
  const system = ["1.3.6.1.2.1.1.1.0", "1.3.6.1.2.1.1.2.0"];
  const read = recognised.printer ? [...plan.gets, ...plan.groups.flatMap(({ columns }) => columns)] : [];
  return [...new Set([...system, ...identifyColumns, ...read])];
}

/** A level without a percentage, such as "some left", is a valid value too: its source has won. */
function settled(reading: Reading, { field, candidates }: TracedValue): Candidate[] {
  const index = /^(?:supplies|trays)\.(.*)\.level$/.exec(field)?.[1];
  if (index === undefined || candidates.some(({ verdict }) => verdict === "won")) return candidates;
  const source = field.startsWith("supplies")
    ? reading.supplies.find((supply) => supply.index === index)?.source
    : candidates[0];
  return candidates.map((candidate) =>
    candidate.oid === source?.oid && candidate.rule === source.rule ? { ...candidate, verdict: "won" } : candidate
  );
}

function contradicts(reading: Reading, { field, candidate }: { field: string; candidate: Candidate }): boolean {
  const isIt = ({ oid, rule, value }: OtherSource) =>
    oid === candidate.oid && rule === candidate.rule && value === candidate.value;
  const meter = reading.meters.find(({ name }) => field === `meters.${name}`);
  if (meter !== undefined) return meter.others?.some((other) => isIt(other) && contradictsMeter(meter, other)) ?? false;
  const supply = reading.supplies.find(({ index }) => field === `supplies.${index}.level`);
  return supply?.others?.some((other) => isIt(other) && contradictsLevel(supply.level, other)) ?? false;
}

function isLoser({ verdict }: Candidate): boolean {
  return verdict !== "won";
}

function octetsOf(store: ObjectStore, oid: string): string | null {
  const value = store.get(oid)?.value;
  return value instanceof Uint8Array ? value.toHex() : null;
}

function groupOf(field: string): ExplainedValue["group"] {
  return explanationGroups.find((group) => field.startsWith(`${group}.`)) ?? "identity";
}

/** The value of a traced field in words; null if the reading has none. */
function valueInWords(reading: Reading, field: string): string | null {
  const [group = "", ...rest] = field.split(".");
  const last = rest.at(-1) ?? "";
  const index = rest.slice(0, -1).join(".");
  switch (group) {
    case "meters": {
      const meter = reading.meters.find(({ name }) => name === rest.join("."));
      return meter === undefined ? null : `${meter.value} ${meter.unit}`;
    }
    case "supplies":
      return partInWords(reading.supplies.find((supply) => supply.index === index), last);
    case "trays":
      return partInWords(reading.trays.find((tray) => tray.index === index), last);
    case "alerts": {
      const alert = reading.alerts[Number(last)];
      if (alert === undefined) return null;
      const { severity, group, code, description, since } = alert;
      return `${severity}, ${group}, code ${code ?? "unknown"}, since ${since ?? "unknown"}: ${description}`;
    }
    case "status":
      return plain(reading.status, last);
    default:
      return plain(reading, field);
  }
}

function partInWords(part: { level: Level } | undefined, name: string): string | null {
  if (part === undefined) return null;
  return name === "level" ? levelInWords(part.level) : plain(part, name);
}

function plain(from: object, name: string): string | null {
  const value: unknown = Reflect.get(from, name);
  if (Array.isArray(value)) return value.length === 0 ? "none" : value.join(", ");
  return value === null || value === undefined ? null : String(value);
}

function levelInWords({ kind, percent, level, capacity, unit }: Level): string {
  const words = kind === "exact" || kind === "empty" ? `${percent} %` : kind === "some" ? "some left" : kind;
  if (level === null || unit === "percent") return words;
  return `${words} (${level}${capacity === null ? "" : ` of ${capacity}`}${unit ? ` ${unit}` : ""})`;
}

/** A copy of a store that records which of its objects are used, by name or by column. */
function watchedStore(original: ObjectStore): { store: ObjectStore; used: Set<string> } {
  const store = new ObjectStore();
  for (const [oid, value] of original) store.add({ oid, ...value });
  const used = new Set<string>();
  const get = store.get.bind(store), column = store.column.bind(store);
  store.get = (oid) => {
    used.add(oid);
    return get(oid);
  };
  store.column = (base) => {
    const rows = column(base);
    for (const [index] of rows) used.add(`${base}.${index}`);
    return rows;
  };
  return { store, used };
}

/**
 * Name of an object in the standard MIBs or a profile's rule, with its instance ("prtMarkerLifeCount.1.1"), if known.
 */
function maybeObjectName(oid: string, profile: Profile): string | undefined {
  for (const [name, base] of Object.entries(oids)) {
    if (name.endsWith("Entry")) continue;
    // Objects of the system group are listed with their instance, but identification asks with GETNEXT without it.
    const column = base.replace(/\.0$/, "");
    if (isUnder(oid, column)) return `${name}${oid.slice(column.length)}`;
  }
  const rules = new Set<string>();
  for (
    const field of [
      profile.model,
      profile.modelFallback,
      profile.serial,
      profile.firmware,
      profile.hostname,
      profile.panel,
    ]
  ) {
    for (const rule of field ?? []) if (rule.oid === oid) rules.add(rule.rule);
  }
  for (const rule of [...profile.meters ?? [], ...profile.supplies ?? []]) {
    if (objectsOf(rule).some((base) => isUnder(oid, base))) rules.add(rule.rule);
  }
  if (rules.size > 0) return [...rules].join(", ");
  return deviceIdColumns.some((base) => isUnder(oid, base)) ? "ieee1284 device id" : undefined;
}

function objectsOf(rule: MeterRule | SupplyRule): string[] {
  switch (rule.kind) {
    case "sum":
      return rule.oids;
    case "records":
      return [rule.oid];
    case "scalar":
      return "capacityOid" in rule && rule.capacityOid !== undefined ? [rule.oid, rule.capacityOid] : [rule.oid];
    case "labelled":
      return [rule.labels, rule.values].flat();
    case "typed":
      return [rule.types, rule.values, ...rule.where === undefined ? [] : [rule.where.column]];
    case "table":
      return [rule.names, rule.levels];
    case "detail":
      return [rule.column];
  }
}
