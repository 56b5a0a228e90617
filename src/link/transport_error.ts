import { NotPermittedError, UnavailableError } from "../../common/core/errors.ts";
import type { TransportFault } from "./transport_fault.ts";

/**
 * Whether the platform has worked on the request: `none`: certainly not, it was never sent or the platform says so;
 * `unknown`: it was sent, and the answer did not come.
 */
export type Delivery = "none" | "unknown";

/** A call did not come through; worth a retry. */
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

/** Directories lock a user after a handful of wrong passwords in half an hour; a changed agent.yaml is tried at once. */
const refusedPasswordPauseMs = 30 * 60_000;

/** The platform has revoked this agent, or does not know its certificate any more; no retry will change that. */
export class RevokedError extends NotPermittedError {
  override readonly name: string = "RevokedError";
  constructor(readonly fault: TransportFault, options?: ErrorOptions) {
    super(fault.message, fault.advice, options);
  }
}
