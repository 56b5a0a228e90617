import { briefRaw, contradictsMeter, mostOthers } from "../../common/reading/other_sources.ts";
import type { Meter, OtherSource } from "../../common/reading/reading.ts";
import { isUnder } from "../snmp/oid.ts";
import type { SnmpValue } from "../snmp/value.ts";
import { plausible } from "./meter_checks.ts";
import { type Offer, rawOfOffer } from "./trace.ts";

/** A candidate for the meter `meter`, such as `copy.color`. */
export type MeterOffer = Offer<{ value: number; unit: string }> & {
  meter: string;
  /** Whether to report a disagreement with the chosen counter. */
  check?: boolean;
};

export function offerOfCount(
  { rule }: { rule: string },
  seen: {
    meter: string;
    oid: string;
    number: number | undefined;
    unit: string | undefined;
    answered: SnmpValue | undefined;
  },
): MeterOffer {
  const { meter, oid, number, answered, unit = "impressions" } = seen;
  if (number !== undefined && plausible(number, unit)) {
    return { meter, oid, rule, answered, value: { value: number, unit } };
  }
  const refused: MeterOffer = { meter, oid, rule, answered, value: undefined };
  if (answered !== undefined) refused.why = number === undefined ? "notACount" : "implausible";
  return refused;
}

/**
 * Order of the offers. An overall counter of 0 is not maintained by the device if another one counts pages. For a
 * single function 0 means that the function is not used, as a substitute counter may include other functions.
 */
export function inOrder(name: string, offers: MeterOffer[]): MeterOffer[] {
  if (/^(?:print|copy|fax)\./.test(name)) return offers;
  const isZero = ({ value }: MeterOffer) => value?.value === 0;
  if (!offers.some(isZero)) return offers;
  const others = offers.filter((offer) => !isZero(offer)), zeros = offers.filter(isZero);
  const isCounted = others.some(({ value }) => value !== undefined);
  return [...others, ...isCounted ? zeros.map((offer) => ({ ...offer, why: "zero" as const })) : zeros];
}

/**
 * What was answered for a meter as well: those that contradict it first, then in the order of the rules. What repeats
 * another one's object and value, or is a part of the sum that was taken, says nothing new.
 */
export function otherSources({ value, unit, source }: Meter, candidates: MeterOffer[]): { others?: OtherSource[] } {
  const others: OtherSource[] = [];
  const seen = new Set([`${source.oid} ${value}`]);
  const parts = typeof source.raw === "object" ? source.raw : null;
  for (const offer of candidates) {
    const why = offer.why ?? (offer.value === undefined ? undefined : "lowerPriority");
    const key = `${offer.oid} ${offer.value?.value}`;
    if (why === undefined || seen.has(key) || (parts !== null && Object.hasOwn(parts, offer.oid))) continue;
    seen.add(key);
    const { oid, rule } = offer;
    if (offer.value === undefined) others.push({ oid, rule, value: null, ...briefRaw(rawOfOffer(offer)), why });
    else {others.push({
        oid,
        rule,
        value: offer.value.value,
        ...offer.value.unit !== unit && { unit: offer.value.unit },
        why,
      });}
  }
  if (others.length === 0) return {};
  const meter = { value, unit };
  const [against, rest] = [true, false].map((is) => others.filter((other) => contradictsMeter(meter, other) === is));
  return { others: [...against!, ...rest!].slice(0, mostOthers) };
}

/** The object id to name a sum by: the longest one that all of them are equal to or below. */
export function sharedBase(oids: string[]): string {
  const [first = "", ...others] = oids;
  let base = first;
  while (base !== "" && !others.every((oid) => isUnder(oid, base))) {
    base = base.slice(0, Math.max(0, base.lastIndexOf(".")));
  }
  return base;
}
