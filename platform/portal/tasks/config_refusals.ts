/** Which field of a configuration each refusal of an agent is about. Pure. */

/** `general`: of none of them, such as one of the whole; `site:NAME`: of that site. */
export type RefusedField =
  | "general"
  | "poll"
  | "sweep"
  | "status"
  | "meters"
  | "hours"
  | "update"
  | "mask"
  | `site:${string}`;

/* The agent's sentences name the keys of agent.yaml: src/config/platform_config.ts and its neighbours. */
const patterns: readonly [RefusedField, RegExp][] = [
  ["poll", /^Cannot use poll\.interval /],
  ["sweep", /^Cannot use schedule\.fullSweepEvery /],
  ["status", /^Cannot use schedule\.statusEvery /],
  ["meters", /^Cannot use schedule\.metersEvery /],
  ["hours", /^Cannot use a window of schedule\./],
  ["update", /^Cannot use (a window of )?policy\.update/],
  ["mask", /^Cannot mask a field /],
];

export function refusedField(refusal: string): RefusedField {
  const [, site] = /\bthe site "([^"]*)"/.exec(refusal) ?? [];
  if (site !== undefined) return `site:${site}`;
  return patterns.find(([, pattern]) => pattern.test(refusal))?.[0] ?? "general";
}

export function refusalsByField(refusals: readonly string[]): Map<RefusedField, string[]> {
  return Map.groupBy(refusals, refusedField);
}
