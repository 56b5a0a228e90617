/** The task "scan now": an extra scan, never outside of the configuration. */
import { RefusalReason, type ScanNow, type ScanOutput } from "../../proto/gen/opendca/v1/task.ts";
import type { AgentConfig, SiteConfig } from "../config/agent_config.ts";
import { sendWindowAt } from "../config/allowed_hours.ts";
import type { PortRange } from "../config/site_targets.ts";
import type { Clock } from "../../common/core/clock.ts";
import { type IpRange, subtractRanges } from "../../common/core/ip_range.ts";
import type { AddressSpace } from "../targets/address_space.ts";
import { narrowSpace } from "../targets/narrow_space.ts";
import { parseTargetSpec, type TargetSpec, TargetSyntaxError } from "../targets/target_spec.ts";
import { ConfigChangedError } from "../schedule/interruption.ts";
import { policyRefusal, TaskRefusal } from "./task_refusal.ts";

interface Place {
  address: string;
  port: number;
}

export interface TaskScan {
  site: SiteConfig;
  /** Null: the whole site. */
  places: readonly Place[] | null;
  narrow?: (space: AddressSpace) => AddressSpace;
  /** Progress in addresses and devices. */
  onProgress?: (progress: { probed: number; addresses: number; finished: number; waiting: number }) => void;
}

export interface ScanTaskParts {
  config(): AgentConfig;
  clock: Pick<Clock, "now">;
  /** Places of the known devices of a site. */
  places(site: string): Place[];
  /** Rejects with `HoursEndedError` or `ConfigChangedError` if it was interrupted by these. */
  scan(request: TaskScan & { signal: AbortSignal }): Promise<ScanOutput>;
  /** Progress in the present site: in addresses, and in devices after all addresses were asked. */
  tell?: (done: number, total: number) => void;
}

/** Restarted and checked again if the configuration changes meanwhile. Throws `TaskRefusal`. */
export async function runScanTask(request: ScanNow, parts: ScanTaskParts, signal: AbortSignal): Promise<ScanOutput> {
  for (;;) {
    try {
      return await scanSites(request, parts, signal);
    } catch (error) {
      if (!(error instanceof ConfigChangedError) || signal.aborted) throw error;
    }
  }
}

/** Scans one site after the other; sites without targets are skipped. */
async function scanSites(request: ScanNow, parts: ScanTaskParts, signal: AbortSignal): Promise<ScanOutput> {
  const config = parts.config();
  const sites = config.sites.filter(({ name }) => request.site === "" || name === request.site);
  if (sites.length === 0) throw policyRefusal(`there is no site "${request.site}"`);
  const specs = request.targets.map(targetOf);
  refuseOutside(sites, specs);
  const mayScan = ({ schedule }: SiteConfig) =>
    sendWindowAt(schedule.allowedHours, parts.clock.now().getTime()) !== undefined;
  if (!sites.some(mayScan)) throw policyRefusal("it is outside the allowed hours");
  const sum = { addresses: 0, answered: 0, printers: 0, durationMs: 0 };
  for (const site of sites) {
    // Its allowed hours may have ended during the sites before it.
    if (!mayScan(site)) continue;
    const outcome = await parts.scan({
      site,
      places: request.knownDevicesOnly ? parts.places(site.name) : null,
      ...(specs.length === 0 ? {} : { narrow: (space: AddressSpace) => narrowSpace(space, kept(specs, site)) }),
      onProgress: ({ probed, addresses, finished, waiting }) =>
        probed < addresses || waiting === 0
          ? parts.tell?.(probed, addresses)
          : parts.tell?.(finished, finished + waiting),
      signal,
    });
    signal.throwIfAborted();
    sum.addresses += outcome.addresses;
    sum.answered += outcome.answered;
    sum.printers += outcome.printers;
    sum.durationMs += Math.round(outcome.durationMs);
  }
  return sum;
}

function targetOf(text: string): TargetSpec {
  try {
    return parseTargetSpec(text);
  } catch (error) {
    if (!(error instanceof TargetSyntaxError)) throw error;
    throw new TaskRefusal(
      RefusalReason.MALFORMED,
      `Cannot use a target as ${error.reason}: current value is "${text}"`,
    );
  }
}

function refuseOutside(sites: readonly SiteConfig[], specs: readonly TargetSpec[]): void {
  for (const spec of specs) {
    if (spec.kind === "name") {
      if (sites.some((site) => namesOf(site).includes(spec.name))) continue;
      throw policyRefusal(`${spec.name} is not a host name of a site`);
    }
    const own = sites.flatMap((site) => rangesOf(site, spec.port));
    if (subtractRanges([spec.range], own).length > 0) throw policyRefusal("a target is outside the configured ranges");
  }
}

function namesOf(site: SiteConfig): string[] {
  return site.hosts.map(parseTargetSpec).flatMap((spec) => spec.kind === "name" ? [spec.name] : []);
}

/** Ranges as configured: exclusions of a site are removed in the scan, and are no reason to refuse the rest. */
function rangesOf(site: SiteConfig, port: number | undefined): IpRange[] {
  return site.ranges.map(parseTargetSpec).flatMap((spec) =>
    spec.kind === "range" && (port === undefined || (spec.port ?? site.port) === port) ? [spec.range] : []
  );
}

function kept(specs: readonly TargetSpec[], site: SiteConfig): { ranges: PortRange[]; hostnames: string[] } {
  const ports = [...new Set([...site.ranges, ...site.hosts].map((text) => parseTargetSpec(text).port ?? site.port))];
  return {
    ranges: specs.flatMap((spec) =>
      spec.kind === "range"
        ? (spec.port === undefined ? ports : [spec.port]).map((port) => ({ ...spec.range, port }))
        : []
    ),
    hostnames: specs.flatMap((spec) => spec.kind === "name" ? [spec.name] : []),
  };
}
