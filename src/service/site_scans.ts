/** Scans of sites under the configuration in effect, and what became of their readings. */
import type { AgentConfig } from "../config/agent_config.ts";
import { type SendWindow, sendWindowAt } from "../config/allowed_hours.ts";
import { UnavailableError } from "../../common/core/errors.ts";
import type { Clock } from "../../common/core/clock.ts";
import { formatEndpoint } from "../../common/core/ip.ts";
import type { Logger } from "../log/logger.ts";
import type { AccessMemory } from "./access_memory.ts";
import { ConfigChangedError, HoursEndedError, watchHours } from "../schedule/interruption.ts";
import type { ReadingIntake } from "./reading_intake.ts";
import type { FaultList } from "./fault_list.ts";
import type { ReadingScope } from "../../common/reading/reading.ts";
import type { Access } from "../scan/access.ts";
import { neighbourTableCode } from "../scan/worker_messages.ts";
import type { ScanResult } from "../scan/supervise_scan.ts";
import { scanSite, type ScanSiteOptions, type ScanSiteParts } from "./scan_site.ts";
import type { ScanOutcome } from "./scheduler.ts";
import type { HostFault, Place } from "./site_space.ts";
import { createUnreadDevices } from "./unread_devices.ts";

export interface SiteScansOptions {
  machine: Omit<ScanSiteParts, "onHostFault"> & { clock: Clock };
  /** The one that the scanner's threads look at; `machine.clock` may know better. */
  machineClock?: Pick<Clock, "now">;
  config(): AgentConfig;
  intake: ReadingIntake;
  access: AccessMemory;
  log: Pick<Logger, "warn" | "info">;
  /** How many devices of a site are known. */
  devices(site: string): number;
  faults: Pick<FaultList, "add" | "clear" | "keepSites">;
  /** A pass is over after which no further readings come for long. */
  onPassed(): void;
}

export interface SiteScans {
  /**
   * Within the allowed hours of the site. Rejects with `HoursEndedError` or `ConfigChangedError` when it was cut short by
   * these, and with `UnavailableError` when it says nothing about the devices.
   */
  scan(
    request: Omit<
      ScanSiteOptions,
      "config" | "onReading" | "onAccess" | "remembered" | "window" | "stopsAtOnce" | "devices"
    >,
  ): Promise<ScanOutcome>;
  /** Stops what is being sent under the former configuration: the administrator may have closed a range. */
  configChanged(): void;
}

/** Devices that one reading does not identify are read again at once, twice at most. */
const secondLooks = 2;

export function createSiteScans(options: SiteScansOptions): SiteScans {
  const { machine, machineClock = machine.clock, config, intake, access, log, faults, devices, onPassed } = options;
  const { clock } = machine;
  /** What was wrong with the hosts of each site in its last pass. */
  const faulty = new Map<string, ReadonlyMap<string, string>>();
  const unreadDevices = createUnreadDevices(faults);
  let underConfig = new AbortController();

  /** A line where something is new, and one fault a site. */
  function reportHosts(site: string, found: readonly HostFault[]): void {
    const before = faulty.get(site) ?? new Map<string, string>();
    const now = new Map(found.map(({ host, reason }) => [host, reason]));
    faulty.set(site, now);
    for (const [host, reason] of now) {
      if (before.get(host) !== reason) log.warn("targetSkipped", { site, host, reason });
    }
    for (const host of before.keys()) if (!now.has(host)) log.info("targetResolved", { site, host });
    const [first] = now;
    if (first === undefined) return faults.clear(`hosts:${site}`);
    const more = now.size > 1 ? ` (and ${now.size - 1} more)` : "";
    const [host, reason] = first;
    faults.add(`hosts:${site}`, `Cannot use each host name of the site "${site}": ${host}: ${reason}${more}`);
  }

  function reportNeighbours(site: string, { problems, interrupted }: Pick<ScanResult, "problems" | "interrupted">) {
    const found = problems.find(({ code }) => code === neighbourTableCode);
    if (found !== undefined) faults.add(`neighbours:${site}`, `Site "${site}": ${found.message}`);
    else if (!interrupted) faults.clear(`neighbours:${site}`);
  }

  return {
    configChanged() {
      underConfig.abort(new ConfigChangedError());
      underConfig = new AbortController();
      access.configChanged();
      const names = new Set(config().sites.map(({ name }) => name));
      unreadDevices.forgetAllBut(names);
      for (const site of faulty.keys()) {
        if (names.has(site)) continue;
        faulty.delete(site);
        faults.clear(`hosts:${site}`);
      }
      faults.keepSites("neighbours", [...names]);
    },
    async scan(request) {
      const beganMs = clock.monotonicMs();
      const heard = new Set<string>();
      const lostBefore = intake.lost();
      const hostFaults: HostFault[] = [];
      let unknown = 0;
      const site = request.site.name;
      const changed = underConfig.signal;
      const tellAccess = (key: string, how: Access, scope: ReadingScope) => {
        const news = access.note(site, key, how, scope);
        if (news === undefined) return;
        const [address = "", port] = key.split(" ");
        const seen = how.seen.map(({ name, version, saw }) => ({ credential: name, version, saw }));
        const device = { site, address, port: Number(port), seen };
        if (news === "refused") log.warn("credentialsRefused", device);
        else if (news === "limited") log.warn("credentialsLimited", device);
        else log.info("credentialFound", device);
      };
      const window = sendWindowAt(request.site.schedule.allowedHours, clock.now().getTime());
      if (window === undefined) throw new HoursEndedError();
      using hours = watchHours(window, clock);
      const signal = AbortSignal.any([request.signal, changed, hours.signal]);
      let inDoubt: Place[] = [];
      const passOf = (options: typeof request) =>
        scanSite({
          ...options,
          devices: options.places?.length ?? devices(site),
          signal,
          window: shifted(window, machineClock.now().getTime() - clock.now().getTime()),
          stopsAtOnce: true,
          config: config(),
          remembered: access.remembered(site, options.places, {
            trying: options.kind === "task",
            scope: options.scope,
          }),
          onAccess: (key, how) => tellAccess(key, how, options.scope),
          onReading(reading, how) {
            const credential = how?.credential ?? null;
            const taken = intake.take(reading, { site, scope: options.scope, credential });
            if (taken === "held") inDoubt.push(reading);
            else if (taken === "lost") unknown++;
            else heard.add(taken.deviceId);
          },
        }, {
          ...machine,
          onHostFault: (fault) => hostFaults.push(fault),
        });
      const { scan: result, unasked } = await passOf(request);
      for (let looks = 0; looks < secondLooks && inDoubt.length > 0 && !signal.aborted; looks++) {
        const places = inDoubt.map(({ address, port }) => ({ address, port }));
        inDoubt = [];
        const { site, kind, narrow } = request;
        await passOf({ site, places, kind, scope: "full", signal, ...(narrow === undefined ? {} : { narrow }) });
      }
      // The pass of a site that was removed meanwhile has nothing to tell any more.
      const isThere = config().sites.some(({ name }) => name === site);
      if (isThere) reportHosts(site, hostFaults);
      if (isThere && result !== undefined && request.kind !== "read") reportNeighbours(site, result);
      if (isThere && result !== undefined) {
        const { places, narrow } = request;
        const cut = result.interrupted || request.resume !== undefined || narrow !== undefined;
        unreadDevices.note(site, { places, cut, unread: result.unread, read: result.printers });
      }
      // Readings are spooled behind the microtasks that brought them.
      await Promise.resolve();
      if (request.kind !== "read") onPassed();
      changed.throwIfAborted();
      hours.signal.throwIfAborted();
      // A thread looks at the wall clock for each datagram, and may have seen it set before it was set back.
      if (result?.interrupted === true && !request.signal.aborted) throw new HoursEndedError();
      if (unknown > 0 || (request.kind === "task" && intake.lost() > lostBefore)) {
        // Which device answered is not known then: to count it as silent would be a lie.
        throw new UnavailableError("Cannot store the reading as the write failed", "free disk space");
      }
      const addresses = request.places?.length ?? 0, durationMs = clock.monotonicMs() - beganMs;
      const { begunAt, activeMs, ...pass } = result?.pass ?? {
        begunAt: new Date(clock.now().getTime() - durationMs).toISOString(),
        activeMs: durationMs,
        addresses: 0,
        answered: 0,
        printers: 0,
      };
      return {
        ...pass,
        addresses: pass.addresses || addresses,
        begunAt: new Date(begunAt),
        durationMs: activeMs,
        packets: result?.counters.packetsSent ?? 0,
        heard,
        unasked: new Set(unasked.map(({ address, port }) => formatEndpoint(address, port))),
      };
    },
  };
}

/** The window on a clock that is ahead by so much; what lies between two questions for the time is nothing. */
function shifted(window: SendWindow, aheadMs: number): SendWindow {
  if (Math.abs(aheadMs) < 1000) return window;
  return { fromMs: window.fromMs + aheadMs, untilMs: window.untilMs + aheadMs };
}
