import { NotPermittedError, UnavailableError } from "../../common/core/errors.ts";
import type { TransportFault } from "./transport_fault.ts";

/**
 * Whether the platform processed the request. `none`: certainly not, as it was never sent or the platform says so;
 * `unknown`: it was sent, but there was no response.
 */
export type Delivery = "none" | "unknown";

/** A call failed on the way; a retry may help. */
export class TransportError extends UnavailableError {
  override readonly name: string = "TransportError";
  constructor(
    readonly fault: TransportFault,
    readonly delivery: Delivery,
    options: { retryAfterMs?: number; cause: unknown },
  ) {
    const leastMs = fault.name === "proxy-credentials" ? refusedPasswordPauseMs : 0;
    super(fault.message, fault.advice, Math.max(options.retryAfterMs ?? 0, leastMs), { cause: options.cause });
  }
}

/**
 * Pause after a refused proxy password: directories lock a user after a few wrong ones in half an hour; a changed
 * agent.yaml is tried at once.
 */
const refusedPasswordPauseMs = 30 * 60_000;

/** The platform has revoked this agent, or no longer knows its certificate; retries do not help. */
export class RevokedError extends NotPermittedError {
  override readonly name: string = "RevokedError";
  constructor(readonly fault: TransportFault, options?: ErrorOptions) {
    super(fault.message, fault.advice, options);
  }
}
