/** Sockets of an HTTPS server of ours: their deadlines, and reading no faster than somebody takes what was read. */
import type { Server } from "node:https";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type Deadline, startDeadline } from "./deadline.ts";

/** The sockets of a server, and how long each may still wait: this runtime does not apply the library's timeouts. */
export function keptSockets(server: Server, headersMs: number) {
  const sockets = new Set<Duplex>();
  const deadlines = new WeakMap<Duplex, Deadline>();
  const wait = (socket: Duplex, ms: number) => {
    deadlines.get(socket)?.stop();
    if (!socket.destroyed) deadlines.set(socket, startDeadline(ms, () => socket.destroy()));
  };
  const keep = (socket: Socket) => {
    socket.setNoDelay(true);
    socket.on("error", () => {});
    sockets.add(socket);
    socket.once("close", () => {
      sockets.delete(socket);
      deadlines.get(socket)?.stop();
    });
    wait(socket, headersMs);
    return socket;
  };
  const handshakes = new Map<string, Socket>();
  server.on("connection", (socket: Socket) => {
    const peer = peerOf(socket);
    handshakes.set(peer, keep(socket).once("close", () => handshakes.delete(peer)));
  });
  server.on("secureConnection", (socket: Socket) => {
    const outer = handshakes.get(peerOf(socket));
    if (outer !== undefined) {
      deadlines.get(outer)?.stop();
      holdBackWith(socket, outer);
    }
    keep(socket);
  });
  return { sockets, deadlines, wait };
}

/** Reads no more of the connection while nobody takes what was read: in this runtime, TLS goes on reading. */
function holdBackWith(socket: Socket, outer: Socket): void {
  const { _handle: handle } = outer as Socket & { _handle?: { readStart(): void; readStop(): void } | null };
  // "resume" is said a moment later, when it may be paused again.
  const follow = () => {
    if (outer.destroyed) return;
    if (socket.isPaused()) handle?.readStop();
    else handle?.readStart();
  };
  socket.on("pause", follow).on("resume", follow);
}

/** What the connection gate knows a connection by. */
export function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress}:${remotePort}`;
}
