/** The reasons at the head of proto/opendca/v1/agent_service.proto. */
export type Reason =
  | "certificate-required"
  | "agent-revoked"
  | "certificate-replaced"
  | "invalid-request"
  | "update-not-offered"
  | "too-many-requests"
  | "store-busy"
  | "internal";

/** A call that is refused with a reason; the message is sent to the agent. */
export class CallError extends Error {
  override readonly name = "CallError";
  constructor(readonly reason: Reason, message: string, readonly retryAfterMs = 0, options?: ErrorOptions) {
    super(message, options);
  }
}
