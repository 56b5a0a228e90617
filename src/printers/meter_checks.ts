import type { Meter, Problem } from "./reading.ts";

/**
 * Whether two page counts are the same but for blank and maintenance pages, which some totals include, and for what was
 * printed between two requests: 2 %, and at least 20.
 */
export function agree(a: number, b: number): boolean {
  return Math.abs(a - b) <= Math.max(20, Math.max(a, b) * 0.02);
}

/** What the meters of one reading say against each other. Nothing is corrected: a person decides. */
export function checkMeters(meters: Meter[]): Problem[] {
  const problems: Problem[] = [];
  const valueOf = (name: string) => meters.find((meter) => meter.name === name);
  const total = valueOf("total"), mono = valueOf("mono"), color = valueOf("color");
  const comparable = total !== undefined && mono?.unit === total.unit && color?.unit === total.unit;
  if (comparable && !agree(total.value, mono.value + color.value)) {
    problems.push({
      code: "metersDisagree",
      message: `total is ${total.value}, but mono and color add up to ${mono.value} + ${color.value} = ${
        mono.value + color.value
      }`,
      oid: total.source.oid,
    });
  }
  for (const part of [mono, color]) {
    if (total === undefined || part === undefined || part.unit !== total.unit) continue;
    if (part.value <= total.value || agree(part.value, total.value)) continue;
    if (comparable) continue;
    problems.push({
      code: "metersDisagree",
      message: `${part.name} is ${part.value}, more than total, which is ${total.value}`,
      oid: part.source.oid,
    });
  }
  if (meters.length > 1 && meters.every(({ value }) => value === 0)) {
    problems.push({
      code: "metersAllZero",
      message: `All ${meters.length} meters read 0: the device is new, or was still starting`,
    });
  }
  return problems;
}
