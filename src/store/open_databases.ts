/**
 * The databases of the state directory, opened so that damage to one of them stops nothing. What was read for one
 * customer is not sent to another: where the agent has been activated for another customer since, spool and inventory are
 * quarantined before anything is sent. A crash on the way leaves the inventory with the former customer's mark, so that the
 * next start does it again.
 */
import type { Clock } from "../../common/core/clock.ts";
import { idleJournals } from "../../common/host/idle_journals.ts";
import { type Database, openDatabase, tryStore } from "../../common/host/sqlite.ts";
import { type Inventory, openInventory } from "./inventory.ts";
import { type Ledger, openLedger } from "./ledger.ts";
import { openSpool, type Spool } from "./spool.ts";
import { spoolReservePath } from "./spool_storage.ts";
import type { SpoolFiles } from "./spool_files.ts";
import type { SpoolLimits } from "./spool_limits.ts";
import type { SalvageReport } from "./salvage_spool.ts";
import { openOrQuarantine, quarantineDatabase } from "./quarantine_database.ts";

export interface DatabasesOptions {
  stateDirectory: string;
  /** The customer that the agent is activated for. */
  customer: string;
  /** The agent's id. */
  agentId: string;
  clock: Clock;
  files: SpoolFiles;
  spoolLimits: Partial<SpoolLimits>;
  report(event: DatabaseEvent): void;
}

/** Events of the databases that an administrator should know. */
export type DatabaseEvent =
  | { event: "databaseDamaged"; path: string; keptAs: string; reason: string }
  | { event: "spoolSalvaged"; report: SalvageReport }
  | { event: "customerChanged"; former: string; customer: string; kept: string[] }
  | { event: "agentChanged"; former: string; agentId: string };

export interface Databases extends Disposable {
  readonly ledger: Ledger;
  readonly inventory: Inventory;
  readonly spool: Spool;
  readonly tasks: Database;
  /** Call it regularly: see `idleJournals`. */
  truncateJournals(): void;
}

const customerMark = "customer", agentMark = "agent";

/** Throws `StorageError` if the disk is full or read-only. */
export function openDatabases(options: DatabasesOptions): Databases {
  const { customer, agentId, clock, files, report } = options;
  const now = clock.now();
  const paths = {
    ledger: `${options.stateDirectory}/ledger.db`,
    inventory: `${options.stateDirectory}/inventory.db`,
    tasks: `${options.stateDirectory}/tasks.db`,
    spool: `${options.stateDirectory}/spool.db`,
  };
  using built = new DisposableStack();
  const quarantine = {
    files,
    now,
    reserve: spoolReservePath(paths.spool),
    onDamage: (damage: { path: string; keptAs: string; reason: string }) =>
      report({ event: "databaseDamaged", ...damage }),
  };
  const openThatInventory = () => openOrQuarantine(paths.inventory, openInventory, quarantine);
  const openThatSpool = () =>
    openSpool(paths.spool, {
      clock,
      files,
      limits: options.spoolLimits,
      onSalvage: (salvage) => report({ event: "spoolSalvaged", report: salvage }),
    });

  function quarantineFormer(former: string): void {
    // Completes an interrupted salvage and writes the journal into the file.
    openThatSpool()[Symbol.dispose]();
    const kept = [paths.spool, paths.inventory].map((path) =>
      quarantineDatabase(path, { files, now, why: "former-customer" })
    );
    report({ event: "customerChanged", former, customer, kept });
  }

  const ledger = built.use(openOrQuarantine(paths.ledger, openLedger, quarantine));
  let inventory = openThatInventory();
  const former = inventory.mark(customerMark);
  if (former !== undefined && former !== customer) {
    inventory[Symbol.dispose]();
    quarantineFormer(former);
    inventory = openThatInventory();
  }
  built.use(inventory);
  if (former !== customer) tryStore(() => inventory.setMark(customerMark, customer));
  const tasks = openOrQuarantine(paths.tasks, openDatabase, quarantine);
  built.defer(() => tasks.close());
  const spool = built.use(openThatSpool());
  const formerAgent = inventory.mark(agentMark);
  if (formerAgent !== agentId) {
    // The platform has no batches of the new spool: without a new epoch, it would seem to have lost the former ones.
    const isReady = formerAgent === undefined || tryStore(() => spool.beginEpoch());
    // If this write fails, the next start does it.
    if (isReady) tryStore(() => inventory.setMark(agentMark, agentId));
    if (formerAgent !== undefined) report({ event: "agentChanged", former: formerAgent, agentId });
  }
  const stack = built.move();
  const truncateJournals = idleJournals(Object.values(paths));
  return { ledger, inventory, spool, tasks, truncateJournals, [Symbol.dispose]: () => stack.dispose() };
}
