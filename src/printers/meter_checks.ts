import type { MeterOffer } from "./meter_offer.ts";
import { agree } from "../../common/reading/other_sources.ts";
import type { Meter, Problem } from "../../common/reading/reading.ts";

/** Whether a count is plausible: no device has printed 2^31 pages. */
export function plausible(count: number, unit: string): boolean {
  const pages = unit === "impressions" || unit === "sheets" || unit === "unknown" || unit === "other";
  return Number.isSafeInteger(count) && count >= 0 && (!pages || count < 2 ** 31);
}

/** Problems for counters of the same pages that disagree with the chosen one. */
export function checkCandidates({ name, value, unit, source }: Meter, candidates: MeterOffer[]): Problem[] {
  return candidates.flatMap((other) => {
    if (!other.check || other.value === undefined || other.value.value === 0 || other.value.unit !== unit) return [];
    if (agree(value, other.value.value)) return [];
    const message =
      `${name} is ${value} by ${source.rule}, but ${other.value.value} by ${other.rule}; the first is taken`;
    return [{ code: "metersDisagree", message, oid: other.oid }];
  });
}

/** Prefixes of functions that are counted separately; the first is all functions together. */
const functions = ["", "print.", "copy.", "fax.", "scan.", "large.", "small."];

/** Contradictions between the meters of one reading. Nothing is corrected: a person must decide. */
export function checkMeters(meters: Meter[]): Problem[] {
  const problems = functions.flatMap((prefix) => checkFunction(meters, prefix));
  const all = meters.find(({ name }) => name === "total");
  for (const part of meters) {
    // Scans are not printed, so there may be more scans than pages.
    if (!/^(?:print|copy|fax|large|small)\.total$/.test(part.name) || all === undefined) continue;
    problems.push(...checkPart(part, all));
  }
  problems.push(...checkFunctionSum(meters));
  if (meters.length > 1 && meters.every(({ value }) => value === 0)) {
    problems.push({
      code: "metersAllZero",
      message: `All ${meters.length} meters read 0: the device is new, or was still starting`,
    });
  }
  return problems;
}

/** Compares the total of one function with its black and colour parts. */
function checkFunction(meters: Meter[], prefix: string): Problem[] {
  const [total, mono, color] = ["total", "mono", "color"].map((name) =>
    meters.find((meter) => meter.name === `${prefix}${name}`)
  );
  if (total === undefined) return [];
  if (mono?.unit !== total.unit || color?.unit !== total.unit) {
    return [mono, color].flatMap((part) => part === undefined ? [] : checkPart(part, total));
  }
  const sum = mono.value + color.value;
  if (agree(total.value, sum)) return [];
  const message =
    `${total.name} is ${total.value}, but ${mono.name} and ${color.name} add up to ${mono.value} + ${color.value} = ${sum}`;
  return [{ code: "metersDisagree", message, oid: total.source.oid }];
}

/**
 * Compares the sum of all functions with the total: it may be lower because of reports and the like, but not higher.
 */
function checkFunctionSum(meters: Meter[]): Problem[] {
  const all = meters.find(({ name }) => name === "total");
  const parts = meters.filter(({ name, unit }) => /^(?:print|copy|fax)\.total$/.test(name) && unit === all?.unit);
  const sum = parts.reduce((total, { value }) => total + value, 0);
  // A single function above the total is reported already.
  if (all === undefined || parts.length < 2 || sum <= all.value || agree(sum, all.value)) return [];
  if (parts.some(({ value }) => value > all.value)) return [];
  const names = parts.map(({ name }) => name).join(", ");
  const message = `${names} add up to ${
    parts.map(({ value }) => value).join(" + ")
  } = ${sum}, more than total, which is ${all.value}`;
  return [{ code: "metersDisagree", message, oid: all.source.oid }];
}

function checkPart(part: Meter, whole: Meter): Problem[] {
  if (part.unit !== whole.unit || part.value <= whole.value || agree(part.value, whole.value)) return [];
  const message = `${part.name} is ${part.value}, more than ${whole.name}, which is ${whole.value}`;
  return [{ code: "metersDisagree", message, oid: part.source.oid }];
}
