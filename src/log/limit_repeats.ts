/**
 * Limits repeated records, so that they do not fill the disk: of identical records (level, event and fields) the first
 * few in a minute are written, the rest are counted. After the minute one more record follows with the count in
 * `repeated`.
 */
import type { Clock } from "../../common/core/clock.ts";
import type { LogRecord, LogSink } from "./log_record.ts";
import { plainFields } from "./plain_fields.ts";

const windowMs = 60_000;
const maxInWindow = 5;
/** Maximum number of different records that are watched at the same time; then the oldest is dropped. */
const maxWatched = 1_000;

interface Watched {
  last: LogRecord;
  sinceMs: number;
  seen: number;
}

/** Without a timer: a count is written before the next record, and at the end. */
export function limitRepeats(sink: LogSink, clock: Clock): LogSink {
  // In the order of `sinceMs`, as a Map keeps the order of insertion.
  const watched = new Map<string, Watched>();

  function letGo(key: string, { last, seen }: Watched): void {
    watched.delete(key);
    const repeated = seen - maxInWindow;
    if (repeated > 0) sink.write({ ...last, fields: { ...last.fields, repeated } });
  }

  function letGoOver(nowMs: number): void {
    for (const [key, entry] of watched) {
      if (nowMs - entry.sinceMs < windowMs) return;
      letGo(key, entry);
    }
  }

  return {
    write(record) {
      const nowMs = clock.monotonicMs();
      letGoOver(nowMs);
      const key = JSON.stringify([record.level, record.event, plainFields(record.fields)]);
      const entry = watched.get(key);
      if (entry === undefined) {
        const [oldest] = watched;
        if (watched.size >= maxWatched && oldest !== undefined) letGo(...oldest);
        watched.set(key, { last: record, sinceMs: nowMs, seen: 1 });
      } else {
        entry.last = record;
        entry.seen++;
        if (entry.seen > maxInWindow) return;
      }
      sink.write(record);
    },
    close() {
      for (const [key, entry] of watched) letGo(key, entry);
      return sink.close();
    },
  };
}
