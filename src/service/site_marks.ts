/** Marks of sites and passes in the inventory, so that a restart resumes where the last run stopped. */
import { DamagedDatabaseError, StorageError, tryStore } from "../../common/host/sqlite.ts";
import type { Inventory } from "../store/inventory.ts";
import type { HostNamesOptions } from "../targets/host_names.ts";
import { packetsPerRead, parseMeasure, type SiteMeasure } from "./site_load.ts";
import { type SweepPosition, tryParsePosition } from "./sweep_position.ts";

export interface SiteMarks {
  /** When the last complete sweep began, on the wall clock. */
  lastSweepMs(site: string): number | undefined;
  /** Throws `StorageError`: a sweep that is not stored is repeated. */
  noteSweep(site: string, begunAt: Date): void;
  /** Where a sweep was cut off; undefined if unreadable. */
  position(site: string): SweepPosition | undefined;
  /** Null: the sweep is complete. If the write fails, more addresses are asked again. */
  keepPosition(site: string, position: SweepPosition | null): void;
  measure(site: string): SiteMeasure;
  /** Last known addresses of host names, so that a restart without a name server loses no printers. */
  readonly addresses: NonNullable<HostNamesOptions["known"]>;
  /** Stored only if it changed noticeably, as each read moves it a little; returns whether it was. */
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
      // A faulty disk is reported with each reading.
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
