/**
 * `error`: data is or will be lost, or the agent cannot work; somebody must act. `warn`: a failure that is retried or
 * not essential; act if it persists. `info`: events of normal operation that an operator wants to know. `debug`: every
 * step, for troubleshooting.
 */
export const logLevels = ["error", "warn", "info", "debug"] as const;
export type LogLevel = (typeof logLevels)[number];

/** Priorities of RFC 5424 section 6.2.1, which journald reads from the start of a line. */
export const syslogPriorities: Readonly<Record<LogLevel, number>> = { error: 3, warn: 4, info: 6, debug: 7 };

/** Whether a line of `level` is written with the configured `limit`. */
export function isLogged(level: LogLevel, limit: LogLevel): boolean {
  return logLevels.indexOf(level) <= logLevels.indexOf(limit);
}
