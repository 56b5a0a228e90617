/** From a site of the configuration to the addresses that may be sent to. */
import type { AgentConfig, SiteConfig } from "../config/agent_config.ts";
import { maySend } from "../config/policy.ts";
import type { PortRange } from "../config/site_targets.ts";
import { tryParseIp } from "../core/ip.ts";
import { bitsOf, cidrRange } from "../core/ip_range.ts";
import { UsageError } from "../core/errors.ts";
import type { AddressSpace, AllowedRange, Segment } from "../targets/address_space.ts";
import { parseTargets } from "../targets/parse_targets.ts";
import { parseTargetSpec } from "../targets/target_spec.ts";

export interface SpaceOptions {
  config: AgentConfig;
  resolve(host: string): Promise<string[]>;
  /** A name is left out of this pass. */
  onUnresolved(host: string, reason: string): void;
}

/**
 * The site's ranges and what its host names mean now; each address of a name is asked of the policy. Undefined when nothing
 * is left. Throws `UnavailableError` when an exclusion cannot be resolved, as it must not be guessed.
 */
export async function siteSpace(site: SiteConfig, options: SpaceOptions): Promise<AddressSpace | undefined> {
  const { config, resolve, onUnresolved } = options;
  const resolved = new Map<string, string[]>();
  const hosts = await Promise.all(site.hosts.map(async (text) => {
    const spec = parseTargetSpec(text);
    if (spec.kind !== "name") return [text];
    const port = spec.port ?? site.port;
    const found = await resolve(spec.name).catch(() => []); // The same as a name without an address.
    const addresses = found.filter((address) => maySend(config.policy, { address, port, hostname: spec.name }));
    if (addresses.length === 0) {
      onUnresolved(text, found.length === 0 ? "it has no address" : "the policy allows none of its addresses");
      return [];
    }
    resolved.set(spec.name, addresses);
    return [text];
  }));
  const targets = [...site.ranges, ...hosts.flat()];
  if (targets.length === 0) return undefined;
  try {
    return await parseTargets(targets, {
      exclude: [...site.exclude],
      port: site.port,
      maxAddresses: config.limits.maxAddresses,
      resolve: (name) => Promise.resolve(resolved.get(name) ?? resolve(name)),
      readTextFile: (path) => Promise.reject(new UsageError(`Cannot read targets from "${path}"`)),
    });
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    onUnresolved(site.name, error.message);
    return undefined;
  }
}

export interface Place {
  address: string;
  port: number;
}

/** A known device's place as a range of one address; undefined for what is no address. */
export function maybeRangeOf({ address, port }: Place): PortRange | undefined {
  const ip = tryParseIp(address);
  return ip === undefined ? undefined : { ...cidrRange(ip, bitsOf(ip.family)), port };
}

/** The part of a space that is in `ranges`, or was given by one of `hostnames`. Nothing is ever added. */
export function narrowSpace(
  space: AddressSpace,
  { ranges, hostnames = [] }: { ranges: readonly PortRange[]; hostnames?: readonly string[] },
): AddressSpace {
  const kept = space.segments.flatMap((segment): { segment: Segment; first: bigint; last: bigint }[] => {
    const first = BigInt(segment.first), last = first + BigInt(segment.count) - 1n;
    if (segment.hostname !== null && hostnames.includes(segment.hostname)) return [{ segment, first, last }];
    return ranges.flatMap((range) => {
      if (range.family !== segment.family || range.port !== segment.port) return [];
      const from = range.first > first ? range.first : first, to = range.last < last ? range.last : last;
      return from <= to ? [{ segment, first: from, last: to }] : [];
    });
  });
  let size = 0, before: { segment: Segment; last: bigint } | undefined;
  const segments: Segment[] = [], allowed: AllowedRange[] = [];
  kept.sort((a, b) => a.segment.index - b.segment.index || (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
  for (const { segment, first, last } of kept) {
    // Ranges may overlap, and no address is asked twice.
    const from = before?.segment === segment && before.last >= first ? before.last + 1n : first;
    if (from > last) continue;
    before = { segment, last };
    const { port, hostname } = segment;
    const common = { count: Number(last - from + 1n), port, hostname, index: size };
    size += common.count;
    segments.push(
      segment.family === 4 ? { family: 4, first: Number(from), ...common } : { family: 6, first: from, ...common },
    );
    allowed.push({ family: segment.family, first: from, last, port });
  }
  return { size, segments, allowed };
}
