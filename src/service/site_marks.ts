/** What the inventory keeps of sites and their passes, so that a restart goes on where the last run stopped. */
import { DamagedDatabaseError, StorageError, tryStore } from "../../common/host/sqlite.ts";
import type { Inventory } from "../store/inventory.ts";
import type { HostNamesOptions } from "../targets/host_names.ts";
import { packetsPerRead, parseMeasure, type SiteMeasure } from "./site_load.ts";
import { type SweepPosition, tryParsePosition } from "./sweep_position.ts";

export interface SiteMarks {
  /** When the last complete sweep began, on the wall clock. */
  lastSweepMs(site: string): number | undefined;
  /** Throws `StorageError`: a sweep that is not noted is made again. */
  noteSweep(site: string, begunAt: Date): void;
  /** Where a sweep was cut off. What cannot be read is no position. */
  position(site: string): SweepPosition | undefined;
  /** Null: the sweep is at its end. A position that cannot be written has more asked again. */
  keepPosition(site: string, position: SweepPosition | null): void;
  measure(site: string): SiteMeasure;
  /** The last known addresses of host names: with no name server, a restart does not lose printers. */
  readonly addresses: NonNullable<HostNamesOptions["known"]>;
  /** Kept when it tells something else than before, as each read of a device moves it a little; returns whether it does. */
  noteMeasure(site: string, measure: SiteMeasure): boolean;
}

export function openSiteMarks(inventory: Pick<Inventory, "mark" | "setMark">): SiteMarks {
  const measures = new Map<string, SiteMeasure>();
  const sweepMark = (site: string) => `lastSweep:${site}`;
  const measureMark = (site: string) => `measured:${site}`;
  const positionMark = (site: string) => `sweepPosition:${site}`;

  function tryKeep(mark: string, value: string): void {
    try {
      inventory.setMark(mark, value);
    } catch (error) {
      // What is wrong with the disk shows with each reading.
      if (!(error instanceof StorageError || error instanceof DamagedDatabaseError)) throw error;
    }
  }

  const addressMark = (name: string) => `addressesOf:${name}`;
  const addressesOf = (name: string) => inventory.mark(addressMark(name))?.split(" ") ?? [];

  return {
    addresses: {
      get: addressesOf,
      set(name, addresses) {
        const text = addresses.join(" ");
        if (addressesOf(name).join(" ") !== text) tryStore(() => inventory.setMark(addressMark(name), text));
      },
    },
    lastSweepMs(site) {
      const at = Date.parse(inventory.mark(sweepMark(site)) ?? "");
      return Number.isFinite(at) ? at : undefined;
    },
    noteSweep: (site, begunAt) => inventory.setMark(sweepMark(site), begunAt.toISOString()),
    position(site) {
      const text = inventory.mark(positionMark(site));
      return text === undefined ? undefined : tryParsePosition(text);
    },
    keepPosition: (site, position) => tryKeep(positionMark(site), position === null ? "" : JSON.stringify(position)),
    measure(site) {
      const known = measures.get(site) ?? parseMeasure(inventory.mark(measureMark(site)));
      measures.set(site, known);
      return known;
    },
    noteMeasure(site, measure) {
      const kept = parseMeasure(inventory.mark(measureMark(site)));
      measures.set(site, measure);
      const change = packetsPerRead(measure) / packetsPerRead(kept);
      const isSameSweep = JSON.stringify(measure.sweep) === JSON.stringify(kept.sweep);
      if (isSameSweep && Math.abs(change - 1) < 0.1) return false;
      tryKeep(measureMark(site), JSON.stringify(measure));
      return true;
    },
  };
}
