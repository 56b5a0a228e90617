/** What the administrator's policy allows: addresses are sets, so that limiting is an intersection. */
import { formatIp, tryParseIp, withoutZone } from "../../common/core/ip.ts";
import { type IpRange, rangeContains, rangeToCidrs, subtractRanges, tryParseCidr } from "../../common/core/ip_range.ts";
import { parseTargetSpec } from "../targets/target_spec.ts";
import type { PolicyConfig } from "./agent_config.ts";

/** Default if the file has no ranges at all: RFC 1918 and RFC 4193, never the Internet. */
export const privateRanges: readonly IpRange[] = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"]
  .map((cidr) => tryParseCidr(cidr)!);

/**
 * Whether SNMP may be sent to the address. `hostname` is the name that it was resolved from, if any: a name can point
 * anywhere, so call this for each of its addresses.
 */
export function maySend(
  policy: PolicyConfig,
  { address, port, hostname = null }: { address: string; port: number; hostname?: string | null },
): boolean {
  const ip = tryParseIp(withoutZone(address));
  if (ip === undefined || !policy.ports.snmp.includes(port)) return false;
  const isExcluded = policy.exclude.map(parseTargetSpec).some((spec) =>
    spec.kind === "range" && (spec.port ?? port) === port && rangeContains(spec.range, ip)
  );
  if (isExcluded) return false;
  if (policy.ranges.some((range) => rangeContains(range, ip))) return true;
  return hostname !== null && allowsHost(policy, hostname);
}

/** Whether `policy.hosts` contains the name, or a matching pattern such as `*.printers.example.com`. */
export function allowsHost({ hosts }: Pick<PolicyConfig, "hosts">, name: string): boolean {
  const plain = name.toLowerCase().replace(/\.$/, "");
  return hosts.some((host) => host.startsWith("*.") ? plain.endsWith(host.slice(1)) : host === plain);
}

/** The addresses that are in both, merged and sorted. */
export function intersectRanges(a: readonly IpRange[], b: readonly IpRange[]): IpRange[] {
  return subtractRanges(a, subtractRanges(a, b));
}

/** In the form of a target: a block if the range is one, otherwise "first-last". */
export function formatRange(range: IpRange): string {
  const cidrs = rangeToCidrs(range);
  if (cidrs.length === 1) return cidrs[0]!;
  const { family, first, last } = range;
  return `${formatIp({ family, value: first })}-${formatIp({ family, value: last })}`;
}
