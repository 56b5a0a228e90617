import { endsReading } from "../../common/reading/lost_codes.ts";
import { isUnder } from "../snmp/oid.ts";
import { type Inquiry, maybeText } from "./inquiry.ts";
import { oids } from "./printer_mib.ts";
import type { LabelledMeters, MeterRule, RecordMeters, SumMeter, TypedMeters } from "./profile.ts";
import { maybeCounter, maybeFirstNumber, maybeInteger, maybeOctets, rawOf } from "./raw_value.ts";
import type { Meter, RawValue } from "../../common/reading/reading.ts";
import { decodeRecords } from "./records.ts";
import { markerTotals } from "./marker_totals.ts";
import { checkCandidates } from "./meter_checks.ts";
import { inOrder, type MeterOffer, offerOfCount, otherSources, sharedBase } from "./meter_offer.ts";
import { firstValid } from "./trace.ts";

/**
 * Every meter of the device, each from the first valid rule: the device's own counters, then prtMarkerLifeCount, then
 * derived values.
 */
export function readMeters(inquiry: Inquiry): Meter[] {
  const rules = inquiry.profile.meters ?? [];
  const offersBy = (chosen: MeterRule[]) => chosen.flatMap((rule) => offersOf(inquiry, rule));
  const own = offersBy(rules.filter((rule) => rule.fallback === undefined));
  const fallback = offersBy(rules.filter((rule) => rule.fallback !== undefined));
  const hasTotal = own.some(({ meter, value }) => meter === "total" && value !== undefined && value.value > 0);
  const standard = markerTotals(inquiry, [...own, ...fallback], hasTotal);
  const offers = withoutIdleColours([
    ...own,
    ...!hasTotal && mayLackTotal(inquiry) ? standard.map(withheld) : standard,
    ...fallback,
  ]);
  offers.push(...derivedTotal(offers));
  offers.push(...derivedColours(offers));
  const byName = new Map<string, MeterOffer[]>([["total", []]]);
  for (const offer of offers) {
    const others = byName.get(offer.meter);
    if (others === undefined) byName.set(offer.meter, [offer]);
    else others.push(offer);
  }
  return [...byName].flatMap(([name, offered]) => {
    const candidates = inOrder(name, offered);
    const won = firstValid(inquiry.trace, `meters.${name}`, candidates);
    if (won === undefined) return [];
    const { value, oid, rule, raw } = won;
    const meter: Meter = { name, value: value.value, unit: value.unit, source: { oid, rule, raw } };
    inquiry.problems.push(...checkCandidates(meter, candidates));
    return [{ ...meter, ...otherSources(meter, candidates) }];
  });
}

function offersOf(inquiry: Inquiry, rule: MeterRule): MeterOffer[] {
  const offers = offersByKind(inquiry, rule);
  return rule.check ? offers.map((offer) => ({ ...offer, check: true })) : offers;
}

function offersByKind(inquiry: Inquiry, rule: MeterRule): MeterOffer[] {
  switch (rule.kind) {
    case "scalar": {
      const answered = inquiry.store.get(rule.oid);
      const number = rule.read === "text" ? maybeFirstNumber(answered) : maybeCounter(answered);
      return [offerOfCount(rule, { meter: rule.meter, oid: rule.oid, number, unit: rule.unit, answered })];
    }
    case "sum":
      return [sumOffer(inquiry, rule)];
    case "labelled":
      return labelledOffers(inquiry, rule);
    case "typed":
      return typedOffers(inquiry, rule);
    case "records":
      return recordOffers(inquiry, rule);
  }
}

function sumOffer(inquiry: Inquiry, rule: SumMeter): MeterOffer {
  const there = rule.oids.flatMap((oid) => {
    const answered = inquiry.store.get(oid);
    return answered === undefined ? [] : [{ oid, answered }];
  });
  if (there.length === 0) return unansweredSum(rule);
  const counts = there.map(({ answered }) => maybeCounter(answered)).filter((count) => count !== undefined);
  // A part is missing if its answer is not a count or it may not have been asked for.
  const lost = counts.length < there.length || isIncomplete(inquiry, rule.oids);
  const enough = rule.needs === "any" ? counts.length > 0 && !lost : counts.length === rule.oids.length;
  const number = enough ? counts.reduce((sum, count) => sum + count, 0) : undefined;
  const oid = sharedBase(there.map((part) => part.oid));
  const seen = { meter: rule.meter, oid, number, unit: rule.unit, answered: there[0]?.answered };
  const raw: RawValue = rule.oids.length === 1
    ? rawOf(there[0]?.answered)
    : Object.fromEntries(there.map(({ oid, answered }) => [oid, rawOf(answered)]));
  const offer = { ...offerOfCount(rule, seen), raw };
  if (number === undefined && rule.oids.length > 1) offer.why = "incomplete";
  return offer;
}

/** Most sums of a profile belong to other models; what is offered for them is the same for all devices. */
function unansweredSum(rule: SumMeter): MeterOffer {
  let known = unanswered.get(rule);
  if (known === undefined) {
    const seen = { meter: rule.meter, oid: sharedBase(rule.oids), number: undefined, unit: rule.unit };
    const raw: RawValue = rule.oids.length === 1 ? rawOf(undefined) : {};
    known = Object.freeze({ ...offerOfCount(rule, { ...seen, answered: undefined }), raw, reason: "not answered" });
    unanswered.set(rule, known);
  }
  return known;
}

const unanswered = new WeakMap<SumMeter, MeterOffer>();

function labelledOffers(inquiry: Inquiry, rule: LabelledMeters): MeterOffer[] {
  const labels = new Map(
    inquiry.store.column(rule.labels).map(([index, value]) => [index, maybeText(value, inquiry.charset)]),
  );
  const nameBy = (label: string | undefined) =>
    label === undefined ? undefined : rule.names.find(([pattern]) => pattern.test(label));
  const isKnown = [...labels.values()].some((label) => nameBy(label) !== undefined);
  const nameOf = (index: string) => {
    const label = labels.get(index);
    const useIndex = label === undefined || !isKnown;
    return { label: label ?? index, name: nameBy(label) ?? (useIndex ? nameByIndex(rule, index) : undefined) };
  };
  const columns = [rule.values].flat();
  const rows = columns.flatMap((column) =>
    inquiry.store.column(column).flatMap(([index, value]): NamedRow[] => {
      const { label, name: [, meter, unit] = [] } = nameOf(index);
      // The same label in another column is a different counter.
      const key = columns.length > 1 ? `${column} ${label}` : label;
      return meter == null ? [] : [{ meter, unit, oid: `${column}.${index}`, value, label, key }];
    })
  );
  return addUp(inquiry, { rule, rows, columns: [...columns, rule.labels] });
}

function nameByIndex(rule: LabelledMeters, index: string) {
  return rule.indexes?.find(([it]) => it === index);
}

function typedOffers(inquiry: Inquiry, rule: TypedMeters): MeterOffer[] {
  const rows: NamedRow[] = [];
  for (const [index, value] of inquiry.store.column(rule.values)) {
    const byIndex = rule.indexIsType ? Number(index.split(".").at(-1)) : undefined;
    const type = maybeInteger(inquiry.store.get(`${rule.types}.${index}`)) ?? byIndex;
    const { where } = rule;
    if (where !== undefined && maybeInteger(inquiry.store.get(`${where.column}.${index}`)) !== where.equals) continue;
    const name = rule.names.find(([number]) => number === type);
    if (name === undefined) continue;
    const label = String(type);
    rows.push({ meter: name[1], unit: name[2], oid: `${rule.values}.${index}`, value, label, key: label });
  }
  const { where } = rule;
  return addUp(inquiry, {
    rule,
    rows,
    columns: [rule.values, rule.types, ...where === undefined ? [] : [where.column]],
  });
}

interface NamedRow {
  meter: string;
  unit: string | undefined;
  oid: string;
  value: Parameters<typeof rawOf>[0];
  label: string;
  /** What distinguishes the row. */
  key: string;
}

/**
 * Adds up the rows of one meter: scans by e-mail and scans to the network are both scans. If a table is cut off or has
 * a row without a count, the missing part is unknown, so there is no sum.
 */
function addUp(
  inquiry: Inquiry,
  table: { rule: LabelledMeters | TypedMeters; rows: NamedRow[]; columns: string[] },
): MeterOffer[] {
  const { rule, rows, columns } = table;
  const isCut = (column: string) => inquiry.store.column(column).length >= (rule.maxRows ?? 128);
  const cut = [rule.values].flat().some(isCut) || isIncomplete(inquiry, columns);
  return [...Map.groupBy(rows, ({ meter }) => meter)].map(([meter, found]) => {
    const same = rule.once ? found.filter((row, i) => found.findIndex(({ key }) => key === row.key) === i) : found;
    const counts = same.map(({ value }) => maybeCounter(value)).filter((count) => count !== undefined);
    const whole = !cut && counts.length === same.length && !lacksRow(rule, meter, same);
    const number = whole ? counts.reduce((sum, count) => sum + count, 0) : undefined;
    const [first] = same;
    const oid = sharedBase(same.map((row) => row.oid));
    const seen = { meter, oid, number, unit: first!.unit, answered: first!.value };
    const raw = same.length > 1
      ? Object.fromEntries(same.map(({ oid, value }) => [oid, rawOf(value)]))
      : { label: first!.label, value: rawOf(first!.value) };
    const lost = cut ? "the table was not read to its end" : "a row is missing or not valid";
    const offer = { ...offerOfCount(rule, seen), raw };
    if (number !== undefined) return offer;
    return { ...offer, reason: lost, ...cut || same.length > 1 ? { why: "incomplete" } : {} };
  });
}

/** Whether a part of the meter has no row, if all parts are needed. */
function lacksRow(rule: LabelledMeters | TypedMeters, meter: string, rows: NamedRow[]): boolean {
  if (rule.kind !== "typed" || rule.needs !== "all") return false;
  return rule.names.some(([type, name]) => name === meter && !rows.some(({ key }) => key === String(type)));
}

/**
 * Whether the device's own total may be missing because the read ended early or a request had no answer. The life count
 * of the engine is a different number: reporting it now and the device's own total next time would make the counter
 * jump.
 */
function mayLackTotal({ problems, profile, store }: Inquiry): boolean {
  const ended = problems.some(({ code }) => endsReading(code));
  // Tables are walked after all single objects were read.
  const walked = walkedColumns.some((column) => store.has(column));
  return (profile.meters ?? []).some((rule) => {
    if (rule.fallback || !metersOf(rule).includes("total")) return false;
    const objects = "values" in rule ? [rule.values].flat() : "oids" in rule ? rule.oids : [rule.oid];
    const isLost = problems.some(({ code, oid }) => code === "no-answer" && objects.includes(oid ?? ""));
    const isCut = ended && (!walked || ("values" in rule && objects.some((column) => store.has(column))));
    return isLost || isCut;
  });
}

/** Columns that a read walks, but identification does not ask for. */
const walkedColumns = [
  oids.ifType,
  oids.prtMarkerSuppliesType,
  oids.prtInputMaxCapacity,
  oids.prtConsoleDisplayBufferText,
];

function metersOf(rule: MeterRule): (string | null)[] {
  if (rule.kind === "records") return rule.fields.map(({ meter }) => meter);
  return "names" in rule ? rule.names.map(([, meter]) => meter) : [rule.meter];
}

function withheld(offer: MeterOffer): MeterOffer {
  return offer.value === undefined ? offer : { ...offer, value: undefined, why: "totalNotRead" };
}

/** Whether some of these objects or columns may be missing because reading them failed. */
function isIncomplete(inquiry: Inquiry, oids: string[]): boolean {
  return inquiry.problems.some(({ code, oid }) =>
    endsReading(code) || (oid !== undefined && oids.some((it) => isUnder(oid, it) || isUnder(it, oid)))
  );
}

function recordOffers(inquiry: Inquiry, rule: RecordMeters): MeterOffer[] {
  const answered = inquiry.store.get(rule.oid);
  const octets = maybeOctets(answered);
  const { records, truncated } = octets === undefined
    ? { records: [], truncated: false }
    : decodeRecords(octets, rule.layout);
  if (truncated) {
    inquiry.problems.push({
      code: "recordsTruncated",
      message: `The records of ${rule.rule} end in the middle of a record; what comes before it was read`,
      oid: rule.oid,
    });
  }
  return rule.fields.map((field) => {
    const record = records.find(({ id }) => id === field.id);
    const seen = { meter: field.meter, oid: rule.oid, number: record?.value, unit: field.unit, answered };
    const offer = offerOfCount(rule, seen);
    if (octets === undefined || record !== undefined) return offer;
    // The octets are no answer for this meter.
    const { why: _, ...absent } = offer;
    return { ...absent, reason: `no record ${field.id.toString(16).padStart(2, "0")}` };
  });
}

const meterGroups = ["", "print.", "copy.", "fax.", "scan.", "large.", "small."];

/** Returns a function from the name of a meter to its winning offer, if any is valid. */
function bestOf(offers: MeterOffer[]): (name: string) => MeterOffer | undefined {
  const byName = Map.groupBy(offers.filter(({ value }) => value !== undefined), ({ meter }) => meter);
  return (name) => {
    const valid = byName.get(name);
    return valid && inOrder(name, valid)[0];
  };
}

/**
 * Removes black and colour if both are 0 while pages are counted: every page is one of them, so the device does not
 * maintain these counters.
 */
function withoutIdleColours(offers: MeterOffer[]): MeterOffer[] {
  if (!offers.some(({ value }) => value?.value === 0)) return offers;
  const best = bestOf(offers);
  const idle = meterGroups.flatMap((name) => {
    const [total, mono, color] = ["total", "mono", "color"].map((part) => best(`${name}${part}`)?.value?.value);
    return mono === 0 && color === 0 && total !== undefined && total > 20 ? [`${name}mono`, `${name}color`] : [];
  });
  return offers.map((offer) =>
    idle.includes(offer.meter) && offer.value?.value === 0
      ? { ...offer, value: undefined, why: "idleColours" as const }
      : offer
  );
}

/** The total as the sum of black and colour, for a device without a total. */
function derivedTotal(offers: MeterOffer[]): MeterOffer[] {
  const best = bestOf(offers);
  const mono = best("mono"), color = best("color");
  if (mono?.value === undefined || color?.value === undefined || mono.value.unit !== color.value.unit) return [];
  const value = { value: mono.value.value + color.value.value, unit: mono.value.unit };
  const raw = { mono: mono.value.value, color: color.value.value };
  return [{ meter: "total", oid: mono.oid, rule: "derived.monoPlusColor", answered: mono.answered, value, raw }];
}

/**
 * Black and colour of a device that counts them by function only: the sums of the functions, if the total counts
 * nothing else.
 */
function derivedColours(offers: MeterOffer[]): MeterOffer[] {
  const best = bestOf(offers);
  const total = best("total")?.value;
  if (total === undefined) return [];
  // Faxes without black and colour counters are black.
  const faxes = best("fax.mono") === undefined && best("fax.color") === undefined ? "fax.total" : "fax.mono";
  const sums = [["mono", "print.mono", "copy.mono", faxes], ["color", "print.color", "copy.color", "fax.color"]].map(
    ([colour, ...names]) => {
      const parts = names.flatMap((name) => best(name) ?? []).filter(({ value }) => value!.unit === total.unit);
      const sum = parts.reduce((sum, { value }) => sum + value!.value, 0);
      return { colour: colour!, own: best(colour!)?.value?.value, parts, sum };
    },
  );
  const all = sums.reduce((count, { own, sum }) => count + (own ?? sum), 0);
  // A stricter limit than for two counters of the same pages: the difference may be a missing function.
  if (Math.abs(total.value - all) > total.value * 0.01) return [];
  return sums.filter(({ own, parts }) => own === undefined && parts.length > 0).map(({ colour, parts, sum }) => ({
    meter: colour,
    oid: sharedBase(parts.map(({ oid }) => oid)),
    rule: "derived.functions",
    answered: parts[0]!.answered,
    value: { value: sum, unit: total.unit },
    raw: Object.fromEntries(parts.map(({ meter, value }) => [meter, value!.value])),
  }));
}
