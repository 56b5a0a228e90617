import { isUnder } from "../snmp/oid.ts";
import type { Offer } from "./trace.ts";

/** A candidate for the meter `meter`, such as `copy.color`. */
export type MeterOffer = Offer<{ value: number; unit: string }> & {
  meter: string;
  /** Whether to report a disagreement with the chosen counter. */
  check?: boolean;
};

/**
 * Order of the offers. An overall counter of 0 is not maintained by the device if another one counts pages. For a
 * single function 0 means that the function is not used, as a substitute counter may include other functions.
 */
export function inOrder(name: string, offers: MeterOffer[]): MeterOffer[] {
  if (/^(?:print|copy|fax)\./.test(name)) return offers;
  const isZero = ({ value }: MeterOffer) => value?.value === 0;
  if (!offers.some(isZero)) return offers;
  return [...offers.filter((offer) => !isZero(offer)), ...offers.filter(isZero)];
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
