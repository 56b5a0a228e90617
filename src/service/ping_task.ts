/** The task "ping": ICMP for troubleshooting, to configured addresses alone. */
import type { Ping, PingOutput } from "../../proto/gen/opendca/v1/task.ts";
import type { AgentConfig } from "../config/agent_config.ts";
import { type AllowedHours, sendWindowAt } from "../config/allowed_hours.ts";
import { allowsHost } from "../config/policy.ts";
import { rangesOfSite } from "../config/site_targets.ts";
import type { Clock } from "../../common/core/clock.ts";
import { formatIp, type IpAddress, tryParseIp } from "../../common/core/ip.ts";
import { rangeContains } from "../../common/core/ip_range.ts";
import type { HostNames } from "../targets/host_names.ts";
import { parseTargetSpec } from "../targets/target_spec.ts";
import { policyRefusal } from "../tasks/task_handlers.ts";
import type { AgentMachine } from "./agent_machine.ts";
import { watchHours } from "./hours_watch.ts";

/** Whether it is an address inside the policy's ranges, or a host name of a site. */
export function mayPing(config: AgentConfig, target: string): boolean {
  const ip = tryParseIp(target);
  return ip === undefined ? isHostOfSite(config, target) : isInside(config, ip);
}

function isHostOfSite({ sites, policy }: AgentConfig, name: string): boolean {
  const plain = name.toLowerCase().replace(/\.$/, "");
  const names = (texts: readonly string[]) =>
    texts.map(parseTargetSpec).some((spec) => spec.kind === "name" && spec.name === plain);
  return allowsHost(policy, plain) && sites.some(({ hosts }) => names(hosts)) && !names(policy.exclude);
}

function isInside({ policy }: AgentConfig, ip: IpAddress): boolean {
  return policy.ranges.some((range) => rangeContains(range, ip));
}

export interface PingParts {
  config(): AgentConfig;
  clock: Pick<Clock, "now" | "sleep">;
  resolve: HostNames["resolve"];
  ping: AgentMachine["ping"];
}

/**
 * Pings the first address that the name has and the policy does not exclude, within the allowed hours of the sites that
 * hold it; `mayPing` was asked before.
 */
export async function runPingTask({ target, count }: Ping, parts: PingParts, signal: AbortSignal): Promise<PingOutput> {
  const { clock } = parts;
  const config = parts.config();
  const address = await maybePingAddress(target, { config, resolve: parts.resolve });
  if (address === undefined) throw policyRefusal(`${target} has no address that may be asked`);
  const window = sendWindowAt(hoursOf(config, { target, address }), clock.now().getTime());
  if (window === undefined) throw policyRefusal("it is outside the allowed hours");
  using hours = watchHours(window, clock);
  const ended = AbortSignal.any([signal, hours.signal]);
  const { roundTripMs } = await parts.ping(address, { count, signal: ended });
  ended.throwIfAborted();
  return { address, sent: count, received: roundTripMs.length, roundTripMs };
}

function hoursOf({ sites }: AgentConfig, { target, address }: { target: string; address: string }): AllowedHours[] {
  const ip = tryParseIp(address)!;
  const name = target.toLowerCase().replace(/\.$/, "");
  return sites.filter((site) =>
    rangesOfSite(site).some((range) => rangeContains(range, ip)) ||
    site.hosts.map(parseTargetSpec).some((spec) => spec.kind === "name" && spec.name === name)
  ).flatMap(({ schedule }) => schedule.allowedHours);
}

/** A name can be made to point anywhere, also to what the policy excludes. */
export async function maybePingAddress(
  target: string,
  { config, resolve }: { config: AgentConfig; resolve: HostNames["resolve"] },
): Promise<string | undefined> {
  const literal = tryParseIp(target);
  if (literal !== undefined) return formatIp(literal);
  const found = (await resolve(target)).addresses.flatMap((text) => tryParseIp(text) ?? []);
  const allowed = found.find((ip) => !isExcluded(config, ip));
  return allowed === undefined ? undefined : formatIp(allowed);
}

function isExcluded({ policy }: AgentConfig, ip: IpAddress): boolean {
  return policy.exclude.map(parseTargetSpec).some((spec) =>
    spec.kind === "range" && spec.port === undefined && rangeContains(spec.range, ip)
  );
}
