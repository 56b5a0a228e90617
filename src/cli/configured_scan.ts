/** `opendca scan --config FILE`: targets and settings come from the configuration, unless options override them. */
import { siteSpace } from "../service/site_space.ts";
import type { AgentConfig, SiteConfig } from "../config/agent_config.ts";
import { allowsHost, intersectRanges } from "../config/policy.ts";
import { rangesIn, rangesOfSite } from "../config/site_targets.ts";
import { NotPermittedError, UsageError } from "../../common/core/errors.ts";
import { tryParseIp, withoutZone } from "../../common/core/ip.ts";
import { bitsOf, cidrRange, countOf, type IpRange, subtractRanges } from "../../common/core/ip_range.ts";
import { safeText } from "../../common/core/safe_text.ts";
import type { CredentialPlan } from "../snmp/credential.ts";
import type { Problem } from "../../common/reading/reading.ts";
import { counted } from "../../common/report/fleet.ts";
import type { ScanStep } from "../scan/scan_in_turn.ts";
import type { AddressSpace, AllowedRange } from "../targets/address_space.ts";
import { createHostNames, type HostNames } from "../targets/host_names.ts";
import { narrowSpace } from "../targets/narrow_space.ts";
import { NothingLeftError, parseTargets, type TargetOptions } from "../targets/parse_targets.ts";
import { readTargetEntries, type TargetEntry } from "../targets/target_entry.ts";
import { parseTargetSpec } from "../targets/target_spec.ts";
import { credentialPlan } from "./credential_plan.ts";
import { effectiveConfig } from "./effective_config.ts";
import type { Host } from "./host.ts";
import type { ScanOptions } from "./scan_options.ts";
import { requestOf, skippedName } from "./scan_targets.ts";

export interface ScanCommand {
  targets: string[];
  options: ScanOptions;
  /** Names of the options that were typed, such as `maxAddresses`. */
  given: ReadonlySet<string>;
}

export interface PlannedScans {
  /** At least one; run one after the other. */
  steps: ScanStep[];
  /** What was left out. */
  problems: Problem[];
}

/** Addresses with the same settings. */
interface Part {
  /** Name for use in a sentence. */
  name: string;
  space: AddressSpace;
  credentials: CredentialPlan;
  ratePerSecond: number;
}

interface Sources {
  config: AgentConfig;
  /** Port of the command line; undefined: that of the configuration. */
  port: number | undefined;
  /** Exclusions in addition to those of the configuration. */
  exclude: string[];
  resolve: HostNames["resolve"];
  problems: Problem[];
}

/** Throws the errors of core/errors.ts before anything is sent, `NotPermittedError` for a target outside the file. */
export async function plannedScans({ targets, options, given }: ScanCommand, host: Host): Promise<PlannedScans> {
  const plan = options.community === undefined && options.credentials === undefined
    ? undefined
    : await credentialPlan(options, host);
  const { config: read } = await effectiveConfig(options.config, host);
  const pick = <T>(name: string, typed: T, configured: T): T => given.has(name) ? typed : configured;
  const { limits } = read;
  const problems: Problem[] = [];
  const textsOf = (entries: TargetEntry[]) => entries.map(({ text }) => text);
  const sources: Sources = {
    config: {
      ...read,
      limits: { ...limits, maxAddresses: pick("maxAddresses", options.maxAddresses, limits.maxAddresses) },
    },
    port: pick("port", options.port, undefined),
    exclude: textsOf(await readTargetEntries(options.exclude ?? [], { ...host, what: "exclusion" })),
    resolve: createHostNames(host).resolve,
    problems,
  };
  const parts = targets.length === 0
    ? await partsOfSites(sources)
    : await partsOfTargets(await readTargetEntries(targets, { ...host, what: "target" }), sources);
  const steps = parts.map(({ name, space, credentials, ratePerSecond }) => ({
    name,
    request: requestOf(space, {
      plan: plan ?? credentials,
      rate: pick("rate", options.rate, ratePerSecond),
      timeout: pick("timeout", options.timeout, limits.timeoutMs),
      retries: pick("retries", options.retries, limits.retries),
      deadline: pick("deadline", options.deadline, limits.deviceDeadlineMs),
      workers: options.workers ?? limits.workers ?? undefined,
    }, host),
  }));
  return { steps, problems };
}

/** All addresses of the sites. */
async function partsOfSites({ config, port, exclude, resolve, problems }: Sources): Promise<Part[]> {
  const file = safeText(config.file);
  if (config.sites.length === 0) {
    throw new UsageError(
      `Cannot scan as no target was given and "${file}" has no sites`,
      `opendca scan 192.168.1.0/24 --config ${file}, or add sites to the file`,
    );
  }
  const parts: Part[] = [];
  for (const site of config.sites) {
    const { ports } = config.policy;
    const asked: SiteConfig = {
      ...site,
      port: port ?? site.port,
      exclude: [...site.exclude, ...config.policy.exclude, ...exclude],
    };
    const space = await siteSpace(asked, {
      config: {
        ...config,
        policy: { ...config.policy, ports: { ...ports, snmp: [...ports.snmp, asked.port] } },
      },
      resolve,
      onHostFault: ({ host, reason }) =>
        problems.push({ code: "name-skipped", message: `${host} of the site ${site.name}: ${reason}` }),
    });
    if (space !== undefined) parts.push({ ...site, name: siteName(site), space });
  }
  if (parts.length > 0) return parts;
  throw new UsageError(
    `Cannot scan the sites of "${file}": ${problems[0]?.message ?? "they name no addresses"}`,
    "name a target, or correct the sites",
  );
}

/** The targets that the configuration allows, each with the settings of the first site that contains it. */
async function partsOfTargets(entries: TargetEntry[], sources: Sources): Promise<Part[]> {
  const { config, resolve, problems } = sources;
  const { policy, sites } = config;
  for (const entry of entries) problems.push(...await checkEntry(entry, { config, resolve }));
  const taken: AllowedRange[] = [];
  const takenNames = new Set<string>();
  const faults = new Set<string>();
  const parts: Part[] = [];

  async function take(way: Omit<Part, "space"> & Scope): Promise<void> {
    const space = await maybeSpace(entries, {
      exclude: [...way.exclude, ...sources.exclude],
      port: sources.port ?? way.port,
      maxAddresses: config.limits.maxAddresses,
      resolve,
      onNameFault(name, reason) {
        if (!faults.has(name)) problems.push(skippedName(name, reason));
        faults.add(name);
      },
      readTextFile: (path) => Promise.reject(new UsageError(`Cannot read targets from "${path}"`)),
    });
    if (space === undefined) return;
    const all = [...space.segments, ...space.alternatives?.segments ?? []];
    const ranges = [...new Set(all.map(({ port }) => port))].flatMap((port) =>
      subtractRanges(way.ranges, taken.filter((range) => range.port === port)).map((range) => ({ ...range, port }))
    );
    const narrowed = narrowSpace(space, { ranges, hostnames: way.names.filter((name) => !takenNames.has(name)) });
    if (narrowed.size === 0 && narrowed.alternatives === undefined) return;
    parts.push({ ...way, space: narrowed });
    for (const { hostname } of narrowed.segments) if (hostname !== null) takenNames.add(hostname);
    taken.push(...narrowed.allowed);
  }

  for (const site of sites) {
    const held = rangesOfSite(site);
    const hosts = site.hosts.map(parseTargetSpec).flatMap((spec) =>
      spec.kind === "name" ? [{ name: spec.name, port: spec.port ?? site.port }] : []
    );
    for (const port of new Set([...held, ...hosts].map(({ port }) => port))) {
      await take({
        ...site,
        name: siteName(site),
        port,
        exclude: [...site.exclude, ...policy.exclude],
        ranges: intersectRanges(held.filter((range) => range.port === port), policy.ranges),
        names: hosts.filter((host) => host.port === port && allowsHost(policy, host.name)).map(({ name }) => name),
      });
    }
  }
  await take({
    name: "the targets outside sites",
    port: 161,
    exclude: policy.exclude,
    ranges: subtractRanges(policy.ranges, sites.flatMap(rangesOfSite)),
    names: entries.flatMap(({ spec }) => spec.kind === "name" && allowsHost(policy, spec.name) ? [spec.name] : []),
    credentials: config.credentials,
    ratePerSecond: config.limits.ratePerSecond,
  });
  if (parts.length > 0) return parts;
  throw new NotPermittedError(
    `Cannot scan as every target is excluded, by "${safeText(config.file)}" or by --exclude`,
    `add a target, or scan it without --config`,
  );
}

function siteName({ name }: SiteConfig): string {
  return `the site "${name}"`;
}

interface Scope {
  /** Port if neither the target nor the command line has one. */
  port: number;
  exclude: readonly string[];
  ranges: readonly IpRange[];
  /** Host names that belong here at any address. */
  names: readonly string[];
}

/** Undefined if no target is left. */
async function maybeSpace(entries: TargetEntry[], options: TargetOptions): Promise<AddressSpace | undefined> {
  try {
    return await parseTargets(entries.map(({ text }) => text), options);
  } catch (error) {
    if (!(error instanceof NothingLeftError)) throw error;
    return undefined;
  }
}

/**
 * Returns a problem for a target that is partly outside the configuration. Throws `NotPermittedError` if it is wholly
 * outside.
 */
async function checkEntry(
  { text, spec }: TargetEntry,
  { config, resolve }: Pick<Sources, "config" | "resolve">,
): Promise<Problem[]> {
  const { policy, sites } = config;
  const file = safeText(config.file);
  const ranges = spec.kind === "range"
    ? [withoutEnds(spec.range, spec.isBlock)]
    : await rangesOfName(spec.name, resolve);
  // A name without an address is reported when the targets are parsed.
  if (ranges.length === 0 || spec.kind === "name" && allowsHost(policy, spec.name)) return [];
  const count = (some: readonly IpRange[]) => some.reduce((sum, range) => sum + countOf(range), 0n);
  const all = count(ranges), inside = count(intersectRanges(ranges, policy.ranges));
  if (inside === all) return [];
  if (inside > 0n) {
    const outside = counted(Number(all - inside), "address");
    const message = `${outside} of ${text} ${
      all - inside === 1n ? "was" : "were"
    } left out, as "${file}" excludes them or policy.ranges does not hold them`;
    return [{ code: "target-left-out", message }];
  }
  const holes = rangesIn([...policy.exclude, ...sites.flatMap(({ exclude }) => exclude)].map(parseTargetSpec));
  const isExcluded = intersectRanges(ranges, holes).length > 0;
  throw new NotPermittedError(
    `Cannot scan ${text} as ${isExcluded ? `"${file}" excludes it` : `it is outside policy.ranges of "${file}"`}`,
    isExcluded
      ? "remove it from exclude, or scan it without --config"
      : "add it to policy.ranges, or scan it without --config",
  );
}

/** Without the first and last address of a block, which are never asked and do not count as left out. */
function withoutEnds({ family, first, last }: IpRange, isBlock: boolean): IpRange {
  const hasEnds = isBlock && family === 4 && last - first > 1n;
  return hasEnds ? { family, first: first + 1n, last: last - 1n } : { family, first, last };
}

async function rangesOfName(name: string, resolve: HostNames["resolve"]): Promise<IpRange[]> {
  return (await resolve(name)).addresses.flatMap((text) => tryParseIp(withoutZone(text)) ?? [])
    .map((ip) => cidrRange(ip, bitsOf(ip.family)));
}
