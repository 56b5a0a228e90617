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
  /** About how many devices are there: their reads are spread by it; without it they are read as fast as the rate allows. */
  devices?: number;
  signal: AbortSignal;
  /** Nothing is sent once `signal` was aborted; else devices that are being read may be read to their end. */
  stopsAtOnce?: boolean;
  onReading(reading: Reading, access: Access | undefined): void;
  onAccess?: ScanParts["onAccess"];
  /** What is known of devices of the site from before. */
  remembered?: RememberedAccess;
  onProgress?(progress: ScanProgress): void;
  /** When datagrams may leave; at any time where it is left out. */
  window?: SendWindow;
  /** Where an earlier pass over all of the site stopped; of use when it was over the same addresses. */
  resume?: SweepPosition | undefined;
  /** How far a pass over all of the site has come: now and then, and when it was stopped. */
  onPosition?(position: SweepPosition): void;
}

/** Of all parts of a pass that went on where an earlier one stopped, but for `printers` and `counters`. */
export interface SiteScanResult extends ScanResult {
  pass: Pick<SweepPosition, "begunAt" | "activeMs" | "answered" | "printers"> & { addresses: number };
}

export interface SitePass {
  /** Undefined when nothing was left to be asked. */
  scan: SiteScanResult | undefined;
  /** Places that may be those of host names without a known address, and so were not asked. */
  unasked: readonly Place[];
}

export type ScanSiteParts =
  & Pick<ScanParts, "createWorker" | "links" | "clock">
  & Pick<SpaceOptions, "resolve" | "onHostFault">
  & {
    processors: number;
  };

/** A position costs a transaction, and what came after it is asked again after a crash. */
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
