import { UnavailableError } from "../../common/core/errors.ts";
import { type CredentialPlan, planToWire } from "../snmp/credential.ts";
import type { Problem } from "../../common/reading/reading.ts";
import type { ScanRequest, ScanResult } from "../scan/supervise_scan.ts";
import type { AddressSpace } from "../targets/address_space.ts";
import { createHostNames } from "../targets/host_names.ts";
import { parseTargets } from "../targets/parse_targets.ts";
import { credentialPlan } from "./credential_plan.ts";
import type { Host } from "./host.ts";
import type { ScanOptions } from "./scan_options.ts";

/** Devices that one worker reads at the same time; one outstanding request each. */
const maxReading = 48;

export interface ScanOrder {
  request: ScanRequest;
  /** Names that were left out. */
  problems: Problem[];
}

/** What the command line asks for. Throws the errors of core/errors.ts before anything is sent. */
export async function scanRequestOf(targets: string[], options: ScanOptions, host: Host): Promise<ScanOrder> {
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

/** How a space is asked. */
export type AskSettings =
  & Pick<ScanOptions, "rate" | "timeout" | "retries" | "deadline">
  & { plan: CredentialPlan; workers?: number | undefined };

export function requestOf(space: AddressSpace, settings: AskSettings, host: Pick<Host, "processors">): ScanRequest {
  return {
    space,
    credentials: planToWire(settings.plan),
    ratePerSecond: settings.rate,
    timeoutMs: settings.timeout,
    retries: settings.retries,
    workers: settings.workers ?? workersFor(space.size, host.processors),
    deviceDeadlineMs: settings.deadline,
    maxReading,
    seed: crypto.getRandomValues(new Uint32Array(1))[0]!,
    scope: "full",
    capture: null,
  };
}

/** The problem of a name that was left out. */
export function skippedName(name: string, reason: string): Problem {
  return { code: "name-skipped", message: `Cannot scan ${name} as ${reason}; it was left out` };
}

function workersFor(addresses: number, processors: number): number {
  return Math.max(1, Math.min(4, processors, Math.ceil(addresses / 64)));
}

/** Throws `UnavailableError` when nothing could be sent at all: silence that is this machine's own fault. */
export function refuseUnsent({ problems, counters }: Pick<ScanResult, "problems" | "counters">): void {
  const refused = problems.find((problem) => problem.code === "send-refused");
  if (refused !== undefined && counters.packetsReceived === 0) {
    throw new UnavailableError(refused.message, "check the routes and the firewall of this machine");
  }
}
