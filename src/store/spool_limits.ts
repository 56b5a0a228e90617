import type { Database } from "../../common/host/sqlite.ts";
import { stateOf } from "./spool_database.ts";

export interface SpoolLimits {
  /** Upper limit of the queue, as `sizeOf` counts. */
  maxBytes: number;
  /** Unsent records older than this are dropped, but never the last meter record of a device and day. */
  maxAgeMs: number;
  /** Upper limit of the quarantine; the oldest refused records go first. */
  maxRefusedBytes: number;
}

/** 90 days and 256 MB, and 16 MB of quarantine. */
export const defaultSpoolLimits: SpoolLimits = {
  maxBytes: 256 * 1024 * 1024,
  maxAgeMs: 90 * 86_400_000,
  maxRefusedBytes: 16 * 1024 * 1024,
};

interface Droppable {
  position: number;
  size: number;
  worth: number;
}

const counterOfWorth = ["dropped_status", "dropped_meters", "dropped_last_meters"] as const;

/** Within a transaction: drops records beyond the limits, by ascending worth and age. Batched records stay. */
export function enforceLimits(db: Database, limits: SpoolLimits): void {
  const { age_ms: ageMs, bytes } = stateOf(db);
  let left = bytes;
  for (const worth of [0, 1]) {
    // Ages ascend with positions, so the first that is young enough ends the search.
    for (;;) {
      const oldest = db.get<Droppable & { age_ms: number }>(
        "SELECT position, size, worth, age_ms FROM record INDEXED BY record_worth WHERE sequence IS NULL AND worth = ? ORDER BY position LIMIT 1",
        worth,
      );
      if (oldest === undefined || ageMs - oldest.age_ms <= limits.maxAgeMs) break;
      left -= drop(db, oldest);
    }
  }
  while (left > limits.maxBytes) {
    const worst = db.get<Droppable>(
      "SELECT position, size, worth FROM record INDEXED BY record_worth WHERE sequence IS NULL ORDER BY worth, position LIMIT 1",
    );
    if (worst === undefined) return;
    left -= drop(db, worst);
  }
}

function drop(db: Database, { position, size, worth }: Droppable): number {
  const counter = counterOfWorth[worth]!;
  db.run("DELETE FROM record WHERE position = ?", position);
  db.run(`UPDATE state SET depth = depth - 1, bytes = bytes - ?, ${counter} = ${counter} + 1`, size);
  return size;
}
