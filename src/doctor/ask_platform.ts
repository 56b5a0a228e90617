import { Batch } from "../../proto/gen/opendca/v1/batch.ts";
import type { ClientIdentity } from "../link/identity_files.ts";
import type { Clock } from "../../common/core/clock.ts";
import { RejectedError } from "../../common/core/errors.ts";
import { createGrpcAgentApi, type GrpcOptions } from "../link/grpc_agent_api.ts";
import { encodeBatchMessage } from "../link/spool_reading.ts";
import { RevokedError, TransportError } from "../link/transport_error.ts";

/**
 * Whether the platform accepts the agent's certificate. It is asked with a batch that has no identity, which it refuses
 * before it looks at anything else, so that nothing is stored, no task is fetched and no state changes on either side.
 */
export async function askPlatform(
  identity: ClientIdentity,
  options: Omit<GrpcOptions, "clock"> & { clock: Clock },
): Promise<"accepted" | { name: string; message: string; advice: string }> {
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
