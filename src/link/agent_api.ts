import type { Buffer } from "node:buffer";
import type {
  ActivateRequest,
  ActivateResponse,
  PollRequest,
  PollResponse,
  RenewRequest,
  RenewResponse,
} from "../../proto/gen/opendca/v1/agent_service.ts";
import type { Batch, UploadResponse } from "../../proto/gen/opendca/v1/batch.ts";
import type { CheckUpdateRequest, CheckUpdateResponse, FetchUpdateRequest } from "../../proto/gen/opendca/v1/update.ts";

/**
 * The platform's calls for the agent. Each call ends by its deadline and throws `TransportError` (retry),
 * `RevokedError` (stop) or `RejectedError` (the platform will never accept this request).
 */
export interface AgentApi {
  /** Awaits `beforeSend` on each connection before sending the request. */
  activate(
    request: ActivateRequest,
    signal?: AbortSignal,
    beforeSend?: (peer: ConnectedPeer) => Promise<void> | void,
  ): Promise<ActivateResponse>;
  renew(request: RenewRequest, signal?: AbortSignal): Promise<RenewResponse>;
  poll(request: PollRequest, signal?: AbortSignal): Promise<PollResponse>;
  /** Sends `batch.bytes` unchanged. */
  upload(batch: EncodedBatch, signal?: AbortSignal): Promise<UploadResponse>;
  /**
   * Resolves to true when the platform has sent its last byte, and to false when the time of one call is over before.
   * Throws `RejectedError` if the platform does not offer the file.
   */
  fetchUpdate(download: UpdateDownload, signal?: AbortSignal): Promise<boolean>;
  /** What the next poll would offer. An older platform does not know the call: "request-refused" or a transport error. */
  checkUpdate(request: CheckUpdateRequest, signal?: AbortSignal): Promise<CheckUpdateResponse>;
}

/** The file of an update as it comes. */
export interface UpdateDownload {
  /** Called for each attempt, as another endpoint goes on where the one before it ended. */
  request(): FetchUpdateRequest;
  /** Takes a part. No more is received until it resolves; what it throws ends the call, and is thrown. */
  take(data: Uint8Array): Promise<void>;
}

/** A batch and its encoding: the ledger hashes exactly the bytes that are sent. */
export interface EncodedBatch {
  message: Batch;
  bytes: Buffer;
}

/** The peer of a connection, before anything is sent. */
export interface ConnectedPeer {
  /** SHA-256 of the public key that it proved in TLS, in hex. */
  key: string;
  /** Delivery of the request on earlier connections; undefined on the first one. */
  earlier: "none" | "unknown" | undefined;
}
