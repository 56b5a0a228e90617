import { Batch } from "../../proto/gen/opendca/v1/batch.ts";
import { RejectedError } from "../../common/core/errors.ts";
import { createGrpcAgentApi, type GrpcOptions } from "./grpc_agent_api.ts";
import type { ClientIdentity } from "./identity_files.ts";
import { encodeBatchMessage } from "./spool_reading.ts";
import { RevokedError, TransportError } from "./transport_error.ts";
import type { TransportFault } from "./transport_fault.ts";

/**
 * Checks whether the platform accepts the agent's certificate. The request is a batch without an identity, which the
 * platform refuses before anything else, so that nothing is stored, no task is fetched and no state changes on either
 * side.
 */
export async function askPlatform(
  identity: ClientIdentity,
  options: GrpcOptions,
): Promise<"accepted" | TransportFault> {
  using api = createGrpcAgentApi(options);
  api.useCertificate({ ...identity, notAfter: identity.facts.notAfter });
  try {
    await api.upload(encodeBatchMessage(Batch.fromPartial({})));
    return "accepted";
  } catch (error) {
    if (error instanceof RejectedError) return "accepted";
    if (error instanceof RevokedError || error instanceof TransportError) return error.fault;
    throw error;
  }
}

/** Whether the platform will never again accept the certificate, as it says itself. */
export function isRefusal(answer: "accepted" | TransportFault): boolean {
  return answer !== "accepted" && ["client-certificate-refused", "revoked", "copied"].includes(answer.name);
}
