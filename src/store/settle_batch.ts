/** What the platform's answers do to batches: acknowledgement, quarantine and a new epoch. */
import type { Database } from "../../common/host/sqlite.ts";
import { recordOf } from "./record_row.ts";
import { type RecordRow, stateOf } from "./spool_database.ts";
import { checksumOf } from "./spool_record.ts";

export interface Rejection {
  epoch: string;
  /** One sentence for a person. */
  reason: string;
  /** The records that were refused; the whole batch when absent or empty. */
  recordIds?: readonly string[];
}

/** Deletes all batches up to `sequence`; returns how many records that were. Throws `RangeError` beyond what was formed. */
export function acknowledgeBatches(db: Database, sequence: number): number {
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
 * Copies the refused records into the quarantine. A batch that was refused as a whole is over with that; one that was
 * refused in part stays as it is until it is acknowledged, since it must not change.
 */
export function quarantineBatch(
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
        // The quarantine keeps no uptimes.
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
export function restartEpoch(db: Database): string {
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
