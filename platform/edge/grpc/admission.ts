import { type Metadata, ServerInterceptingCall, type ServerInterceptor, status } from "@grpc/grpc-js";
import { callStatusOf } from "./call_status.ts";
import { CallError } from "../../agents/call_error.ts";
import { type Caller, callerOf } from "../../agents/caller.ts";
import type { ConnectionGate } from "../connections/connection_gate.ts";
import type { Platform } from "../../agents/platform.ts";

/* A message may have 4 MiB, and anyone who has no certificate may send one as slowly as the call timeout lets it. */
const mostActivations = 16;
const openPath = "/opendca.v1.AgentService/Activate";

const admitted = new WeakMap<Metadata, { caller: Caller; atMs: number }>();
const admittedMs = 1000;

/** The caller, if its call was admitted within the last second; a revocation is seen in a call that takes longer. */
export function maybeAdmitted({ clock }: Platform, metadata: Metadata): Caller | undefined {
  const found = admitted.get(metadata);
  return found === undefined || clock.monotonicMs() - found.atMs > admittedMs ? undefined : found.caller;
}

/**
 * Decides on a call before its message is read, so that only agents, and a few activations of each source, use memory.
 * The handlers look up the caller again if its message took longer, as it may have been revoked meanwhile.
 */
export function admission(platform: Platform, gate: ConnectionGate): ServerInterceptor {
  const activations = new Map<string, number>();

  function enter(source: string): () => void {
    const count = activations.get(source) ?? 0;
    if (count >= mostActivations) throw new CallError("too-many-requests", "Cannot answer so many calls at once", 1000);
    activations.set(source, count + 1);
    let isInside = true;
    return () => {
      if (!isInside) return;
      isInside = false;
      const left = activations.get(source)! - 1;
      if (left === 0) activations.delete(source);
      else activations.set(source, left);
    };
  }

  return ({ path }, call) => {
    let leave = () => {};
    let endCall = () => {};
    // The call may end or time out during the lookup of the caller in the store.
    let isOver = false;
    const end = () => {
      isOver = true;
      leave();
      endCall();
    };
    /* Throws CallError. */
    async function admit(peer: string, metadata: Metadata): Promise<void> {
      if (path === openPath) {
        endCall = gate.callBegan(peer, undefined);
        leave = enter(gate.sourceOf(peer));
        return;
      }
      try {
        const caller = await callerOf(platform, call.getAuthContext().sslPeerCertificate?.raw);
        admitted.set(metadata, { caller, atMs: platform.clock.monotonicMs() });
        if (!isOver) endCall = gate.callBegan(peer, caller.agentId);
      } catch (error) {
        // A refused caller is anonymous, even on a connection of an agent that was revoked meanwhile.
        gate.callBegan(peer, undefined)();
        throw error;
      }
    }
    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata(metadata, next) {
            admit(call.getPeer(), metadata).then(() => isOver || next(metadata)).catch((error) => {
              if (isOver) return;
              end();
              call.sendStatus(callStatusOf(platform, error));
            }).catch(({ message, stack }) => platform.log("callFailed", { message, stack }));
          },
          onReceiveMessage: (message, next) => next(message),
          onReceiveHalfClose: (next) => next(),
          onCancel: end,
        }),
      sendStatus(answer, next) {
        end();
        next(answer);
      },
    });
  };
}

/**
 * Ends calls without a response after `timeoutMs`, regardless of the caller's deadline: otherwise a caller could open a
 * stream and keep it open without sending its message. A stream of responses limits itself after the first one.
 */
export function callTimeout(timeoutMs: number): ServerInterceptor {
  return (_, call) => {
    const timer = setTimeout(
      () => call.sendStatus({ code: status.DEADLINE_EXCEEDED, details: "Cannot wait longer for this call" }),
      timeoutMs,
    );
    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, next) => next(metadata),
          onReceiveMessage: (message, next) => next(message),
          onReceiveHalfClose: (next) => next(),
          onCancel: () => clearTimeout(timer),
        }),
      sendMessage: (message, next) => {
        clearTimeout(timer);
        next(message);
      },
      sendStatus: (answer, next) => {
        clearTimeout(timer);
        next(answer);
      },
    });
  };
}
