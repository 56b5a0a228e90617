/**
 * Requests to a known printer. Each object is asked for with GETNEXT on the object before it, so that the answer shows
 * the value and that no row was added or removed between them; a further request after the last row of a table shows
 * that there are no new rows. Objects that cannot change meanwhile are not asked again.
 */
import { hostRowOf, printerDevice } from "./inquiry.ts";
import { interpretReading } from "./interpret_reading.ts";
import { ObjectStore } from "./object_store.ts";
import { oids } from "./printer_mib.ts";
import type { Profile } from "./profile.ts";
import { maybeOctets } from "./raw_value.ts";
import { type ColumnGroup, type ReadPlan, statusObjects } from "./read_plan.ts";
import { isUnder } from "../snmp/oid.ts";
import { isException, type SnmpValue, type Varbind } from "../snmp/value.ts";

export interface Question {
  /** Asked with GETNEXT. */
  after: string;
  /** The last answer, and the object that is expected now; null: `column` has no (further) row. */
  last: Varbind | null;
  column: string;
  /** A value that differs from the last one makes the remembered objects invalid. */
  same: boolean;
}

/** Objects that are valid or invalid together. */
export interface KnownPart {
  objects: Varbind[];
  questions: Question[];
  /** Columns to walk if they are no longer valid. */
  columns: ColumnGroup[];
}

export interface RereadPlan {
  /** Identity and state of the printer; if it is invalid, everything is. */
  identity: KnownPart;
  console: KnownPart;
  alerts: KnownPart;
  levels: KnownPart;
}

/** Rows of a table are distinguished by `names`; while these stay equal, the columns `rest` do as well. */
const named: readonly { names: string; levels: string; same: string[]; rest: string[] }[] = [
  {
    names: oids.prtMarkerSuppliesDescription,
    levels: oids.prtMarkerSuppliesLevel,
    same: [oids.prtMarkerSuppliesDescription, oids.prtMarkerSuppliesMaxCapacity],
    rest: [
      oids.prtMarkerSuppliesColorantIndex,
      oids.prtMarkerSuppliesClass,
      oids.prtMarkerSuppliesType,
      oids.prtMarkerSuppliesSupplyUnit,
      oids.prtMarkerColorantValue,
    ],
  },
  {
    names: oids.prtInputName,
    levels: oids.prtInputCurrentLevel,
    same: [oids.prtInputName],
    rest: [oids.prtInputCapacityUnit, oids.prtInputDescription],
  },
];
/** Columns of tables that may get a further row on every printer. */
const ends: readonly string[] = [
  oids.prtMarkerSuppliesLevel,
  oids.prtInputCurrentLevel,
  oids.prtAlertSeverityLevel,
  oids.prtConsoleDisplayBufferText,
];

/** The objects that a later status read can use. `told`: those that identified the device. */
export function worthKnowing(store: ObjectStore, profile: Profile, told: ReadonlySet<string>): Varbind[] {
  const { state, levels } = statusObjects(store, profile);
  const gets = new Set([...state.gets, ...levels.gets]);
  const columns = [...state.groups, ...levels.groups].flatMap((group) => group.columns);
  return [...store].flatMap(([oid, value]) =>
    told.has(oid) || gets.has(oid) || columns.some((column) => isUnder(oid, column)) ? [{ oid, ...value }] : []
  );
}

/** `received`: objects that need not be asked for. */
export function rereadPlan(known: ObjectStore, profile: Profile, received: ReadonlySet<string>): RereadPlan {
  const { state, levels } = statusObjects(known, profile);
  const groupsOf = (name: string) => state.groups.filter((group) => group.name === name);
  const plan: RereadPlan = {
    identity: { objects: [], questions: identityQuestions(known, profile, received), columns: [] },
    console: tablePart(known, groupsOf("console")),
    alerts: tablePart(known, groupsOf("alerts")),
    levels: levelPart(known, levels),
  };
  const gets = new Set(levels.gets);
  const parts = [plan.console, plan.alerts, plan.levels];
  for (const [oid, value] of known) {
    const part = gets.has(oid)
      ? plan.levels
      : parts.find(({ columns }) => columns.some((group) => group.columns.some((column) => isUnder(oid, column))));
    (part ?? plan.identity).objects.push({ oid, ...value });
  }
  return plan;
}

/** The objects of a part from the new answers; undefined if it is no longer valid. */
export function heldObjects(part: KnownPart, answers: readonly (Varbind | undefined)[]): Varbind[] | undefined {
  const fresh: Varbind[] = [];
  for (const [i, { last, column, same }] of part.questions.entries()) {
    const answer = answers[i];
    const isThere = answer !== undefined && !isException(answer);
    if (last === null) {
      if (isThere && isUnder(answer.oid, column)) return undefined;
      continue;
    }
    if (!isThere || answer.oid !== last.oid || (same && !isSame(answer, last))) return undefined;
    fresh.push(answer);
  }
  return [...part.objects, ...fresh];
}

export function isSame(a: SnmpValue, b: SnmpValue): boolean {
  if (a.tag !== b.tag) return false;
  if (!(a.value instanceof Uint8Array) || !(b.value instanceof Uint8Array)) return a.value === b.value;
  const other = b.value;
  return a.value.length === other.length && a.value.every((octet, i) => octet === other[i]);
}

const identifying = new Set(["serial", "mac", "firmware", "model"]);

function identityQuestions(known: ObjectStore, profile: Profile, received: ReadonlySet<string>): Question[] {
  const device = printerDevice(known);
  const row = hostRowOf(known, device);
  const same = new Set([
    oids.sysDescr,
    oids.sysObjectID,
    ...whereFrom(known, profile, identifying),
    `${oids.hrDeviceDescr}.${row}`,
    `${oids.prtGeneralCurrentLocalization}.${device}`,
    `${oids.prtConsoleLocalization}.${device}`,
  ]);
  const volatile = [
    oids.sysUpTime,
    `${oids.hrDeviceStatus}.${row}`,
    `${oids.hrPrinterDetectedErrorState}.${row}`,
    ...(profile.panel ?? []).map(({ oid }) => oid),
  ];
  const questions = [...same, ...volatile].filter((oid) => !received.has(oid)).flatMap((oid) => {
    const value = known.get(oid);
    return value === undefined ? [] : [exactly({ oid, ...value }, same.has(oid))];
  });
  // A second row would be a second printer.
  return [...questions, ...chain(known, oids.hrPrinterStatus, { same: false, end: true })];
}

/** The objects from which the fields were read. */
function whereFrom(known: ObjectStore, profile: Profile, fields: ReadonlySet<string>): string[] {
  const nowhere = { observedAt: new Date(0), address: "", port: 0, targetName: null, problems: [] };
  const asked = { meters: false, levels: false };
  const snmp = { version: "2c" as const, engineId: null };
  const { trace } = interpretReading(known, { ...nowhere, snmp, asked, profile });
  return trace.filter(({ field }) => fields.has(field))
    .flatMap(({ candidates }) => candidates.filter(({ verdict }) => verdict === "won").map(({ oid }) => oid));
}

function tablePart(known: ObjectStore, columns: ColumnGroup[]): KnownPart {
  const questions = columns.flatMap((group) => group.columns)
    .flatMap((column) => chain(known, column, { same: false, end: ends.includes(column) }));
  return { objects: [], questions, columns };
}

function levelPart(known: ObjectStore, { gets, groups }: ReadPlan): KnownPart {
  // Rows with equal names could be swapped without being noticed.
  const told = named.filter(({ names, levels }) => areApart(known, names, levels)).flatMap(({ rest }) => rest);
  const sameColumns = named.flatMap(({ same, rest }) => [...same, ...rest]);
  const questions = groups.flatMap(({ columns }) => {
    // The last column of a maker's table has the levels.
    const key = columns.find((column) => ends.includes(column)) ?? columns.at(-1)!;
    return columns.flatMap((column) => {
      if (told.includes(column)) return [];
      const same = sameColumns.includes(column);
      const isTable = ends.includes(key) || known.column(column).length > 0;
      return chain(known, column, { same, end: column === key && isTable });
    });
  });
  const exact = gets.flatMap((oid) => {
    const value = known.get(oid);
    return value === undefined ? [] : [exactly({ oid, ...value }, false)];
  });
  return { objects: [], questions: [...questions, ...exact], columns: groups };
}

function areApart(known: ObjectStore, names: string, levels: string): boolean {
  const all = new Set(known.column(names).map(([, value]) => maybeOctets(value)?.toHex() ?? ""));
  return !all.has("") && all.size === known.column(levels).length;
}

/** Questions for the rows of a column, in order. */
function chain(known: ObjectStore, column: string, { same, end }: { same: boolean; end: boolean }): Question[] {
  const questions: Question[] = [];
  let after = column;
  for (const [index, value] of known.column(column)) {
    const oid = `${column}.${index}`;
    questions.push({ after, last: { oid, ...value }, column, same });
    after = oid;
  }
  return end ? [...questions, { after, last: null, column, same: false }] : questions;
}

/** A question for one exact object. */
function exactly(last: Varbind, same: boolean): Question {
  const { oid } = last;
  const at = oid.lastIndexOf(".");
  const arc = Number(oid.slice(at + 1));
  const column = oid.slice(0, at);
  return { after: arc === 0 ? column : `${column}.${arc - 1}`, last, column, same };
}
