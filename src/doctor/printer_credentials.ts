/** Which credentials `opendca run` would ask a printer with, and whether it would ask at all. Pure. */
import type { AgentConfig } from "../config/agent_config.ts";
import { maySend } from "../config/policy.ts";
import { rangesOfSite } from "../config/site_targets.ts";
import { bitsOf, cidrRange, rangeContains } from "../../common/core/ip_range.ts";
import { tryParseIp, withoutZone } from "../../common/core/ip.ts";
import type { CredentialPlan } from "../snmp/credential.ts";
import { parseTargetSpec } from "../targets/target_spec.ts";

export interface PrinterTarget {
  address: string;
  port: number;
  /** As it was typed; null for an address. */
  hostname: string | null;
}

/** The plan of the site that holds the printer; the plan for all others where none does. */
export function configuredPlan(config: AgentConfig, target: PrinterTarget): CredentialPlan {
  const site = config.sites.find(({ ranges, hosts, exclude, port }) => {
    const ip = tryParseIp(withoutZone(target.address));
    const inRange = ip !== undefined &&
      rangesOfSite({ ranges, exclude, port }).some((range) => range.port === target.port && rangeContains(range, ip));
    return inRange || hosts.some((host) => isNamed(host, target.hostname));
  });
  return site?.credentials ?? config.credentials;
}

/** `excluded`: the administrator named it as never to be sent to; `outside`: no range or port of the policy holds it. */
export function policyOn(config: AgentConfig, target: PrinterTarget): "allowed" | "outside" | "excluded" {
  const { policy } = config;
  if (maySend(policy, target)) return "allowed";
  const ip = tryParseIp(withoutZone(target.address));
  if (ip === undefined) return "outside";
  const everything = {
    ...policy,
    ranges: [cidrRange(ip, bitsOf(ip.family))],
    ports: { ...policy.ports, snmp: [target.port] },
  };
  return maySend(everything, target) ? "outside" : "excluded";
}

function isNamed(host: string, hostname: string | null): boolean {
  const spec = parseTargetSpec(host);
  return hostname !== null && spec.kind === "name" && spec.name.toLowerCase() === hostname.toLowerCase();
}
