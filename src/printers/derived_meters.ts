/** What follows from several meters together: those that a device does not count, from those that it does. */
import { inOrder, type MeterOffer, sharedBase } from "./meter_offer.ts";

const functions = ["", "print.", "copy.", "fax.", "scan.", "large.", "small."];

/** By name of a meter, the offer that wins, if any is valid. */
function bestOf(offers: MeterOffer[]): (name: string) => MeterOffer | undefined {
  const byName = Map.groupBy(offers, ({ meter }) => meter);
  return (name) => inOrder(name, byName.get(name) ?? []).find(({ value }) => value !== undefined);
}

/**
 * Without black and colour where both stay at 0 while pages are counted: a device answers 0 for a counter that it does not
 * keep, and no page is neither.
 */
export function withoutIdleColours(offers: MeterOffer[]): MeterOffer[] {
  const best = bestOf(offers);
  const idle = functions.flatMap((name) => {
    const [total, mono, color] = ["total", "mono", "color"].map((part) => best(`${name}${part}`)?.value?.value);
    return mono === 0 && color === 0 && total !== undefined && total > 20 ? [`${name}mono`, `${name}color`] : [];
  });
  return offers.map((offer) =>
    idle.includes(offer.meter) && offer.value?.value === 0
      ? { ...offer, value: undefined, reason: "black and colour are 0, and pages are counted" }
      : offer
  );
}

/** A device that counts black and colour but no total: the total is their sum. */
export function derivedTotal(offers: MeterOffer[]): MeterOffer[] {
  const best = bestOf(offers);
  const mono = best("mono"), color = best("color");
  if (mono?.value === undefined || color?.value === undefined || mono.value.unit !== color.value.unit) return [];
  const value = { value: mono.value.value + color.value.value, unit: mono.value.unit };
  const raw = { mono: mono.value.value, color: color.value.value };
  return [{ meter: "total", oid: mono.oid, rule: "derived.monoPlusColor", answered: mono.answered, value, raw }];
}

/**
 * Black and colour of a device that counts them by function only: the sums of the functions, where these are all that the
 * total counts.
 */
export function derivedColours(offers: MeterOffer[]): MeterOffer[] {
  const best = bestOf(offers);
  const total = best("total")?.value;
  if (total === undefined) return [];
  // Faxes that are not told apart are black.
  const faxes = best("fax.mono") === undefined && best("fax.color") === undefined ? "fax.total" : "fax.mono";
  const sums = [["mono", "print.mono", "copy.mono", faxes], ["color", "print.color", "copy.color", "fax.color"]].map(
    ([colour, ...names]) => {
      const parts = names.flatMap((name) => best(name) ?? []).filter(({ value }) => value!.unit === total.unit);
      const sum = parts.reduce((sum, { value }) => sum + value!.value, 0);
      return { colour: colour!, own: best(colour!)?.value?.value, parts, sum };
    },
  );
  const all = sums.reduce((count, { own, sum }) => count + (own ?? sum), 0);
  // Closer than two counters of the same pages have to agree: what is missing may be a function.
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
