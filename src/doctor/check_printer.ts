import type { AgentConfig } from "../config/agent_config.ts";
import type { Clock } from "../../common/core/clock.ts";
import { formatEndpoint, formatIp } from "../../common/core/ip.ts";
import { type CredentialPlan, credentialsFor, defaultPlan } from "../snmp/credential.ts";
import type { HostNames } from "../targets/host_names.ts";
import type { TargetSpec } from "../targets/target_spec.ts";
import { diagnoseSnmp } from "./diagnose_snmp.ts";
import type { DoctorMachine } from "./doctor_machine.ts";
import { type DoctorFault, type DoctorStep, judgedStep } from "./doctor_step.ts";
import { observeSnmp } from "./observe_snmp.ts";
import { configuredPlan, policyOn, type PrinterTarget } from "./printer_credentials.ts";

export interface PrinterOptions {
  /** One address or a name, with a port or without. */
  spec: TargetSpec;
  /** As it was typed. */
  text: string;
  /** Null: those of the configuration, and the community "public" without one. */
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

/** SNMP to one printer; an address that the policy excludes is not sent to. */
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
