import { status } from "@grpc/grpc-js";

/** The reasons at the head of proto/opendca/v1/agent_service.proto. */
export type Reason =
  | "certificate-required"
  | "agent-revoked"
  | "certificate-replaced"
  | "invalid-request"
  | "too-many-requests"
  | "store-busy"
  | "internal";

const codes: Record<Reason, status> = {
  "certificate-required": status.UNAUTHENTICATED,
  "agent-revoked": status.PERMISSION_DENIED,
  "certificate-replaced": status.PERMISSION_DENIED,
  "invalid-request": status.INVALID_ARGUMENT,
  "too-many-requests": status.RESOURCE_EXHAUSTED,
  "store-busy": status.UNAVAILABLE,
  "internal": status.INTERNAL,
};

/** A call that is answered with a status; the message goes to the agent. */
export class CallError extends Error {
  override readonly name = "CallError";
  readonly code: status;
  constructor(readonly reason: Reason, message: string, readonly retryAfterMs = 0, options?: ErrorOptions) {
    super(message, options);
    this.code = codes[reason];
  }
}
