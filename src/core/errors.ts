/**
 * Errors that a caller decides by. Anything that is none of these is a bug and ends with exit code 70.
 * Messages read "Cannot X as Y: current value is Z"; `hint` is the next thing to type or to look at.
 */

import { maybeShortage, nameShortages } from "./shortage.ts";

/** A mistake in the command line or in an input file that a user can mend: exit code 64. */
export class UsageError extends Error {
  override readonly name: string = "UsageError";
  constructor(message: string, readonly hint?: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** A file that the operator wrote does not say what it must: exit code 78. */
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

/** The platform will never take this, however often it is sent: set it aside, and go on. */
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
  if (error instanceof NotPermittedError) return 77;
  if (error instanceof ConfigError) return 78;
  return maybeShortage(error) === undefined ? 70 : 69;
}

/** The message of anything that was thrown, without the number and the call that the runtime puts behind it. */
export function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return nameShortages(message).replace(/ \(os error \d+\)(: \w+ '[^']*'( -> '[^']*')?)?$/, "");
}
