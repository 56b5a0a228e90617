/**
 * `error`: data is or will be lost, or the agent cannot do its work; somebody must act. `warn`: something failed that is
 * tried again or done without; act when it stays. `info`: what an operator wants to know of a normal day. `debug`: every
 * step, for finding a fault.
 */
export const logLevels = ["error", "warn", "info", "debug"] as const;
export type LogLevel = (typeof logLevels)[number];

/** Priorities of RFC 5424 section 6.2.1, as journald reads them in front of a line. */
export const syslogPriorities: Readonly<Record<LogLevel, number>> = { error: 3, warn: 4, info: 6, debug: 7 };

/** Whether a line of `level` is written where `limit` is set. */
export function isLogged(level: LogLevel, limit: LogLevel): boolean {
  return logLevels.indexOf(level) <= logLevels.indexOf(limit);
}
