/**
 * Which credential worked at a place, so that the wrong ones are not shown to it again with each read: devices count them,
 * send traps, and lock out. Where none works, or none shows what is needed, all are tried again after as long as that has
 * been so, up to a limit: a password that is put right is soon found, and a device that is no printer is left in peace.
 */
import type { Clock } from "../../common/core/clock.ts";
import { showsAsMuch, type View } from "../printers/view.ts";
import type { ReadingScope } from "../../common/reading/reading.ts";
import type { Access, KnownDevice, Remembered, RememberedAccess } from "../scan/access.ts";
import type { Place } from "./site_space.ts";

export interface AccessMemory {
  /**
   * What the scanner should know about these places of a site (null: all places). `trying`: it may try the other
   * credentials. `scope`: what printers answered last time is of use for status reads.
   */
  remembered(
    site: string,
    places: readonly Place[] | null,
    options?: { trying?: boolean; scope?: ReadingScope },
  ): RememberedAccess;
  /**
   * `refused`, `limited` (all were tried, and none shows what is needed) or `mended` where that is new; undefined where there
   * is nothing to tell an administrator.
   */
  note(site: string, key: string, access: Access, scope?: ReadingScope): "refused" | "limited" | "mended" | undefined;
  /** Forgets failures: the secrets behind the names of credentials may have changed. */
  configChanged(): void;
}

interface Entry {
  credential: string | null;
  /** A printer was read there. */
  printer: boolean;
  /** What the device showed when all other credentials were tried and none showed more. */
  enough: View | null;
  /** When all credentials were tried without success, for the first and the last time. */
  vain: { sinceMs: number; lastMs: number } | null;
  told: "refused" | "limited" | null;
  /** What a status read relies on, and how many times in a row that was no longer valid. */
  known: (KnownDevice & { failures: number }) | null;
}

const hourMs = 3600 * 1000;
/** Longest pauses between retries: of a printer that cannot be read, one read in part, and any other device. */
const longestPauseMs = { refused: 2 * hourMs, limited: 24 * hourMs, other: 72 * hourMs };
/** After so many invalid expectations a printer gets full reads only: the failed status read would be extra traffic. */
const mostFailures = 3;
/** Upper limit for all remembered answers; those of the printer that was read longest ago are dropped first. */
const maxKnownOctets = 48 * 1024 * 1024;
/** Places whose memory is kept; the oldest are forgotten. */
const maxPlaces = 50_000;

/** `known`: devices of the inventory with the credential that worked last. */
export function createAccessMemory(
  clock: Pick<Clock, "monotonicMs">,
  known: Iterable<{ site: string; place: Place | null; credential: string | null }>,
): AccessMemory {
  /** By site, then by "address port". */
  const sites = new Map<string, Map<string, Entry>>();
  const answers = createAnswerLimit();

  function placesOf(site: string): Map<string, Entry> {
    let places = sites.get(site);
    if (places === undefined) sites.set(site, places = new Map());
    return places;
  }

  for (const { site, place, credential } of known) {
    if (place === null || credential === null) continue;
    placesOf(site).set(keyOf(place), { credential, printer: true, enough: null, vain: null, told: null, known: null });
  }

  return {
    remembered(site, places, { trying = false, scope = "full" } = {}) {
      const result: Record<string, Remembered> = {};
      const known = placesOf(site);
      for (const key of places?.map(keyOf) ?? known.keys()) {
        const entry = known.get(key);
        if (entry === undefined) continue;
        const { credential, enough } = entry;
        const mayTry = trying || isDue(entry, clock.monotonicMs());
        // A credential that failed is neither preferred nor tried before its retry is due.
        if (credential === null && mayTry) continue;
        result[key] = { credential, enough: mayTry ? null : enough };
        if (scope !== "status" || entry.known === null || entry.known.failures >= mostFailures) continue;
        const { version, objects } = entry.known;
        result[key].known = { version, objects };
      }
      return result;
    },
    note(site, key, access, scope = "full") {
      const places = placesOf(site);
      const before = places.get(key);
      const entry = entryAfter(before, access, { scope, nowMs: clock.monotonicMs() });
      answers.replace(before, entry);
      places.delete(key);
      places.set(key, entry);
      if (places.size > maxPlaces) {
        const [oldest, forgotten] = places.entries().next().value!;
        answers.forget(forgotten);
        places.delete(oldest);
      }
      answers.limit(places);
      const told = before?.told ?? null;
      return entry.told === told ? undefined : entry.told ?? "mended";
    },
    configChanged() {
      for (const places of sites.values()) {
        for (const [key, entry] of places) {
          if (entry.credential === null) {
            answers.forget(entry);
            places.delete(key);
          } else places.set(key, { ...entry, enough: null, vain: null });
        }
      }
    },
  };
}

/** Counts the size of the remembered answers, which is limited for all sites together. */
function createAnswerLimit() {
  let octets = 0;
  const octetsOf = (entry: Entry | undefined) => entry?.known?.objects.length ?? 0;

  function forget(entry: Entry): void {
    octets -= octetsOf(entry);
    entry.known = null;
  }

  return {
    forget,
    replace(before: Entry | undefined, entry: Entry): void {
      octets += octetsOf(entry) - octetsOf(before);
    },
    /** Drops the answers of those places of a site that were read longest ago. */
    limit(places: ReadonlyMap<string, Entry>): void {
      for (const entry of places.values()) {
        if (octets <= maxKnownOctets) return;
        forget(entry);
      }
    },
  };
}

function isDue({ credential, printer, vain }: Entry, nowMs: number): boolean {
  if (vain === null) return true;
  const longestMs = longestPauseMs[!printer ? "other" : credential === null ? "refused" : "limited"];
  const pauseMs = Math.min(longestMs, vain.lastMs - vain.sinceMs);
  return nowMs - vain.lastMs >= pauseMs;
}

/** What is known of a place after it was asked once more. */
function entryAfter(
  before: Entry | undefined,
  { credential, view, printer, triedAll, known, held }: Access,
  { scope, nowMs }: { scope: ReadingScope; nowMs: number },
): Entry {
  const same = before?.credential === credential ? before : undefined;
  const isInVain = triedAll || credential === null;
  const enough = same?.enough ?? null;
  const vain = same?.vain ?? null;
  const failed = before?.known?.failures ?? 0;
  const failures = held === false ? failed + 1 : held === true || scope === "full" ? 0 : failed;
  const latest = known ?? before?.known ?? null;
  const told = credential === null ? "refused" : triedAll ? "limited" : view === "printer" ? null : same?.told ?? null;
  return {
    credential,
    printer: printer || before?.printer === true,
    enough: isInVain && (enough === null || !showsAsMuch(view, enough)) ? view : enough,
    vain: isInVain ? { sinceMs: vain?.sinceMs ?? nowMs, lastMs: nowMs } : vain,
    told,
    known: latest === null ? null : { ...latest, failures },
  };
}

function keyOf({ address, port }: Place): string {
  return `${address} ${port}`;
}
