import type { Database } from "../../common/host/sqlite.ts";
import { stateOf } from "./spool_database.ts";
import { enforceLimits, type SpoolLimits } from "./spool_limits.ts";
import { checksumOf, dayOf, sizeOf, type SpoolRecord } from "./spool_record.ts";

const dayMs = 86_400_000;

/**
 * The age of the spool after `now`, in milliseconds. It follows the wall clock by at most a day a step and never goes
 * back: a machine whose clock starts in 2000 and is then put right must not see all its records as 26 years old.
 */
export function countedAge(before: { ageMs: number; seenAt: number }, now: number): number {
  return before.ageMs + Math.min(Math.max(now - before.seenAt, 0), dayMs);
}

/** Puts records at the end of the queue and applies the limits, in one transaction; a known id is not put in again. */
export function appendRecords(
  db: Database,
  records: readonly SpoolRecord[],
  options: { now: Date; limits: SpoolLimits },
): void {
  db.transaction(() => {
    const state = stateOf(db);
    const ageMs = countedAge({ ageMs: state.age_ms, seenAt: state.seen_at }, options.now.getTime());
    let depth = 0, bytes = 0;
    for (const record of records) {
      const added = insertRecord(db, record, ageMs);
      depth += added > 0 ? 1 : 0;
      bytes += added;
    }
    db.run(
      "UPDATE state SET age_ms = ?, seen_at = ?, depth = depth + ?, bytes = bytes + ?",
      ageMs,
      options.now.getTime(),
      depth,
      bytes,
    );
    enforceLimits(db, options.limits);
  });
}

/** Inserts one record within a transaction; returns the bytes that it counts for, 0 when its id is there already. */
export function insertRecord(db: Database, record: SpoolRecord, ageMs: number): number {
  const observedAt = record.observedAt.getTime();
  const day = dayOf(record.observedAt);
  const size = sizeOf(record.payload);
  const changed = db.run(
    `INSERT INTO record (id, kind, class, device, observed_at, day, worth, age_ms, size, check_sum, payload, span, uptime_ms)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
    record.id,
    record.kind,
    record.class,
    record.deviceId,
    observedAt,
    day,
    record.class === "meter" ? 1 : 0,
    ageMs,
    size,
    // What was corrected for a batch is corrected again for the next one.
    checksumOf({ ...record, corrected: null }),
    record.payload,
    record.mark?.span ?? null,
    record.mark?.ms ?? null,
  );
  if (changed === 0) return 0;
  if (record.kind === "reading" && record.class === "meter") promote(db, record, day);
  return size;
}

/** Gives the worth of a day's last meter record to this one, unless one that was observed later holds it. */
function promote(db: Database, record: SpoolRecord, day: number): void {
  const holder = db.get<{ position: number; observed_at: number }>(
    "SELECT position, observed_at FROM record WHERE worth = 2 AND device = ? AND day = ?",
    record.deviceId,
    day,
  );
  if (holder !== undefined && holder.observed_at > record.observedAt.getTime()) return;
  if (holder !== undefined) db.run("UPDATE record SET worth = 1 WHERE position = ?", holder.position);
  db.run("UPDATE record SET worth = 2 WHERE id = ?", record.id);
}
