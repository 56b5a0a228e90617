/** One event as data. What it says in words is made at the very end, by `formatJsonLine` or `formatTextLine`. */
import type { Secret } from "../../common/core/secret.ts";
import type { LogLevel } from "./log_level.ts";

/** Fields of undefined are left out. */
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

/** What happened, as noun and past verb: `batchSent`, `certificateRenewed`, `siteLost`. */
export type EventName = `${Lowercase<string>}${string}${"ed" | IrregularVerb}`;

export interface LogRecord {
  time: Date;
  level: LogLevel;
  event: string;
  fields: LogFields;
}

/** Takes records one after the other and never throws. */
export interface LogSink {
  write(record: LogRecord): void;
  /** Done when all that was taken is written. */
  close(): Promise<void>;
}
