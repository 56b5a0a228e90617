/** Regular maintenance of the state directory. */
import type { Clock } from "../../common/core/clock.ts";
import { journalLookMs } from "../../common/host/idle_journals.ts";
import { tryStore } from "../../common/host/sqlite.ts";
import type { Inventory } from "../store/inventory.ts";
import type { Ledger } from "../store/ledger.ts";

export interface MaintenanceOptions {
  clock: Clock;
  ledger: Pick<Ledger, "prune" | "lastAt">;
  inventory: Pick<Inventory, "prune">;
  /** See `idleJournals`. */
  truncateJournals(): void;
  onDefect(error: unknown): void;
}

const dayMs = 86_400_000;
/** A year, and some time to inspect the oldest entries. */
const ledgerKeptMs = 400 * dayMs;
/** About 30 MB. */
const inventoryEvents = 100_000;

/**
 * At the start and once a day: prunes expired entries of the ledger and the oldest history of the inventory. The time is
 * that of the ledger's last entry before the start plus what has passed since, or the clock's if that is earlier: a clock
 * that is years ahead must not empty the ledger. A full disk postpones it. Journals of idle databases are checked twice a
 * minute.
 */
export function startMaintenance(
  { clock, ledger, inventory, truncateJournals, onDefect }: MaintenanceOptions,
): AsyncDisposable {
  const stop = new AbortController();
  const run = async (): Promise<void> => {
    const beganMs = clock.monotonicMs();
    const from = ledger.lastAt() ?? clock.now();
    for (;;) {
      const now = clock.now();
      const passed = from.getTime() + clock.monotonicMs() - beganMs;
      tryStore(() => ledger.prune(new Date(Math.min(passed, now.getTime()) - ledgerKeptMs), now));
      tryStore(() => inventory.prune(inventoryEvents));
      await clock.sleep(dayMs, stop.signal);
    }
  };
  const look = async (): Promise<void> => {
    for (;;) {
      await clock.sleep(journalLookMs, stop.signal);
      truncateJournals();
    }
  };
  const tell = (error: unknown) => {
    if (!stop.signal.aborted) onDefect(error);
  };
  const running = [run().catch(tell), look().catch(tell)];
  return {
    async [Symbol.asyncDispose]() {
      stop.abort(new Error("The agent is stopping"));
      await Promise.all(running);
    },
  };
}
