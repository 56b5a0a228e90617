/**
 * Decodes the payload of a batch. Records are cut out of the list as bytes before they are decoded, so that the
 * platform stores exactly what was sent, including fields of later versions.
 */
import { gunzipSync } from "node:zlib";
import { BinaryReader } from "@bufbuild/protobuf/wire";
import { maxBatchRecords, maxPayloadBytes, maxPlainBytes, maxRecordBytes } from "../../common/protocol/limits.ts";
import { isUuid } from "../agents/request_checks.ts";
import { limitMessage } from "./message_limits.ts";
import { type Batch, Compression, Record, RejectionReason } from "../../proto/gen/opendca/v1/batch.ts";

/** Maximum ratio of uncompressed to compressed bytes of large payloads; agents make batches of about a megabyte. */
const maxExpansion = 100;
const anyPlainBytes = 2 * 1024 * 1024;

/** Far above any count, and so far below the largest number that no sum of samples is above that. */
const mostCounted = 1e100;

export interface DecodedRecord {
  record: Record;
  bytes: Uint8Array;
}

export interface DecodedBatch {
  records: DecodedRecord[];
  /** All of them as they were uploaded, those that are refused included. */
  parts: Uint8Array[];
  /** Ids of records that can never be stored, and the reasons. */
  refused: { recordId: string; why: string }[];
}

/** The whole batch is refused permanently. */
export class BatchRefusedError extends Error {
  override readonly name = "BatchRefusedError";
  constructor(message: string, readonly reason: RejectionReason, options?: ErrorOptions) {
    super(message, options);
  }
}

/** Throws BatchRefusedError. */
export function decodeBatch(batch: Batch): DecodedBatch {
  const { payload, recordCount } = batch;
  if (payload.length > maxPayloadBytes || recordCount > maxBatchRecords) {
    throw new BatchRefusedError(
      `Cannot accept a batch of ${payload.length} bytes and ${recordCount} records: at most ${maxPayloadBytes} and ${maxBatchRecords}`,
      RejectionReason.TOO_LARGE,
    );
  }
  const parts = cutRecords(plainPayload(batch));
  if (parts.length !== recordCount) {
    throw new BatchRefusedError(
      `Cannot accept the batch as ${recordCount} records: it holds ${parts.length}`,
      RejectionReason.MALFORMED,
    );
  }
  const decoded: DecodedBatch = { records: [], parts, refused: [] };
  for (const bytes of parts) {
    const record = decodeRecord(bytes);
    const why = bytes.length > maxRecordBytes ? `it has ${bytes.length} bytes` : whyRefused(record);
    if (why === undefined) decoded.records.push({ record, bytes });
    // An invalid id is shortened, so that the response stays small.
    else decoded.refused.push({ recordId: record.recordId.slice(0, 64).toWellFormed(), why });
  }
  return decoded;
}

function plainPayload({ payload, compression }: Batch): Uint8Array {
  if (compression === Compression.UNSPECIFIED) return payload;
  if (compression !== Compression.GZIP) {
    throw new BatchRefusedError(
      `Cannot decompress the batch: compression ${compression} is not known`,
      RejectionReason.MALFORMED,
    );
  }
  const most = Math.min(maxPlainBytes, Math.max(anyPlainBytes, maxExpansion * payload.length));
  try {
    // The limit applies while inflating, so a compression bomb never becomes a large buffer.
    return gunzipSync(payload, { maxOutputLength: most });
  } catch (error) {
    if (error instanceof RangeError) {
      const message =
        `Cannot accept a batch of ${payload.length} bytes that expands to more than ${most}: at most ${maxExpansion} times as many, and ${maxPlainBytes}`;
      throw new BatchRefusedError(message, RejectionReason.TOO_LARGE, { cause: error });
    }
    throw new BatchRefusedError("Cannot decompress the batch as gzip", RejectionReason.MALFORMED, { cause: error });
  }
}

/* RecordList has one field, `records` = 1, length-delimited: tag 0x0a. Other fields are of later versions. */
function cutRecords(plain: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = [];
  try {
    const reader = new BinaryReader(plain);
    while (reader.pos < reader.len) {
      const tag = reader.uint32();
      if (tag === 0x0a) parts.push(reader.bytes());
      else reader.skip(tag & 7);
      if (parts.length > maxBatchRecords) {
        throw new BatchRefusedError(`Cannot take more than ${maxBatchRecords} records`, RejectionReason.TOO_LARGE);
      }
    }
  } catch (error) {
    if (error instanceof BatchRefusedError) throw error;
    throw new BatchRefusedError("Cannot decode the list of records", RejectionReason.MALFORMED, { cause: error });
  }
  return parts;
}

function decodeRecord(bytes: Uint8Array): Record {
  try {
    return Record.decode(bytes);
  } catch (error) {
    throw new BatchRefusedError("Cannot decode a record", RejectionReason.MALFORMED, { cause: error });
  }
}

function whyRefused(record: Record): string | undefined {
  if (!isUuid(record.recordId)) return "its id is not a UUID";
  // A reading with a wrong clock is still accepted: see record_time.ts.
  if (Number.isNaN(record.observedAt?.getTime() ?? NaN)) return "it has no time";
  if (record.content === undefined) return "its content is of an unknown kind";
  const mistake = limitMessage("record", record);
  if (mistake !== undefined) return mistake;
  if (record.content.$case !== "reading") return undefined;
  // A policy may mask the address; then the device is identified by the agent's own id.
  if (record.content.value.address === "" && record.deviceKey === "") {
    return "the reading has neither an address nor the agent's id of the device";
  }
  if (record.content.value.meters.some((meter) => !(meter.value >= 0 && meter.value < mostCounted))) {
    return "a meter is not a count";
  }
  return undefined;
}
