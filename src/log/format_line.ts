import { syslogPriorities } from "./log_level.ts";
import type { LogLevel } from "./log_level.ts";
import type { LogRecord } from "./log_record.ts";
import type { PlainValue } from "./plain_fields.ts";
import { plainFields, plainText } from "./plain_fields.ts";

export type LineFormat = (record: LogRecord) => string;

/** One JSON object: `time` (RFC 3339, UTC), `level`, `event`, then the fields. */
export function formatJsonLine({ time, level, event, fields }: LogRecord): string {
  // The three of ours last in the spread: a field cannot pass itself off as one of them.
  const own = { time: time.toISOString(), level, event: plainText(event) };
  return `${JSON.stringify({ ...own, ...plainFields(fields), ...own })}\n`;
}

/** As `format`, behind the priority that journald takes off again (sd-daemon(3)). */
export function withPriority(format: LineFormat): LineFormat {
  return (record) => `<${syslogPriorities[record.level]}>${format(record)}`;
}

const colors: Readonly<Record<LogLevel, string>> = { error: "31;1", warn: "33", info: "36", debug: "2" };

/** One line for a person: local time, level, event, `name=value`. */
export function formatTextLine(
  { time, level, event, fields }: LogRecord,
  { color = false }: { color?: boolean } = {},
): string {
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()]
    .map((part) => String(part).padStart(2, "0")).join(":");
  const word = level.toUpperCase().padEnd(5);
  const pairs = Object.entries(plainFields(fields)).map(([name, value]) => ` ${name}=${textOf(value)}`).join("");
  return `${clock} ${color ? `\x1b[${colors[level]}m${word}\x1b[0m` : word} ${plainText(event)}${pairs}\n`;
}

function textOf(value: PlainValue): string {
  if (typeof value === "string" && /^[^\s"=]+$/.test(value)) return value;
  return JSON.stringify(value);
}
