/** Resolves a site of the configuration to the addresses that may be sent to. */
import type { AgentConfig, SiteConfig } from "../config/agent_config.ts";
import { maySend } from "../config/policy.ts";
import type { PortRange } from "../config/site_targets.ts";
import { tryParseIp, withoutZone } from "../../common/core/ip.ts";
import { bitsOf, cidrRange } from "../../common/core/ip_range.ts";
import { UsageError } from "../../common/core/errors.ts";
import type { AddressSpace } from "../targets/address_space.ts";
import type { HostNames, ResolvedName } from "../targets/host_names.ts";
import { parseTargets } from "../targets/parse_targets.ts";
import { parseTargetSpec } from "../targets/target_spec.ts";

export interface SpaceOptions {
  config: AgentConfig;
  resolve: HostNames["resolve"];
  /** A host is skipped in this pass, or its last known addresses are used. */
  onHostFault(fault: HostFault): void;
}

export interface HostFault {
  /** Host name as configured; the site's name for a mistake in the site. */
  host: string;
  reason: string;
  /** It cannot be asked now, for a reason that says nothing about the device. */
  isUnknown: boolean;
}

/**
 * The site's ranges and what its host names mean now; each address of a name is asked of the policy. Undefined when nothing
 * is left. Throws `UnavailableError` when an exclusion cannot be resolved, as it must not be guessed.
 */
export async function siteSpace(site: SiteConfig, options: SpaceOptions): Promise<AddressSpace | undefined> {
  const { config, resolve, onHostFault } = options;
  const resolved = new Map<string, ResolvedName>();
  const hosts = await Promise.all(site.hosts.map(async (host) => {
    const spec = parseTargetSpec(host);
    if (spec.kind !== "name") return [host];
    const port = spec.port ?? site.port;
    const { addresses: found, fault } = await resolve(spec.name);
    const addresses = found.filter((address) => maySend(config.policy, { address, port, hostname: spec.name }));
    const reason = fault?.message ?? (addresses.length === 0 ? "the policy allows none of its addresses" : undefined);
    if (reason !== undefined) onHostFault({ host, reason, isUnknown: found.length === 0 });
    if (addresses.length === 0) return [];
    resolved.set(spec.name, { addresses, fault });
    return [host];
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
    onHostFault({ host: site.name, reason: error.message, isUnknown: false });
    return undefined;
  }
}

export interface Place {
  address: string;
  port: number;
}

/** A known device's place as a range of one address; undefined if it is not an address. */
export function maybeRangeOf({ address, port }: Place): PortRange | undefined {
  const ip = tryParseIp(withoutZone(address));
  return ip === undefined ? undefined : { ...cidrRange(ip, bitsOf(ip.family)), port };
}
