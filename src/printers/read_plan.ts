import { maybeInteger } from "./raw_value.ts";
import { hostRowOf, isPartOfHost, localizationRow, printerDevice } from "./inquiry.ts";
import type { ObjectStore } from "./object_store.ts";
import { oids } from "./printer_mib.ts";
import type { MeterRule, Profile, SupplyRule, TableSupplies } from "./profile.ts";
import { deviceIdColumns } from "./recognise.ts";
import { maybeSeveral, printerColumns } from "./several_printers.ts";

/**
 * Objects that show whether a device is a printer, and its maker: each is asked once with GETNEXT, so that a column
 * returns its first instance. sysDescr.0 and sysObjectID.0 are read before.
 */
export const identifyColumns: readonly string[] = [
  "1.3.6.1.2.1.1.3",
  "1.3.6.1.2.1.1.4",
  "1.3.6.1.2.1.1.5",
  "1.3.6.1.2.1.1.6",
  oids.hrDeviceType,
  oids.hrDeviceDescr,
  oids.hrDeviceStatus,
  oids.hrPrinterStatus,
  oids.hrPrinterDetectedErrorState,
  oids.prtGeneralCurrentLocalization,
  oids.prtConsoleLocalization,
  oids.prtGeneralPrinterName,
  oids.prtGeneralSerialNumber,
  oids.prtLocalizationCharacterSet,
  oids.prtMarkerCounterUnit,
  oids.prtMarkerLifeCount,
  oids.prtMarkerSuppliesLevel,
  ...deviceIdColumns,
];

/** Typical octets of values that are longer than numbers, to size the first requests. */
export const valueOctets: Readonly<Record<string, number>> = {
  [oids.prtMarkerSuppliesDescription]: 40,
  [oids.prtMarkerColorantValue]: 12,
  [oids.prtInputMediaName]: 16,
  [oids.prtInputName]: 16,
  [oids.prtInputDescription]: 24,
  [oids.prtConsoleDisplayBufferText]: 40,
  [oids.prtAlertDescription]: 190,
};

/** Columns of one table, to be walked together. `expectedRows` sizes the first request, `maxRows` bounds the last. */
export interface ColumnGroup {
  name: string;
  columns: string[];
  expectedRows: number;
  maxRows: number;
}

export interface ReadPlan {
  gets: string[];
  groups: ColumnGroup[];
}

const stateGroups: readonly ColumnGroup[] = [
  {
    name: "alerts",
    columns: [
      oids.prtAlertSeverityLevel,
      oids.prtAlertGroup,
      oids.prtAlertCode,
      oids.prtAlertDescription,
      oids.prtAlertTime,
    ],
    expectedRows: 3,
    maxRows: 64,
  },
  { name: "console", columns: [oids.prtConsoleDisplayBufferText], expectedRows: 4, maxRows: 16 },
  { name: "interfaces", columns: [oids.ifType, oids.ifPhysAddress], expectedRows: 2, maxRows: 16 },
  { name: "printers", columns: [...printerColumns], expectedRows: 1, maxRows: 32 },
];

/** Columns that distinguish the printers behind one address. */
const severalGroups: readonly ColumnGroup[] = [
  {
    name: "devices",
    columns: [oids.hrDeviceType, oids.hrDeviceDescr, oids.hrDeviceStatus],
    expectedRows: 4,
    maxRows: 64,
  },
  {
    name: "printers",
    columns: [
      oids.hrPrinterDetectedErrorState,
      oids.prtConsoleLocalization,
      oids.prtGeneralPrinterName,
      oids.ppmPrinterIEEE1284DeviceId,
    ],
    expectedRows: 4,
    maxRows: 32,
  },
  { name: "localizations", columns: [oids.prtLocalizationCharacterSet], expectedRows: 8, maxRows: 64 },
];

const levelGroups: readonly ColumnGroup[] = [
  {
    name: "supplies",
    columns: [
      oids.prtMarkerSuppliesColorantIndex,
      oids.prtMarkerSuppliesClass,
      oids.prtMarkerSuppliesType,
      oids.prtMarkerSuppliesDescription,
      oids.prtMarkerSuppliesSupplyUnit,
      oids.prtMarkerSuppliesMaxCapacity,
      oids.prtMarkerSuppliesLevel,
    ],
    expectedRows: 6,
    maxRows: 64,
  },
  { name: "colorants", columns: [oids.prtMarkerColorantValue], expectedRows: 4, maxRows: 32 },
  {
    name: "inputs",
    columns: [
      oids.prtInputCapacityUnit,
      oids.prtInputMaxCapacity,
      oids.prtInputCurrentLevel,
      oids.prtInputMediaName,
      oids.prtInputName,
      oids.prtInputDescription,
    ],
    expectedRows: 4,
    maxRows: 32,
  },
];

const meterGroups: readonly ColumnGroup[] = [
  { name: "markers", columns: [oids.prtMarkerCounterUnit, oids.prtMarkerLifeCount], expectedRows: 1, maxRows: 16 },
];

/** What else to ask a printer: exact objects, and tables by column. Contains only what a rule reads. */
export function readPlan(store: ObjectStore, profile: Profile): ReadPlan {
  let rules = plansOfRules.get(profile);
  if (rules === undefined) {
    rules = wholePlan({
      gets: [],
      groups: [...levelGroups, ...meterGroups, ...stateGroups],
      rules: [...profile.meters ?? [], ...profile.supplies ?? []],
    });
    plansOfRules.set(profile, rules);
  }
  const gets = new Set([...stateObjects(store, profile), ...rules.gets]);
  return { gets: [...gets].filter((oid) => store.get(oid) === undefined), groups: rules.groups };
}

/** The part of the plan that depends on the profile only. */
const plansOfRules = new WeakMap<Profile, ReadPlan>();

/** The part of the plan for identity, state and alerts: the only part that a sleeping printer is asked for. */
export function statePlan(store: ObjectStore, profile: Profile): ReadPlan {
  return planOf(store, { gets: stateObjects(store, profile), groups: stateGroups, rules: [] });
}

/** Everything that a status read asks for, including objects that are answered already. */
export function statusObjects(store: ObjectStore, profile: Profile): { state: ReadPlan; levels: ReadPlan } {
  return {
    state: wholePlan({ gets: stateObjects(store, profile), groups: stateGroups, rules: [] }),
    levels: wholePlan({ gets: [], groups: levelGroups, rules: profile.supplies ?? [] }),
  };
}

/** What else to ask if several printers answer; undefined if there is one. */
export function severalPlan(store: ObjectStore): ReadPlan | undefined {
  return maybeSeveral(store) ? { gets: [], groups: [...severalGroups] } : undefined;
}

/**
 * The printer's own row of hrDeviceTable, if it is not the first: it shows the maker of the printer, and so what to
 * ask. Empty if it is answered already.
 */
export function ownRow(store: ObjectStore): string[] {
  const device = hostRowOf(store, printerDevice(store));
  const others = [oids.hrDeviceType, oids.hrDeviceDescr].some((column) => store.has(column));
  return others
    ? [`${oids.hrDeviceType}.${device}`, `${oids.hrDeviceDescr}.${device}`].filter((oid) => !store.has(oid))
    : [];
}

/** The whole hrDeviceTable, for a printer whose index belongs to a processor or the like there; otherwise nothing. */
export function deviceTable(store: ObjectStore): ColumnGroup[] {
  const isPrinter = [oids.prtGeneralEntry, oids.prtMarkerEntry, oids.prtMarkerSuppliesEntry].some((it) =>
    store.has(it)
  );
  return isPrinter && isPartOfHost(store, hostRowOf(store, printerDevice(store))) ? [severalGroups[0]!] : [];
}

/** The part of the plan for supplies and trays. */
export function levelPlan(store: ObjectStore, profile: Profile): ReadPlan {
  return planOf(store, { gets: [], groups: levelGroups, rules: profile.supplies ?? [] });
}

function stateObjects(store: ObjectStore, profile: Profile): string[] {
  const device = printerDevice(store);
  const row = hostRowOf(store, device);
  const gets = [
    `${oids.hrDeviceDescr}.${row}`,
    `${oids.hrDeviceStatus}.${row}`,
    `${oids.hrPrinterStatus}.${row}`,
    `${oids.hrPrinterDetectedErrorState}.${row}`,
  ];
  for (const selector of [oids.prtGeneralCurrentLocalization, oids.prtConsoleLocalization]) {
    // The character set of a language is asked for only if the device points to that language.
    if (maybeInteger(store.get(`${selector}.${device}`)) === undefined) continue;
    gets.push(`${oids.prtLocalizationCharacterSet}.${localizationRow(store, { device, selector })}`);
  }
  const { model, modelFallback, serial, firmware, hostname, panel } = profile;
  const fields = [model, modelFallback, serial, firmware, hostname, panel];
  return [...gets, ...fields.flatMap((rules) => rules ?? []).map(({ oid }) => oid)];
}

interface PlanParts {
  gets: string[];
  groups: readonly ColumnGroup[];
  rules: (MeterRule | SupplyRule)[];
}

function planOf(store: ObjectStore, parts: PlanParts): ReadPlan {
  const { gets, groups } = wholePlan(parts);
  return { gets: gets.filter((oid) => store.get(oid) === undefined), groups };
}

function wholePlan(parts: PlanParts): ReadPlan {
  const gets = new Set(parts.gets);
  const groups = parts.groups.map((group) => ({ ...group, columns: [...group.columns] }));
  for (const rule of parts.rules) {
    for (const oid of scalarsOf(rule)) gets.add(oid);
    const group = maybeGroup(rule);
    if (group !== undefined) mergeGroup(groups, group);
  }
  return { gets: [...gets], groups };
}

function scalarsOf(rule: MeterRule | SupplyRule): string[] {
  if (rule.kind === "sum") return rule.oids;
  if (rule.kind === "records") return [rule.oid];
  if (rule.kind !== "scalar") return [];
  return "capacityOid" in rule && rule.capacityOid !== undefined ? [rule.oid, rule.capacityOid] : [rule.oid];
}

function maybeGroup(rule: MeterRule | SupplyRule): ColumnGroup | undefined {
  const sized = (columns: string[], rows: number, maxRows = 128): ColumnGroup => ({
    name: rule.rule,
    columns,
    expectedRows: rows,
    maxRows,
  });
  switch (rule.kind) {
    case "labelled":
      return sized([rule.labels, ...[rule.values].flat()], 20, rule.maxRows);
    case "typed":
      return sized([rule.types, ...rule.where === undefined ? [] : [rule.where.column], rule.values], 24, rule.maxRows);
    case "table":
      return sized(
        [rule.names, ...tableColumns(rule), rule.levels],
        5,
        rule.maxRows,
      );
    case "detail":
      return sized([rule.column], 4, 32);
    default:
      return undefined;
  }
}

function tableColumns({ plainNames, colorants }: TableSupplies): string[] {
  return [plainNames, colorants?.column].filter((column) => column !== undefined);
}

/** Rules that read one table differently share its columns. */
function mergeGroup(groups: ColumnGroup[], group: ColumnGroup): void {
  const same = groups.find(({ columns }) => columns.some((column) => group.columns.includes(column)));
  if (same === undefined) {
    groups.push(group);
    return;
  }
  same.columns = [...new Set([...same.columns, ...group.columns])];
  same.maxRows = Math.max(same.maxRows, group.maxRows);
}
