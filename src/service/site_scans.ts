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
import { scanSite, type ScanSiteOptions, type ScanSiteParts, type SitePass } from "./scan_site.ts";
import type { ScanOutcome } from "./scheduler.ts";
import type { HostFault, Place } from "./site_space.ts";
import { createUnreadDevices } from "./unread_devices.ts";

export interface SiteScansOptions {
  machine: Omit<ScanSiteParts, "onHostFault"> & { clock: Clock };
  /** The uncorrected clock that the scanner threads use. */
  machineClock?: Pick<Clock, "now">;
  config(): AgentConfig;
  intake: ReadingIntake;
  access: AccessMemory;
  log: Pick<Logger, "warn" | "info">;
  /** Number of known devices of a site. */
  devices(site: string): number;
  faults: Pick<FaultList, "add" | "clear" | "keepSites">;
  /** A pass ended after which no further readings are expected for a while. */
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
  /** Stops passes of the former configuration: the administrator may have removed a range. */
  configChanged(): void;
}

/** A device that one reading does not identify is read again at once, at most twice. */
const secondLooks = 2;

type ScanRequest = Parameters<SiteScans["scan"]>[0];

export function createSiteScans(options: SiteScansOptions): SiteScans {
  const { config, access, faults } = options;
  const hosts = createHostReport(options);
  const unreadDevices = createUnreadDevices(faults);
  let underConfig = new AbortController();

  /** Reports what a pass showed about the site itself, unless the site was removed meanwhile. */
  function reportPass({ site: { name: site }, ...request }: ScanRequest, { hostFaults, result }: Asked): void {
    if (!config().sites.some(({ name }) => name === site)) return;
    hosts.report(site, hostFaults);
    if (result === undefined) return;
    if (request.kind !== "read") reportNeighbours(site, result, faults);
    const { places, narrow, resume } = request;
    const cut = result.interrupted || resume !== undefined || narrow !== undefined;
    unreadDevices.note(site, { places, cut, unread: result.unread, read: result.printers });
  }

  return {
    configChanged() {
      underConfig.abort(new ConfigChangedError());
      underConfig = new AbortController();
      access.configChanged();
      const names = new Set(config().sites.map(({ name }) => name));
      unreadDevices.forgetAllBut(names);
      hosts.forgetAllBut(names);
      faults.keepSites("neighbours", [...names]);
    },
    async scan(request) {
      const { clock } = options.machine;
      const beganMs = clock.monotonicMs();
      const lostBefore = options.intake.lost();
      const changed = underConfig.signal;
      const window = sendWindowAt(request.site.schedule.allowedHours, clock.now().getTime());
      if (window === undefined) throw new HoursEndedError();
      using hours = watchHours(window, clock);
      const signal = AbortSignal.any([request.signal, changed, hours.signal]);
      const asked = await ask({ ...request, signal }, { window, ...options });
      const { result, answeredIds, unasked, unknown } = asked;
      reportPass(request, asked);
      // Readings are spooled after the microtasks that delivered them.
      await Promise.resolve();
      if (request.kind !== "read") options.onPassed();
      changed.throwIfAborted();
      hours.signal.throwIfAborted();
      // A thread checks the wall clock for each datagram, and may have seen a step that was reverted since.
      if (result?.interrupted === true && !request.signal.aborted) throw new HoursEndedError();
      if (unknown > 0 || (request.kind === "task" && options.intake.lost() > lostBefore)) {
        // Which device answered is unknown then: counting it as silent would be wrong.
        throw new UnavailableError("Cannot store the reading as the write failed", "free disk space");
      }
      const durationMs = clock.monotonicMs() - beganMs;
      return {
        ...passOf(result, { now: clock.now(), durationMs, addresses: request.places?.length ?? 0 }),
        packets: result?.counters.packetsSent ?? 0,
        answeredIds,
        unasked: new Set(unasked.map(({ address, port }) => formatEndpoint(address, port))),
      };
    },
  };
}

/** Result of asking some places. */
interface Asked {
  result: SitePass["scan"];
  unasked: SitePass["unasked"];
  hostFaults: HostFault[];
  /** Devices of the inventory that answered. */
  answeredIds: Set<string>;
  /** Readings whose device could not be stored. */
  unknown: number;
}

/** Scans the site, then once more those places whose reading does not identify a device. */
async function ask(request: ScanRequest, options: SiteScansOptions & { window: SendWindow }): Promise<Asked> {
  const { machine, machineClock = machine.clock, config, intake, access, window } = options;
  const site = request.site.name;
  const hostFaults: HostFault[] = [];
  const answeredIds = new Set<string>();
  let inDoubt: Place[] = [], unknown = 0;
  const pass = (request: ScanRequest) =>
    scanSite({
      ...request,
      devices: request.places?.length ?? options.devices(site),
      window: shifted(window, machineClock.now().getTime() - machine.clock.now().getTime()),
      stopsAtOnce: true,
      config: config(),
      remembered: access.remembered(site, request.places, { trying: request.kind === "task", scope: request.scope }),
      onAccess: (key, how) => noteAccess({ site, key, how, scope: request.scope }, options),
      onReading(reading, how) {
        const taken = intake.take(reading, { site, scope: request.scope, credential: how?.credential ?? null });
        if (taken === "held") inDoubt.push(reading);
        else if (taken === "lost") unknown++;
        else answeredIds.add(taken.deviceId);
      },
    }, {
      ...machine,
      onHostFault: (fault) => hostFaults.push(fault),
    });
  const { scan: result, unasked } = await pass(request);
  for (let looks = 0; looks < secondLooks && inDoubt.length > 0 && !request.signal.aborted; looks++) {
    const places = inDoubt.map(({ address, port }) => ({ address, port }));
    inDoubt = [];
    const { site, kind, signal, narrow } = request;
    await pass({ site, places, kind, scope: "full", signal, ...(narrow === undefined ? {} : { narrow }) });
  }
  return { result, unasked, hostFaults, answeredIds, unknown };
}

/** `result` is undefined if there was nothing left to ask. */
function passOf(
  result: SitePass["scan"],
  { now, durationMs, addresses }: { now: Date; durationMs: number; addresses: number },
): Pick<ScanOutcome, "addresses" | "answered" | "printers" | "durationMs" | "begunAt"> {
  if (result === undefined) {
    return { addresses, answered: 0, printers: 0, durationMs, begunAt: new Date(now.getTime() - durationMs) };
  }
  const { begunAt, activeMs, ...pass } = result.pass;
  return { ...pass, addresses: pass.addresses || addresses, durationMs: activeMs, begunAt: new Date(begunAt) };
}

function noteAccess(
  { site, key, how, scope }: { site: string; key: string; how: Access; scope: ReadingScope },
  { access, log }: Pick<SiteScansOptions, "access" | "log">,
): void {
  const news = access.note(site, key, how, scope);
  if (news === undefined) return;
  const [address = "", port] = key.split(" ");
  const seen = how.seen.map(({ name, version, saw }) => ({ credential: name, version, saw }));
  const device = { site, address, port: Number(port), seen };
  if (news === "refused") log.warn("credentialsRefused", device);
  else if (news === "limited") log.warn("credentialsLimited", device);
  else log.info("credentialFound", device);
}

/** Unusable host names: a log line for each change, and one fault per site. */
function createHostReport({ faults, log }: Pick<SiteScansOptions, "faults" | "log">) {
  /** Problems with the hosts of each site in its last pass. */
  const faulty = new Map<string, ReadonlyMap<string, string>>();
  return {
    report(site: string, found: readonly HostFault[]): void {
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
    },
    forgetAllBut(sites: ReadonlySet<string>): void {
      for (const site of faulty.keys()) {
        if (sites.has(site)) continue;
        faulty.delete(site);
        faults.clear(`hosts:${site}`);
      }
    },
  };
}

function reportNeighbours(
  site: string,
  { problems, interrupted }: Pick<ScanResult, "problems" | "interrupted">,
  faults: SiteScansOptions["faults"],
): void {
  const found = problems.find(({ code }) => code === neighbourTableCode);
  if (found !== undefined) faults.add(`neighbours:${site}`, `Site "${site}": ${found.message}`);
  else if (!interrupted) faults.clear(`neighbours:${site}`);
}

/** The window as seen by a clock that is ahead by `aheadMs`. */
function shifted(window: SendWindow, aheadMs: number): SendWindow {
  if (Math.abs(aheadMs) < 1000) return window;
  return { fromMs: window.fromMs + aheadMs, untilMs: window.untilMs + aheadMs };
}
