/** One session at a port of the loopback of OpenSSH's sshd: a TCP connection for each connection to the device. */
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { UnavailableError } from "../../../common/core/errors.ts";
import { dial } from "../../../common/host/dial.ts";
import { answerBytes, createHello, type ForwardKind, isAnswer } from "../../../common/protocol/forward_hello.ts";
import { agentClosed, type Tunnel } from "../../access/tunnels.ts";
import type { CarriedBytes } from "./kept_sessions.ts";

export interface ForwardedPort {
  port: number;
  key: Uint8Array;
}

export interface ForwardedTunnelParts extends ForwardedPort {
  sessionId: string;
  /** The connection of kind `session`. */
  session: Socket;
  /** Maximum number of connections; a browser opens six. */
  mostChannels: number;
  /** How long the agent may take to reach the device. */
  openTimeoutMs: number;
  /** How often to send an octet, which the agent ignores, by the connection of kind `session`. */
  sayEveryMs?: number;
}

/** sshd closes a connection by which nothing was sent for some minutes (`ChannelTimeout`). */
const sayEveryMs = 60_000;

export interface ForwardedTunnel extends Tunnel {
  bytes(): CarriedBytes;
}

export function createForwardedTunnel(parts: ForwardedTunnelParts): ForwardedTunnel {
  const { sessionId, session, mostChannels, openTimeoutMs } = parts;
  const closed = Promise.withResolvers<string>(), over = new AbortController();
  const sockets = new Set<Socket>(), ended: CarriedBytes = { toDevice: 0, fromDevice: 0 };
  let end: string | undefined, pending = 0;
  // What is not read would hide that the connection has ended.
  session.resume();
  const timer = setInterval(
    () => session.writableLength === 0 && session.write("."),
    parts.sayEveryMs ?? sayEveryMs,
  );
  session.once("close", () => {
    clearInterval(timer);
    close(agentClosed);
    closed.resolve(end!);
  });
  if (session.destroyed) session.emit("close");

  /* sshd ends a connection of SSH by which nothing is open. */
  function close(why: string): void {
    end ??= why;
    over.abort();
    for (const socket of sockets) socket.destroy();
    session.destroy();
  }

  function add(socket: Socket): Duplex {
    sockets.add(socket);
    socket.once("close", () => {
      sockets.delete(socket);
      ended.toDevice += socket.bytesWritten;
      ended.fromDevice += socket.bytesRead;
    });
    return socket;
  }

  return {
    sessionId,
    close,
    closed: closed.promise,
    bytes() {
      const now = { ...ended };
      for (const { bytesWritten, bytesRead } of sockets) {
        now.toDevice += bytesWritten;
        now.fromDevice += bytesRead;
      }
      return now;
    },
    async open() {
      if (end !== undefined) throw new UnavailableError(`The session has ended: ${end}`);
      const channels = sockets.size + pending;
      if (channels >= mostChannels) throw new UnavailableError(`The session has ${channels} connections already`);
      pending++;
      try {
        return add(await connectForwarded(parts, { kind: "device", timeoutMs: openTimeoutMs, signal: over.signal }));
      } catch (error) {
        throw end === undefined ? error : new UnavailableError("The session has ended", undefined, 0, { cause: error });
      } finally {
        pending--;
      }
    },
  };
}

/** A connection whose other end has proven that it is the agent of the session. */
export async function connectForwarded(
  { port, key }: ForwardedPort,
  { kind, timeoutMs, signal }: { kind: ForwardKind; timeoutMs: number; signal: AbortSignal },
): Promise<Socket> {
  const socket = await dial({ host: "127.0.0.1", port }, {
    proxy: undefined,
    tls: null,
    stepTimeoutMs: timeoutMs,
    signal,
  });
  // Without a listener, an error ends the process.
  socket.on("error", () => {});
  const answer = Promise.withResolvers<Uint8Array>();
  const fail = (message: string) => answer.reject(new UnavailableError(message));
  const timer = setTimeout(() => fail("The agent did not reach the device in time"), timeoutMs);
  const onClose = () => fail("The agent cannot reach the device"), onAbort = () => fail("The session has ended");
  const onReadable = () => {
    const octets: Uint8Array | null = socket.read(answerBytes);
    if (octets !== null) answer.resolve(octets);
  };
  socket.on("readable", onReadable).once("close", onClose).once("end", onClose);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    signal.throwIfAborted();
    const hello = createHello(kind, key);
    socket.write(hello);
    if (isAnswer(await answer.promise, { hello, key })) return socket;
    throw new UnavailableError("What listens at the port of the session is not its agent");
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
    socket.off("readable", onReadable).off("close", onClose).off("end", onClose);
  }
}
