/** One session of a connected agent: channels to the agent, one for each connection to the device. */
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { UnavailableError } from "../../../common/core/errors.ts";
import type { ServerConnection } from "../../../common/host/ssh2.ts";
import { agentClosed, type Tunnel } from "../../access/tunnels.ts";

export interface TunnelParts {
  sessionId: string;
  connection: ServerConnection;
  /** The TCP socket of the connection. */
  socket: Socket;
  /** The forward that the agent requested. */
  forward: { address: string; port: number };
  /** Maximum number of channels; a browser opens six. */
  mostChannels: number;
  /** How long the agent may take to reach the device. */
  openTimeoutMs: number;
}

/* How long the peer may take to take notice. */
const lingerMs = 2_000;

export function createTunnel(parts: TunnelParts): Tunnel {
  const { sessionId, connection, socket, forward } = parts;
  const closed = Promise.withResolvers<string>();
  let channels = 0;
  let end: string | undefined;

  function close(why: string): void {
    if (end !== undefined) return;
    end = why;
    connection.end();
    // A peer that has gone does not close its side.
    const timer = setTimeout(() => socket.destroy(), lingerMs);
    socket.once("close", () => clearTimeout(timer));
  }

  connection.on("error", (error: Error & { level?: string }) => {
    if (end !== undefined || error.level !== "client-timeout") return;
    end = "the agent stopped answering";
    socket.destroy();
  });
  socket.once("close", () => closed.resolve(end ?? agentClosed));
  return {
    sessionId,
    close,
    closed: closed.promise,
    open() {
      if (end !== undefined) return Promise.reject(new UnavailableError(`The session has ended: ${end}`));
      if (socket.destroyed) return Promise.reject(new UnavailableError("The session has ended"));
      if (channels >= parts.mostChannels) {
        return Promise.reject(new UnavailableError(`The session has ${channels} connections already`));
      }
      channels++;
      return openChannel(parts).then((channel) => {
        channel.once("close", () => channels--);
        return channel;
      }, (error) => {
        channels--;
        throw error;
      });
    },
  };

  function openChannel({ openTimeoutMs }: TunnelParts): Promise<Duplex> {
    const opened = Promise.withResolvers<Duplex>();
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      opened.reject(new UnavailableError("The agent did not reach the device in time"));
    }, openTimeoutMs);
    socket.once("close", onLost);
    function onLost(): void {
      opened.reject(new UnavailableError("The session has ended"));
    }
    connection.forwardOut(forward.address, forward.port, "127.0.0.1", 0, (error, channel) => {
      if (error !== undefined) {
        return opened.reject(new UnavailableError("The agent cannot reach the device", undefined, 0, { cause: error }));
      }
      // Without a listener, an error ends the process.
      channel.on("error", () => {});
      if (isLate) return void channel.destroy();
      opened.resolve(channel);
    });
    return opened.promise.finally(() => {
      clearTimeout(timer);
      socket.off("close", onLost);
    });
  }
}
