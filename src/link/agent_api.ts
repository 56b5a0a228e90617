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

/**
 * The platform as the agent uses it. Each call ends by its deadline and throws `TransportError` (retry), `RevokedError`
 * (stop) or `RejectedError` (the platform will never take this request).
 */
export interface AgentApi {
  /** Waits for `beforeSend` on each connection that the request is about to go out on. */
  activate(
    request: ActivateRequest,
    signal?: AbortSignal,
    beforeSend?: (peer: ConnectedPeer) => Promise<void> | void,
  ): Promise<ActivateResponse>;
  renew(request: RenewRequest, signal?: AbortSignal): Promise<RenewResponse>;
  poll(request: PollRequest, signal?: AbortSignal): Promise<PollResponse>;
  /** Sends `batch.bytes` as they are. */
  upload(batch: EncodedBatch, signal?: AbortSignal): Promise<UploadResponse>;
}

/** A batch with its one encoding: what the ledger hashes is what is sent. */
export interface EncodedBatch {
  message: Batch;
  bytes: Buffer;
}

/** Who is at the other end of a connection, before anything is sent. */
export interface ConnectedPeer {
  /** SHA-256 of the public key that it proved in TLS, in hex. */
  key: string;
  /** What became of the request on the connections before this one; undefined on the first. */
  earlier: "none" | "unknown" | undefined;
}
