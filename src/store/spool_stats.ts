import type { Database } from "../../common/host/sqlite.ts";
import { stateOf } from "./spool_database.ts";

export interface SpoolStats {
  epoch: string;
  /** Records that are not acknowledged. */
  depth: number;
  bytes: number;
  /** Observation time of the first of them to arrive, so that one wrong clock does not decide it. */
  oldestObservedAt: Date | null;
  outstandingBatches: number;
  acknowledgedSequence: number;
  quarantinedRecords: number;
  /** Records lost to the limits since the spool was made. `lastMeters` were the last of their device and day. */
  dropped: { status: number; meters: number; lastMeters: number; quarantined: number };
  /** New records are refused because the disk is full. */
  diskFull: boolean;
}

/** A refused record, without its payload. */
export interface QuarantinedRecord {
  id: string;
  kind: string;
  deviceId: string;
  observedAt: Date;
  epoch: string;
  sequence: number;
  reason: string;
  refusedAt: Date;
  payloadBytes: number;
}

export function statsOf(db: Database, { diskFull }: { diskFull: boolean }): SpoolStats {
  const state = stateOf(db);
  const oldest = db.get<{ observed_at: number }>("SELECT observed_at FROM record ORDER BY position LIMIT 1");
  return {
    epoch: state.epoch,
    depth: state.depth,
    bytes: state.bytes,
    oldestObservedAt: oldest === undefined ? null : new Date(oldest.observed_at),
    outstandingBatches: countOf(db, "batch"),
    acknowledgedSequence: state.acknowledged,
    quarantinedRecords: countOf(db, "refused"),
    dropped: {
      status: state.dropped_status,
      meters: state.dropped_meters,
      lastMeters: state.dropped_last_meters,
      quarantined: state.dropped_refused,
    },
    diskFull,
  };
}

export function quarantined(db: Database, limit: number): QuarantinedRecord[] {
  const rows = db.all<RefusedColumns>(
    `SELECT id, kind, device, observed_at, epoch, sequence, reason, refused_at, length(payload) AS bytes
     FROM refused ORDER BY position LIMIT ?`,
    limit,
  );
  return rows.map((row) => ({
    id: row.id,
    kind: row.kind,
    deviceId: row.device,
    observedAt: new Date(row.observed_at),
    epoch: row.epoch,
    sequence: row.sequence,
    reason: row.reason,
    refusedAt: new Date(row.refused_at),
    payloadBytes: row.bytes,
  }));
}

interface RefusedColumns {
  id: string;
  kind: string;
  device: string;
  observed_at: number;
  epoch: string;
  sequence: number;
  reason: string;
  refused_at: number;
  bytes: number;
}

function countOf(db: Database, table: "batch" | "refused"): number {
  return db.get<{ count: number }>(`SELECT count(*) AS count FROM ${table}`)!.count;
}
