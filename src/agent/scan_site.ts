/** One pass over a part of a site, by the scanner's sandboxed threads. */
import type { AgentConfig, SiteConfig } from "../config/agent_config.ts";
import { UnavailableError } from "../core/errors.ts";
import { planToWire } from "../credentials/credential.ts";
import type { Reading, ReadingScope } from "../printers/reading.ts";
import { superviseScan } from "../supervisor/supervise_scan.ts";
import type { ScanParts, ScanProgress, ScanResult } from "../supervisor/supervise_scan.ts";
import type { AddressSpace } from "../targets/address_space.ts";
import type { Place } from "./site_space.ts";
import { maybeRangeOf, narrowSpace, siteSpace } from "./site_space.ts";
import type { SpaceOptions } from "./site_space.ts";

/** Passes of one kind share a site's packet rate with those of the others that may be under way. */
export const rateShares = { sweep: 0.5, read: 0.25, task: 0.25 } as const;

export interface ScanSiteOptions {
  config: AgentConfig;
  site: SiteConfig;
  /** These places alone, as far as the site still holds them; null: all of the site. */
  places: readonly Place[] | null;
  /** Keeps a part of the site; for tasks. */
  narrow?(space: AddressSpace): AddressSpace;
  kind: keyof typeof rateShares;
  scope: ReadingScope;
  signal: AbortSignal;
  onReading(reading: Reading): void;
  onProgress?(progress: ScanProgress): void;
}

export type ScanSiteParts =
  & Pick<ScanParts, "createWorker" | "clock">
  & Pick<SpaceOptions, "resolve" | "onUnresolved">
  & {
    processors: number;
  };

/** Devices that one thread reads at the same time. */
const maxReading = 48;

/** Undefined when nothing is left to be asked. Throws `UnavailableError` when nothing could be sent at all. */
export async function scanSite(options: ScanSiteOptions, parts: ScanSiteParts): Promise<ScanResult | undefined> {
  const { config, site, places, signal } = options;
  const whole = await siteSpace(site, { config, resolve: parts.resolve, onUnresolved: parts.onUnresolved });
  if (whole === undefined) return undefined;
  const ranges = places?.flatMap((place) => maybeRangeOf(place) ?? []);
  const known = ranges === undefined ? whole : narrowSpace(whole, { ranges });
  const space = options.narrow?.(known) ?? known;
  if (space.size === 0) return undefined;
  const { limits } = config;
  const result = await superviseScan({
    space,
    credentials: planToWire(site.credentials),
    ratePerSecond: site.ratePerSecond === 0 ? 0 : Math.max(1, site.ratePerSecond * rateShares[options.kind]),
    timeoutMs: limits.timeoutMs,
    retries: limits.retries,
    workers: limits.workers ?? Math.max(1, Math.min(4, parts.processors, Math.ceil(space.size / 256))),
    deviceDeadlineMs: limits.deviceDeadlineMs,
    maxReading,
    scope: options.scope,
    seed: crypto.getRandomValues(new Uint32Array(1))[0]!,
    capture: null,
  }, {
    createWorker: parts.createWorker,
    clock: parts.clock,
    signal,
    onProgress: (progress) => options.onProgress?.(progress),
    onReading: options.onReading,
  });
  const refused = result.problems.find(({ code }) => code === "send-refused");
  if (refused !== undefined && result.counters.packetsReceived === 0) {
    // Silence that is this machine's own fault says nothing about the devices.
    throw new UnavailableError(refused.message, "check the routes and the firewall of this machine");
  }
  return result;
}
