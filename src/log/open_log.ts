/** The log as configured: a file, or standard output for a terminal, journald or another reader. */
import type { Clock } from "../../common/core/clock.ts";
import { type ColorChoice, hasColor } from "../../common/core/color.ts";
import { createFileSink, type LogDisk } from "./file_sink.ts";
import { formatJsonLine, formatTextLine, type LineFormat, withPriority } from "./format_line.ts";
import { limitRepeats } from "./limit_repeats.ts";
import type { LogLevel } from "./log_level.ts";
import type { LogFields, LogSink } from "./log_record.ts";
import { createLogger, type Logger } from "./logger.ts";
import { createStreamSink } from "./stream_sink.ts";

/** Same shape as the `log` section of the configuration. */
export interface LogOptions {
  level: LogLevel;
  format: "auto" | "json" | "text";
  file: { path: string; maxBytes: number; keep: number } | null;
}

export interface LogParts {
  clock: Clock;
  disk: LogDisk;
  stdout: { isTerminal: boolean; write(text: string): Promise<void> };
  /** Gets a message if the file cannot be written, as the log cannot report it then. */
  stderr: { write(text: string): Promise<void> };
  env: (name: string) => string | undefined;
  /** Colours of text on standard output. */
  color?: ColorChoice | undefined;
  /** Fields of every line, such as the version. */
  fields?: LogFields;
}

export interface OpenLog extends AsyncDisposable {
  logger: Logger;
  /** Takes effect with the next event. */
  setLevel(level: LogLevel): void;
}

/** Never fails: a file that cannot be opened is tried again with each event. Disposal writes pending lines. */
export function openLog(options: LogOptions, parts: LogParts): OpenLog {
  const { clock } = parts;
  let level = options.level;
  const sink = limitRepeats(openSink(options, parts), clock);
  const fields = parts.fields ?? {};
  return {
    logger: createLogger({ clock, level: () => level, sink, fields }),
    setLevel: (next) => level = next,
    [Symbol.asyncDispose]: () => sink.close(),
  };
}

function openSink({ format, file }: LogOptions, parts: LogParts): LogSink {
  const { clock, disk, stdout, stderr } = parts;
  if (file === null) {
    return createStreamSink({ clock, write: (text) => stdout.write(text), format: streamFormat(format, parts) });
  }
  return createFileSink({
    ...file,
    disk,
    clock,
    onProblem: (reason) => {
      // If standard error fails as well, the problem cannot be reported anywhere.
      stderr.write(`error: Cannot write the log "${file.path}": ${reason}\n`).catch(() => {});
    },
  });
}

function streamFormat(format: LogOptions["format"], { stdout, env, color: choice }: LogParts): LineFormat {
  const isText = format === "text" || (format === "auto" && stdout.isTerminal);
  const color = hasColor({ choice, isTerminal: stdout.isTerminal, env });
  const lines: LineFormat = isText ? (record) => formatTextLine(record, { color }) : formatJsonLine;
  return env("JOURNAL_STREAM") && !stdout.isTerminal ? withPriority(lines) : lines;
}
