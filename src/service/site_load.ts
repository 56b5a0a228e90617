/** How much of its rate and hours a site needs: by configuration, and by measurements of earlier scans. */
import type { AgentConfig, SiteConfig } from "../config/agent_config.ts";
import { rangesOfSite } from "../config/site_targets.ts";
import { formatIp } from "../../common/core/ip.ts";
import { countOf } from "../../common/core/ip_range.ts";
import { credentialsFor } from "../snmp/credential.ts";
import { probeRounds } from "../scan/probe_plan.ts";
import type { SiteLoad } from "../schedule/capacity.ts";
import { assumedPacketsPerRead, readsPerMinuteFor } from "../schedule/schedule_state.ts";
import { rateShares } from "./scan_site.ts";

/** Measurements of earlier scans of a site, stored as JSON in the mark `measured:SITE` of the inventory. */
export interface SiteMeasure {
  /** Reads of known devices. */
  packets: number;
  devices: number;
  /** The last complete sweep; valid for the conditions under which it ran. */
  sweep: { addresses: number; ms: number; conditions: string } | null;
}

export const nothingMeasured: SiteMeasure = { packets: 0, devices: 0, sweep: null };

/** Reads until the packet count is used, and after which earlier reads count half. */
const enoughReads = 5, manyReads = 500;

export function packetsPerRead({ packets, devices }: SiteMeasure): number {
  return devices < enoughReads ? assumedPacketsPerRead : Math.max(1, packets / devices);
}

export function withRead(measure: SiteMeasure, read: { packets: number; devices: number }): SiteMeasure {
  const share = measure.devices > manyReads ? 0.5 : 1;
  return {
    ...measure,
    packets: Math.round(measure.packets * share) + read.packets,
    devices: Math.round(measure.devices * share) + read.devices,
  };
}

/** Invalid text is treated as no measurement. */
export function parseMeasure(text: string | undefined): SiteMeasure {
  try {
    const { packets, devices, sweep } = JSON.parse(text ?? "null") as SiteMeasure;
    const isSweep = sweep === null ||
      [sweep.addresses, sweep.ms].every(isCount) && typeof sweep.conditions === "string";
    return isCount(packets) && isCount(devices) && isSweep ? { packets, devices, sweep } : nothingMeasured;
  } catch {
    return nothingMeasured; // Not ours, or of another version.
  }
}

/** Conditions that a sweep's duration depends on: devices are read faster if little is left of the allowed hours. */
export function conditionsOf({ ratePerSecond, schedule }: SiteConfig): string {
  return JSON.stringify([ratePerSecond, schedule.allowedHours]);
}

function isCount(value: unknown): boolean {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}

export function siteReadsPerMinute(site: SiteConfig, measure: SiteMeasure): number {
  return readsPerMinuteFor(site.ratePerSecond * rateShares.read, packetsPerRead(measure));
}

/** By configuration only: hosts and single addresses count as devices; the number in a range is unknown. */
export function fileLoad(site: SiteConfig, config: AgentConfig): SiteLoad {
  const named = site.hosts.length + rangesOfSite(site).filter((range) => range.first === range.last).length;
  return siteLoad(site, { config, devices: named, measure: nothingMeasured });
}

export interface LoadOptions {
  config: Pick<AgentConfig, "limits">;
  /** Devices to be read in one `statusEvery`. */
  devices: number;
  measure: SiteMeasure;
  /** Estimated total duration of a sweep that is running or was cut off, from its progress. */
  underWayMs?: number | undefined;
}

export function siteLoad(site: SiteConfig, { config, devices, measure, underWayMs }: LoadOptions): SiteLoad {
  const { name, schedule } = site;
  return {
    name,
    schedule,
    devices,
    sweepMs: underWayMs ?? maybeMeasuredMs(site, measure) ?? maybePacedMs(site, { config, devices, measure }),
    readsPerMinute: siteReadsPerMinute(site, measure),
  };
}

function maybeMeasuredMs(site: SiteConfig, { sweep }: SiteMeasure): number | undefined {
  if (sweep === null || sweep.addresses === 0 || sweep.conditions !== conditionsOf(site)) return undefined;
  return sweep.ms * addressesOf(site) / sweep.addresses;
}

/** The time that its packets take at its rate: waiting for silent addresses adds none. */
function maybePacedMs(site: SiteConfig, { config, devices, measure }: LoadOptions): number | undefined {
  if (site.ratePerSecond === 0) return undefined;
  const { retries } = config.limits;
  const probes = rangesOfSite(site).reduce((sum, range) => {
    const address = formatIp({ family: range.family, value: range.first });
    return sum + Number(countOf(range)) * probesFor(site, { address, retries });
  }, site.hosts.length * probesFor(site, { address: "0.0.0.0", retries }));
  const packets = probes + devices * packetsPerRead(measure);
  return packets * 1000 / (site.ratePerSecond * rateShares.sweep);
}

/** Packets to a silent address. */
function probesFor(site: SiteConfig, { address, retries }: { address: string; retries: number }): number {
  const rounds = probeRounds(credentialsFor(site.credentials, address), retries);
  return Array.from({ length: retries + 1 }, (_, round) => rounds[round % rounds.length]!.length)
    .reduce((sum, count) => sum + count, 0);
}

function addressesOf(site: SiteConfig): number {
  return rangesOfSite(site).reduce((sum, range) => sum + Number(countOf(range)), site.hosts.length);
}
