import { isUnder } from "../snmp/oid.ts";
import type { Offer } from "./trace.ts";

/** A candidate for the meter `meter`, such as `copy.color`. */
export type MeterOffer = Offer<{ value: number; unit: string }> & {
  meter: string;
  /** Whether a disagreement with the counter that is taken is to be reported. */
  check?: boolean;
};

/**
 * An overall counter that stays at 0 is one that the device does not keep, where another one counts. Of one function it
 * says that the function is not used: a counter that stands in for it may count others as well.
 */
export function inOrder(name: string, offers: MeterOffer[]): MeterOffer[] {
  if (/^(?:print|copy|fax)\./.test(name)) return offers;
  const isZero = ({ value }: MeterOffer) => value?.value === 0;
  return [...offers.filter((offer) => !isZero(offer)), ...offers.filter(isZero)];
}

/** What a sum of objects is named after: the longest identifier that all of them are at or under. */
export function sharedBase(oids: string[]): string {
  const [first = "", ...others] = oids;
  let base = first;
  while (base !== "" && !others.every((oid) => isUnder(oid, base))) {
    base = base.slice(0, Math.max(0, base.lastIndexOf(".")));
  }
  return base;
}
