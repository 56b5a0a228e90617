import type { SnmpValue } from "../snmp/value.ts";
import { exceedsCapacity, interpretLevel } from "./level.ts";
import { type Inquiry, maybeText } from "./inquiry.ts";
import { knownText } from "./known_text.ts";
import { privateSupplies } from "./private_supplies.ts";
import { oids, SupplyClass, supplyTypes, units } from "./printer_mib.ts";
import { maybeInteger, maybeLevel, maybeOctets } from "./raw_value.ts";
import { firstValid, type Offer, override } from "./trace.ts";
import type { Supply } from "../../common/reading/reading.ts";
import { decodeHexContinued, decodeText } from "./text.ts";
import { colorantsByCode, splitSupplyName } from "./supply_codes.ts";
import { colorantFromWords, kindFromWords, mayBeToner } from "./supply_names.ts";
import { ofPrinter, rowsOf, type TableRow } from "./table_rows.ts";

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
  const rows = ofPrinter(rowsOf(inquiry.store, columns), inquiry.device);
  const colorants = learnColorants(inquiry, rows);
  const supplies = rows.map((row) => standardSupply(inquiry, { row, colorants }));
  nameByCode(inquiry, supplies);
  nameOnlyToner(inquiry, supplies);
  const all = privateSupplies(inquiry, supplies);
  nameOnlyToner(inquiry, all);
  return all;
}

function standardSupply(inquiry: Inquiry, seen: { row: Row; colorants: Map<number, string> }): Supply {
  const { index, values } = seen.row;
  const name = splitSupplyName(describe(inquiry, values.description));
  const type = maybeInteger(values.type);
  const kind = kindOf(inquiry, { row: seen.row, description: name.description });
  const numbers = {
    level: maybeLevel(values.level),
    capacity: maybeLevel(values.capacity),
    unit: maybeInteger(values.unit),
    // Waste containers are receptacles even if the device omits the class.
    supplyClass: maybeInteger(values.class) ?? (kind.startsWith("waste") ? SupplyClass.receptacle : undefined),
  };
  const level = interpretLevel(numbers, inquiry.profile.standardSupplies);
  const oid = `${oids.prtMarkerSuppliesLevel}.${index}`;
  if (exceedsCapacity(numbers)) {
    inquiry.problems.push({
      code: "levelAboveCapacity",
      message: `Supply "${name.description}" reports level ${numbers.level} of ${numbers.capacity ?? 100}, read as ${
        level.percent === null ? "unknown" : "full"
      }`,
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
  inquiry.trace?.push({
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

/**
 * prtMarkerSuppliesDescription has at most 255 octets; some agents send longer ones in hexadecimal (see
 * hexContinuation).
 */
const maxOctets = 512;

function describe(inquiry: Inquiry, value: SnmpValue | undefined): string {
  const octets = maybeOctets(value);
  if (octets === undefined) return "";
  const decode = inquiry.profile.standardSupplies?.hexContinuation ? decodeHexContinued : decodeText;
  return knownText(decode(octets.subarray(0, maxOctets), inquiry.charset)) ?? "";
}

/**
 * Colorants by prtMarkerColorantIndex: from the colorant table, or if that has no row, from supplies of the same index
 * that name their colour. An index with two different colours is ignored.
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

/** Types that do not indicate a waste container: cleaners and unspecific ones. */
const noWaste = new Set(["cleanerUnit", "fuserCleaningPad", "other", "unknown"]);

/** Waste in a receptacle without other information: ink of an ink printer, otherwise toner. */
function wasteOf(inquiry: Inquiry): string {
  const types = inquiry.store.column(oids.prtMarkerSuppliesType).map(([, value]) =>
    supplyTypes[maybeInteger(value) ?? 2]
  );
  return types.some((type) => type === "ink" || type === "inkCartridge") ? "wasteInk" : "wasteToner";
}

function kindOf(inquiry: Inquiry, { row, description }: { row: Row; description: string }): string {
  const { index, values } = row;
  const typed = supplyTypes[maybeInteger(values.type) ?? 2] ?? "unknown";
  const named = kindFromWords(description);
  const isReceptacle = maybeInteger(values.class) === SupplyClass.receptacle;
  // A receptacle is not a toner either, unless its name or its colour shows that the class is wrong.
  const isNameless = named === undefined && colorantFromWords(description) === undefined &&
    (maybeInteger(values.colorantIndex) ?? 0) <= 0;
  const isNoWaste = noWaste.has(typed) || (isNameless && /^(?:toner|ink)(?:Cartridge)?$/.test(typed));
  if (isReceptacle && isNoWaste && !named?.startsWith("waste")) {
    const type = { oid: `${columns.type}.${index}`, rule: "rfc3805.type", answered: values.type, value: undefined };
    const kind = { oid: `${columns.class}.${index}`, rule: "rfc3805.class", answered: values.class };
    const offers = [{ ...type, reason: "a receptacle is none" }, { ...kind, value: wasteOf(inquiry) }];
    return firstValid(inquiry.trace, `supplies.${index}.kind`, offers)!.value;
  }
  const vague = typed === "other" || typed === "unknown" || isMistyped(typed, { named, description });
  const type = { oid: `${columns.type}.${index}`, rule: "rfc3805.type", answered: values.type };
  const words = { oid: `${columns.description}.${index}`, rule: "words.kind", answered: values.description };
  const offers = vague
    ? [{ ...words, value: named, reason: "names no kind" }, { ...type, value: typed }]
    : [{ ...type, value: typed }];
  return firstValid(inquiry.trace, `supplies.${index}.kind`, offers)?.value ?? typed;
}

/**
 * Whether the description names another part than the type, and is right: some makers give every wear part the type
 * toner or drum. With "toner" beside another word ("toner and developer") the type toner stays.
 */
function isMistyped(typed: string, words: { named: string | undefined; description: string }): boolean {
  const { named, description } = words;
  if (named === undefined) return false;
  if (typed === "cleanerUnit" || typed === "fuserCleaningPad") return named.startsWith("waste");
  const plain = typed.replace("Cartridge", "");
  if (plain === "drum") return named.startsWith("waste") || ["developer", "fuser", "transferUnit"].includes(named);
  if (plain !== "toner" && plain !== "ink") return false;
  if (named.startsWith("waste")) return true;
  if (plain === "toner" && named === "ink" && mayBeToner(description)) return false;
  return parts.has(named) && !named.startsWith(plain) && !says[plain].test(description);
}

const says = { toner: /t[oó]ner|тонер|トナー|粉/i, ink: /\bink|tint|encre|インク|墨/i };

const parts = new Set(["toner", "ink", "drum", "developer", "fuser", "transferUnit", "staples"]);

function colorantOf(
  inquiry: Inquiry,
  seen: { row: Row; description: string; colorants: Map<number, string> },
): string {
  const { index, values } = seen.row;
  const description = { oid: `${columns.description}.${index}`, answered: values.description };
  const offers: Offer<string>[] = [
    // The colour in a description takes precedence over the index: it is what a person at the device reads.
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
  ];
  if (offers.every(({ value }) => value === undefined)) {
    offers.push({ ...description, rule: "derived.noColour", value: "none" });
  }
  return firstValid(inquiry.trace, `supplies.${index}.colorant`, offers)?.value ?? "none";
}

/** Sets the colours of supplies with order codes of one series, such as TK-5240K and TK-5240C. */
function nameByCode(inquiry: Inquiry, supplies: Supply[]): void {
  const holders = supplies.filter(({ kind }) => holdsColorant.test(kind));
  for (const [i, colorant] of colorantsByCode(holders.map(({ partNumber }) => partNumber)).entries()) {
    const supply = holders[i]!;
    if (colorant === undefined || supply.colorant !== "none") continue;
    supply.colorant = colorant;
    const by = {
      oid: `${columns.description}.${supply.index}`,
      rule: "derived.orderCode",
      raw: supply.partNumber,
      value: colorant,
    };
    override(inquiry.trace, `supplies.${supply.index}.colorant`, { by, why: "its order code tells the colour" });
  }
}

const holdsColorant = /^(?:toner|ink|drum|developer)/;

/** A printer with a single toner prints black, regardless of the toner's name. */
function nameOnlyToner(inquiry: Inquiry, supplies: Supply[]): void {
  const toners = supplies.filter(({ kind }) => kind === "toner" || kind === "tonerCartridge");
  const [only] = toners;
  if (toners.length !== 1 || only!.colorant !== "none") return;
  only!.colorant = "black";
  const by = { oid: `${columns.type}.${only!.index}`, rule: "derived.onlyToner", raw: null, value: "black" };
  override(inquiry.trace, `supplies.${only!.index}.colorant`, { by, why: "the only toner is black" });
}
