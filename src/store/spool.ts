/**
 * The durable queue of everything that is to be sent: what was appended is sent once, in the order in which it came,
 * across crashes, full disks and weeks without the platform. The layout is in spool_database.ts, the rules for people in
 * docs/spool.md. One process has it open at a time.
 */
import type { Database } from "../../common/host/sqlite.ts";
import { appendRecords } from "./append_records.ts";
import {
  acknowledgeBatches,
  type BatchOptions,
  formBatch,
  maybeFormedBatch,
  quarantineBatch,
  type Rejection,
  restartEpoch,
} from "./spool_batches.ts";
import { stateOf } from "./spool_database.ts";
import { defaultSpoolLimits, type SpoolLimits } from "./spool_limits.ts";
import type { Batch, SpoolRecord } from "./spool_record.ts";
import { openSpoolStorage, type SpoolStorageOptions, tidy } from "./spool_storage.ts";
import { quarantined, type QuarantinedRecord, type SpoolStats, statsOf } from "./spool_stats.ts";

export interface Spool extends Disposable {
  /**
   * Durable when it returns; an id that the queue holds is not put in twice. Throws `StorageError`, and then keeps none of
   * `records`: with reason `full` until there is room again, which each call finds out.
   */
  append(records: readonly SpoolRecord[]): void;
  /**
   * The lowest batch behind `after` that is not acknowledged, formed now when it must be. Undefined when nothing is due
   * or when `maxOutstandingBatches` wait for their acknowledgement.
   */
  nextBatch(options: BatchOptions): Batch | undefined;
  /**
   * Deletes the batches up to a sequence; returns how many records that were. An answer for another epoch changes nothing.
   * The rejections of the same answer come first, as what is acknowledged is gone.
   * Throws `RangeError` for a sequence that was never formed.
   */
  acknowledge(highestContiguousSequence: number, epoch: string): number;
  /** Sets a rejected batch, or records of it, aside for a person; returns how many records are new there. */
  quarantine(sequence: number, rejection: Rejection): number;
  /** Drops the numbering and starts at 1 in a new epoch, for a platform that knows other batches under these numbers. */
  beginEpoch(): string;
  stats(): SpoolStats;
  /** Refused records, oldest first. */
  quarantined(limit?: number): QuarantinedRecord[];
}

export interface SpoolOptions extends SpoolStorageOptions {
  limits?: Partial<SpoolLimits>;
  /** Batches that may wait for their acknowledgement at once; see invariant 3 of the layout. */
  maxOutstandingBatches?: number;
}

/** Opens or makes the spool at `path`, saving what can be read of a damaged one. Throws `StorageError`. */
export function openSpool(path: string, options: SpoolOptions): Spool {
  const { clock, maxOutstandingBatches = 4 } = options;
  const limits = { ...defaultSpoolLimits, ...options.limits };
  const storage = openSpoolStorage(path, options);
  return {
    append(records) {
      for (const { id, observedAt } of records) {
        if (!Number.isFinite(observedAt.getTime())) {
          throw new RangeError(`Cannot spool the record "${id}" as it has no time: current value is ${observedAt}`);
        }
      }
      storage.fill((db) => appendRecords(db, records, { now: clock.now(), limits }));
    },
    nextBatch: (batchOptions) =>
      storage.drain((db) => {
        const formed = maybeFormedBatch(db, batchOptions.after ?? 0);
        if (formed !== undefined || batchOptions.mayForm === false) return formed;
        const { outstanding } = db.get<{ outstanding: number }>("SELECT count(*) AS outstanding FROM batch")!;
        if (outstanding >= maxOutstandingBatches) return undefined;
        return formBatch(db, { ...batchOptions, now: clock.now() });
      }),
    acknowledge: (sequence, epoch) =>
      storage.drain((db) => {
        if (stateOf(db).epoch !== epoch) return 0;
        const deleted = acknowledgeBatches(db, sequence);
        if (deleted > 0 && !storage.diskFull) giveBack(db);
        return deleted;
      }),
    quarantine: (sequence, rejection) =>
      storage.drain((db) => {
        if (stateOf(db).epoch !== rejection.epoch) return 0;
        return quarantineBatch(db, sequence, {
          ...rejection,
          now: clock.now(),
          maxRefusedBytes: limits.maxRefusedBytes,
        });
      }),
    beginEpoch: () => storage.drain(restartEpoch),
    stats: () => storage.use((db) => statsOf(db, storage)),
    quarantined: (limit = 100) => storage.use((db) => quarantined(db, limit)),
    [Symbol.dispose]: () => storage[Symbol.dispose](),
  };
}

/** Pages that stay in the file for the next records; a backlog of weeks gives its room back once it is sent. */
const keptPages = 1000;
const pagesPerStep = 500;

function giveBack(db: Database): void {
  const free = db.get<{ freelist_count: number }>("PRAGMA freelist_count")?.freelist_count ?? 0;
  if (free > keptPages) tidy(db, `PRAGMA incremental_vacuum(${pagesPerStep})`);
}
