/**
 * What the file says of a site holds for its addresses, whatever site the platform puts them in: else a range would get
 * other hours, a higher rate or its excluded port by moving to a site that has none.
 */
import { parseTargetSpec } from "../targets/target_spec.ts";
import type { SiteConfig } from "./agent_config.ts";
import { rangesOfSite } from "./site_targets.ts";

/** The site as the sites of the file let it be, and the names of those that hold some of its addresses. */
export function underFile(site: SiteConfig, own: readonly SiteConfig[]): { site: SiteConfig; within: string[] } {
  const holders = own.filter((other) => other.name !== site.name && shareTargets(site, other));
  const hours = [site, ...holders].flatMap(({ schedule }) => schedule.allowedHours);
  return {
    site: {
      ...site,
      ratePerSecond: holders.map((holder) => holder.ratePerSecond).reduce(slower, site.ratePerSecond),
      exclude: [...new Set([...site.exclude, ...holders.flatMap((holder) => holder.exclude.filter(hasPort))])],
      schedule: { ...site.schedule, allowedHours: [...new Set(hours)] },
    },
    within: holders.map(({ name }) => name),
  };
}

function shareTargets(a: SiteConfig, b: SiteConfig): boolean {
  const namesOfB = namesOf(b);
  if (namesOf(a).some((name) => namesOfB.includes(name))) return true;
  const ranges = rangesOfSite(b);
  return rangesOfSite(a).some((one) =>
    ranges.some((other) => one.family === other.family && one.first <= other.last && other.first <= one.last)
  );
}

function namesOf({ hosts }: SiteConfig): string[] {
  return hosts.map(parseTargetSpec).flatMap((spec) => spec.kind === "name" ? [spec.name] : []);
}

/** What is excluded on every port is out of the policy's ranges already. */
function hasPort(target: string): boolean {
  return parseTargetSpec(target).port !== undefined;
}

/** 0 is unlimited. */
function slower(a: number, b: number): number {
  return a === 0 ? b : b === 0 ? a : Math.min(a, b);
}
