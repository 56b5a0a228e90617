/** Converts readings to spool records, and the records of a batch to the sent bytes. */
import { gzipSync } from "node:zlib";
import {
  Batch as BatchMessage,
  Compression,
  type DeviceEvent,
  ReadingScope,
  Record as RecordMessage,
} from "../../proto/gen/opendca/v1/batch.ts";
import type { TaskResult } from "../../proto/gen/opendca/v1/task.ts";
import { maxPayloadBytes, maxPlainBytes } from "../../common/protocol/limits.ts";
import type { MaskableField } from "../../common/reading/maskable_fields.ts";
import type { UptimeMark } from "../store/clock_book.ts";
import type { EncodedBatch } from "./agent_api.ts";
import type { BatchSigner } from "./batch_signer.ts";
import { RejectedError } from "../../common/core/errors.ts";
import type { Reading } from "../../common/reading/reading.ts";
import type { Batch, SpoolRecord } from "../store/spool_record.ts";
import { asBuffer } from "./grpc_client.ts";
import { readingToMessage } from "../../common/reading/encode_reading.ts";
import { maskReading } from "../../common/reading/mask_reading.ts";

export interface RecordPlace {
  /** Name of the site. */
  site: string;
  /** The agent's own id of the device; empty if there is none. */
  deviceKey: string;
  /** Time of the observation on the machine's uptime; null if not recorded. */
  mark?: UptimeMark | null;
}

/** A reading as a masked spool record. `scope`: `full` with meters, `status` for data that the next reading repeats. */
export function recordOfReading(
  reading: Reading,
  options: RecordPlace & { scope: "full" | "status"; mask: readonly MaskableField[]; id?: string },
): SpoolRecord {
  const message = readingToMessage(maskReading(reading, options.mask));
  const scope = options.scope === "full" ? ReadingScope.FULL : ReadingScope.STATUS;
  return record(options, {
    kind: "reading",
    class: reading.meters.length > 0 ? "meter" : "status",
    observedAt: new Date(reading.observedAt),
    content: { $case: "reading", value: message },
    scope,
  });
}

/** An event of a device as a spool record. The caller must apply the policy's masks. */
export function recordOfEvent(
  event: DeviceEvent,
  options: RecordPlace & { observedAt: Date; id?: string },
): SpoolRecord {
  return record(options, {
    kind: "device_event",
    class: "status",
    observedAt: options.observedAt,
    content: { $case: "deviceEvent", value: event },
    scope: ReadingScope.UNSPECIFIED,
  });
}

/** A task result that is too long for a poll, as a spool record. */
export function recordOfTaskResult(
  result: TaskResult,
  options: { observedAt: Date; id?: string; mark?: UptimeMark | null },
): SpoolRecord {
  return record({ site: "", deviceKey: "", ...options }, {
    kind: "task_result",
    class: "meter",
    observedAt: options.observedAt,
    content: { $case: "taskResult", value: result },
    scope: ReadingScope.UNSPECIFIED,
  });
}

/**
 * The message for a batch: the encoded records joined, compressed with gzip. Throws `RejectedError` if it is larger
 * than the platform accepts.
 */
export function encodeBatch(
  batch: Batch,
  { sign, ...sender }: { installationId: string; runId: string; sign?: BatchSigner | undefined },
): EncodedBatch {
  const records = batch.records.map(sentBytes), plain = recordList(records);
  const payload = plain.length <= maxPlainBytes ? gzipSync(plain) : undefined;
  if (payload === undefined || payload.length > maxPayloadBytes) {
    throw new RejectedError(
      `Cannot send batch ${batch.sequence} as it is too large: current value is ${
        payload?.length ?? plain.length
      } bytes`,
    );
  }
  return encodeBatchMessage({
    batchId: batch.batchId,
    sequence: BigInt(batch.sequence),
    agentEpoch: batch.epoch,
    compression: Compression.GZIP,
    payload: asBuffer(payload),
    recordCount: records.length,
    ...sender,
    seal: sign?.(batch, records),
  });
}

export function encodeBatchMessage(message: BatchMessage): EncodedBatch {
  return { message, bytes: asBuffer(BatchMessage.encode(message).finish()) };
}

/** The encoded record, followed by its corrected fields: fields of a message may be in any order. */
function sentBytes({ payload, corrected }: SpoolRecord): Uint8Array {
  if (!corrected) return payload;
  const fields = RecordMessage.create({ correctedAt: corrected.at, correctedByGuess: corrected.isGuess });
  const added = RecordMessage.encode(fields).finish();
  const bytes = new Uint8Array(payload.length + added.length);
  bytes.set(payload);
  bytes.set(added, payload.length);
  return bytes;
}

/**
 * An encoded RecordList from encoded Records: field 1, length-delimited, for each record (protobuf encoding,
 * "Repeated").
 */
function recordList(payloads: readonly Uint8Array[]): Uint8Array {
  const parts = payloads.flatMap((payload) => [prefix(payload.length), payload]);
  const bytes = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function prefix(length: number): Uint8Array {
  const bytes = [0x0a];
  let rest = length;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest & 0x7f) | 0x80);
  return Uint8Array.from([...bytes, rest]);
}

function record(
  { site, deviceKey, id, mark = null }: RecordPlace & { id?: string },
  rest: Pick<SpoolRecord, "kind" | "class" | "observedAt"> & Pick<RecordMessage, "content" | "scope">,
): SpoolRecord {
  const recordId = id ?? crypto.randomUUID();
  const { kind, observedAt, content, scope } = rest;
  const uptime = mark === null ? undefined : { span: mark.span, milliseconds: BigInt(mark.ms) };
  const message = RecordMessage.create({ recordId, observedAt, site, deviceKey, uptime });
  const payload = RecordMessage.encode({ ...message, content, scope }).finish();
  return { id: recordId, kind, class: rest.class, deviceId: deviceKey, observedAt, mark, payload };
}
