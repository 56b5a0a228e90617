/**
 * Resolves host names. A few names are resolved at a time and cached for their time to live. A name that cannot be
 * resolved keeps its last known addresses: a failure of the name servers does not mean that a printer is gone.
 */
import type { Clock } from "../../common/core/clock.ts";
import { messageOf } from "../../common/core/errors.ts";
import { bitsOf, cidrRange } from "../../common/core/ip_range.ts";
import { formatIp, type IpAddress, tryParseIp } from "../../common/core/ip.ts";
import { maybeUnscannable } from "./parse_targets.ts";

export interface NameAnswer {
  addresses: string[];
  /** Null when it is not known. */
  ttlSeconds: number | null;
}

/** Why a name cannot be resolved: ends the sentence "Cannot find an address of … as …". */
export class NameLookupError extends Error {
  override readonly name = "NameLookupError";
  /**
   * `unknown`: a name server reports that the name does not exist. `silent`: no name server answered, or none was
   * asked.
   */
  constructor(readonly reason: "unknown" | "silent", message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

export interface ResolvedName {
  /** Canonical addresses without those that cannot be scanned, IPv4 first. */
  addresses: readonly string[];
  /** Why there are no addresses, or why they are from an earlier answer; null if a name server returned them. */
  fault: { reason: "unknown" | "silent" | "unscannable"; message: string } | null;
}

export interface HostNames {
  /** Never rejects. */
  resolve(name: string): Promise<ResolvedName>;
}

export interface HostNamesOptions {
  /** Asks the system. Rejects with `NameLookupError`. */
  lookUp(name: string): Promise<NameAnswer>;
  clock: Pick<Clock, "monotonicMs">;
  /** Maximum number of names per second, with a burst of the same size; default: as fast as they are answered. */
  pace?: { perSecond: number; sleep(ms: number): Promise<void> };
  /** Store for the last known addresses that survives a restart; default: in memory only. */
  known?: { get(name: string): readonly string[]; set(name: string, addresses: readonly string[]): void };
}

const atOnce = 8;
const minute = 60_000;
/** Limits of the time to live: with zero each pass would ask, and with years a printer's old address would be kept. */
const shortestMs = minute;
const longestMs = 24 * 60 * minute;
/** For names without a time to live, such as those from the system's hosts file. */
const unknownTtlMs = 5 * minute;
const againAfterMs: Record<NonNullable<ResolvedName["fault"]>["reason"], number> = {
  unknown: 5 * minute,
  silent: minute,
  unscannable: 5 * minute,
};
/** After this many names in a row without an answer, further names are not asked for a while. */
const silentInARow = atOnce;
const silentForMs = 30_000;

export function createHostNames({ lookUp, clock, known = new AddressMap(), pace }: HostNamesOptions): HostNames {
  const remembered = new Map<string, { until: number; resolved: ResolvedName }>();
  const underWay = new Map<string, Promise<ResolvedName>>();
  const waiting: (() => void)[] = [];
  /** When the token bucket of names is full again. */
  let fullAtMs = -Infinity;
  let asking = 0, silences = 0, silentUntil = -Infinity, lastSilence = "";

  async function ask(name: string): Promise<{ resolved: ResolvedName; forMs: number }> {
    while (asking >= atOnce) await new Promise<void>((resolve) => waiting.push(resolve));
    asking++;
    try {
      // Other names may have failed while this one waited for its turn.
      if (clock.monotonicMs() < silentUntil) return failed(name, "silent", lastSilence);
      await takeTurn();
      const { addresses: texts, ttlSeconds } = await lookUp(name);
      silences = 0;
      const { addresses, refused } = sorted(texts);
      if (addresses.length === 0) return failed(name, "unscannable", refused ?? "it has no address");
      known.set(name, addresses);
      const forMs = ttlSeconds === null ? unknownTtlMs : Math.min(longestMs, Math.max(shortestMs, ttlSeconds * 1000));
      return { resolved: { addresses, fault: null }, forMs };
    } catch (error) {
      const reason = error instanceof NameLookupError ? error.reason : "silent";
      if (reason === "unknown") silences = 0;
      else if (++silences >= silentInARow) silentUntil = clock.monotonicMs() + silentForMs;
      if (reason === "silent") lastSilence = messageOf(error);
      return failed(name, reason, messageOf(error));
    } finally {
      asking--;
      waiting.shift()?.();
    }
  }

  async function takeTurn(): Promise<void> {
    if (pace === undefined) return;
    const now = clock.monotonicMs();
    fullAtMs = Math.max(fullAtMs, now) + 1000 / pace.perSecond;
    const waitMs = fullAtMs - now - 1000;
    if (waitMs > 0) await pace.sleep(waitMs);
  }

  function failed(name: string, reason: NonNullable<ResolvedName["fault"]>["reason"], why: string) {
    const addresses = known.get(name);
    const message = addresses.length === 0 ? why : `${why}; its last known address ${addresses.join(", ")} is used`;
    return { resolved: { addresses, fault: { reason, message } }, forMs: againAfterMs[reason] };
  }

  async function resolve(name: string): Promise<ResolvedName> {
    const { resolved, forMs } = await ask(name);
    remembered.set(name, { until: clock.monotonicMs() + forMs, resolved });
    return resolved;
  }

  return {
    resolve(name) {
      const found = remembered.get(name);
      if (found !== undefined && clock.monotonicMs() < found.until) return Promise.resolve(found.resolved);
      const running = underWay.get(name) ?? resolve(name).finally(() => underWay.delete(name));
      underWay.set(name, running);
      return running;
    },
  };
}

class AddressMap {
  readonly #addresses = new Map<string, readonly string[]>();
  get(name: string): readonly string[] {
    return this.#addresses.get(name) ?? [];
  }
  set(name: string, addresses: readonly string[]): void {
    this.#addresses.set(name, addresses);
  }
}

/** The addresses of a name that can be scanned, and why the first of the others cannot. */
function sorted(texts: readonly string[]): { addresses: string[]; refused: string | undefined } {
  const parsed = texts.map(tryParseIp).filter((ip) => ip !== undefined);
  const reasonOf = (ip: IpAddress) => maybeUnscannable(cidrRange(ip, bitsOf(ip.family)));
  const good = parsed.filter((ip) => reasonOf(ip) === undefined).sort((a, b) => a.family - b.family);
  const bad = parsed.find((ip) => reasonOf(ip) !== undefined);
  return {
    addresses: [...new Set(good.map(formatIp))],
    refused: bad === undefined ? undefined : `its address is ${formatIp(bad)}, and ${reasonOf(bad)}`,
  };
}
