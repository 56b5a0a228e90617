/**
 * WebSockets, and connections of `forward`: checked like any request, then octets are copied both ways until one side, or
 * the session, ends.
 */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { messageOf } from "../../../common/core/errors.ts";
import { checkOwner, ownOriginOf, type RequestHead, sessionOf, tunnelOf } from "./admit_request.ts";
import { startDeadline } from "../connections/deadline.ts";
import { headOf, noteRequest } from "./handle_request.ts";
import { refusalOctets } from "./own_pages.ts";
import { placeOf } from "./printer_origin.ts";
import { joinRaw, rawPath, rawProtocol } from "./raw_session.ts";
import { peerRefusalOf, type Refusal, RefusalError, refusalOf, refusals } from "./refusal.ts";
import { headerPairs, printerHeaders } from "./request_headers.ts";
import type { SessionInUse, WebGateway } from "./web_gateway.ts";
import type { WebSession } from "../../access/web_sessions.ts";

/** Takes over the connection, and closes it at the end. `onOwner` is told that it showed the cookie. */
export async function handleUpgrade(
  gateway: WebGateway,
  request: IncomingMessage,
  { socket, first }: { socket: Duplex; first: Uint8Array },
  onOwner: (session: WebSession) => void,
): Promise<void> {
  socket.on("error", () => {});
  const head = headOf(request), startedMs = performance.now();
  let session: WebSession | undefined, status = 101, moved = { in: 0, out: 0 };
  try {
    session = await sessionOf(gateway, head);
    await checkOwner(gateway, session, head);
    onOwner(session);
    const protocol = head.headers.upgrade?.toLowerCase();
    if (session.scheme === "raw" && protocol === rawProtocol && head.url === rawPath) {
      // Browsers say where a request comes from, and have no business here.
      if (head.headers.origin !== undefined) throw new RefusalError(refusals.fromElsewhere);
      moved = await joinRaw(gateway, session, { socket, first });
    } else {
      // Any page could open a WebSocket: the origin must be this session's.
      if (head.headers.origin !== ownOriginOf(head)) throw new RefusalError(refusals.fromElsewhere);
      if (head.method !== "GET" || protocol !== "websocket") {
        throw new RefusalError(refusals.malformed("it asks for a protocol other than WebSocket"));
      }
      moved = await join(gateway, session, { head, socket, first });
    }
  } catch (error) {
    if (!(error instanceof RefusalError)) gateway.log("webRequestFailed", { message: messageOf(error) });
    const refusal: Refusal = refusalOf(error);
    status = refusal.status;
    socket.end(refusalOctets(refusal));
  }
  if (session === undefined) return;
  noteRequest(gateway, session, { head, startedMs, status, bytesIn: moved.in, bytesOut: moved.out });
}

interface Arrived {
  head: RequestHead;
  socket: Duplex;
  /** Octets received after the headers. */
  first: Uint8Array;
}

async function join(gateway: WebGateway, session: WebSession, arrived: Arrived): Promise<{ in: number; out: number }> {
  const reached = tunnelOf(gateway, session);
  const inUse = gateway.inUse(reached.session, reached.tunnel);
  if (inUse.webSockets >= gateway.limits.webSockets) throw new RefusalError(refusals.busy);
  inUse.webSockets++;
  const { socket } = arrived;
  const cut = () => socket.destroy();
  inUse.live.add(cut);
  try {
    const { channel, headers, head } = await askForSocket(gateway, inUse, {
      ...arrived,
      place: placeOf(reached.session),
    });
    return await copyBoth(arrived, { channel, headers, head });
  } finally {
    inUse.webSockets--;
    inUse.live.delete(cut);
  }
}

interface Switched {
  channel: Duplex;
  /** Headers of the printer's 101 response to forward. */
  headers: [string, string][];
  head: Uint8Array;
}

async function askForSocket(
  { limits }: WebGateway,
  { link }: SessionInUse,
  { head, place }: Arrived & { place: Parameters<typeof printerHeaders>[0]["place"] },
): Promise<Switched> {
  const headers = printerHeaders({ method: "GET", raw: head.raw, ownOrigin: ownOriginOf(head), place });
  headers.push(["Connection", "Upgrade"], ["Upgrade", "websocket"]);
  const channel = await link.connect();
  return await new Promise<Switched>((resolve, reject) => {
    const asked = link.send({ method: "GET", path: head.url, headers, channel });
    const fail = (error: unknown) => {
      deadline.stop();
      channel.destroy();
      reject(error);
    };
    const deadline = startDeadline(
      limits.answerMs,
      () => fail(new RefusalError(refusals.timeout(limits.answerMs / 1000))),
    );
    asked.on("error", (error) => fail(new RefusalError(peerRefusalOf(error))));
    asked.once(
      "response",
      ({ statusCode = 0 }: IncomingMessage) =>
        fail(new RefusalError(refusals.notHttp(`It does not open a WebSocket: its status is ${statusCode}`))),
    );
    asked.once("upgrade", (answered: IncomingMessage, _: Duplex, first: Uint8Array) => {
      deadline.stop();
      const passed = /^sec-websocket-(accept|protocol)$/;
      resolve({
        channel,
        headers: [...headerPairs(answered.rawHeaders)].filter(([name]) => passed.test(name)),
        head: first,
      });
    });
    asked.end();
  });
}

/** Resolves when both sides have ended. */
function copyBoth(
  { socket, first }: Arrived,
  { channel, headers, head }: Switched,
): Promise<{ in: number; out: number }> {
  const moved = { in: first.length, out: head.length };
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n${lines}\r\n`);
  if (head.length > 0) socket.write(head);
  if (first.length > 0) channel.write(first);
  socket.on("data", (part: Uint8Array) => moved.in += part.length);
  channel.on("data", (part: Uint8Array) => moved.out += part.length);
  socket.pipe(channel).pipe(socket);
  return new Promise((resolve) => {
    const done = () => {
      socket.destroy();
      channel.destroy();
      resolve(moved);
    };
    // The end of one side ends both: a WebSocket cannot be half-open.
    for (const side of [socket, channel]) side.once("close", done).once("error", done);
    if (socket.destroyed || channel.destroyed) done();
  });
}
