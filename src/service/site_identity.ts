/** Reads the present identity of a known device with sandboxed scanner threads, parallel to running scans. */
import { type DeviceEvidence, evidenceOf } from "../../common/reading/device_evidence.ts";
import type { AgentConfig } from "../config/agent_config.ts";
import type { AccessMemory } from "./access_memory.ts";
import { isPlaceOf, scanSite, type ScanSiteParts } from "./scan_site.ts";
import type { Place } from "./site_space.ts";

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
