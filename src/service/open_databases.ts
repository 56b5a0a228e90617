/**
 * The databases of the state directory, opened so that damage to one of them stops nothing. What was read for one
 * customer is not sent to another: where the agent has been activated for another customer since, spool and inventory are
 * quarantined before anything is sent. A crash on the way leaves the inventory with the former customer's mark, so that the
 * next start does it again.
 */
import type { Clock } from "../../common/core/clock.ts";
import { idleJournals } from "../../common/host/idle_journals.ts";
import { type Database, openDatabase, tryStore } from "../../common/host/sqlite.ts";
import { type Inventory, openInventory } from "../store/inventory.ts";
import { type Ledger, openLedger } from "../store/ledger.ts";
import type { Logger } from "../log/logger.ts";
import { openSpool, type Spool } from "../store/spool.ts";
import { spoolReservePath } from "../store/spool_storage.ts";
import type { SpoolFiles } from "../store/spool_files.ts";
import type { SpoolLimits } from "../store/spool_limits.ts";
import type { FaultList } from "./fault_list.ts";
import { openOrQuarantine, quarantineDatabase } from "./quarantine_database.ts";

export interface DatabasesOptions {
  stateDirectory: string;
  /** Whom the agent is activated for. */
  customer: string;
  /** As which agent of it. */
  agentId: string;
  clock: Clock;
  files: SpoolFiles;
  spoolLimits: Partial<SpoolLimits>;
  faults: Pick<FaultList, "add">;
  log: Pick<Logger, "error" | "warn" | "info">;
}

export interface Databases extends Disposable {
  readonly ledger: Ledger;
  readonly inventory: Inventory;
  readonly spool: Spool;
  readonly tasks: Database;
  /** To be called now and then: see `idleJournals`. */
  truncateJournals(): void;
}

const customerMark = "customer", agentMark = "agent";

/** Throws `StorageError` where the disk does not let one of them be opened. */
export function openDatabases(options: DatabasesOptions): Databases {
  const { customer, agentId, clock, files, faults, log } = options;
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
    onDamage(report: { path: string; keptAs: string; reason: string }) {
      const message = `"${report.path}" was damaged: quarantined as "${report.keptAs}" and recreated`;
      faults.add("database-damaged", message);
      log.error("databaseDamaged", report);
    },
  };
  const openThatInventory = () => openOrQuarantine(paths.inventory, openInventory, quarantine);
  const openThatSpool = () =>
    openSpool(paths.spool, {
      clock,
      files,
      limits: options.spoolLimits,
      onSalvage(report) {
        faults.add("spool-damaged", "The spool was damaged: quarantined and recreated with its readable records");
        log.error("spoolSalvaged", { ...report });
      },
    });

  function quarantineFormer(former: string): void {
    // So that a salvage that was begun is at its end and the journal is in the file.
    openThatSpool()[Symbol.dispose]();
    const kept = [paths.spool, paths.inventory].map((path) =>
      quarantineDatabase(path, { files, now, why: "former-customer" })
    );
    faults.add(
      "former-customer",
      `What was read for "${former}" is not sent to "${customer}"; it is kept in ${
        kept.map((k) => `"${k}"`).join(", ")
      }`,
    );
    log.warn("customerChanged", { former, customer, kept });
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
    // The platform has no batch of the new one: without an epoch of its own, it would seem to have lost the former one's.
    const isAnother = formerAgent !== undefined;
    const isReady = !isAnother || tryStore(() => spool.beginEpoch());
    // What cannot be written now is done at the next start.
    if (isReady) tryStore(() => inventory.setMark(agentMark, agentId));
    if (isAnother) log.info("agentChanged", { former: formerAgent, agentId });
  }
  const stack = built.move();
  const truncateJournals = idleJournals(Object.values(paths));
  return { ledger, inventory, spool, tasks, truncateJournals, [Symbol.dispose]: () => stack.dispose() };
}
