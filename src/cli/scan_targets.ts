import type { Problem } from "../../common/reading/reading.ts";
import { scanRequest } from "../scan/scan_request.ts";
import type { ScanRequest } from "../scan/supervise_scan.ts";
import { type CredentialPlan, planToWire } from "../snmp/credential.ts";
import type { AddressSpace } from "../targets/address_space.ts";
import { createHostNames } from "../targets/host_names.ts";
import { parseTargets } from "../targets/parse_targets.ts";
import { credentialPlan } from "./credential_plan.ts";
import type { Host } from "./host.ts";
import type { ScanOptions } from "./scan_options.ts";

export interface OptionsScan {
  request: ScanRequest;
  /** Names that were left out. */
  problems: Problem[];
}

/** The scan from the options of the command line. Throws the errors of core/errors.ts before anything is sent. */
export async function scanFromOptions(targets: string[], options: ScanOptions, host: Host): Promise<OptionsScan> {
  const problems: Problem[] = [];
  const plan = await credentialPlan(options, host);
  const space = await parseTargets(targets, {
    exclude: options.exclude ?? [],
    port: options.port,
    maxAddresses: options.maxAddresses,
    resolve: createHostNames(host).resolve,
    onNameFault: (name, reason) => problems.push(skippedName(name, reason)),
    readTextFile: host.readTextFile,
  });
  return { request: requestOf(space, { ...options, plan }, host), problems };
}

/** Settings for the scan of an address space. */
export type AskSettings =
  & Pick<ScanOptions, "rate" | "timeout" | "retries" | "deadline">
  & { plan: CredentialPlan; workers?: number | undefined };

export function requestOf(space: AddressSpace, settings: AskSettings, host: Pick<Host, "processors">): ScanRequest {
  const { plan, rate, timeout, retries, deadline, workers = null } = settings;
  return scanRequest({
    space,
    credentials: planToWire(plan),
    ratePerSecond: rate,
    limits: { timeoutMs: timeout, retries, deviceDeadlineMs: deadline, workers },
    processors: host.processors,
  });
}

/** The problem of a name that was left out. */
export function skippedName(name: string, reason: string): Problem {
  return { code: "name-skipped", message: `Cannot scan ${name} as ${reason}; it is skipped` };
}
