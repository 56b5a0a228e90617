/**
 * Errors that callers distinguish. Any other error is a bug and ends with exit code 70. Messages read "Cannot X as Y:
 * current value is Z"; `hint` is the next thing to type or to check.
 */

import { maybeShortage, nameShortages } from "./shortage.ts";
import { maybeWriteFault, pathOf } from "./write_fault.ts";

/** A mistake in the command line or in an input file that the user can fix: exit code 64. */
export class UsageError extends Error {
  override readonly name: string = "UsageError";
  constructor(message: string, readonly hint?: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** A mistake in a configuration file: exit code 78. */
export class ConfigError extends Error {
  override readonly name: string = "ConfigError";
  constructor(message: string, readonly hint?: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** A peer, a disk or the network cannot be reached now; worth a retry after `retryAfterMs`: exit code 69. */
export class UnavailableError extends Error {
  override readonly name: string = "UnavailableError";
  constructor(message: string, readonly hint?: string, readonly retryAfterMs = 0, options?: ErrorOptions) {
    super(message, options);
  }
}

/** Not permitted by the operating system, by policy or by the lock: exit code 77. */
export class NotPermittedError extends Error {
  override readonly name: string = "NotPermittedError";
  constructor(message: string, readonly hint?: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** The output of a command cannot be written, because the disk is full or the device fails: exit code 74. */
export class OutputError extends Error {
  override readonly name: string = "OutputError";
  constructor(message: string, readonly hint?: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/**
 * The reader of the output has ended, as after `| head -1`: the command ends without a message, with exit code 141
 * (SIGPIPE).
 */
export class ReaderGoneError extends Error {
  override readonly name: string = "ReaderGoneError";
}

/** The error for a failed write; `where` names the destination for the user. */
export function outputFailure(error: unknown, where: string): OutputError | ReaderGoneError {
  const isReaderGone = error instanceof Error &&
    (error.name === "BrokenPipe" || ("code" in error && error.code === "EPIPE"));
  if (isReaderGone) return new ReaderGoneError(`Nobody reads ${where}`, { cause: error });
  const fault = maybeWriteFault(error);
  // A device may also report that it is full.
  const hint = fault?.isOfDisk && fault.what !== "the disk is full"
    ? `${fault.hint}, or write to another place`
    : "see whether the disk is full, and whether the device is there";
  return new OutputError(`Cannot write to ${where}: ${messageOf(error)}`, hint, { cause: error });
}

/** The platform will never accept this: do not send it again, put it aside and continue. */
export class RejectedError extends Error {
  override readonly name: string = "RejectedError";
  constructor(message: string, readonly hint?: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** Exit code of sysexits.h for an error: 64 usage, 69 unavailable, 77 not permitted, 78 configuration, 70 a bug. */
export function exitCodeFor(error: unknown): number {
  if (error instanceof UsageError) return 64;
  if (error instanceof UnavailableError) return 69;
  if (error instanceof RejectedError) return 69;
  if (error instanceof OutputError) return 74;
  if (error instanceof ReaderGoneError) return 141;
  if (error instanceof NotPermittedError) return 77;
  if (error instanceof ConfigError) return 78;
  return maybeShortage(error) === undefined && !maybeWriteFault(error)?.isOfDisk ? 70 : 69;
}

/** The message of any thrown value, without the error number and system call that the runtime appends. */
export function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return nameShortages(message).replace(/ \(os error \d+\)(: \w+ '[^']*'( -> '[^']*')?)?$/, "");
}

/** The message with the error's hint, if any: for places that show one line only. */
export function adviceOf(error: unknown): string {
  const knows = error instanceof UnavailableError || error instanceof NotPermittedError;
  const hint = knows ? error.hint : undefined;
  return hint === undefined ? messageOf(error) : `${messageOf(error)} (${hint})`;
}

/** Converts a shortage of the system or a disk fault to an error with a clear message; other errors are unchanged. */
export function namedError(error: unknown): unknown {
  if (error instanceof UnavailableError || exitCodeFor(error) !== 69) return error;
  const shortage = maybeShortage(error);
  const cause = { cause: error };
  if (shortage !== undefined) {
    return new UnavailableError(`Cannot run the command as ${shortage.what}`, shortage.hint, 0, cause);
  }
  const fault = maybeWriteFault(error), path = pathOf(error);
  const what = path === undefined ? "run the command" : `write "${path}"`;
  return fault === undefined ? error : new UnavailableError(`Cannot ${what} as ${fault.what}`, fault.hint, 0, cause);
}
