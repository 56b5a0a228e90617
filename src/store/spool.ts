/**
 * The durable queue of everything that is to be sent: what was appended is sent once, in the order in which it came,
 * across crashes, full disks and weeks without the platform. The layout is in spool_database.ts, the rules for people in
 * docs/spool.md. One process has it open at a time.
 */
import { DamagedDatabaseError, type Database } from "../../common/host/sqlite.ts";
import { appendRecords } from "./append_records.ts";
import type { TrueTime, UptimeMark } from "./clock_book.ts";
import { recordOf, type RecordRow, stateOf } from "./spool_database.ts";
import { defaultSpoolLimits, type SpoolLimits } from "./spool_limits.ts";
import { type Batch, checksumOf, type SpoolRecord } from "./spool_record.ts";
import { openSpoolStorage, type SpoolStorageOptions, tidy } from "./spool_storage.ts";
import { quarantined, type QuarantinedRecord, type SpoolStats, statsOf } from "./spool_stats.ts";

export interface BatchOptions {
  maxRecords: number;
  /** Of payloads. A record that is larger alone makes a batch of its own. */
  maxBytes: number;
  /** A batch that is not full is formed when its oldest record has waited this long; 0 forms it at once. */
  maxAgeMs: number;
  /** Only batches after this sequence, for a sender with several batches in flight. */
  after?: number;
  /** False: only batches that were formed before. */
  mayForm?: boolean;
  /** The true time of a record if the machine's clock was wrong; asked once, as a batch never changes. */
  correct?: ((observedAt: Date, mark: UptimeMark | null) => TrueTime | undefined) | undefined;
}

export interface Rejection {
  epoch: string;
  /** One sentence for a person. */
  reason: string;
  /** The records that were refused; the whole batch when absent or empty. */
  recordIds?: readonly string[];
}

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
  /** Moves a rejected batch, or records of it, to the quarantine; returns how many records are new there. */
  quarantine(sequence: number, rejection: Rejection): number;
  /** Starts again at sequence 1 in a new epoch, if the platform has other batches under the present numbers. */
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

/** Free pages that stay in the file for new records; more are released after a backlog was sent. */
const keptPages = 1000;
const pagesPerStep = 500;

function giveBack(db: Database): void {
  const free = db.get<{ freelist_count: number }>("PRAGMA freelist_count")?.freelist_count ?? 0;
  if (free > keptPages) tidy(db, `PRAGMA incremental_vacuum(${pagesPerStep})`);
}

/** The lowest existing batch after `after`, with its records as they were when it was formed. */
function maybeFormedBatch(db: Database, after: number): Batch | undefined {
  const row = db.get<{ sequence: number; batch_id: string; formed_at: number; records: number }>(
    "SELECT * FROM batch WHERE sequence > ? ORDER BY sequence LIMIT 1",
    after,
  );
  if (row === undefined) return undefined;
  const records = db.all<RecordRow>("SELECT * FROM record WHERE sequence = ? ORDER BY position", row.sequence);
  if (records.length !== row.records) {
    throw new DamagedDatabaseError(
      `Cannot read batch ${row.sequence} as ${row.records} records: current value is ${records.length}`,
    );
  }
  return {
    epoch: stateOf(db).epoch,
    sequence: row.sequence,
    batchId: row.batch_id,
    formedAt: new Date(row.formed_at),
    records: records.map(recordOf),
  };
}

function correctRecords(db: Database, sequence: number, correct: NonNullable<BatchOptions["correct"]>): void {
  for (const row of db.all<RecordRow>("SELECT * FROM record WHERE sequence = ?", sequence)) {
    const record = recordOf(row);
    const corrected = correct(record.observedAt, record.mark ?? null) ?? null;
    // Its time may have been corrected before, for a batch of a former epoch.
    if (corrected === null && record.corrected === undefined) continue;
    db.run(
      "UPDATE record SET corrected_at = ?, is_guess = ?, check_sum = ? WHERE position = ?",
      corrected?.at.getTime() ?? null,
      corrected === null ? null : Number(corrected.isGuess),
      checksumOf({ ...record, corrected }),
      row.position,
    );
  }
}

/** Forms the next batch of the oldest waiting records; undefined while they are too few and too young. */
function formBatch(db: Database, options: BatchOptions & { now: Date }): Batch | undefined {
  const state = stateOf(db);
  const now = options.now.getTime();
  const waiting = db.all<{ position: number; bytes: number; age_ms: number }>(
    `SELECT position, length(payload) AS bytes, age_ms FROM record WHERE sequence IS NULL
     ORDER BY position LIMIT ?`,
    options.maxRecords,
  );
  const oldest = waiting[0];
  if (oldest === undefined) return undefined;
  let count = 1, bytes = oldest.bytes;
  while (count < waiting.length && bytes + waiting[count]!.bytes <= options.maxBytes) bytes += waiting[count++]!.bytes;
  const full = count === options.maxRecords || count < waiting.length || bytes >= options.maxBytes;
  // A clock that was set back does not tell how long a record waited; waiting for it to catch up could take a day.
  const aged = now < state.seen_at || state.age_ms + now - state.seen_at - oldest.age_ms >= options.maxAgeMs;
  if (!full && !aged) return undefined;
  const sequence = state.next_sequence;
  db.transaction(() => {
    db.run("UPDATE state SET next_sequence = ?", sequence + 1);
    db.run(
      "INSERT INTO batch (sequence, batch_id, formed_at, records) VALUES (?, ?, ?, ?)",
      sequence,
      crypto.randomUUID(),
      now,
      count,
    );
    db.run(
      "UPDATE record SET sequence = ? WHERE sequence IS NULL AND position BETWEEN ? AND ?",
      sequence,
      oldest.position,
      waiting[count - 1]!.position,
    );
    if (options.correct !== undefined) correctRecords(db, sequence, options.correct);
  });
  return maybeFormedBatch(db, sequence - 1);
}

/** Deletes all batches up to `sequence`; returns how many records that were. Throws `RangeError` beyond what was formed. */
function acknowledgeBatches(db: Database, sequence: number): number {
  const { next_sequence: next, acknowledged } = stateOf(db);
  if (!Number.isSafeInteger(sequence) || sequence < 0 || sequence >= next) {
    throw new RangeError(
      `Cannot acknowledge more than the ${next - 1} batches of this epoch: current value is ${sequence}`,
    );
  }
  if (sequence <= acknowledged) return 0;
  return db.transaction(() => {
    const gone = removeRecords(db, "sequence <= ?", sequence);
    db.run("DELETE FROM batch WHERE sequence <= ?", sequence);
    db.run("UPDATE state SET acknowledged = ?", sequence);
    return gone;
  });
}

/**
 * Copies the refused records into the quarantine. A batch that was refused as a whole is removed; one that was
 * refused in part stays as it is until it is acknowledged, since it must not change.
 */
function quarantineBatch(
  db: Database,
  sequence: number,
  options: Rejection & { now: Date; maxRefusedBytes: number },
): number {
  return db.transaction(() => {
    const ids = options.recordIds ?? [];
    let refused = 0;
    for (const row of db.all<RecordRow>("SELECT * FROM record WHERE sequence = ? ORDER BY position", sequence)) {
      const { id } = row;
      if (ids.length > 0 && !ids.includes(id)) continue;
      refused += db.run(
        `INSERT INTO refused (epoch, sequence, reason, refused_at, id, kind, class, device, observed_at, size, check_sum, payload)
         SELECT ?, ?, ?, ?, id, kind, class, device, observed_at, size, ?, payload FROM record WHERE id = ?
         ON CONFLICT (id) DO NOTHING`,
        options.epoch,
        sequence,
        options.reason,
        options.now.getTime(),
        // The quarantine does not store uptimes.
        checksumOf({ ...recordOf(row), mark: null, corrected: null }),
        id,
      );
    }
    if (ids.length === 0) {
      removeRecords(db, "sequence = ?", sequence);
      db.run("DELETE FROM batch WHERE sequence = ?", sequence);
    }
    boundQuarantine(db, options.maxRefusedBytes);
    return refused;
  });
}

/** Starts a new epoch at sequence 1; batches that were not acknowledged become waiting records again. */
function restartEpoch(db: Database): string {
  const epoch = crypto.randomUUID();
  db.transaction(() => {
    db.run("UPDATE record SET sequence = NULL WHERE sequence IS NOT NULL");
    db.run("DELETE FROM batch");
    db.run("UPDATE state SET epoch = ?, next_sequence = 1, acknowledged = 0", epoch);
  });
  return epoch;
}

function removeRecords(db: Database, condition: string, sequence: number): number {
  const { count, bytes } = db.get<{ count: number; bytes: number }>(
    `SELECT count(*) AS count, coalesce(sum(size), 0) AS bytes FROM record WHERE ${condition}`,
    sequence,
  )!;
  db.run(`DELETE FROM record WHERE ${condition}`, sequence);
  db.run("UPDATE state SET depth = depth - ?, bytes = bytes - ?", count, bytes);
  return count;
}

function boundQuarantine(db: Database, maxBytes: number): void {
  let { bytes } = db.get<{ bytes: number }>("SELECT coalesce(sum(size), 0) AS bytes FROM refused")!;
  while (bytes > maxBytes) {
    const oldest = db.get<{ position: number; size: number }>(
      "SELECT position, size FROM refused ORDER BY position LIMIT 1",
    )!;
    db.run("DELETE FROM refused WHERE position = ?", oldest.position);
    db.run("UPDATE state SET dropped_refused = dropped_refused + 1");
    bytes -= oldest.size;
  }
}
