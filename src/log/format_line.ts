import { type LogLevel, syslogPriorities } from "./log_level.ts";
import type { LogRecord } from "./log_record.ts";
import { type PlainFields, plainFields, plainText, type PlainValue } from "./plain_fields.ts";

export type LineFormat = (record: LogRecord) => string;

/** One JSON object: `time` (RFC 3339, UTC), `level`, `event`, then the fields. */
export function formatJsonLine({ time, level, event, fields }: LogRecord): string {
  // These three are spread last, so that no field can replace them.
  const own = { time: time.toISOString(), level, event: plainText(event) };
  return `${JSON.stringify({ ...own, ...plainFields(fields), ...own })}\n`;
}

/** As `format`, with the priority prefix that journald removes (sd-daemon(3)). */
export function withPriority(format: LineFormat): LineFormat {
  return (record) => `<${syslogPriorities[record.level]}>${format(record)}`;
}

const colors: Readonly<Record<LogLevel, string>> = { error: "31;1", warn: "33", info: "36", debug: "2" };

/** One line for a person: local time, level, event, `name=value` with quotes if the value has blanks. */
export function formatTextLine(
  { time, level, event, fields }: LogRecord,
  { color = false }: { color?: boolean } = {},
): string {
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()]
    .map((part) => String(part).padStart(2, "0")).join(":");
  const paint = (text: string, code: string) => color ? `\x1b[${code}m${text}\x1b[0m` : text;
  const word = paint(level.toUpperCase().padEnd(5), colors[level]);
  const pairs = flatFields(plainFields(fields)).map(([name, value]) => ` ${paint(`${name}=`, "2")}${textOf(value)}`);
  return `${clock} ${word} ${plainText(event)}${pairs.join("")}\n`;
}

type FlatValue = Exclude<PlainValue, { [name: string]: PlainValue }>;

/** Nested fields get their path as name, as in `error.cause`; an error is represented by its message. */
function flatFields(fields: PlainFields, path = ""): [name: string, value: FlatValue][] {
  const isError = path !== "" && typeof fields.name === "string" && typeof fields.message === "string";
  return Object.entries(fields).flatMap(([name, value]): [string, FlatValue][] => {
    if (isError && name === "name") return [];
    const full = isError && name === "message" ? path : path === "" ? name : `${path}.${name}`;
    if (typeof value !== "object" || value === null || Array.isArray(value)) return [[full, value]];
    return flatFields(value, full);
  });
}

function textOf(value: FlatValue): string {
  if (Array.isArray(value)) {
    const isPlain = value.every((item) => typeof item !== "object" || item === null);
    return isPlain
      ? quoted(value.map((item) => typeof item === "string" ? item : String(item)).join(", "))
      : JSON.stringify(value);
  }
  return typeof value === "string" ? quoted(value) : String(value);
}

/** Quotes a name or value that could be read as more than one pair; quotes inside it are escaped. */
function quoted(text: string): string {
  return /^[^\s"=]+$/.test(text) ? text : JSON.stringify(text);
}
