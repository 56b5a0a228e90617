/** Handles one request of a browser: checks it, sends it to the printer, and streams the answer back. */
import { Buffer } from "node:buffer";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { TLSSocket } from "node:tls";
import { createGunzip } from "node:zlib";
import { messageOf } from "../../../common/core/errors.ts";
import { checkOwner, ownOriginOf, type RequestHead, sessionOf, soonTunnelOf } from "./admit_request.ts";
import { startDeadline } from "../connections/deadline.ts";
import { maybeOwnPage, sendOwn, sendRefusal } from "./own_pages.ts";
import { placeOf, type PrinterPlace } from "./printer_origin.ts";
import { leadsOutside, peerRefusalOf, RefusalError, refusalOf, refusals } from "./refusal.ts";
import { printerHeaders } from "./request_headers.ts";
import { browserHeaders } from "./response_headers.ts";
import { createRewriter, maybePageKind, type PageKind } from "./rewrite_page.ts";
import type { SessionInUse, WebGateway } from "./web_gateway.ts";
import type { WebSession } from "../../access/web_sessions.ts";

/** A request in progress. */
interface Passage {
  gateway: WebGateway;
  request: IncomingMessage;
  response: ServerResponse;
  head: RequestHead;
  place: PrinterPlace;
  inUse: SessionInUse;
}

export function headOf(request: IncomingMessage): RequestHead {
  const { servername } = request.socket as TLSSocket & { servername?: string | false };
  return {
    method: request.method ?? "",
    url: request.url ?? "",
    version: request.httpVersion,
    headers: request.headers,
    raw: request.rawHeaders,
    serverName: typeof servername === "string" && servername !== "" ? servername : undefined,
  };
}

/** Always answers; the request is recorded when the answer has ended. `onOwner` is told that it showed the cookie. */
export async function handleRequest(
  gateway: WebGateway,
  request: IncomingMessage,
  response: ServerResponse,
  onOwner: (session: WebSession) => void,
): Promise<void> {
  const head = headOf(request);
  const startedMs = performance.now();
  let session: WebSession | undefined;
  let bytesOut = 0;
  const closed = new Promise<void>((resolve) => response.once("close", () => resolve()));
  request.on("error", () => {});
  response.on("error", () => {});
  try {
    session = await sessionOf(gateway, head);
    const page = await maybeOwnPage(gateway, session, { head, request });
    if (page !== undefined) bytesOut = sendOwn(request, response, page);
    else {
      await checkOwner(gateway, session, head);
      onOwner(session);
      bytesOut = await pass(gateway, session, { request, response, head });
    }
  } catch (error) {
    if (response.headersSent) response.destroy();
    else bytesOut = sendRefusal(request, response, refusalOf(error));
    if (!(error instanceof RefusalError)) gateway.log("webRequestFailed", { message: messageOf(error) });
  }
  await closed;
  if (session === undefined) return;
  const bytesIn = Number(head.headers["content-length"] ?? 0);
  noteRequest(gateway, session, { head, startedMs, status: response.statusCode, bytesIn, bytesOut });
}

/** The line of a request in the session's log, without the query: printers put passwords into it. */
export function noteRequest(
  { sessions, now }: WebGateway,
  { id: sessionId, customerId }: WebSession,
  { head, startedMs, ...outcome }: {
    head: RequestHead;
    startedMs: number;
    status: number;
    bytesIn: number;
    bytesOut: number;
  },
): void {
  const { method, url } = head;
  const at = url.indexOf("?"), path = at < 0 ? url : url.slice(0, at);
  sessions.note({
    sessionId,
    customerId,
    at: now(),
    method,
    path: path.slice(0, 512),
    queryLength: url.length - path.length,
    ...outcome,
    ms: Math.round(performance.now() - startedMs),
  });
}

/** Octets of the body that were sent to the browser. */
async function pass(
  gateway: WebGateway,
  session: WebSession,
  { request, response, head }: Pick<Passage, "request" | "response" | "head">,
): Promise<number> {
  const reached = await soonTunnelOf(gateway, session, response)
    .catch((error) => passOn(gateway, session, { response, head, error }));
  if (reached === "passed on") return 0;
  // A service worker would keep answering after the session has ended.
  if (head.headers["service-worker"] !== undefined) throw new RefusalError(refusals.noWorker);
  const inUse = gateway.inUse(reached.session, reached.tunnel);
  if (inUse.requests >= gateway.limits.requests) throw new RefusalError(refusals.busy);
  inUse.requests++;
  const cut = () => response.destroy();
  inUse.live.add(cut);
  try {
    const passage = { gateway, request, response, head, inUse, place: placeOf(reached.session) };
    using _ = await inUse.link.turn();
    if (response.destroyed) return 0;
    return await answer(passage, await askAgain(passage));
  } finally {
    inUse.requests--;
    inUse.live.delete(cut);
  }
}

/** Leads the user to the process that has the session. Throws `error` where there is none, or it would lead here. */
async function passOn(
  gateway: WebGateway,
  session: WebSession,
  { response, head, error }: Pick<Passage, "response" | "head"> & { error: unknown },
): Promise<"passed on"> {
  const web = error instanceof RefusalError ? error.refusal.shownBelow : undefined;
  const { host, "sec-fetch-dest": shownAs = "document" } = head.headers;
  const isHere = (domain: string) => host!.toLowerCase().replace(/:443$/, "") === `${session.label}.${domain}`;
  if (web === undefined || head.method !== "GET" || shownAs !== "document" || isHere(web.replace(/:443$/, ""))) {
    throw error;
  }
  const location = await gateway.sessions.passOn(session, web);
  response.writeHead(303, {
    location,
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "content-length": 0,
  }).end();
  return "passed on";
}

class StaleConnectionError extends RefusalError {}

/** Repeats a request on a new connection: the printer may close a kept connection at the moment of its reuse. */
async function askAgain(passage: Passage): Promise<IncomingMessage> {
  const { head: { method, headers }, request } = passage;
  const body = headers["transfer-encoding"] === undefined ? undefined : await wholeBody(passage);
  const isRepeatable = /^(GET|HEAD|OPTIONS)$/.test(method) && body === undefined && !hasBody(request);
  try {
    return await ask(passage, body);
  } catch (error) {
    if (!isRepeatable || !(error instanceof StaleConnectionError)) throw error;
    return await ask(passage, body);
  }
}

function hasBody({ headers }: IncomingMessage): boolean {
  return Number(headers["content-length"] ?? 0) > 0;
}

/** Resolves with the answer when its headers are complete. */
function ask(passage: Passage, body: Uint8Array | undefined): Promise<IncomingMessage> {
  const { gateway: { limits }, request, response, head, place, inUse: { link } } = passage;
  const headers = printerHeaders({ method: head.method, raw: head.raw, ownOrigin: ownOriginOf(head), place });
  const length = body?.length ?? head.headers["content-length"];
  if (length !== undefined) headers.push(["Content-Length", String(length)]);
  return new Promise((resolve, reject) => {
    const asked = link.send({ method: head.method, path: head.url, headers });
    const deadline = startDeadline(
      limits.answerMs,
      () => fail(new RefusalError(refusals.timeout(limits.answerMs / 1000))),
    );
    const gone = () => fail(new RefusalError(refusals.closedEarly));
    const fail = (error: unknown) => {
      deadline.stop();
      response.off("close", gone);
      reject(error);
      asked.destroy();
    };
    response.once("close", gone);
    asked.on("error", (error: Error & { code?: string }) => {
      const isStale = asked.reusedSocket && /^(ECONNRESET|EPIPE)$/.test(error.code ?? "");
      fail(isStale ? new StaleConnectionError(refusals.closedEarly) : new RefusalError(peerRefusalOf(error)));
    });
    asked.once("upgrade", (_, channel) => {
      channel.destroy();
      fail(new RefusalError(refusals.notHttp("It changes to another protocol without being asked")));
    });
    asked.once("response", (answered: IncomingMessage) => {
      deadline.stop();
      response.off("close", gone);
      answered.on("error", () => {});
      // If the browser leaves during the answer, the connection to the printer ends as well.
      response.once("close", () => answered.destroy());
      resolve(answered);
    });
    if (body !== undefined || !hasBody(request)) return void asked.end(body);
    request.on("data", () => deadline.restart());
    // Failures are reported by the request to the printer, or mean that the browser has gone.
    pipeline(request, asked).catch(() => {});
  });
}

/** Buffers a body without a length, as printers only support bodies with one. */
async function wholeBody({ request, gateway: { limits } }: Passage): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  const deadline = startDeadline(limits.stallMs, () => request.destroy());
  try {
    for await (const part of request as AsyncIterable<Uint8Array>) {
      deadline.restart();
      size += part.length;
      if (size > limits.unsizedBytes) throw new RefusalError(refusals.tooLarge);
      parts.push(part);
    }
  } catch (error) {
    // Any other error means that the browser has gone.
    throw error instanceof RefusalError ? error : new RefusalError(refusals.closedEarly);
  } finally {
    deadline.stop();
  }
  const body = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    body.set(part, at);
    at += part.length;
  }
  return body;
}

/** Forwards the printer's answer, with its own address replaced; returns the octets of the body. */
async function answer(passage: Passage, answered: IncomingMessage): Promise<number> {
  const { response, head, place } = passage;
  const status = answered.statusCode ?? 0;
  if (status < 200 || status > 599) {
    answered.destroy();
    throw new RefusalError(refusals.notHttp(`Its status is ${status}`));
  }
  const ownOrigin = ownOriginOf(head);
  const coding = (answered.headers["content-encoding"] ?? "identity").trim().toLowerCase();
  const isCompressed = /^(x-)?gzip$/.test(coding);
  const kind = status === 206 || !isCompressed && coding !== "identity"
    ? undefined
    : maybePageKind(answered.headers["content-type"]);
  const { headers, outside } = browserHeaders({
    status,
    raw: answered.rawHeaders,
    place,
    path: head.url,
    ownOrigin,
    rewritten: kind !== undefined,
  });
  if (outside !== undefined) {
    answered.destroy();
    const cookies = headers.filter(([name]) => name === "Set-Cookie");
    return sendRefusal(passage.request, response, leadsOutside(outside), cookies);
  }
  const hasNoBody = head.method === "HEAD" || status === 204 || status === 304;
  const length = answered.headers["content-length"];
  const isSized = kind === undefined && length !== undefined && answered.headers["transfer-encoding"] === undefined;
  if (isSized && status !== 204) headers.push(["Content-Length", length]);
  setHeaders(response, headers);
  response.statusCode = status;
  if (hasNoBody) {
    answered.resume();
    response.end();
    return 0;
  }
  return await stream(passage, answered, { kind, isCompressed, ownOrigin });
}

async function stream(
  { gateway: { limits }, response, place }: Passage,
  answered: IncomingMessage,
  { kind, isCompressed, ownOrigin }: { kind: PageKind | undefined; isCompressed: boolean; ownOrigin: string },
): Promise<number> {
  let sent = 0;
  const stall = startDeadline(limits.stallMs, () => {
    answered.destroy();
    if (response.headersSent) response.destroy();
  });
  const changes = kind === undefined ? [] : [rewriting({ kind, place, ownOrigin })];
  const unpacked = kind !== undefined && isCompressed ? [createGunzip()] : [];
  try {
    const send = async (parts: AsyncIterable<Uint8Array>) => {
      // The last part is sent with `end`: in this runtime, an `end` without data never finishes over TLS.
      let last: Uint8Array | undefined;
      for await (const part of parts) {
        stall.restart();
        if (part.length === 0) continue;
        if (last !== undefined && !response.write(last)) await drained(response);
        last = part;
        sent += part.length;
      }
      response.end(last);
    };
    await pipeline([answered, ...unpacked, ...changes, send]);
  } catch (error) {
    if (!response.headersSent && !response.destroyed) throw new RefusalError(refusals.cutShort, { cause: error });
    // Cutting the connection shows the browser that the answer is incomplete.
    response.destroy();
  } finally {
    stall.stop();
  }
  return sent;
}

/** Resolves when more can be written; rejects if the reader has gone. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = () => {
      response.off("drain", settle).off("close", settle);
      if (response.destroyed) reject(new Error("the browser has gone"));
      else resolve();
    };
    response.once("drain", settle).once("close", settle);
  });
}

function rewriting(options: { kind: PageKind; place: PrinterPlace; ownOrigin: string }): Transform {
  const rewriter = createRewriter(options);
  return new Transform({
    transform: (part: Buffer, _, done) => done(null, Buffer.from(rewriter.push(part.toString("latin1")), "latin1")),
    flush: (done) => done(null, Buffer.from(rewriter.end(), "latin1")),
  });
}

function setHeaders(response: ServerResponse, headers: readonly [name: string, value: string][]): void {
  const grouped = new Map<string, { name: string; values: string[] }>();
  for (const [name, value] of headers) {
    const known = grouped.get(name.toLowerCase());
    if (known === undefined) grouped.set(name.toLowerCase(), { name, values: [value] });
    else known.values.push(value);
  }
  for (const { name, values } of grouped.values()) response.setHeader(name, values.length === 1 ? values[0]! : values);
}
