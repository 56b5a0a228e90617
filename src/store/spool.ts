/**
 * The durable queue of everything that is to be sent: what was appended is sent once, in the order in which it came,
 * across crashes, full disks and weeks without the platform. The layout is in spool_database.ts, the rules for people in
 * docs/spool.md. One process has it open at a time.
 */
import type { Clock } from "../../common/core/clock.ts";
import { DamagedDatabaseError, type Database, mayBeRoom, StorageError } from "../../common/host/sqlite.ts";
import { appendRecords } from "./append_records.ts";
import { type BatchOptions, formBatch, maybeFormedBatch } from "./form_batch.ts";
import { finishSalvage, type SalvageReport, salvageSpool } from "./salvage_spool.ts";
import { acknowledgeBatches, quarantineBatch, type Rejection, restartEpoch } from "./settle_batch.ts";
import { prepareSpoolDatabase, stateOf } from "./spool_database.ts";
import type { SpoolFiles } from "./spool_files.ts";
import { defaultSpoolLimits, type SpoolLimits } from "./spool_limits.ts";
import type { Batch, SpoolRecord } from "./spool_record.ts";
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

export interface SpoolOptions {
  clock: Pick<Clock, "now">;
  files: SpoolFiles;
  /** Called when a damaged file was quarantined, on opening and in later use; that is a loss to be logged as an error. */
  onSalvage(report: SalvageReport): void;
  limits?: Partial<SpoolLimits>;
  /** Batches that may wait for their acknowledgement at once; see invariant 3 of the layout. */
  maxOutstandingBatches?: number;
  /**
   * Disk space kept aside so that a full disk does not stop what is spooled from being sent and deleted; the index of
   * ids of a full spool takes that much when an acknowledgement touches all of it.
   */
  reserveBytes?: number;
}

/** The file that keeps room for the spool at `path`; whoever removes it gives that room up. */
export function spoolReservePath(path: string): string {
  return `${path}.reserve`;
}

/** Opens or makes the spool at `path`, saving what can be read of a damaged one. Throws `StorageError`. */
export function openSpool(path: string, options: SpoolOptions): Spool {
  const { clock, files } = options;
  const limits = { ...defaultSpoolLimits, ...options.limits };
  const maxOutstandingBatches = options.maxOutstandingBatches ?? 4;
  const reserve = { path: spoolReservePath(path), bytes: options.reserveBytes ?? 8 * 1024 * 1024 };
  let hasReserve = false, diskFull = false, isClosed = false;
  finishSalvage(path, files);
  let db = openOnFullDisk();
  takeReserve();

  /** Even the index of the journal needs room; the reserve of the run before is there for that. */
  function openOnFullDisk(): Database {
    try {
      return openOrSalvage();
    } catch (error) {
      if (!(error instanceof StorageError) || !mayBeRoom(error) || !files.exists(reserve.path)) throw error;
      files.remove(reserve.path);
      return openOrSalvage();
    }
  }

  function openOrSalvage(): Database {
    try {
      return openPrepared();
    } catch (error) {
      if (!(error instanceof DamagedDatabaseError)) throw error;
      const report = salvageSpool(path, { files, now: clock.now(), reason: error.message });
      const opened = openPrepared();
      options.onSalvage(report);
      return opened;
    }
  }

  function openPrepared(): Database {
    // The reserve is made by a spool that works: an empty file beside it has lost what it held.
    const mayBeEmpty = !(files.exists(path) && files.exists(reserve.path));
    const opened = files.openDatabase(path);
    try {
      prepareSpoolDatabase(opened, clock.now(), { mayBeEmpty });
      return opened;
    } catch (error) {
      opened.close();
      throw error;
    }
  }

  function takeReserve(): void {
    if (!hasReserve) hasReserve = files.reserve(reserve.path, reserve.bytes);
    diskFull = !hasReserve;
  }

  /** Damage that shows only in use is mended on the spot, and the operation done again. */
  function mending<T>(operation: () => T): T {
    openAgain();
    try {
      return operation();
    } catch (error) {
      if (!(error instanceof DamagedDatabaseError)) throw error;
      db.close();
      isClosed = true;
      const report = salvageSpool(path, { files, now: clock.now(), reason: error.message });
      openAgain();
      options.onSalvage(report);
      return operation();
    }
  }

  /** A salvage for which there was no space has left the spool closed: each operation tries again. */
  function openAgain(): void {
    if (!isClosed) return;
    finishSalvage(path, files);
    db = openOnFullDisk();
    isClosed = false;
  }

  /** What empties the queue may use the reserve, and begins the journal anew: that is how space is freed. */
  function draining<T>(operation: () => T): T {
    return mending(() => {
      try {
        return operation();
      } catch (error) {
        if (!isFull(error)) throw error;
        files.remove(reserve.path);
        hasReserve = false;
        diskFull = true;
        tryExec(db, "PRAGMA wal_checkpoint(TRUNCATE)");
        return operation();
      }
    });
  }

  return {
    append(records) {
      for (const { id, observedAt } of records) {
        if (!Number.isFinite(observedAt.getTime())) {
          throw new RangeError(`Cannot spool the record "${id}" as it has no time: current value is ${observedAt}`);
        }
      }
      if (!hasReserve) takeReserve();
      if (!hasReserve) {
        // What was sent and deleted may be the only room there is.
        openAgain();
        tryExec(db, "PRAGMA incremental_vacuum");
        tryExec(db, "PRAGMA wal_checkpoint(TRUNCATE)");
        takeReserve();
      }
      if (!hasReserve) throw new StorageError(`Cannot append to "${path}": the disk is full`, "full");
      try {
        mending(() => appendRecords(db, records, { now: clock.now(), limits }));
        diskFull = false;
      } catch (error) {
        diskFull = isFull(error);
        throw error;
      }
    },
    nextBatch: (batchOptions) =>
      draining(() => {
        const formed = maybeFormedBatch(db, batchOptions.after ?? 0);
        if (formed !== undefined || batchOptions.mayForm === false) return formed;
        const { outstanding } = db.get<{ outstanding: number }>("SELECT count(*) AS outstanding FROM batch")!;
        if (outstanding >= maxOutstandingBatches) return undefined;
        return formBatch(db, { ...batchOptions, now: clock.now() });
      }),
    acknowledge: (sequence, epoch) =>
      draining(() => {
        if (stateOf(db).epoch !== epoch) return 0;
        const deleted = acknowledgeBatches(db, sequence);
        if (deleted > 0 && !diskFull) giveBack(db);
        return deleted;
      }),
    quarantine: (sequence, rejection) =>
      draining(() => {
        if (stateOf(db).epoch !== rejection.epoch) return 0;
        return quarantineBatch(db, sequence, {
          ...rejection,
          now: clock.now(),
          maxRefusedBytes: limits.maxRefusedBytes,
        });
      }),
    beginEpoch: () => draining(() => restartEpoch(db)),
    stats: () => mending(() => statsOf(db, { diskFull })),
    quarantined: (limit = 100) => mending(() => quarantined(db, limit)),
    [Symbol.dispose]() {
      if (!isClosed) db.close();
    },
  };
}

function isFull(error: unknown): boolean {
  return error instanceof StorageError && error.reason === "full";
}

/** Pages that stay in the file for the next records; a backlog of weeks gives its room back once it is sent. */
const keptPages = 1000;
const pagesPerStep = 500;

/** Tidying that may fail on a full disk: whoever needs the room finds out when asking for it. */
function tryExec(db: Database, sql: string): void {
  try {
    db.exec(sql);
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
  }
}

function giveBack(db: Database): void {
  const free = db.get<{ freelist_count: number }>("PRAGMA freelist_count")?.freelist_count ?? 0;
  if (free > keptPages) tryExec(db, `PRAGMA incremental_vacuum(${pagesPerStep})`);
}
