import type { SnmpValue } from "../snmp/value.ts";
import { type Inquiry, maybeText } from "./inquiry.ts";
import { knownText } from "./known_text.ts";
import { interpretLevel } from "./level.ts";
import type { RecordSupplies, ScalarSupply, SupplyDetail, SupplyFact, TableSupplies } from "./profile.ts";
import { maybeLevel, maybeOctets, rawOf } from "./raw_value.ts";
import type { Level, Source, Supply } from "./reading.ts";
import { decodeRecords } from "./records.ts";
import { colorantFromWords, kindFromWords } from "./supply_names.ts";
import { overrule, type TracedValue } from "./trace.ts";

/** A supply that a private object tells of. */
interface Finding extends SupplyFact {
  index: string;
  /** Index of the row in a private table, which names the standard row of the same index where that has no name. */
  row?: string;
  level: Level;
  source: Source;
}

/**
 * Merges the maker's private supplies into the standard rows: a private level replaces a standard one that is not a
 * percentage, and a supply that the standard table does not list is added. A standard percentage is kept.
 */
export function privateSupplies(inquiry: Inquiry, standard: Supply[]): Supply[] {
  const supplies = standard.map((supply) => ({ ...supply }));
  for (const rule of inquiry.profile.supplies ?? []) {
    if (rule.kind === "detail") addDetail(inquiry, { rule, supplies });
    else for (const finding of findings(inquiry, rule)) merge(inquiry, { finding, supplies });
  }
  return supplies;
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
    const description = knownText(maybeText(inquiry.store.get(`${rule.names}.${index}`), inquiry.charset)) ?? "";
    if (number === undefined) continue;
    const code = rule.codes?.find(({ value }) => value === number);
    const level: Level = code === undefined
      ? percentLevel(rule.read === "used" ? leftOf(number) : number)
      : { kind: code.level, percent: code.level === "empty" ? 0 : null, level: null, capacity: null, unit: null };
    const kind = kindFromWords(description) ?? "toner";
    const colorant = colorantFromWords(description) ?? "none";
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

/** What is left of 100 after a percentage used; a number that is none stays none. */
function leftOf(used: number): number {
  return used >= 0 && used <= 100 ? 100 - used : Number.NaN;
}

function percentLevel(percent: number): Level {
  // The codes of RFC 3805 occur in makers' own objects as well.
  if (percent === -3) return { kind: "some", percent: null, level: null, capacity: null, unit: "percent" };
  if (!Number.isFinite(percent) || percent < 0 || percent > 100) {
    return { kind: "unknown", percent: null, level: null, capacity: null, unit: "percent" };
  }
  const rounded = Math.round(percent);
  return { kind: percent === 0 ? "empty" : "exact", percent: rounded, level: rounded, capacity: 100, unit: "percent" };
}

function merge(inquiry: Inquiry, seen: { finding: Finding; supplies: Supply[] }): void {
  const { finding, supplies } = seen;
  const same = matching(finding, supplies) ?? unnamed(finding, supplies);
  const verdict = (won: boolean): TracedValue["candidates"][number] => ({
    oid: finding.source.oid,
    rule: finding.source.rule,
    raw: finding.source.raw,
    value: finding.level.percent,
    verdict: won ? "won" : finding.level.percent === null ? finding.level.kind : "an earlier one won",
  });
  if (same === undefined) {
    if (isAmbiguous(finding, supplies)) return;
    const { kind, colorant, description, index, level, source } = finding;
    supplies.push({ index, kind, colorant, description, partNumber: null, serial: null, level, source });
    inquiry.trace.push({ field: `supplies.${index}.level`, candidates: [verdict(true)] });
    for (const part of ["kind", "colorant", "description"] as const) tracePart(inquiry, { finding, index, part });
    return;
  }
  const won = same.level.percent === null && same.level.kind !== "unlimited" && betters(finding.level, same.level);
  const traced = inquiry.trace.find(({ field }) => field === `supplies.${same.index}.level`);
  if (won) {
    for (const candidate of traced?.candidates ?? []) {
      if (candidate.verdict === "won") candidate.verdict = same.level.kind;
    }
  }
  traced?.candidates.push(verdict(won));
  const vague: Record<FactPart, boolean> = {
    description: same.description === "",
    kind: same.kind === "unknown" || same.kind === "other",
    colorant: same.colorant === "none",
  };
  for (const part of ["description", "kind", "colorant"] as const) {
    if (!vague[part] || same[part] === finding[part]) continue;
    same[part] = finding[part];
    tracePart(inquiry, { finding, index: same.index, part });
  }
  if (!won) return;
  same.level = finding.level;
  same.source = finding.source;
}

type FactPart = "kind" | "colorant" | "description";

/** What the profile, or the name in a private table, says that a supply is. */
function tracePart(inquiry: Inquiry, seen: { finding: Finding; index: string; part: FactPart }): void {
  const { finding: { source: { oid, rule, raw }, ...finding }, index, part } = seen;
  const by = { oid, rule, raw, value: finding[part] };
  overrule(inquiry.trace, `supplies.${index}.${part}`, { by, why: "vague, a private object says more" });
}

function betters(level: Level, than: Level): boolean {
  return level.percent !== null || (than.kind === "unknown" && level.kind !== "unknown");
}

/** The row of the same kind and colour; a black or colourless row is the same where the kind has only one row. */
function matching(finding: Finding, supplies: Supply[]): Supply | undefined {
  const vague = finding.kind === "other" || finding.kind === "unknown";
  const alike = supplies.filter((supply) =>
    family(supply.kind) === family(finding.kind) &&
    (!vague || supply.description.toLowerCase() === finding.description.toLowerCase())
  );
  const exact = alike.find(({ colorant }) => colorant === finding.colorant);
  if (exact !== undefined) return exact;
  const plain = (colorant: string) => colorant === "none" || colorant === "black";
  return alike.length === 1 && plain(alike[0]!.colorant) && plain(finding.colorant) ? alike[0] : undefined;
}

/** A standard row without a name of its own, by index (Ricoh names its supplies in the private table only). */
function unnamed(finding: Finding, supplies: Supply[]): Supply | undefined {
  if (finding.row === undefined) return undefined;
  const fits = ({ kind }: Supply) => kind === "unknown" || kind === "other" || family(kind) === family(finding.kind);
  return supplies.find((it) => it.description === "" && fits(it) && it.index.split(".").at(-1) === finding.row);
}

/** Whether it may be a row that is there already: one of its kind that says no colour, such as an order code alone. */
function isAmbiguous(finding: Finding, supplies: Supply[]): boolean {
  return finding.colorant !== "none" &&
    supplies.some(({ kind, colorant, source }) =>
      family(kind) === family(finding.kind) && colorant === "none" && source.rule === "rfc3805"
    );
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
    inquiry.trace.push({ field: `supplies.${supply.index}.${rule.field}`, candidates: [candidate] });
  }
}

function source(rule: { oid: string; rule: string }, answered: SnmpValue | undefined): Source {
  return { oid: rule.oid, rule: rule.rule, raw: rawOf(answered) };
}

function factOf(field: SupplyFact): SupplyFact {
  return { kind: field.kind, colorant: field.colorant, description: field.description };
}
