import type { SnmpValue } from "../snmp/value.ts";
import { whyNotTakenWords } from "../../common/reading/other_sources.ts";
import type { RawValue, WhyNotTaken } from "../../common/reading/reading.ts";
import { rawOf } from "./raw_value.ts";

/** One possible source of a value. `verdict` is `won`, or why it lost. */
export interface Candidate {
  oid: string;
  rule: string;
  raw: RawValue;
  value: string | number | null;
  verdict: string;
}

/** How one value of a reading was chosen: its candidates in the order in which they were tried. */
export interface TracedValue {
  /** Path in the reading, such as `serial`, `meters.total` or `supplies.1.4.level`. */
  field: string;
  candidates: Candidate[];
}

export type Trace = TracedValue[];

/**
 * Whether a traced field covers a leaf of the reading: it is the leaf itself or a parent of it, as `meters.total` for
 * `meters.total.unit` and `alerts.0` for all fields of the first alert.
 */
export function tracesLeaf(field: string, leaf: string): boolean {
  return leaf === field || leaf.startsWith(`${field}.`);
}

/** A candidate before the choice: without a `value` it is ruled out by `reason`, or because there was no answer. */
export interface Offer<T> {
  oid: string;
  rule: string;
  answered: SnmpValue | undefined;
  value: T | undefined;
  reason?: string;
  /** Why an answered one of a meter is not taken, if not by its place in the order. */
  why?: WhyNotTaken;
  /** The raw value to record if it is more than one object. */
  raw?: RawValue;
}

export interface Won<T> {
  value: T;
  oid: string;
  rule: string;
  raw: RawValue;
}

/** Chooses the first valid offer and, with a trace, records why each of the others lost. */
export function firstValid<T>(trace: Trace | null, field: string, offers: Offer<T>[]): Won<T> | undefined {
  if (trace === null) {
    const offer = offers.find(({ value }) => value !== undefined);
    return offer && { value: offer.value!, oid: offer.oid, rule: offer.rule, raw: rawOfOffer(offer) };
  }
  let won: Won<T> | undefined;
  const candidates: Candidate[] = [];
  for (const offer of offers) {
    const raw = rawOfOffer(offer);
    let verdict = whyNotTakenWords[offer.why ?? "lowerPriority"];
    if (offer.value === undefined) {
      const missing: string = offer.answered === undefined ? "not answered" : "not valid";
      verdict = offer.reason ?? (offer.why === undefined ? missing : verdict);
    } else if (won === undefined) {
      won = { value: offer.value, oid: offer.oid, rule: offer.rule, raw };
      verdict = "won";
    }
    candidates.push({ oid: offer.oid, rule: offer.rule, raw, value: printable(offer.value), verdict });
  }
  if (candidates.length > 0) trace.push({ field, candidates });
  return won;
}

export function rawOfOffer({ raw, answered }: Offer<unknown>): RawValue {
  return raw ?? rawOf(answered);
}

/** Records that a later rule replaced the value of an earlier one; `why` is the verdict on the earlier one. */
export function override(
  trace: Trace | null,
  field: string,
  change: { by: Omit<Candidate, "verdict">; why: string },
): void {
  if (trace === null) return;
  let traced = trace.find((it) => it.field === field);
  if (traced === undefined) trace.push(traced = { field, candidates: [] });
  for (const candidate of traced.candidates) if (candidate.verdict === "won") candidate.verdict = change.why;
  traced.candidates.push({ ...change.by, verdict: "won" });
}

function printable(value: unknown): string | number | null {
  if (typeof value === "number" || typeof value === "string") return value;
  // A meter has a number and a unit.
  if (typeof value === "object" && value !== null && "value" in value) return printable(value.value);
  return value === undefined ? null : JSON.stringify(value);
}
