/** A connection to an address that somebody else chose, under the rules of guardedPost(), for protocols without HTTP. */
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { tryParseIp } from "../core/ip.ts";
import { atGuardedAddress, ForbiddenTargetError, type GuardedOptions } from "./guarded_post.ts";
import { isPublicAddress } from "./public_address.ts";

export interface SocketTarget {
  host: string;
  port: number;
  isTls: boolean;
}

export interface SocketOptions extends Omit<GuardedOptions, "mostBytes" | "timeoutMs"> {
  /** Until it is connected. */
  timeoutMs: number;
  /** PEM, of the client. */
  certificate?: string | undefined;
  key?: string | undefined;
}

/** Why it cannot be called, as far as its text tells; undefined if it can. */
export function socketFault({ host, isTls }: SocketTarget, allowed: readonly string[]): string | undefined {
  if (allowed.includes(host)) return undefined;
  if (!isTls) return "it is not encrypted";
  return tryParseIp(host) === undefined || isPublicAddress(host)
    ? undefined
    : `${host} is not an address of the Internet`;
}

/** Throws ForbiddenTargetError, and the system's errors. */
export async function guardedConnect(target: SocketTarget, options: SocketOptions): Promise<Socket> {
  const { host, port, isTls } = target, { allowed, timeoutMs, signal, ca, certificate, key } = options;
  const fault = socketFault(target, allowed);
  if (fault !== undefined) throw new ForbiddenTargetError(`Cannot call ${host}: ${fault}`);
  const time = AbortSignal.timeout(timeoutMs);
  const stop = signal === undefined ? time : AbortSignal.any([time, signal]);
  try {
    return await atGuardedAddress(host, { ...options, stop }, async (address) => {
      const socket = isTls
        ? connectTls({
          host: address,
          port,
          ...(tryParseIp(host) === undefined ? { servername: host } : {}),
          ...(ca === undefined ? {} : { ca }),
          ...(certificate === undefined ? {} : { cert: certificate, key }),
        })
        : connect({ host: address, port });
      await opened(socket, isTls ? "secureConnect" : "connect", stop);
      return socket;
    });
  } catch (error) {
    if (time.aborted) throw new Error(`Cannot connect to ${host} within ${timeoutMs / 1000} s`);
    // As of one that wants another certificate, or none that it knows, or no TLS.
    if (/disconnected before secure TLS/.test((error as Error).message)) {
      throw new Error(`Cannot connect to ${host} by TLS: it closed the connection`, { cause: error });
    }
    throw error;
  }
}

function opened(socket: Socket, event: string, stop: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const end = () => socket.destroy(new Error("Cannot continue as it was stopped"));
  stop.addEventListener("abort", end, { once: true });
  socket.once(event, resolve);
  socket.once("error", reject);
  socket.once("close", () => reject(new Error("The connection was closed")));
  return promise.finally(() => stop.removeEventListener("abort", end));
}
