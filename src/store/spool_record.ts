/** What the spool keeps: records as they enter it and batches as they leave it. */
import { crc32 } from "node:zlib";
import type { TrueTime, UptimeMark } from "./clock_book.ts";

export type RecordKind = "reading" | "device_event" | "task_result";

/** `meter` is what money depends on and stays longest; `status` is what the next reading says again. */
export type RecordClass = "status" | "meter";

export interface SpoolRecord {
  /** UUID, made once when the record is made; the platform keeps one record an id. */
  id: string;
  kind: RecordKind;
  class: RecordClass;
  /** The agent's own id of the device; empty for what is about none. */
  deviceId: string;
  /** By the machine's clock, right or wrong. */
  observedAt: Date;
  /** When that was on the machine's uptime; null where it was not looked at. */
  mark?: UptimeMark | null;
  /** What is sent as the time, of a record in a batch whose clock was wrong; null for any other. */
  corrected?: TrueTime | null;
  /** Opaque to the spool, and sent as it is. */
  payload: Uint8Array;
}

/** Records under one sequence; the same records in the same order however often it is asked for. */
export interface Batch {
  epoch: string;
  /** From 1, without gaps in one epoch. */
  sequence: number;
  batchId: string;
  formedAt: Date;
  records: SpoolRecord[];
}

/** What a record counts for against the spool's limit: its payload and about what its row and index entries take. */
export function sizeOf(payload: Uint8Array): number {
  return payload.length + 256;
}

/** Days since 1970 in UTC: the day of which a device's last meter record is kept. */
export function dayOf(observedAt: Date): number {
  return Math.floor(observedAt.getTime() / 86_400_000);
}

/** CRC-32 over everything that is sent of a record; a disk that changes bits is noticed before they are sent. */
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
