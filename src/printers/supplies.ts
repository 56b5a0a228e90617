import type { SnmpValue } from "../snmp/value.ts";
import { exceedsCapacity, interpretLevel } from "./level.ts";
import { type Inquiry, maybeText } from "./inquiry.ts";
import { privateSupplies } from "./private_supplies.ts";
import { oids, SupplyClass, supplyTypes, units } from "./printer_mib.ts";
import { maybeInteger, maybeOctets } from "./raw_value.ts";
import { firstValid, overrule } from "./trace.ts";
import type { Supply } from "./reading.ts";
import { decodeHexContinued, decodeText } from "./text.ts";
import { colorantFromWords, kindFromWords, splitSupplyName } from "./supply_names.ts";
import { rowsOf, type TableRow } from "./table_rows.ts";

const columns = {
  colorantIndex: oids.prtMarkerSuppliesColorantIndex,
  class: oids.prtMarkerSuppliesClass,
  type: oids.prtMarkerSuppliesType,
  description: oids.prtMarkerSuppliesDescription,
  unit: oids.prtMarkerSuppliesSupplyUnit,
  capacity: oids.prtMarkerSuppliesMaxCapacity,
  level: oids.prtMarkerSuppliesLevel,
};

type Row = TableRow<keyof typeof columns>;

/** Supplies of prtMarkerSuppliesTable, completed and extended by the maker's private objects. */
export function readSupplies(inquiry: Inquiry): Supply[] {
  const rows = rowsOf(inquiry.store, columns).filter(({ index }) => index.split(".")[0] === inquiry.device);
  const colorants = learnColorants(inquiry, rows);
  const supplies = rows.map((row) => standardSupply(inquiry, { row, colorants }));
  nameOnlyToner(inquiry, supplies);
  return privateSupplies(inquiry, supplies);
}

function standardSupply(inquiry: Inquiry, seen: { row: Row; colorants: Map<number, string> }): Supply {
  const { index, values } = seen.row;
  const name = splitSupplyName(describe(inquiry, values.description));
  const type = maybeInteger(values.type);
  const kind = kindOf(inquiry, { row: seen.row, description: name.description });
  const numbers = {
    level: maybeInteger(values.level),
    capacity: maybeInteger(values.capacity),
    unit: maybeInteger(values.unit),
    // Containers of waste are receptacles even where a device leaves the class out.
    supplyClass: maybeInteger(values.class) ?? (kind.startsWith("waste") ? SupplyClass.receptacle : undefined),
  };
  const level = interpretLevel(numbers, inquiry.profile.standardSupplies);
  const oid = `${oids.prtMarkerSuppliesLevel}.${index}`;
  if (exceedsCapacity(numbers)) {
    inquiry.problems.push({
      code: "levelAboveCapacity",
      message: `Supply "${name.description}" reports level ${numbers.level} of ${
        numbers.capacity ?? 100
      }, read as full`,
      oid,
    });
  }
  const raw = {
    level: numbers.level ?? null,
    capacity: numbers.capacity ?? null,
    unit: numbers.unit ?? null,
    class: maybeInteger(values.class) ?? null,
    type: type ?? null,
  };
  inquiry.trace.push({
    field: `supplies.${index}.level`,
    candidates: [{
      oid,
      rule: "rfc3805",
      raw,
      value: level.percent,
      verdict: level.percent === null ? level.kind : "won",
    }],
  });
  for (const part of ["description", "partNumber", "serial"] as const) {
    const value = name[part] || undefined;
    if (value === undefined && part !== "description") continue;
    const oid = `${columns.description}.${index}`;
    const rule = part === "description" ? "rfc3805.supplyDescription" : `words.${part}`;
    firstValid(inquiry.trace, `supplies.${index}.${part}`, [{ oid, rule, answered: values.description, value }]);
  }
  return {
    index,
    kind,
    colorant: colorantOf(inquiry, { ...seen, description: name.description }),
    ...name,
    level: { ...level, unit: units[numbers.unit ?? 0] ?? null },
    source: { oid, rule: "rfc3805", raw },
  };
}

function describe(inquiry: Inquiry, value: SnmpValue | undefined): string {
  const octets = maybeOctets(value);
  if (octets === undefined) return "";
  const decode = inquiry.profile.standardSupplies?.hexContinuation ? decodeHexContinued : decodeText;
  return decode(octets, inquiry.charset);
}

/**
 * Colorants by prtMarkerColorantIndex: from the colorant table, and where that has no row, from supplies of the same
 * index that name their colour. An index that stands for two colours stands for none.
 */
function learnColorants(inquiry: Inquiry, rows: Row[]): Map<number, string> {
  const table = new Map<number, string>();
  for (const [index, value] of inquiry.store.column(oids.prtMarkerColorantValue)) {
    const [device, colorantIndex] = index.split(".");
    const text = maybeText(value, inquiry.charset) ?? "";
    const colorant = colorantFromWords(text) ??
      (/^(?:other|unknown|none)?$/i.test(text) ? undefined : text.toLowerCase());
    if (device === inquiry.device && colorant !== undefined) table.set(Number(colorantIndex), colorant);
  }
  const learned = new Map<number, Set<string>>();
  for (const { values } of rows) {
    const index = maybeInteger(values.colorantIndex) ?? 0;
    const named = colorantFromWords(describe(inquiry, values.description));
    if (index <= 0 || table.has(index) || named === undefined) continue;
    learned.set(index, (learned.get(index) ?? new Set()).add(named));
  }
  for (const [index, names] of learned) if (names.size === 1) table.set(index, [...names][0]!);
  return table;
}

function kindOf(inquiry: Inquiry, { row, description }: { row: Row; description: string }): string {
  const { index, values } = row;
  const typed = supplyTypes[maybeInteger(values.type) ?? 2] ?? "unknown";
  const vague = typed === "other" || typed === "unknown";
  const type = { oid: `${columns.type}.${index}`, rule: "rfc3805.type", answered: values.type };
  const words = { oid: `${columns.description}.${index}`, rule: "words.kind", answered: values.description };
  const offers = vague
    ? [{ ...words, value: kindFromWords(description), reason: "names no kind" }, { ...type, value: typed }]
    : [{ ...type, value: typed }];
  return firstValid(inquiry.trace, `supplies.${index}.kind`, offers)?.value ?? typed;
}

function colorantOf(
  inquiry: Inquiry,
  seen: { row: Row; description: string; colorants: Map<number, string> },
): string {
  const { index, values } = seen.row;
  const description = { oid: `${columns.description}.${index}`, answered: values.description };
  const won = firstValid(inquiry.trace, `supplies.${index}.colorant`, [
    // A description that names its colour is right where the index is wrong: it is what the person at the device reads.
    {
      ...description,
      rule: "words.colorant",
      value: colorantFromWords(seen.description),
      reason: "names no colour",
    },
    {
      oid: `${columns.colorantIndex}.${index}`,
      rule: "rfc3805.colorant",
      answered: values.colorantIndex,
      value: seen.colorants.get(maybeInteger(values.colorantIndex) ?? 0),
      ...values.colorantIndex === undefined ? {} : { reason: "points to no colour" },
    },
    { ...description, rule: "derived.noColour", value: "none" },
  ]);
  return won?.value ?? "none";
}

/** A printer with a single toner prints black, whatever the toner is called. */
function nameOnlyToner(inquiry: Inquiry, supplies: Supply[]): void {
  const toners = supplies.filter(({ kind }) => kind === "toner" || kind === "tonerCartridge");
  const [only] = toners;
  if (toners.length !== 1 || only!.colorant !== "none") return;
  only!.colorant = "black";
  const by = { oid: `${columns.type}.${only!.index}`, rule: "derived.onlyToner", raw: null, value: "black" };
  overrule(inquiry.trace, `supplies.${only!.index}.colorant`, { by, why: "the only toner is black" });
}
