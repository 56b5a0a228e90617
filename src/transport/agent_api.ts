import type {
  ActivateRequest,
  ActivateResponse,
  PollRequest,
  PollResponse,
  RenewRequest,
  RenewResponse,
} from "../../proto/gen/opendca/v1/agent_service.ts";
import type { Batch, UploadResponse } from "../../proto/gen/opendca/v1/batch.ts";

/**
 * The platform as the agent uses it. Each call ends by its deadline and throws `TransportError` (retry), `RevokedError`
 * (stop) or `RejectedError` (the platform will never take this request).
 */
export interface AgentApi {
  activate(request: ActivateRequest, signal?: AbortSignal): Promise<ActivateResponse>;
  renew(request: RenewRequest, signal?: AbortSignal): Promise<RenewResponse>;
  poll(request: PollRequest, signal?: AbortSignal): Promise<PollResponse>;
  upload(batch: Batch, signal?: AbortSignal): Promise<UploadResponse>;
}
