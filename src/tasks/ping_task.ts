/** The task "ping": ICMP for troubleshooting, only to configured addresses. */
import { type Ping, type PingOutput, RefusalReason } from "../../proto/gen/opendca/v1/task.ts";
import type { AgentConfig } from "../config/agent_config.ts";
import { type AllowedHours, sendWindowAt } from "../config/allowed_hours.ts";
import { allowsHost } from "../config/policy.ts";
import { rangesOfSite } from "../config/site_targets.ts";
import type { Clock } from "../../common/core/clock.ts";
import { formatIp, type IpAddress, tryParseIp, withoutZone } from "../../common/core/ip.ts";
import { rangeContains } from "../../common/core/ip_range.ts";
import type { HostNames } from "../targets/host_names.ts";
import { parseTargetSpec } from "../targets/target_spec.ts";
import { policyRefusal, TaskRefusal } from "./task_refusal.ts";
import { watchHours } from "../schedule/interruption.ts";

/** Whether it can be an address (with zone) or a host name; never an option, as it is passed to a program. */
export function isPingTarget(target: string): boolean {
  return /^[0-9A-Za-z][0-9A-Za-z.:_-]{0,252}$|^::[0-9A-Fa-f:.]{0,43}$/.test(target) ||
    /^fe[89ab][0-9a-f]:[0-9a-f:]{1,40}%[0-9a-z][0-9a-z_.-]{0,31}$/i.test(target);
}

/** Whether it is an address inside the policy's ranges, or a host name of a site. */
export function mayPing(config: AgentConfig, target: string): boolean {
  const ip = tryParseIp(withoutZone(target));
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

export interface PingTaskParts {
  config(): AgentConfig;
  clock: Pick<Clock, "now" | "sleep">;
  resolve: HostNames["resolve"];
  /** Sends ICMP echoes, one per second. */
  ping(
    address: string,
    options: { count: number; signal: AbortSignal },
  ): Promise<{ roundTripMs: number[]; said?: string }>;
  /** What may leave of a text. */
  cleanText(text: string): string;
}

/**
 * Pings the first address of the name that the policy does not exclude, within the allowed hours of its sites. Throws
 * `TaskRefusal`.
 */
export async function runPingTask(request: Ping, parts: PingTaskParts, signal: AbortSignal): Promise<PingOutput> {
  const { target } = request;
  const { clock } = parts;
  const config = parts.config();
  if (!isPingTarget(target)) {
    throw new TaskRefusal(RefusalReason.MALFORMED, "The target is neither an address nor a host name");
  }
  if (!mayPing(config, target)) throw policyRefusal(`${target} is outside the configured ranges`);
  const count = request.count === 0 ? 4 : Math.min(10, request.count);
  const address = await maybePingAddress(target, { config, resolve: parts.resolve });
  if (address === undefined) throw policyRefusal(`${target} has no address that may be asked`);
  const window = sendWindowAt(hoursOf(config, { target, address }), clock.now().getTime());
  if (window === undefined) throw policyRefusal("it is outside the allowed hours");
  using hours = watchHours(window, clock);
  const ended = AbortSignal.any([signal, hours.signal]);
  const { roundTripMs, said = "" } = await parts.ping(address, { count, signal: ended });
  ended.throwIfAborted();
  const { cleanText } = parts;
  return {
    address: cleanText(address),
    sent: count,
    received: roundTripMs.length,
    roundTripMs,
    said: cleanText(said),
  };
}

function hoursOf({ sites }: AgentConfig, { target, address }: { target: string; address: string }): AllowedHours[] {
  const ip = tryParseIp(withoutZone(address))!;
  const name = target.toLowerCase().replace(/\.$/, "");
  return sites.filter((site) =>
    rangesOfSite(site).some((range) => rangeContains(range, ip)) ||
    site.hosts.map(parseTargetSpec).some((spec) => spec.kind === "name" && spec.name === name)
  ).flatMap(({ schedule }) => schedule.allowedHours);
}

/** The address to ping; checked, as a name may resolve to addresses that the policy excludes. */
export async function maybePingAddress(
  target: string,
  { config, resolve }: { config: AgentConfig; resolve: HostNames["resolve"] },
): Promise<string | undefined> {
  const plain = withoutZone(target);
  const literal = tryParseIp(plain);
  if (literal !== undefined) return formatIp(literal) + target.slice(plain.length);
  const found = (await resolve(target)).addresses.flatMap((text) => tryParseIp(text) ?? []);
  const allowed = found.find((ip) => !isExcluded(config, ip));
  return allowed === undefined ? undefined : formatIp(allowed);
}

function isExcluded({ policy }: AgentConfig, ip: IpAddress): boolean {
  return policy.exclude.map(parseTargetSpec).some((spec) =>
    spec.kind === "range" && spec.port === undefined && rangeContains(spec.range, ip)
  );
}
