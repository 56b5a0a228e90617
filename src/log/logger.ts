import type { Clock } from "../../common/core/clock.ts";
import { isLogged, type LogLevel } from "./log_level.ts";
import type { EventName, LogFields, LogSink } from "./log_record.ts";

/** Writes events; never throws and never waits. log_level.ts defines the levels. */
export interface Logger {
  error(event: EventName, fields?: LogFields): void;
  warn(event: EventName, fields?: LogFields): void;
  info(event: EventName, fields?: LogFields): void;
  debug(event: EventName, fields?: LogFields): void;
  /** Use it to skip fields that are expensive to compute. */
  isEnabled(level: LogLevel): boolean;
  /** A logger that adds these fields to every event; the event's own fields take precedence. */
  child(fields: LogFields): Logger;
}

export interface LoggerOptions {
  clock: Clock;
  /** Called for each event, so that the level can change while the agent runs. */
  level: () => LogLevel;
  sink: LogSink;
  fields?: LogFields;
}

export function createLogger(options: LoggerOptions): Logger {
  const { clock, sink, fields: common = {} } = options;
  const isEnabled = (level: LogLevel) => isLogged(level, options.level());
  const at = (level: LogLevel) => (event: EventName, fields: LogFields = {}) => {
    if (isEnabled(level)) sink.write({ time: clock.now(), level, event, fields: { ...common, ...fields } });
  };
  return {
    error: at("error"),
    warn: at("warn"),
    info: at("info"),
    debug: at("debug"),
    isEnabled,
    child: (fields) => createLogger({ ...options, fields: { ...common, ...fields } }),
  };
}
