/** The spool's input and output: records and batches. */
import { crc32 } from "node:zlib";
import type { TrueTime, UptimeMark } from "./clock_book.ts";

export type RecordKind = "reading" | "device_event" | "task_result";

/** `meter`: relevant for billing, kept longest; `status`: repeated by the next reading. */
export type RecordClass = "status" | "meter";

export interface SpoolRecord {
  /** UUID, made once when the record is made; the platform keeps one record an id. */
  id: string;
  kind: RecordKind;
  class: RecordClass;
  /** The agent's own id of the device; empty if the record is not about a device. */
  deviceId: string;
  /** On the machine's clock, right or wrong. */
  observedAt: Date;
  /** The same time on the machine's uptime; null if not recorded. */
  mark?: UptimeMark | null;
  /** The corrected time, for a batched record whose clock was wrong; otherwise null. */
  corrected?: TrueTime | null;
  /** Opaque to the spool and sent unchanged. */
  payload: Uint8Array;
}

/** Records under one sequence: always the same records in the same order. */
export interface Batch {
  epoch: string;
  /** From 1, without gaps in one epoch. */
  sequence: number;
  batchId: string;
  formedAt: Date;
  records: SpoolRecord[];
}

/** Size that counts against the spool's limit: the payload and about the size of its row and index entries. */
export function sizeOf(payload: Uint8Array): number {
  return payload.length + 256;
}

/** Days since 1970 in UTC: the day of which a device's last meter record is kept. */
export function dayOf(observedAt: Date): number {
  return Math.floor(observedAt.getTime() / 86_400_000);
}

/** CRC-32 over everything that is sent of a record, so that changed bits on disk are noticed. */
export function checksumOf(record: SpoolRecord): number {
  const { mark, corrected } = record;
  const head = [record.id, record.kind, record.class, record.deviceId, record.observedAt.getTime()];
  // Left out where there is none, as in a spool of the first layout.
  const times = [
    ...(mark ? [mark.span, mark.ms] : []),
    ...(corrected ? [corrected.at.getTime(), corrected.isGuess] : []),
  ];
  return crc32(record.payload, crc32([...head, ...times].join("\0")));
}
