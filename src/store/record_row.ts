import { DamagedDatabaseError } from "../../common/host/sqlite.ts";
import type { RecordRow } from "./spool_database.ts";
import { checksumOf, type RecordClass, type RecordKind, type SpoolRecord } from "./spool_record.ts";

/** A row as the record that was appended. Throws `DamagedDatabaseError` when its checksum says that it is another. */
export function recordOf(row: RecordRow): SpoolRecord {
  const { span, uptime_ms: ms, corrected_at: correctedAt } = row;
  const record: SpoolRecord = {
    id: row.id,
    kind: row.kind as RecordKind,
    class: row.class as RecordClass,
    deviceId: row.device,
    observedAt: new Date(row.observed_at),
    ...(typeof span === "string" && typeof ms === "number" ? { mark: { span, ms } } : {}),
    ...(typeof correctedAt === "number"
      ? { corrected: { at: new Date(correctedAt), isGuess: row.is_guess === 1 } }
      : {}),
    payload: row.payload,
  };
  if (checksumOf(record) !== row.check_sum) {
    throw new DamagedDatabaseError(`Cannot read the record "${row.id}" as it was written: its checksum differs`);
  }
  return record;
}
