/** What "every reading exactly once" means of a platform's store, for all tests that break something on the way there. */
import { unpackRecord } from "../../platform/store/stored_record.ts";
import assert from "node:assert/strict";
import { Record as UploadedRecord } from "../../proto/gen/opendca/v1/batch.ts";

export interface StoredRecord {
  record_id: string;
  device_id: string | null;
  kind: string;
  record: Uint8Array;
}

/** The rows that `assertExactlyOnce` wants. */
export const storedRecordsSql = "SELECT record_id, device_id, kind, record FROM readings";

/**
 * Every id of `promised` is stored, nothing is stored twice, no device was read twice at one time, and each reading has the
 * page counter that its printer has. Returns how many records are stored that nobody promised: a process that was killed
 * may have had no time to say so.
 */
export function assertExactlyOnce(
  records: readonly StoredRecord[],
  promised: Iterable<string>,
  totalAt: (address: string) => number,
): number {
  const ids = new Set(promised);
  const stored = new Set(records.map(({ record_id }) => record_id));
  assert.deepEqual([...ids].filter((id) => !stored.has(id)), [], "records were lost");
  assert.equal(stored.size, records.length, "records are there twice");
  const readings = records.filter(({ kind }) => kind === "reading");
  const distinct = new Set<string>();
  for (const { record, record_id, device_id } of readings) {
    const { content, observedAt } = UploadedRecord.decode(unpackRecord(record));
    assert(content?.$case === "reading", `${record_id} is no reading`);
    distinct.add(`${device_id} ${observedAt?.getTime()}`);
    const { address, meters } = content.value;
    const total = meters.find(({ name }) => name === "total")?.value;
    // A status reading brings no meters.
    if (meters.length > 0) assert.equal(total, totalAt(address), `${record_id} has another printer's counter`);
  }
  assert.equal(distinct.size, readings.length, "a reading is there under two ids");
  return records.length - ids.size;
}
