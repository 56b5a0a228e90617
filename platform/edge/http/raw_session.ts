/** A connection of `opendca-platform forward`: octets between its user and the device's port, as they are. */
import type { Duplex } from "node:stream";
import type { WebSession } from "../../access/web_sessions.ts";
import { messageOf } from "../../../common/core/errors.ts";
import { createFramer, createUnframer } from "./raw_frames.ts";
import { RefusalError, refusals } from "./refusal.ts";
import type { WebGateway } from "./web_gateway.ts";

export const rawPath = "/.opendca/raw";
/** What the client asks for in `Upgrade`. */
export const rawProtocol = "opendca-raw";

/* How long the user's side may take to read the last octets of a device that has closed. */
const lingerMs = 30_000;

/** Resolves with the octets when both sides have ended. Throws RefusalError. */
export async function joinRaw(
  gateway: WebGateway,
  session: WebSession,
  { socket, first }: { socket: Duplex; first: Uint8Array },
): Promise<{ in: number; out: number }> {
  if (session.state === "refused") throw new RefusalError(refusals.refused(session.reason));
  const tunnel = gateway.tunnels.of(session.id);
  if (tunnel === undefined) throw new RefusalError(gateway.whyNoTunnel(session));
  let channel: Duplex;
  try {
    channel = await tunnel.open();
  } catch (error) {
    throw new RefusalError(refusals.unreachable(messageOf(error)), { cause: error });
  }
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${rawProtocol}\r\n\r\n`);
  const moved = await copy(channel, { socket, first });
  gateway.log("rawConnectionEnded", { session: session.id, toDevice: moved.in, fromDevice: moved.out });
  return moved;
}

/** The end of the user's direction is passed on; a device that has ended is over in both, as its agent says. */
function copy(
  channel: Duplex,
  { socket, first }: { socket: Duplex; first: Uint8Array },
): Promise<{ in: number; out: number }> {
  const moved = { in: 0, out: 0 };
  const { promise, resolve } = Promise.withResolvers<{ in: number; out: number }>();
  const toDevice = createUnframer((bytes) => moved.in += bytes), toUser = createFramer((bytes) => moved.out += bytes);
  let lingering: ReturnType<typeof setTimeout> | undefined;
  const cut = () => {
    channel.destroy();
    socket.destroy();
  };
  for (const side of [channel, socket, toDevice, toUser]) side.on("error", cut);
  channel.once("end", () => channel.end());
  channel.once("close", () => !channel.readableEnded && cut());
  toUser.once("end", () => {
    socket.end();
    lingering = setTimeout(cut, lingerMs);
  });
  socket.once("close", () => {
    clearTimeout(lingering);
    channel.destroy();
    resolve(moved);
  });
  if (first.length > 0) toDevice.write(first);
  socket.pipe(toDevice).pipe(channel, { end: false });
  // The end of an SSH channel of a server closes it in both directions; EOF is of one alone.
  toDevice.once("end", () => channel.write("", () => sendEof(channel)));
  channel.pipe(toUser).pipe(socket, { end: false });
  if (channel.destroyed) cut();
  if (socket.destroyed) {
    channel.destroy();
    resolve(moved);
  }
  return promise;
}

function sendEof(channel: Duplex & { eof?(): void }): void {
  if (channel.eof === undefined) channel.end();
  else channel.eof();
}
