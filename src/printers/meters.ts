import { isUnder } from "../snmp/oid.ts";
import { type Inquiry, maybeText } from "./inquiry.ts";
import type { LabelledMeters, MeterRule, RecordMeters, SumMeter, TypedMeters } from "./profile.ts";
import { maybeCounter, maybeFirstNumber, maybeInteger, maybeOctets, rawOf } from "./raw_value.ts";
import type { Meter, RawValue } from "./reading.ts";
import { decodeRecords } from "./records.ts";
import { markerTotals } from "./marker_totals.ts";
import { plausible } from "./meter_checks.ts";
import type { MeterOffer } from "./meter_offer.ts";
import { firstValid } from "./trace.ts";

/** Every meter that the device answers, each from the first rule that is valid. */
export function readMeters(inquiry: Inquiry): Meter[] {
  const own = (inquiry.profile.meters ?? []).flatMap((rule) => offersOf(inquiry, rule));
  const preferOwn = inquiry.profile.totalFrom === "profile";
  const standard = markerTotals(inquiry, own);
  const offers = preferOwn ? [...own, ...standard] : [...standard, ...own];
  offers.push(...derivedTotal(offers));
  const meters: Meter[] = [];
  for (const name of new Set(offers.map(({ meter }) => meter))) {
    const won = firstValid(inquiry.trace, `meters.${name}`, offers.filter(({ meter }) => meter === name));
    if (won === undefined) continue;
    const { value, oid, rule, raw } = won;
    meters.push({ name, value: value.value, unit: value.unit, source: { oid, rule, raw } });
  }
  return meters;
}

function offersOf(inquiry: Inquiry, rule: MeterRule): MeterOffer[] {
  switch (rule.kind) {
    case "scalar": {
      const answered = inquiry.store.get(rule.oid);
      const number = rule.read === "text" ? maybeFirstNumber(answered) : maybeCounter(answered);
      return [offer(rule, { meter: rule.meter, oid: rule.oid, number, unit: rule.unit, answered })];
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
  const parts = rule.oids.map((oid) => ({ oid, answered: inquiry.store.get(oid) }));
  const there = parts.filter(({ answered }) => answered !== undefined);
  const counts = there.map(({ answered }) => maybeCounter(answered)).filter((count) => count !== undefined);
  // A part that is answered and no count, or that may not have been asked for, is a part that is missing.
  const lost = counts.length < there.length || isIncomplete(inquiry, rule.oids);
  const enough = rule.needs === "any" ? counts.length > 0 && !lost : counts.length === parts.length;
  const number = enough ? counts.reduce((sum, count) => sum + count, 0) : undefined;
  const oid = sharedBase((there.length > 0 ? there : parts).map((part) => part.oid));
  const seen = { meter: rule.meter, oid, number, unit: rule.unit, answered: there[0]?.answered };
  const raw: RawValue = Object.fromEntries(there.map(({ oid, answered }) => [oid, rawOf(answered)]));
  const reason = there.length === 0 ? "not answered" : "a part is not answered or not valid";
  return { ...offer(rule, seen), raw, reason };
}

function labelledOffers(inquiry: Inquiry, rule: LabelledMeters): MeterOffer[] {
  const rows: NamedRow[] = [];
  for (const [index, value] of inquiry.store.column(rule.values)) {
    const label = maybeText(inquiry.store.get(`${rule.labels}.${index}`), inquiry.charset) ?? "";
    const name = rule.names.find(([pattern]) => pattern.test(label));
    if (name !== undefined) rows.push({ meter: name[1], unit: name[2], oid: `${rule.values}.${index}`, value, label });
  }
  return addUp(inquiry, { rule, rows, columns: [rule.values, rule.labels] });
}

function typedOffers(inquiry: Inquiry, rule: TypedMeters): MeterOffer[] {
  const rows: NamedRow[] = [];
  for (const [index, value] of inquiry.store.column(rule.values)) {
    const type = maybeInteger(inquiry.store.get(`${rule.types}.${index}`));
    const { where } = rule;
    if (where !== undefined && maybeInteger(inquiry.store.get(`${where.column}.${index}`)) !== where.equals) continue;
    const name = rule.names.find(([number]) => number === type);
    if (name === undefined) continue;
    rows.push({ meter: name[1], unit: name[2], oid: `${rule.values}.${index}`, value, label: String(type) });
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
}

/**
 * Rows of one meter add up: scans by e-mail and scans to the network are both scans. Of a table that is cut off or has a
 * row without a count nobody knows what is missing, so there is no sum.
 */
function addUp(
  inquiry: Inquiry,
  table: { rule: LabelledMeters | TypedMeters; rows: NamedRow[]; columns: string[] },
): MeterOffer[] {
  const { rule, rows, columns } = table;
  const cut = inquiry.store.column(rule.values).length >= (rule.maxRows ?? 128) || isIncomplete(inquiry, columns);
  return [...Map.groupBy(rows, ({ meter }) => meter)].map(([meter, same]) => {
    const counts = same.map(({ value }) => maybeCounter(value)).filter((count) => count !== undefined);
    const whole = !cut && counts.length === same.length;
    const number = whole ? counts.reduce((sum, count) => sum + count, 0) : undefined;
    const [first] = same;
    const oid = sharedBase(same.map((row) => row.oid));
    const seen = { meter, oid, number, unit: first!.unit, answered: first!.value };
    const raw = same.length > 1
      ? Object.fromEntries(same.map(({ oid, value }) => [oid, rawOf(value)]))
      : { label: first!.label, value: rawOf(first!.value) };
    const lost = cut ? "the table was not read to its end" : "a row is not valid";
    return { ...offer(rule, seen), raw, ...number === undefined ? { reason: lost } : {} };
  });
}

/** Problems after which the rest of the device was not read (src/scanner/read_device.ts). */
const endings = ["silent", "deadline", "read-failed"];

/** Whether some of these objects or columns may be missing because reading them failed. */
function isIncomplete(inquiry: Inquiry, oids: string[]): boolean {
  return inquiry.problems.some(({ code, oid }) =>
    endings.includes(code) || (oid !== undefined && oids.some((it) => isUnder(oid, it) || isUnder(it, oid)))
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
    const reason = octets === undefined ? "not answered" : `no record ${field.id.toString(16).padStart(2, "0")}`;
    return { ...offer(rule, seen), reason };
  });
}

/** A device that counts black and colour but no total: the total is their sum. */
function derivedTotal(offers: MeterOffer[]): MeterOffer[] {
  const [mono, color] = ["mono", "color"].map((name) =>
    offers.find(({ meter, value }) => meter === name && value !== undefined)
  );
  if (mono?.value === undefined || color?.value === undefined || mono.value.unit !== color.value.unit) return [];
  const value = { value: mono.value.value + color.value.value, unit: mono.value.unit };
  const raw = { mono: mono.value.value, color: color.value.value };
  return [{ meter: "total", oid: mono.oid, rule: "derived.monoPlusColor", answered: mono.answered, value, raw }];
}

/** What a sum of objects is named after: the longest identifier that all of them are at or under. */
function sharedBase(oids: string[]): string {
  const [first = "", ...others] = oids;
  let base = first;
  while (base !== "" && !others.every((oid) => isUnder(oid, base))) {
    base = base.slice(0, Math.max(0, base.lastIndexOf(".")));
  }
  return base;
}

function offer(
  rule: { rule: string },
  seen: {
    meter: string;
    oid: string;
    number: number | undefined;
    unit: string | undefined;
    answered: Parameters<typeof rawOf>[0];
  },
): MeterOffer {
  const { meter, oid, number, answered, unit = "impressions" } = seen;
  const value = number !== undefined && plausible(number, unit) ? { value: number, unit } : undefined;
  return { meter, oid, rule: rule.rule, answered, value };
}
