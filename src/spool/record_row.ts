import { DamagedDatabaseError } from "../core/sqlite.ts";
import type { RecordRow } from "./spool_database.ts";
import { checksumOf, type RecordClass, type RecordKind, type SpoolRecord } from "./spool_record.ts";

/** A row as the record that was appended. Throws `DamagedDatabaseError` when its checksum says that it is another. */
export function recordOf(row: RecordRow): SpoolRecord {
  const record: SpoolRecord = {
    id: row.id,
    kind: row.kind as RecordKind,
    class: row.class as RecordClass,
    deviceId: row.device,
    observedAt: new Date(row.observed_at),
    payload: row.payload,
  };
  if (checksumOf(record) !== row.check_sum) {
    throw new DamagedDatabaseError(`Cannot read the record "${row.id}" as it was written: its checksum differs`);
  }
  return record;
}
