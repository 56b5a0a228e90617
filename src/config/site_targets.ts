/** The addresses of a site as sets, to compare them with other sites, the limits and the policy. */
import { countOf, type IpRange, subtractRanges } from "../../common/core/ip_range.ts";
import { maxIpv6Addresses } from "../targets/parse_targets.ts";
import { parseTargetSpec, type TargetSpec } from "../targets/target_spec.ts";
import type { SiteConfig } from "./agent_config.ts";

/** A range and the port that is scanned. */
export interface PortRange extends IpRange {
  port: number;
}

/** Cache: sites do not change, and each is compared with every other. */
const rangesBySite = new WeakMap<object, PortRange[]>();

/** All addresses of a site without the excluded ones; its host names are not included. */
export function rangesOfSite(site: Pick<SiteConfig, "ranges" | "exclude" | "port">): readonly PortRange[] {
  const ranges = rangesBySite.get(site) ?? findRanges(site);
  rangesBySite.set(site, ranges);
  return ranges;
}

function findRanges(site: Pick<SiteConfig, "ranges" | "exclude" | "port">): PortRange[] {
  const specs = site.ranges.map(parseTargetSpec);
  const ports = new Set(specs.map((spec) => spec.port ?? site.port));
  return [...ports].flatMap((port) =>
    subtractRanges(
      rangesIn(specs.filter((spec) => (spec.port ?? site.port) === port)),
      rangesIn(site.exclude.map(parseTargetSpec).filter((spec) => spec.port === undefined || spec.port === port)),
    ).map((range) => ({ ...range, port }))
  );
}

/** The ranges among the targets, regardless of port. */
export function rangesIn(specs: readonly TargetSpec[]): IpRange[] {
  return specs.flatMap((spec) => spec.kind === "range" ? [spec.range] : []);
}

/** The first range of `b` that is in `a` as well, on the same port. */
export function maybeOverlap(a: readonly PortRange[], b: readonly PortRange[]): PortRange | undefined {
  for (const one of b) {
    for (const other of a) {
      if (other.family !== one.family || other.port !== one.port) continue;
      const first = one.first > other.first ? one.first : other.first;
      const last = one.last < other.last ? one.last : other.last;
      if (first <= last) return { family: one.family, port: one.port, first, last };
    }
  }
  return undefined;
}

/** Why a site is too large to be scanned, as a clause; undefined if it is not. */
export function maybeTooLarge(ranges: readonly PortRange[], maxAddresses: number): string | undefined {
  const countIn = (some: readonly PortRange[]) => some.reduce((total, range) => total + countOf(range), 0n);
  const v6 = countIn(ranges.filter((range) => range.family === 6));
  if (v6 > BigInt(maxIpv6Addresses)) return `it has ${v6} IPv6 addresses and the limit is ${maxIpv6Addresses}`;
  const count = countIn(ranges);
  if (count > BigInt(maxAddresses)) return `it has ${count} addresses and limits.maxAddresses is ${maxAddresses}`;
  return undefined;
}
