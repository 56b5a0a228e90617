/** One event as data. It is converted to text last, by `formatJsonLine` or `formatTextLine`. */
import type { Secret } from "../../common/core/secret.ts";
import type { LogLevel } from "./log_level.ts";

/** Undefined fields are left out. */
export type LogValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | undefined
  | Date
  | Error
  | Secret
  | readonly LogValue[]
  | { readonly [name: string]: LogValue };

export type LogFields = { readonly [name: string]: LogValue };

/** Past participles of irregular verbs, for the last word of an event's name. */
type IrregularVerb =
  | "Begun"
  | "Broken"
  | "Cut"
  | "Done"
  | "Found"
  | "Gone"
  | "Held"
  | "Hidden"
  | "Known"
  | "Left"
  | "Lost"
  | "Made"
  | "Overrun"
  | "Read"
  | "Seen"
  | "Sent"
  | "Set"
  | "Shut"
  | "Taken"
  | "Torn"
  | "Woken"
  | "Written";

/** Name of an event as noun and past participle: `batchSent`, `certificateRenewed`, `siteLost`. */
export type EventName = `${Lowercase<string>}${string}${"ed" | IrregularVerb}`;

export interface LogRecord {
  time: Date;
  level: LogLevel;
  event: string;
  fields: LogFields;
}

/** Receives records in order; never throws. */
export interface LogSink {
  write(record: LogRecord): void;
  /** Resolves when all received records are written. */
  close(): Promise<void>;
}
