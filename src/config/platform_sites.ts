/** The sites of the platform, within the policy. */
import { parseTargetSpec, type TargetSpec, TargetSyntaxError } from "../targets/target_spec.ts";
import type { AgentConfig, PolicyConfig, SettingValue, SiteConfig } from "./agent_config.ts";
import type { PlatformDocument, PlatformSite } from "./platform_document.ts";
import type { PlatformNotes } from "./platform_document.ts";
import { applySchedule } from "./platform_schedule.ts";
import { allowsHost, formatRange, intersectRanges } from "./policy.ts";
import { defaultSnmpPort, siteNameField } from "./read_sites.ts";
import { maybeOverlap, maybeTooLarge, rangesOfSite } from "./site_targets.ts";
import { ValueSyntaxError } from "../../common/core/value_syntax_error.ts";
import { bitsOf, countOf, type IpRange, rangeToCidrs } from "../../common/core/ip_range.ts";
import { maybeUnscannable } from "../targets/parse_targets.ts";

/** Limited, as each site is compared with every other one. */
const maxSites = 500;

/** The sites of the machine with the platform's changes, and the sites that the platform adds. */
export function applySites(local: AgentConfig, document: PlatformDocument, notes: PlatformNotes): SiteConfig[] {
  const sites = local.sites.map((site, index) => {
    const isOwn = local.settings.some(({ path }) => path.startsWith(`sites[${index}].schedule.`));
    return isOwn ? site : { ...site, schedule: local.schedule };
  });
  const seen = new Set<string>();
  const asked = document.sites ?? [];
  if (asked.length > maxSites) {
    notes.refuse(`Cannot use more than ${maxSites} sites of the platform: current value is ${asked.length}`);
  }
  let waiting = asked.slice(0, maxSites).flatMap((asked) => {
    const name = siteName(asked, seen, notes);
    return name === undefined ? [] : [{ ...asked, name }];
  });
  // A range that moves to another site is free only after the first site was changed, and the order may be any.
  for (let isStuck = false; waiting.length > 0;) {
    const left = waiting.filter((asked) => !tryApply(asked, { local, sites, isStuck, notes }));
    isStuck = left.length === waiting.length;
    waiting = left;
  }
  return sites;
}

/** False if another site has one of its ranges, unless `isStuck`: then it is refused. */
function tryApply(
  asked: PlatformSite,
  { local, sites, isStuck, notes }: { local: AgentConfig; sites: SiteConfig[]; isStuck: boolean; notes: PlatformNotes },
): boolean {
  const found = sites.findIndex((site) => site.name === asked.name);
  const index = found < 0 ? sites.length : found;
  const base: SiteConfig = sites[found] ?? {
    name: asked.name,
    ranges: [],
    hosts: [],
    exclude: local.policy.exclude,
    port: defaultSnmpPort,
    credentials: local.credentials,
    schedule: local.schedule,
    ratePerSecond: local.limits.ratePerSecond,
  };
  const ownHosts = new Set(local.sites.flatMap(({ hosts }) => hosts.map(nameOf)));
  const others = sites.filter((_, at) => at !== found).flatMap(({ hosts }) => hosts.map(nameOf));
  const refusals: string[] = [];
  const changes = new Map<string, SettingValue>();
  if (found < 0) changes.set(`sites[${index}].name`, asked.name);
  const site = applySite(base, asked, {
    local,
    path: `sites[${index}]`,
    ownHosts,
    hostsLeft: maxPlatformHosts - others.filter((name) => !ownHosts.has(name)).length,
    notes: {
      refuse: (sentence) => void refusals.push(sentence),
      set: (path, value) => void changes.set(path, value),
    },
  });
  const clash = site && reasonOfClash(site, sites.filter((_, at) => at !== found));
  if (clash !== undefined && !isStuck) return false;
  refusals.forEach(notes.refuse);
  if (clash !== undefined) notes.refuse(`Cannot use the site "${asked.name}" as ${clash}`);
  if (clash !== undefined || site === undefined) return true;
  sites[index] = site;
  for (const [path, value] of changes) notes.set(path, value);
  return true;
}

function nameOf(host: string): string {
  const spec = parseTargetSpec(host);
  return spec.kind === "name" ? spec.name : host;
}

function siteName(asked: PlatformSite, seen: Set<string>, notes: PlatformNotes): string | undefined {
  try {
    if (asked.name === "") throw new ValueSyntaxError("is empty");
    const name = siteNameField.parse(asked.name);
    if (seen.has(name)) throw new ValueSyntaxError("occurs twice in the document");
    seen.add(name);
    return name;
  } catch (error) {
    if (!(error instanceof ValueSyntaxError)) throw error;
    notes.refuse(`Cannot use a site as its name ${error.reason}: current value is ${JSON.stringify(asked.name)}`);
    return undefined;
  }
}

function applySite(
  base: SiteConfig,
  asked: PlatformSite,
  { local, path, notes, ownHosts, hostsLeft }:
    & { local: AgentConfig; path: string; notes: PlatformNotes }
    & Pick<
      SiteRangesOptions,
      "ownHosts" | "hostsLeft"
    >,
): SiteConfig | undefined {
  const what = `the site "${base.name}"`;
  for (const text of asked.excludes) {
    const reason = reasonAgainst(text);
    if (reason === undefined) continue;
    // Without this exclusion, addresses would be scanned that should be left out.
    notes.refuse(`Cannot use ${what} as an exclusion cannot be read (${reason}): current value is "${text}"`);
    return undefined;
  }
  const exclude = [...new Set([...base.exclude, ...asked.excludes])];
  if (exclude.length > base.exclude.length) notes.set(`${path}.exclude`, exclude);
  const targets = asked.ranges.length === 0 ? base : siteRanges(asked.ranges, {
    policy: local.policy,
    port: base.port,
    ownHosts,
    hostsLeft,
    refuse: (reason) => notes.refuse(`Cannot use a target of ${what} as ${reason}`),
  });
  if (asked.ranges.length > 0) {
    notes.set(`${path}.ranges`, targets.ranges);
    notes.set(`${path}.hosts`, targets.hosts);
  }
  const { site, within } = underFile({
    ...base,
    ranges: targets.ranges,
    hosts: targets.hosts,
    exclude,
    ratePerSecond: applyRate(base, asked, { path, notes }),
    schedule: applySchedule(base.schedule, asked.schedule, { path: `${path}.schedule`, notes }),
    // If the targets are those of the file, its limits apply already.
  }, asked.ranges.length === 0 ? [] : local.sites);
  if (within.length > 0) notes.set(`${path}.within`, within);
  const reason = reasonAgainstSite(site, local.limits.maxAddresses);
  if (reason === undefined) return site;
  notes.refuse(`Cannot use ${what} as ${reason}`);
  return undefined;
}

function applyRate(
  base: SiteConfig,
  { packetsPerSecond: rate }: PlatformSite,
  { path, notes }: { path: string; notes: PlatformNotes },
): number {
  if (rate === undefined || rate === base.ratePerSecond) return base.ratePerSecond;
  const isSlower = Number.isInteger(rate) && rate > 0 && (base.ratePerSecond === 0 || rate < base.ratePerSecond);
  if (!isSlower) {
    const limit = base.ratePerSecond;
    notes.refuse(`Cannot raise the rate of the site "${base.name}" over ${limit}/s: current value is ${rate}/s`);
    return base.ratePerSecond;
  }
  notes.set(`${path}.rate`, rate);
  return rate;
}

function reasonAgainstSite(site: SiteConfig, maxAddresses: number): string | undefined {
  if (site.ranges.length === 0 && site.hosts.length === 0) return "the policy excludes all of it";
  const ranges = rangesOfSite(site);
  if (site.hosts.length === 0 && ranges.length === 0) return "everything of it is excluded";
  return maybeTooLarge(ranges, maxAddresses);
}

function reasonOfClash(site: SiteConfig, others: readonly SiteConfig[]): string | undefined {
  for (const other of others) {
    const both = maybeOverlap(rangesOfSite(other), rangesOfSite(site));
    if (both !== undefined) return `${formatRange(both)} is in the site "${other.name}" already`;
  }
  return undefined;
}

function reasonAgainst(target: string): string | undefined {
  try {
    parseTargetSpec(target);
    return undefined;
  } catch (error) {
    if (!(error instanceof TargetSyntaxError)) throw error;
    return error.reason;
  }
}

/**
 * The site within the limits of the file's sites, and the names of those that contain some of its addresses: the limits
 * of a site in the file apply to its addresses, as otherwise a range would get other hours or a higher rate by moving
 * to another site.
 */
function underFile(site: SiteConfig, own: readonly SiteConfig[]): { site: SiteConfig; within: string[] } {
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

/** Exclusions without a port are already removed from the policy's ranges. */
function hasPort(target: string): boolean {
  return parseTargetSpec(target).port !== undefined;
}

/** The lower rate, where 0 is unlimited. */
function slower(a: number, b: number): number {
  return a === 0 ? b : b === 0 ? a : Math.min(a, b);
}

/** Maximum number of host names from the platform that are resolved, over all its sites. */
const maxPlatformHosts = 500;

interface SiteRangesOptions {
  policy: PolicyConfig;
  port: number;
  /** Names in the machine's own file, which are always allowed. */
  ownHosts: ReadonlySet<string>;
  /** How many further names may be used. */
  hostsLeft: number;
  /** Receives the reason for each target that is left out, wholly or in part. */
  refuse: (reason: string) => void;
}

/** The usable targets of a site. All names that are left out are reported in one sentence; none of them is resolved. */
function siteRanges(
  texts: readonly string[],
  { policy, port, ownHosts, hostsLeft, refuse }: SiteRangesOptions,
): Pick<SiteConfig, "ranges" | "hosts"> {
  const ranges: string[] = [];
  const hosts: string[] = [];
  const foreign: string[] = [], tooMany: string[] = [];
  let left = hostsLeft;
  for (const text of texts) {
    const found = `current value is "${text}"`;
    const spec = tryParse(text, (reason) => refuse(`${reason}: ${found}`));
    if (spec === undefined) continue;
    const usedPort = spec.port ?? port;
    if (!policy.ports.snmp.includes(usedPort)) {
      refuse(`port ${usedPort} is outside policy.ports.snmp: ${found}`);
    } else if (spec.kind === "name") {
      // Its addresses are checked when it is resolved: see `maySend`.
      if (ownHosts.has(spec.name)) hosts.push(text);
      else if (!allowsHost(policy, spec.name)) foreign.push(text);
      else if (hosts.includes(text)) continue;
      else if (left <= 0) tooMany.push(text);
      else {
        hosts.push(text);
        left--;
      }
    } else {
      const allowed = intersectRanges([spec.range], policy.ranges);
      const count = allowed.reduce((sum, range) => sum + countOf(range), 0n);
      const isWhole = count === countOf(spec.range);
      if (!isWhole) {
        refuse(`${count === 0n ? "it" : "a part of it"} is outside policy.ranges: ${found}`);
      }
      ranges.push(...(isWhole ? [text] : allowed.flatMap((range) => textsOf(range, spec))));
    }
  }
  refuseNames(foreign, "outside policy.hosts", refuse);
  refuseNames(tooMany, `over the limit of ${maxPlatformHosts} host names of the platform`, refuse);
  return { ranges: [...new Set(ranges)], hosts: [...new Set(hosts)] };
}

function refuseNames(names: readonly string[], why: string, refuse: (reason: string) => void): void {
  if (names.length === 0) return;
  const more = names.length === 1 ? "" : ` and ${names.length - 1} more`;
  refuse(`a host name is ${why}, so that it is not resolved: current value is "${names[0]}"${more}`);
}

function tryParse(text: string, refuse: (reason: string) => void): TargetSpec | undefined {
  try {
    const spec = parseTargetSpec(text);
    const reason = spec.kind === "range" ? maybeUnscannable(spec.range, spec.zone) : undefined;
    if (reason === undefined) return spec;
    refuse(reason);
  } catch (error) {
    if (!(error instanceof TargetSyntaxError)) throw error;
    refuse(error.reason);
  }
  return undefined;
}

/**
 * The remaining parts of a target, as targets. A block is scanned without its first and last address; its parts leave
 * these out as well, as nothing should be sent to a broadcast address.
 */
function textsOf(range: IpRange, spec: TargetSpec & { kind: "range" }): string[] {
  const port = (text: string) => spec.port === undefined ? text : withPort(text, range, spec.port);
  const isBlock = rangeToCidrs(range).length === 1;
  if (!spec.isBlock) return [port(isBlock && range.first !== range.last ? dashed(range) : formatRange(range))];
  if (isBlock) return [port(formatRange(range))];
  const first = range.first === spec.range.first && range.family === 4 ? range.first + 1n : range.first;
  const last = range.last === spec.range.last && range.family === 4 ? range.last - 1n : range.last;
  return first > last ? [] : [port(formatRange({ family: range.family, first, last }))];
}

function dashed({ family, first, last }: IpRange): string {
  const [from, to] = [first, last].map((value) => formatRange({ family, first: value, last: value }));
  return `${from}-${to}`;
}

function withPort(text: string, range: IpRange, port: number): string {
  return bitsOf(range.family) === 32 ? `${text}:${port}` : `[${text}]:${port}`;
}
