import type { Offer } from "./trace.ts";

/** A candidate for the meter `meter`, such as `copy.color`. */
export type MeterOffer = Offer<{ value: number; unit: string }> & {
  meter: string;
  /** Whether a disagreement with the counter that is taken is to be told. */
  check?: boolean;
};
