import type { AgentConfig } from "../config/agent_config.ts";
import type { Clock } from "../../common/core/clock.ts";
import { formatEndpoint, formatIp, tryParseIp, withoutZone } from "../../common/core/ip.ts";
import { type CredentialPlan, credentialsFor, defaultPlan } from "../snmp/credential.ts";
import type { HostNames } from "../targets/host_names.ts";
import { parseTargetSpec, type TargetSpec } from "../targets/target_spec.ts";
import { diagnoseSnmp } from "./diagnose_snmp.ts";
import type { DoctorMachine } from "./doctor_machine.ts";
import { type DoctorFault, type DoctorStep, judgedStep } from "./doctor_step.ts";
import { observeSnmp } from "./observe_snmp.ts";
import { maySend } from "../config/policy.ts";
import { rangesOfSite } from "../config/site_targets.ts";
import { bitsOf, cidrRange, rangeContains } from "../../common/core/ip_range.ts";

export interface PrinterOptions {
  /** One address or name, with or without a port. */
  spec: TargetSpec;
  /** The target as typed. */
  text: string;
  /** Null: the plan of the configuration, or the community "public" without a configuration. */
  plan: CredentialPlan | null;
  timeoutMs: number;
  retries: number;
}

interface PrinterParts {
  clock: Pick<Clock, "monotonicMs">;
  resolve: HostNames["resolve"];
  machine: Pick<DoctorMachine, "openHub">;
  onBusy(what: string): Promise<void>;
}

/** Checks SNMP to one printer; nothing is sent to an address that the policy excludes. */
export async function checkPrinter(
  { spec, text, plan, timeoutMs, retries }: PrinterOptions,
  config: AgentConfig | null,
  parts: PrinterParts,
): Promise<DoctorStep> {
  const failed = (detail: string, fault: Omit<DoctorFault, "severity">) =>
    judgedStep("snmp", text, { detail, faults: [{ ...fault, severity: "failed" }] });
  const target = await resolved(spec, parts.resolve);
  if ("message" in target) {
    return failed("the name has no address", {
      name: "printer-name-not-found",
      message: `Cannot find an address of "${text}": ${target.message}`,
      advice: "check the name, or give the printer's address",
      exitCode: 69,
    });
  }
  const allowed = config === null ? "allowed" : policyOn(config, target);
  if (allowed === "excluded") {
    return failed("not asked", {
      name: "printer-excluded",
      message: `Cannot ask ${text} as policy.exclude excludes it`,
      advice: "remove it from policy.exclude in agent.yaml, if it may be read",
      exitCode: 77,
    });
  }
  const effective = plan ?? (config === null ? defaultPlan(["public"]) : configuredPlan(config, target));
  const credentials = credentialsFor(effective, target.address);
  if (credentials.length === 0) {
    return failed("not asked", {
      name: "no-credential",
      message: `Cannot ask ${text} as no credential is configured for it`,
      advice: "give one with --credentials or --community, or in agent.yaml",
      exitCode: 78,
    });
  }
  await parts.onBusy(`asking ${formatEndpoint(target.address, target.port)} over SNMP`);
  const hub = parts.machine.openHub(target.address.includes(":") ? 6 : 4);
  try {
    const seen = await observeSnmp(target, { hub, credentials, timeoutMs, retries, now: parts.clock.monotonicMs });
    const { detail, faults } = diagnoseSnmp(seen);
    if (allowed === "outside") faults.push(outsidePolicy(text));
    return judgedStep("snmp", seen.target, { detail, faults });
  } finally {
    await hub.close();
  }
}

function outsidePolicy(text: string): DoctorFault {
  return {
    name: "printer-outside-policy",
    severity: "warning",
    message: `Cannot read ${text} with opendca run as it is outside the ranges or ports of policy: in agent.yaml`,
    advice: "add it to policy.ranges, policy.hosts or policy.ports.snmp, if the agent may read it",
    exitCode: 77,
  };
}

async function resolved(
  spec: TargetSpec,
  resolve: HostNames["resolve"],
): Promise<PrinterTarget | { message: string }> {
  const port = spec.port ?? 161;
  if (spec.kind === "range") {
    const { range: { family, first }, zone } = spec;
    const address = formatIp({ family, value: first }) + (zone === undefined ? "" : `%${zone}`);
    return { address, port, hostname: null };
  }
  const { addresses: [address], fault } = await resolve(spec.name);
  return address === undefined
    ? { message: fault?.message ?? "it is not known" }
    : { address, port, hostname: spec.name };
}

interface PrinterTarget {
  address: string;
  port: number;
  /** The name as typed; null for an address. */
  hostname: string | null;
}

/** The plan of the site that contains the printer; otherwise the general plan. */
function configuredPlan(config: AgentConfig, target: PrinterTarget): CredentialPlan {
  const site = config.sites.find(({ ranges, hosts, exclude, port }) => {
    const ip = tryParseIp(withoutZone(target.address));
    const inRange = ip !== undefined &&
      rangesOfSite({ ranges, exclude, port }).some((range) => range.port === target.port && rangeContains(range, ip));
    return inRange || hosts.some((host) => isNamed(host, target.hostname));
  });
  return site?.credentials ?? config.credentials;
}

/** `excluded`: nothing may be sent to it by the policy; `outside`: no range or port of the policy contains it. */
function policyOn(config: AgentConfig, target: PrinterTarget): "allowed" | "outside" | "excluded" {
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
