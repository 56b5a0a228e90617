/** One pass over a part of a site, by the scanner's sandboxed threads. */
import type { AgentConfig, SiteConfig } from "../config/agent_config.ts";
import type { SendWindow } from "../config/allowed_hours.ts";
import { planToWire } from "../snmp/credential.ts";
import type { Reading, ReadingScope } from "../../common/reading/reading.ts";
import type { Access, RememberedAccess } from "../scan/access.ts";
import type { ScanPosition } from "../scan/shard_queue.ts";
import { maybeUnsent, scanWithAlternatives } from "../scan/scan_in_turn.ts";
import { randomSeed, scanRequest } from "../scan/scan_request.ts";
import type { ScanParts, ScanProgress, ScanResult } from "../scan/supervise_scan.ts";
import type { AddressSpace } from "../targets/address_space.ts";
import { narrowSpace } from "../targets/narrow_space.ts";
import { readBurst, readRateFor } from "./read_rate.ts";
import { maybeRangeOf, type Place, siteSpace, type SpaceOptions } from "./site_space.ts";
import { digestOf, doneOf, type SweepPosition } from "./sweep_position.ts";
import { type DeviceEvidence, evidenceOf } from "../../common/reading/device_evidence.ts";
import type { AccessMemory } from "./access_memory.ts";

/** A site's packet rate is shared among the kinds of passes that may run at once. */
export const rateShares = { sweep: 0.5, read: 0.25, task: 0.25 } as const;

export interface ScanSiteOptions {
  config: AgentConfig;
  site: SiteConfig;
  /** Only these places, if still part of the site; null: the whole site. */
  places: readonly Place[] | null;
  /** Limits the pass to a part of the site; for tasks. */
  narrow?(space: AddressSpace): AddressSpace;
  kind: keyof typeof rateShares;
  scope: ReadingScope;
  /** Approximate number of devices, to spread their reads; without it they are read as fast as the rate allows. */
  devices?: number;
  signal: AbortSignal;
  /** If true, nothing is sent after `signal` is aborted; otherwise reads in progress may complete. */
  stopsAtOnce?: boolean;
  onReading(reading: Reading, access: Access | undefined): void;
  onAccess?: ScanParts["onAccess"];
  /** What is known of devices of the site from before. */
  remembered?: RememberedAccess;
  onProgress?(progress: ScanProgress): void;
  /** When datagrams may be sent; default: always. */
  window?: SendWindow;
  /** Where an earlier pass over the whole site stopped; used if it had the same addresses. */
  resume?: SweepPosition | undefined;
  /** Progress of a pass over the whole site: called now and then, and when it is stopped. */
  onPosition?(position: SweepPosition): void;
}

/** Totals over all parts of a resumed pass, except `printers` and `counters`. */
export interface SiteScanResult extends ScanResult {
  pass: Pick<SweepPosition, "begunAt" | "activeMs" | "answered" | "printers"> & { addresses: number };
}

export interface SitePass {
  /** Undefined if there was nothing left to ask. */
  scan: SiteScanResult | undefined;
  /** Places that may belong to host names without a known address, and were not asked. */
  unasked: readonly Place[];
}

export type ScanSiteParts =
  & Pick<ScanParts, "createWorker" | "links" | "clock">
  & Pick<SpaceOptions, "resolve" | "onHostFault">
  & {
    processors: number;
  };

/** Interval of stored positions: each is a transaction; after a crash, addresses behind the last are asked again. */
const positionEveryMs = 15_000;

/** Throws `UnavailableError` when nothing could be sent at all. */
export async function scanSite(options: ScanSiteOptions, parts: ScanSiteParts): Promise<SitePass> {
  const { config, site, places } = options;
  let hasUnknown = false;
  const whole = await siteSpace(site, {
    config,
    resolve: parts.resolve,
    onHostFault(fault) {
      hasUnknown ||= fault.isUnknown;
      parts.onHostFault(fault);
    },
  });
  const unasked = hasUnknown ? (places ?? []).filter((place) => whole === undefined || !holds(whole, place)) : [];
  if (whole === undefined) return { scan: undefined, unasked };
  const ranges = places?.flatMap((place) => maybeRangeOf(place) ?? []);
  const known = ranges === undefined ? whole : narrowSpace(whole, { ranges });
  const space = options.narrow?.(known) ?? known;
  if (space.size === 0 && space.alternatives === undefined) return { scan: undefined, unasked };
  return { scan: await scanSpace(space, options, parts), unasked };
}

/** Whether the site holds the place, by its ranges and by what its host names mean now. */
export async function isPlaceOf(
  site: SiteConfig,
  place: Place,
  options: Pick<ScanSiteParts, "resolve" | "onHostFault"> & { config: AgentConfig },
): Promise<boolean> {
  const space = await siteSpace(site, options);
  return space !== undefined && holds(space, place);
}

function holds(space: AddressSpace, place: Place): boolean {
  const range = maybeRangeOf(place);
  if (range === undefined) return false;
  const { size, alternatives } = narrowSpace(space, { ranges: [range] });
  return size > 0 || alternatives !== undefined;
}

async function scanSpace(space: AddressSpace, options: ScanSiteOptions, parts: ScanSiteParts): Promise<SiteScanResult> {
  const { config, site, signal } = options;
  const { limits } = config;
  const { clock } = parts;
  const credentials = planToWire(site.credentials);
  const digest = digestOf(space, credentials);
  const before = options.resume?.digest === digest ? options.resume : undefined;
  const seed = before?.seed ?? randomSeed();
  const begunAt = before?.begunAt ?? clock.now().toISOString(), startedMs = clock.monotonicMs();
  let answered = 0, printers = 0;
  const passSoFar = () => ({
    begunAt,
    activeMs: Math.round((before?.activeMs ?? 0) + clock.monotonicMs() - startedMs),
    answered: (before?.answered ?? 0) + answered,
    printers: (before?.printers ?? 0) + printers,
  });
  const positionAt = (position: ScanPosition) => ({ digest, seed, size: space.size, ...passSoFar(), ...position });
  let keptMs = startedMs;

  const ratePerSecond = site.ratePerSecond === 0 ? 0 : Math.max(1, site.ratePerSecond * rateShares[options.kind]);
  const perSecond = options.devices === undefined ? 0 : readRateFor({
    kind: options.kind,
    devices: options.devices,
    packetsPerSecond: ratePerSecond,
    ...(options.window === undefined ? {} : { leftMs: options.window.untilMs - clock.now().getTime() }),
  });

  const request = scanRequest({
    space,
    credentials,
    ratePerSecond,
    limits,
    processors: parts.processors,
  }, {
    remembered: options.remembered,
    reads: perSecond === 0 ? undefined : { perSecond, burst: readBurst },
    scope: options.scope,
    learns: true,
    seed,
    window: options.window,
    position: before,
    stopsAtOnce: options.stopsAtOnce ?? false,
  });
  const result = await scanWithAlternatives(request, {
    createWorker: parts.createWorker,
    ...(parts.links === undefined ? {} : { links: parts.links }),
    clock,
    signal,
    onProgress(progress) {
      answered = progress.answered;
      options.onProgress?.(progress);
    },
    onReading(reading, access) {
      printers++;
      options.onReading(reading, access);
    },
    ...(options.onAccess === undefined ? {} : { onAccess: options.onAccess }),
    onShardDone(position) {
      if (options.onPosition === undefined || clock.monotonicMs() - keptMs < positionEveryMs) return;
      keptMs = clock.monotonicMs();
      options.onPosition(positionAt(position()));
    },
  });
  answered = result.counters.answered;
  if (result.interrupted) options.onPosition?.(positionAt(result.position));
  const unsent = maybeUnsent(result);
  if (unsent !== undefined) throw unsent;
  return {
    ...result,
    pass: { ...passSoFar(), addresses: (before === undefined ? 0 : doneOf(before)) + result.counters.probed },
  };
}

export interface SiteIdentity {
  /** Whether the configuration lets the agent ask this place of a site. */
  isInRange(site: string, place: Place): Promise<boolean>;
  /**
   * Evidence of each printer at the place; undefined without an answer. Nothing is stored. Throws the errors of a scan.
   */
  identify(site: string, place: Place, signal: AbortSignal): Promise<DeviceEvidence[] | undefined>;
}

export function createSiteIdentity(options: {
  config(): AgentConfig;
  machine: Omit<ScanSiteParts, "onHostFault">;
  access: Pick<AccessMemory, "remembered">;
}): SiteIdentity {
  const { config, access } = options;
  const machine: ScanSiteParts = { ...options.machine, onHostFault() {} };
  const siteOf = (name: string) => config().sites.find((site) => site.name === name);
  return {
    isInRange(name, place) {
      const site = siteOf(name);
      return site === undefined ? Promise.resolve(false) : isPlaceOf(site, place, { ...machine, config: config() });
    },
    async identify(name, place, signal) {
      const site = siteOf(name);
      if (site === undefined) return undefined;
      const found: DeviceEvidence[] = [];
      const done = new AbortController();
      await scanSite({
        config: config(),
        site,
        places: [place],
        kind: "task",
        // It has what tells a device, and is the shortest.
        scope: "status",
        remembered: access.remembered(name, [place], { scope: "status" }),
        signal: AbortSignal.any([signal, done.signal]),
        onReading({ serial, snmp: { engineId }, mac, manufacturer, model }) {
          found.push(evidenceOf({ serial, engineId, macs: [mac], maker: manufacturer, model }));
        },
        // The one device has been read: the sweep need not wait for further answers.
        onProgress: ({ answered, reading }) => answered > 0 && reading === 0 && done.abort(),
      }, machine);
      signal.throwIfAborted();
      return found.length === 0 ? undefined : found;
    },
  };
}
