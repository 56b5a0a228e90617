import type { SnmpValue } from "../snmp/value.ts";
import { type Inquiry, maybeText } from "./inquiry.ts";
import { knownText } from "./known_text.ts";
import { interpretLevel } from "./level.ts";
import type { RecordSupplies, ScalarSupply, SupplyDetail, SupplyFact, TableSupplies } from "./profile.ts";
import { maybeLevel, maybeOctets, rawOf } from "./raw_value.ts";
import { briefRaw, mostOthers } from "../../common/reading/other_sources.ts";
import type { Level, OtherSource, Source, Supply, WhyNotTaken } from "../../common/reading/reading.ts";
import { decodeRecords } from "./records.ts";
import { colorantFromWords, kindFromWords, mayBeToner } from "./supply_names.ts";
import { override, type TracedValue } from "./trace.ts";

/** A supply that a private object reports. */
interface Finding extends SupplyFact {
  index: string;
  /** Index of the row in a private table; its name is used for the standard row of the same index if that has none. */
  row?: string;
  level: Level;
  source: Source;
}

/**
 * Merges the maker's private supplies into the standard rows: a private level replaces a standard one that is not a
 * percentage, and a supply that is missing in the standard table is added. A standard percentage is kept. Two findings
 * of one rule are never merged into one supply.
 */
export function privateSupplies(inquiry: Inquiry, standard: Supply[]): Supply[] {
  const supplies = standard.map((supply) => ({ ...supply }));
  for (const rule of inquiry.profile.supplies ?? []) {
    if (rule.kind === "detail") {
      addDetail(inquiry, { rule, supplies });
      continue;
    }
    const found = findings(inquiry, rule);
    const byRow = matchRows(found, supplies);
    const taken = new Set<Supply>(byRow.values());
    for (const finding of found) {
      const same = byRow.get(finding) ?? matching(finding, supplies.filter((supply) => !taken.has(supply)));
      const merged = merge(inquiry, { finding, supplies, same });
      if (merged !== undefined) taken.add(merged);
    }
  }
  return supplies;
}

/**
 * Maps each row of a private table to its standard row. A colour that both name decides; rows without a colour are
 * matched by index, or by order if both tables have the same number of rows of the kind and number them differently.
 */
function matchRows(found: readonly Finding[], supplies: readonly Supply[]): Map<Finding, Supply> {
  const matched = new Map<Finding, Supply>();
  const rows = found.filter(({ row }) => row !== undefined);
  const free = (supply: Supply) => ![...matched.values()].includes(supply);
  const match = (finding: Finding, supply: Supply | undefined) => {
    if (supply !== undefined && free(supply)) matched.set(finding, supply);
  };
  const isAlone = (finding: Finding) =>
    rows.filter((it) => family(it.kind) === family(finding.kind) && it.colorant === finding.colorant).length === 1;
  for (const finding of rows) {
    if (finding.colorant === "none" || !isAlone(finding)) continue;
    const same = supplies.filter((it) => isOfKind(it, finding) && it.colorant === finding.colorant);
    if (same.length === 1) match(finding, same[0]);
  }
  for (const kind of new Set(rows.map((finding) => family(finding.kind)))) {
    const left = rows.filter((finding) => family(finding.kind) === kind && !matched.has(finding));
    const open = supplies.filter((supply) =>
      free(supply) && (family(supply.kind) === kind || (isVague(supply) && supply.description === ""))
    );
    const isSame = (finding: Finding, supply: Supply) =>
      finding.colorant === "none" || supply.colorant === "none" || finding.colorant === supply.colorant;
    const byIndex = left.map((finding) => open.find(({ index }) => index.split(".").at(-1) === finding.row));
    const inOrder = open.length === left.length && left.every((finding, i) => isSame(finding, open[i]!));
    for (const [i, finding] of left.entries()) {
      const indexed = byIndex[i];
      if (indexed !== undefined && !isSame(finding, indexed)) continue;
      // If some rows have no counterpart by index, the index is not that of the standard table.
      match(finding, byIndex.includes(undefined) && inOrder ? open[i] : indexed);
    }
  }
  return matched;
}

function isOfKind(supply: Supply, finding: Finding): boolean {
  return family(supply.kind) === family(finding.kind) || (isVague(supply) && supply.description === "");
}

function isVague({ kind }: { kind: string }): boolean {
  return kind === "unknown" || kind === "other";
}

function findings(inquiry: Inquiry, rule: RecordSupplies | ScalarSupply | TableSupplies): Finding[] {
  if (rule.kind === "records") return recordFindings(inquiry, rule);
  if (rule.kind === "scalar") return scalarFindings(inquiry, rule);
  return tableFindings(inquiry, rule);
}

function recordFindings(inquiry: Inquiry, rule: RecordSupplies): Finding[] {
  const octets = maybeOctets(inquiry.store.get(rule.oid));
  if (octets === undefined || (rule.models !== undefined && !rule.models.test(inquiry.model ?? ""))) return [];
  const { records } = decodeRecords(octets, rule.layout);
  const found: Finding[] = [];
  for (const field of rule.fields) {
    const record = records.find(({ id }) => id === field.id);
    if (record === undefined || record.octets < (field.minOctets ?? 1)) continue;
    const id = field.id.toString(16).padStart(2, "0");
    const raw = record.value.toString(16).padStart(record.octets * 2, "0");
    found.push({
      ...factOf(field),
      index: `record.${id}`,
      level: recordLevel(field.read, record.value),
      source: { oid: rule.oid, rule: rule.rule, raw: { id, value: raw } },
    });
  }
  return found;
}

function recordLevel(read: number | "ratio" | "pages", value: number): Level {
  // Two octets: level, then capacity.
  if (read === "ratio") return { ...interpretLevel({ level: value >> 8 & 0xff, capacity: value & 0xff }), unit: null };
  if (read !== "pages") return percentLevel(value * read);
  return {
    kind: value === 0 ? "empty" : "some",
    percent: value === 0 ? 0 : null,
    level: value,
    capacity: null,
    unit: "impressions",
  };
}

function scalarFindings(inquiry: Inquiry, rule: ScalarSupply): Finding[] {
  const answered = inquiry.store.get(rule.oid);
  const number = maybeLevel(answered);
  if (number === undefined) return [];
  const capacity = rule.capacityOid === undefined ? undefined : maybeLevel(inquiry.store.get(rule.capacityOid));
  const level = rule.read === "level"
    ? { ...interpretLevel({ level: number, capacity }), unit: null }
    : percentLevel(rule.read === "used" ? leftOf(number) : number);
  return [{
    ...rule.supply,
    index: `private.${rule.oid.split(".").slice(-2).join(".")}`,
    level,
    source: source(rule, answered),
  }];
}

function tableFindings(inquiry: Inquiry, rule: TableSupplies): Finding[] {
  const found: Finding[] = [];
  for (const [index, answered] of inquiry.store.column(rule.levels).slice(0, rule.maxRows ?? 64)) {
    const number = maybeLevel(answered);
    const textOf = (column: string | undefined) =>
      column === undefined ? undefined : knownText(maybeText(inquiry.store.get(`${column}.${index}`), inquiry.charset));
    const plain = textOf(rule.plainNames) ?? "";
    const description = textOf(rule.names) ?? plain;
    if (number === undefined) continue;
    const code = rule.codes?.find(({ value }) => value === number);
    const level: Level = code === undefined
      ? percentLevel(rule.read === "used" ? leftOf(number) : number)
      : { kind: code.level, percent: code.level === "empty" ? 0 : null, level: null, capacity: null, unit: null };
    const named = kindFromWords(plain) ?? kindFromWords(description) ?? "toner";
    const kind = named === "ink" && mayBeToner(description) ? "toner" : named;
    const colourCode = rule.colorants && maybeLevel(inquiry.store.get(`${rule.colorants.column}.${index}`));
    const colorant = rule.colorants?.codes.find(([code]) => code === colourCode)?.[1] ?? colorantFromWords(plain) ??
      colorantFromWords(description) ?? "none";
    const oid = `${rule.levels}.${index}`;
    found.push({
      kind,
      colorant,
      description,
      row: index,
      index: `private.${index}`,
      level,
      source: source({ ...rule, oid }, answered),
    });
  }
  return found;
}

/** The remaining percentage from a used one; a number that is not a percentage stays as it is. */
function leftOf(used: number): number {
  return used >= 0 && used <= 100 ? 100 - used : Number.NaN;
}

function percentLevel(percent: number): Level {
  // Makers' own objects may have the codes of RFC 3805 as well.
  if (percent === -3) return { kind: "some", percent: null, level: null, capacity: null, unit: "percent" };
  if (!Number.isFinite(percent) || percent < 0 || percent > 100) {
    return { kind: "unknown", percent: null, level: null, capacity: null, unit: "percent" };
  }
  const rounded = Math.round(percent);
  return { kind: percent === 0 ? "empty" : "exact", percent: rounded, level: rounded, capacity: 100, unit: "percent" };
}

/** Returns the supply of the finding, or undefined if the finding is left out. */
function merge(
  inquiry: Inquiry,
  seen: { finding: Finding; supplies: Supply[]; same: Supply | undefined },
): Supply | undefined {
  const { finding, supplies, same } = seen;
  const verdict = (won: boolean): TracedValue["candidates"][number] => ({
    oid: finding.source.oid,
    rule: finding.source.rule,
    raw: finding.source.raw,
    value: finding.level.percent,
    verdict: won ? "won" : finding.level.percent === null ? finding.level.kind : "an earlier one won",
  });
  if (same === undefined) {
    if (isAmbiguous(finding, supplies)) return undefined;
    const { kind, colorant, description, index, level, source } = finding;
    const added = { index, kind, colorant, description, partNumber: null, serial: null, level, source };
    supplies.push(added);
    inquiry.trace?.push({ field: `supplies.${index}.level`, candidates: [verdict(true)] });
    for (const part of ["kind", "colorant", "description"] as const) tracePart(inquiry, { finding, index, part });
    return added;
  }
  const won = same.level.percent === null && same.level.kind !== "unlimited" && betters(finding.level, same.level);
  const traced = inquiry.trace?.find(({ field }) => field === `supplies.${same.index}.level`);
  if (won) {
    for (const candidate of traced?.candidates ?? []) {
      if (candidate.verdict === "won") candidate.verdict = same.level.kind;
    }
  }
  traced?.candidates.push(verdict(won));
  noteOther(same, won ? same : finding);
  const vague: Record<FactPart, boolean> = {
    description: same.description === "",
    kind: isVague(same),
    colorant: same.colorant === "none",
  };
  for (const part of ["description", "kind", "colorant"] as const) {
    if (!vague[part] || same[part] === finding[part]) continue;
    same[part] = finding[part];
    tracePart(inquiry, { finding, index: same.index, part });
  }
  if (won) {
    same.level = finding.level;
    same.source = finding.source;
  }
  return same;
}

const whyNotCodes: Partial<Record<Level["kind"], WhyNotTaken>> = {
  some: "levelSome",
  unknown: "levelUnknown",
  unlimited: "levelUnlimited",
};

/** Keeps a level that was not taken with its supply. */
function noteOther(supply: Supply, { level, source: { oid, rule, raw } }: Pick<Finding, "level" | "source">): void {
  const others: OtherSource[] = supply.others ?? [];
  if (others.length >= mostOthers) return;
  const answer = level.percent !== null ? {} : level.level === null ? briefRaw(raw) : { raw: level.level };
  others.push({ oid, rule, value: level.percent, ...answer, why: whyNotCodes[level.kind] ?? "lowerPriority" });
  supply.others = others;
}

type FactPart = "kind" | "colorant" | "description";

/** Traces kind and colour of a supply by the profile, or by the name in a private table. */
function tracePart(inquiry: Inquiry, seen: { finding: Finding; index: string; part: FactPart }): void {
  const { finding: { source: { oid, rule, raw }, ...finding }, index, part } = seen;
  const by = { oid, rule, raw, value: finding[part] };
  override(inquiry.trace, `supplies.${index}.${part}`, { by, why: "vague, a private object says more" });
}

function betters(level: Level, than: Level): boolean {
  return level.percent !== null || (than.kind === "unknown" && level.kind !== "unknown");
}

/** The row of the same kind and colour; black and colourless count as equal if the kind has only one row. */
function matching(finding: Finding, supplies: Supply[]): Supply | undefined {
  // A table row without a colour is matched only by its index or order.
  if (finding.row !== undefined && finding.colorant === "none") return undefined;
  const vague = isVague(finding);
  const alike = supplies.filter((supply) =>
    family(supply.kind) === family(finding.kind) &&
    (!vague || supply.description.toLowerCase() === finding.description.toLowerCase())
  );
  const exact = alike.find(({ colorant }) => colorant === finding.colorant);
  if (exact !== undefined) return exact;
  const plain = (colorant: string) => colorant === "none" || colorant === "black";
  return alike.length === 1 && plain(alike[0]!.colorant) && plain(finding.colorant) ? alike[0] : undefined;
}

/**
 * Whether the finding may be an existing row: one of its kind without a colour, such as only an order code, or any row
 * of its kind if the finding has no colour.
 */
function isAmbiguous(finding: Finding, supplies: Supply[]): boolean {
  const isTableRow = finding.row !== undefined;
  return supplies.some(({ kind, colorant, index }) =>
    family(kind) === family(finding.kind) && isStandard(index) &&
    (finding.colorant === "none" ? isTableRow : colorant === "none")
  );
}

function isStandard(index: string): boolean {
  return /^\d/.test(index);
}

function family(kind: string): string {
  if (kind === "tonerCartridge") return "toner";
  return kind === "inkCartridge" ? "ink" : kind;
}

function addDetail(inquiry: Inquiry, seen: { rule: SupplyDetail; supplies: Supply[] }): void {
  const { rule, supplies } = seen;
  for (const [index, value] of inquiry.store.column(rule.column)) {
    const arcs = index.split(".");
    const supplyIndex = arcs.length > 1 && arcs.at(-1) === "0" ? arcs.at(-2) : arcs.at(-1);
    const supply = supplies.find((it) => it.index === `${inquiry.device}.${supplyIndex}`);
    const text = knownText(maybeText(value, inquiry.charset) ?? String(rawOf(value) ?? ""));
    if (supply === undefined || text === undefined || !/[1-9]/.test(text) || supply[rule.field] !== null) continue;
    supply[rule.field] = text;
    const oid = `${rule.column}.${index}`;
    const candidate = { oid, rule: rule.rule, raw: rawOf(value), value: text, verdict: "won" };
    inquiry.trace?.push({ field: `supplies.${supply.index}.${rule.field}`, candidates: [candidate] });
  }
}

function source(rule: { oid: string; rule: string }, answered: SnmpValue | undefined): Source {
  return { oid: rule.oid, rule: rule.rule, raw: rawOf(answered) };
}

function factOf(field: SupplyFact): SupplyFact {
  return { kind: field.kind, colorant: field.colorant, description: field.description };
}
