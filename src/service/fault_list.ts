/** The present faults, by kind: repetitions are counted, and a fault is removed when its cause has ended. */
import type { Clock } from "../../common/core/clock.ts";
import { roundDuration } from "../../common/core/duration.ts";
import type { Logger } from "../log/logger.ts";
import { maxFaults, maxMessageText } from "../../common/protocol/limits.ts";
import { type FaultCode, type FaultKindName, faultKindOf } from "./fault_kinds.ts";

export interface AgentFault {
  /** Stable; made for programs. */
  code: string;
  /** One sentence for a person. */
  message: string;
  firstAt: Date;
  lastAt: Date;
  count: number;
}

export interface FaultList {
  add(code: FaultCode, message: string): void;
  /** It works again. */
  clear(code: FaultCode): void;
  /** Ends the faults of a kind for all sites but these: the other sites were removed. */
  keepSites(kind: FaultKindName, sites: readonly string[]): void;
  /** Newest first, at most 20. Also removes reported events that are old. */
  all(): AgentFault[];
}

/** More than are shown, so that the end of each is reported. */
const maxKept = 2000;

export interface FaultListOptions {
  now(): Date;
  /** Monotonic, so that setting the clock does not change how long a fault lasts. */
  monotonicMs(): number;
  changed(): void;
  /** The cause has ended, or the event is long past. */
  ended(fault: AgentFault, lastedMs: number): void;
}

interface KeptFault extends AgentFault {
  firstMs: number;
  lastMs: number;
}

/** The faults of a running agent; the log tells when one has ended. */
export function openAgentFaults(
  { clock, log, changed }: { clock: Clock; log: Pick<Logger, "info">; changed(): void },
): FaultList {
  return createFaultList({
    now: () => clock.now(),
    monotonicMs: () => clock.monotonicMs(),
    changed,
    // The last line about a thing is its present state, whatever the thing is.
    ended: ({ code, message, firstAt, count }, lastedMs) =>
      log.info(faultKindOf(code).endEvent ?? "faultEnded", {
        code,
        was: message,
        since: firstAt.toISOString(),
        lasted: roundDuration(lastedMs),
        lastedMs: Math.round(lastedMs),
        count,
      }),
  });
}

export function createFaultList({ now, monotonicMs, changed, ended }: FaultListOptions): FaultList {
  // In the order of their last time, as a fault that comes again is inserted again.
  const faults = new Map<string, KeptFault>();

  function end(fault: KeptFault): void {
    faults.delete(fault.code);
    const { firstMs, lastMs: _, ...told } = fault;
    ended(told, monotonicMs() - firstMs);
    changed();
  }

  return {
    add(code, message) {
      const before = faults.get(code);
      faults.delete(code);
      const at = now(), atMs = monotonicMs();
      faults.set(code, {
        code,
        message: message.slice(0, maxMessageText),
        firstAt: before?.firstAt ?? at,
        lastAt: at,
        count: (before?.count ?? 0) + 1,
        firstMs: before?.firstMs ?? atMs,
        lastMs: atMs,
      });
      const [oldest] = faults.keys();
      if (faults.size > maxKept && oldest !== undefined) faults.delete(oldest);
      changed();
    },
    clear(code) {
      const fault = faults.get(code);
      if (fault !== undefined) end(fault);
    },
    keepSites(kind, sites) {
      const kept = new Set(sites);
      for (const fault of [...faults.values()]) {
        const isOfKind = fault.code.startsWith(`${kind} `) || fault.code.startsWith(`${kind}:`);
        if (isOfKind && !kept.has(fault.code.slice(kind.length + 1))) end(fault);
      }
    },
    all() {
      const nowMs = monotonicMs();
      for (const fault of [...faults.values()]) {
        if (nowMs - fault.lastMs >= (faultKindOf(fault.code).lastsMs ?? Infinity)) end(fault);
      }
      return [...faults.values()].slice(-maxFaults).reverse()
        .map(({ firstMs: _, lastMs: __, ...fault }) => fault);
    },
  };
}
