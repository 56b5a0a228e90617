/** The gRPC edge: identifies the caller and converts failures; the services are elsewhere. */
import type { handleUnaryCall, sendUnaryData, ServerUnaryCall } from "@grpc/grpc-js";
import type { AgentServiceServer } from "../../../proto/gen/opendca/v1/agent_service.ts";
import { limitMessage } from "../../devices/message_limits.ts";
import { activationRate, activationWaitMs } from "../../agents/activation_calls.ts";
import { maybeAdmitted } from "./admission.ts";
import { activate } from "../../agents/activate.ts";
import { CallError } from "../../agents/call_error.ts";
import { callStatusOf } from "./call_status.ts";
import { type Caller, callerOf } from "../../agents/caller.ts";
import type { Platform } from "../../agents/platform.ts";
import { poll } from "../../tasks/poll.ts";
import type { ConnectionGate } from "../connections/connection_gate.ts";
import { rateLimit } from "../connections/rate_limit.ts";
import { renew, renewalRate } from "../../agents/renew.ts";
import { offerNow } from "../../releases/serve_update.ts";
import { type StreamUpdate, type UpdateCall, type UpdateLimits, updateStreams } from "./stream_update.ts";
import { upload } from "../../devices/upload.ts";

/** Handlers for `server.addService(AgentServiceService, …)`. */
export function agentService(
  platform: Platform,
  gate: ConnectionGate,
  updateLimits: Partial<UpdateLimits> = {},
): AgentServiceServer {
  const { monotonicMs } = platform.clock;
  // Asked first, so that a flood costs nothing but memory of this process.
  const activations = rateLimit({ ...activationRate, monotonicMs });
  // An agent polls every few minutes; after an outage it uploads as fast as it gets responses.
  const polls = rateLimit({ burst: 20, perMinute: 20, monotonicMs });
  // Of people, who run `opendca update --check`.
  const checks = rateLimit({ burst: 10, perMinute: 10, monotonicMs });
  const renewals = rateLimit({ ...renewalRate, monotonicMs });
  const streamUpdate = updateStreams(platform, updateLimits);

  function identified<Request, Response>(
    handle: (caller: Caller, request: Request) => Promise<Response>,
  ): handleUnaryCall<Request, Response> {
    return unary(platform, async (call) => await handle(await callerIn(platform, call), call.request));
  }

  return {
    activate: unary(platform, async (call) => {
      const source = gate.sourceOf(call.getPeer());
      allow(activations.waitMs(source));
      allow(await activationWaitMs(platform, source));
      allow(await platform.guesses.waitMs(source));
      return await activate(platform, { request: call.request, source });
    }),
    renew: identified((caller, request) => {
      allow(renewals.waitMs(caller.agentId));
      return renew(platform, caller, request);
    }),
    poll: identified((caller, request) => {
      allow(polls.waitMs(caller.agentId));
      return poll(platform, caller, request);
    }),
    upload: identified((caller, request) => upload(platform, caller, request)),
    checkUpdate: identified((caller, request) => {
      allow(checks.waitMs(caller.agentId));
      return offerNow(platform, caller, request);
    }),
    fetchUpdate: (call) => void sendUpdate(platform, streamUpdate, call),
  };
}

async function callerIn(
  platform: Platform,
  call: Pick<UpdateCall, "metadata" | "getAuthContext">,
): Promise<Caller> {
  return maybeAdmitted(platform, call.metadata) ??
    await callerOf(platform, call.getAuthContext().sslPeerCertificate?.raw);
}

async function sendUpdate(platform: Platform, streamUpdate: StreamUpdate, call: UpdateCall): Promise<void> {
  try {
    await streamUpdate(await callerIn(platform, call), call);
  } catch (error) {
    call.emit("error", callStatusOf(platform, error));
  }
}

function unary<Request, Response>(
  platform: Platform,
  handle: (call: ServerUnaryCall<Request, Response>) => Promise<Response>,
): handleUnaryCall<Request, Response> {
  return (call, callback) =>
    void answer(platform, () => {
      const mistake = limitMessage("call", call.request as object);
      if (mistake !== undefined) throw new CallError("invalid-request", `Cannot accept the request as ${mistake}`);
      return handle(call);
    }, callback);
}

async function answer<Response>(
  platform: Platform,
  handle: () => Promise<Response>,
  callback: sendUnaryData<Response>,
): Promise<void> {
  try {
    callback(null, await handle());
  } catch (error) {
    callback(callStatusOf(platform, error));
  }
}

function allow(waitMs: number): void {
  if (waitMs > 0) throw new CallError("too-many-requests", "Cannot answer so many calls", waitMs);
}
