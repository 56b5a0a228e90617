import { Metadata, status } from "@grpc/grpc-js";
import { messageOf, UnavailableError } from "../../../common/core/errors.ts";
import { CallError, type Reason } from "../../agents/call_error.ts";
import type { Platform } from "../../agents/platform.ts";

const codes: Record<Reason, status> = {
  "certificate-required": status.UNAUTHENTICATED,
  "agent-revoked": status.PERMISSION_DENIED,
  "certificate-replaced": status.PERMISSION_DENIED,
  "invalid-request": status.INVALID_ARGUMENT,
  "update-not-offered": status.NOT_FOUND,
  "too-many-requests": status.RESOURCE_EXHAUSTED,
  "store-busy": status.UNAVAILABLE,
  "internal": status.INTERNAL,
};

/** The status for a failure, with the reasons of proto/opendca/v1/agent_service.proto. A defect is logged. */
export function callStatusOf(
  platform: Platform,
  error: unknown,
): { code: status; details: string; metadata: Metadata } {
  const failure = callErrorOf(error);
  if (failure.reason === "internal") platform.log("callFailed", { message: messageOf(error), stack: stackOf(error) });
  if (failure.reason === "store-busy") platform.log("storeBusy", { message: messageOf(error) });
  const metadata = new Metadata();
  metadata.set("opendca-reason", failure.reason);
  if (failure.retryAfterMs > 0) metadata.set("opendca-retry-after-ms", String(failure.retryAfterMs));
  return { code: codes[failure.reason], details: failure.message, metadata };
}

function callErrorOf(error: unknown): CallError {
  if (error instanceof CallError) return error;
  if (error instanceof UnavailableError) {
    return new CallError("store-busy", "Cannot store now", Math.max(1000, error.retryAfterMs), { cause: error });
  }
  // Internal details go to the log, not to the caller.
  return new CallError("internal", "Cannot answer because of a fault of the platform", 0, { cause: error });
}

function stackOf(error: unknown): string {
  return error instanceof Error ? error.stack ?? "" : "";
}
