/** Pages of our own at a session's origin, below `/.opendca/`: the link, the session, the printer's certificate. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { markup } from "../../../common/report/markup.ts";
import { checkOwner, ownOriginOf, type RequestHead } from "./admit_request.ts";
import { ownCookie, ownSecrets } from "./own_cookie.ts";
import { plainPage, plainPolicy, plainStyle, type Refusal, RefusalError, refusalPage, refusals } from "./refusal.ts";
import { isolationHeaders } from "./response_headers.ts";
import type { WebGateway } from "./web_gateway.ts";
import type { WebSession } from "../../access/web_sessions.ts";

export interface OwnPage {
  status: number;
  type: string;
  body: string;
  headers: [name: string, value: string][];
}

const maxFormBytes = 1024;

/** Our page for a request; undefined if the request is for the printer. Throws `RefusalError`. */
export async function maybeOwnPage(
  gateway: WebGateway,
  session: WebSession,
  { head, request }: { head: RequestHead; request: IncomingMessage },
): Promise<OwnPage | undefined> {
  if (!head.url.startsWith("/.opendca/")) return undefined;
  const { pathname, searchParams } = new URL(head.url, ownOriginOf(head));
  if (pathname === "/.opendca/style.css") return { status: 200, type: "text/css", body: plainStyle, headers: [] };
  if (pathname === "/.opendca/start") {
    return await startPage(gateway, session, { head, token: searchParams.get("token") ?? "" });
  }
  if (pathname === "/.opendca/state") return await statePage(gateway, session, head);
  await checkOwner(gateway, session, head);
  if (pathname === "/.opendca/session") return await sessionPage(gateway, session);
  if (pathname === "/.opendca/accept-certificate" && head.method === "POST") {
    return await acceptCertificate(gateway, session, request);
  }
  return pageOf({ status: 404, title: "No such page", text: "There is no such page of this gateway." });
}

/**
 * Redeems the one-time link. The page then continues by itself: a redirect would still count as a navigation from the
 * site of the link.
 */
async function startPage(
  gateway: WebGateway,
  session: WebSession,
  { head, token }: { head: RequestHead; token: string },
): Promise<OwnPage> {
  if (session.state === "closed") throw new RefusalError(refusals.ended(session.reason));
  // A prefetch by a browser, or a preview by another program, must not use up the link.
  const isLook = /prefetch|preview/i.test(`${head.headers["sec-purpose"]} ${head.headers["purpose"]}`);
  if (head.method !== "GET" || isLook) throw new RefusalError(refusals.needsLink);
  const secret = /^[\w-]{16,200}$/.test(token) ? await gateway.sessions.redeem(session, token) : undefined;
  const [known] = ownSecrets(head.headers.cookie);
  const isKnown = secret === undefined && known !== undefined && await gateway.sessions.isOwner(session, known);
  if (secret === undefined && !isKnown) throw new RefusalError(refusals.linkUsed);
  return {
    status: 200,
    type: "text/html; charset=utf-8",
    body: plainPage("The printer's page follows", markup`<p><a href="/">Go on to ${session.deviceName}</a></p>`),
    headers: [
      ["Refresh", "0;url=/"],
      // The token is in this page's URL.
      ["Referrer-Policy", "no-referrer"],
      ...(secret === undefined ? [] : [["Set-Cookie", ownCookie(secret)] as [string, string]]),
    ],
  };
}

/** For `forward`: what a page shows a person. */
async function statePage(gateway: WebGateway, session: WebSession, head: RequestHead): Promise<OwnPage> {
  const isOver = session.state === "closed" || session.endsAt.getTime() <= gateway.now().getTime();
  if (!isOver) await checkOwner(gateway, session, head);
  const hasTunnel = gateway.tunnels.of(session.id) !== undefined;
  const state = isOver ? "closed" : session.state === "open" && !hasTunnel ? "waiting" : session.state;
  const reason = state === "waiting" ? gateway.whyNoTunnel(session).title : session.reason;
  const body = { state, reason, endsAt: session.endsAt.toISOString(), device: isOver ? undefined : session.deviceName };
  return { status: 200, type: "application/json", body: JSON.stringify(body), headers: [] };
}

async function sessionPage(gateway: WebGateway, session: WebSession): Promise<OwnPage> {
  const { deviceName, address, port, scheme, state, endsAt } = session;
  const rows = {
    Printer: deviceName,
    Address: `${address || "not shown"}, port ${port}, ${scheme.toUpperCase()}`,
    State: state,
    Ends: endsAt.toISOString(),
    ...(scheme === "https"
      ? {
        "Certificate (SHA-256)": await gateway.sessions.pinned(session) ?? "not seen yet",
        Encryption: gateway.encryptionOf(session) ?? "not seen yet",
      }
      : { Encryption: "to the agent; from the agent to the printer none" }),
  };
  const table = markup`<table>${
    Object.entries(rows).map(([name, value]) => markup`<tr><th>${name}</th><td>${value}</td></tr>\n`)
  }</table>
<p><a href="/">The printer's first page</a></p>`;
  return { status: 200, type: "text/html; charset=utf-8", body: plainPage("Web access session", table), headers: [] };
}

async function acceptCertificate(
  { sessions }: WebGateway,
  session: WebSession,
  request: IncomingMessage,
): Promise<OwnPage> {
  if (!(Number(request.headers["content-length"]) <= maxFormBytes)) throw new RefusalError(refusals.tooLarge);
  const form = await text(request).catch(() => "");
  const fingerprint = new URLSearchParams(form).get("fingerprint") ?? "";
  if (session.scheme !== "https" || !/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/.test(fingerprint)) {
    throw new RefusalError(refusals.malformed("it names no certificate"));
  }
  await sessions.pin(session, fingerprint, "user");
  const content = markup`<p><a href="/">Go on to ${session.deviceName}</a></p>`;
  const body = plainPage("The certificate was accepted", content);
  return { status: 200, type: "text/html; charset=utf-8", body, headers: [["Refresh", "0;url=/"]] };
}

function pageOf(refusal: Refusal, headers: OwnPage["headers"] = []): OwnPage {
  const again = refusal.again === undefined ? [] : [["Refresh", String(refusal.again)] as [string, string]];
  return {
    status: refusal.status,
    type: "text/html; charset=utf-8",
    body: refusalPage(refusal),
    headers: [...headers, ...again],
  };
}

/** Headers and octets of a page of ours. */
function ownAnswer({ type, body, headers }: OwnPage): { headers: [string, string][]; octets: Uint8Array } {
  const octets = new TextEncoder().encode(body);
  const isNamed = (name: string) => headers.some(([given]) => given.toLowerCase() === name);
  return {
    octets,
    headers: [
      ["Content-Type", type],
      ["Content-Length", String(octets.length)],
      ["Content-Security-Policy", plainPolicy],
      ["X-Content-Type-Options", "nosniff"],
      ["Cache-Control", "no-store"],
      ...(isNamed("referrer-policy") ? [] : [["Referrer-Policy", "same-origin"] as [string, string]]),
      ...isolationHeaders(),
      ...headers,
    ],
  };
}

/** Answers with a page of ours; gives the octets of its body. */
export function sendOwn(request: IncomingMessage, response: ServerResponse, page: OwnPage): number {
  const { headers, octets } = ownAnswer(page);
  for (const name of response.getHeaderNames()) response.removeHeader(name);
  for (const [name, value] of headers) response.appendHeader(name, value);
  // The unread rest of a body would be taken for the next request.
  if (!request.complete) response.setHeader("Connection", "close");
  response.statusCode = page.status;
  const sent = request.method === "HEAD" ? new Uint8Array() : octets;
  response.end(sent.length === 0 ? undefined : sent);
  return sent.length;
}

/** Answers with the page that explains the refusal. */
export function sendRefusal(
  request: IncomingMessage,
  response: ServerResponse,
  refusal: Refusal,
  headers: OwnPage["headers"] = [],
): number {
  return sendOwn(request, response, pageOf(refusal, headers));
}

/** The refusal of an upgrade, as octets: there is no response object for one. */
export function refusalOctets(refusal: Refusal): Uint8Array {
  const { headers, octets } = ownAnswer(pageOf(refusal));
  const lines = [`HTTP/1.1 ${refusal.status} Refused`, ...headers.map(([name, value]) => `${name}: ${value}`)];
  const head = new TextEncoder().encode(`${lines.join("\r\n")}\r\nConnection: close\r\n\r\n`);
  return Uint8Array.from([...head, ...octets]);
}
