/**
 * Which credential worked at a place, so that the wrong ones are not shown to it again with each read: devices count them,
 * send traps, and lock out. Where none works, or none shows what is needed, all are tried again after as long as that has
 * been so, up to a limit: a password that is put right is soon found, and a device that is no printer is left in peace.
 */
import type { Clock } from "../core/clock.ts";
import type { View } from "../printers/view.ts";
import { showsAsMuch } from "../printers/view.ts";
import type { Access, Remembered, RememberedAccess } from "../scanner/access.ts";
import type { Place } from "./site_space.ts";

export interface AccessMemory {
  /**
   * What the scanner is to know of these places of a site, null: of all. `trying`: nothing keeps it from trying the other
   * credentials.
   */
  remembered(site: string, places: readonly Place[] | null, options?: { trying?: boolean }): RememberedAccess;
  /**
   * `refused`, `limited` (all were tried, and none shows what is needed) or `mended` where that is new; undefined where there
   * is nothing to tell an administrator.
   */
  note(site: string, key: string, access: Access): "refused" | "limited" | "mended" | undefined;
  /** Credentials may have been changed under their names: nothing is known to be in vain. */
  configChanged(): void;
}

interface Entry {
  credential: string | null;
  /** A printer was read there. */
  printer: boolean;
  /** The least that all others were tried at and showed no more than. */
  enough: View | null;
  /** When all were first and last tried in vain. */
  vain: { sinceMs: number; lastMs: number } | null;
  told: "refused" | "limited" | null;
}

const hourMs = 3600 * 1000;
/** A printer that is not read at all, one that is read in part, and what is no printer as far as is known. */
const longestPauseMs = { refused: 2 * hourMs, limited: 24 * hourMs, other: 72 * hourMs };
/** Places whose memory is kept; the oldest are forgotten. */
const maxPlaces = 50_000;

/** `known` are devices of before, with the credential that worked last. */
export function createAccessMemory(
  clock: Pick<Clock, "monotonicMs">,
  known: Iterable<{ site: string; place: Place | null; credential: string | null }>,
): AccessMemory {
  /** By site, then by "address port". */
  const sites = new Map<string, Map<string, Entry>>();

  function placesOf(site: string): Map<string, Entry> {
    let places = sites.get(site);
    if (places === undefined) sites.set(site, places = new Map());
    return places;
  }

  for (const { site, place, credential } of known) {
    if (place === null || credential === null) continue;
    placesOf(site).set(keyOf(place), { credential, printer: true, enough: null, vain: null, told: null });
  }

  function isDue({ credential, printer, vain }: Entry): boolean {
    if (vain === null) return true;
    const longestMs = longestPauseMs[!printer ? "other" : credential === null ? "refused" : "limited"];
    const pauseMs = Math.min(longestMs, vain.lastMs - vain.sinceMs);
    return clock.monotonicMs() - vain.lastMs >= pauseMs;
  }

  return {
    remembered(site, places, { trying = false } = {}) {
      const result: Record<string, Remembered> = {};
      const known = placesOf(site);
      for (const key of places?.map(keyOf) ?? known.keys()) {
        const entry = known.get(key);
        if (entry === undefined) continue;
        const { credential, enough } = entry;
        const mayTry = trying || isDue(entry);
        // What has failed is not preferred, and not tried before its time.
        if (credential !== null || !mayTry) result[key] = { credential, enough: mayTry ? null : enough };
      }
      return result;
    },
    note(site, key, { credential, view, printer, triedAll }) {
      const places = placesOf(site);
      const before = places.get(key);
      const nowMs = clock.monotonicMs();
      const same = before?.credential === credential ? before : undefined;
      const entry: Entry = { ...same ?? { credential, enough: null, vain: null }, printer, told: null };
      entry.printer ||= before?.printer === true;
      if (triedAll || credential === null) {
        entry.vain = { sinceMs: entry.vain?.sinceMs ?? nowMs, lastMs: nowMs };
        if (entry.enough === null || !showsAsMuch(view, entry.enough)) entry.enough = view;
      }
      const fault = credential === null
        ? "refused"
        : triedAll
        ? "limited"
        : view === "printer"
        ? null
        : same?.told ?? null;
      const told = before?.told ?? null;
      entry.told = fault;
      places.delete(key);
      places.set(key, entry);
      if (places.size > maxPlaces) places.delete(places.keys().next().value!);
      return fault === told ? undefined : fault ?? "mended";
    },
    configChanged() {
      for (const places of sites.values()) {
        for (const [key, entry] of places) {
          if (entry.credential === null) places.delete(key);
          else places.set(key, { ...entry, enough: null, vain: null });
        }
      }
    },
  };
}

function keyOf({ address, port }: Place): string {
  return `${address} ${port}`;
}
