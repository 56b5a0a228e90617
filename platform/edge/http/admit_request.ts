/** Decides whether a request may go to a printer, before anything of it is sent. */
import type { IncomingHttpHeaders, ServerResponse } from "node:http";
import { ownSecrets } from "./own_cookie.ts";
import { maybeLabel } from "./printer_origin.ts";
import { RefusalError, refusals } from "./refusal.ts";
import { isFromOwnPage, maybeMalformed, type RawHeaders } from "./request_headers.ts";
import type { WebGateway } from "./web_gateway.ts";
import type { Tunnel } from "../../access/tunnels.ts";
import type { WebSession } from "../../access/web_sessions.ts";

export interface RequestHead {
  method: string;
  /** The request target, as sent. */
  url: string;
  /** Version of HTTP. */
  version: string;
  headers: IncomingHttpHeaders;
  raw: RawHeaders;
  /** Server name of the TLS handshake, if the client sent one. */
  serverName: string | undefined;
}

/** The session of the request's host; throws `RefusalError`. */
export async function sessionOf(gateway: WebGateway, request: RequestHead): Promise<WebSession> {
  const { host } = request.headers;
  const label = maybeLabel(host, gateway.domain);
  if (label === undefined) throw new RefusalError(refusals.otherHost);
  // A connection that was opened for one session cannot be used for another.
  if (request.serverName !== undefined && maybeLabel(request.serverName, gateway.domain) !== label) {
    throw new RefusalError(refusals.otherHost);
  }
  const malformed = maybeMalformed(request);
  if (malformed !== undefined) throw new RefusalError(refusals.malformed(malformed));
  const session = await gateway.sessions.find(label);
  if (session === undefined) throw new RefusalError(refusals.noSuchSession);
  return session;
}

/** Such as `https://<label>.<domain>:8444`. */
export function ownOriginOf(request: RequestHead): string {
  return `https://${request.headers.host!.toLowerCase()}`;
}

/** Throws `RefusalError` unless the request is from the session's user and from this session's own pages. */
export async function checkOwner(gateway: WebGateway, session: WebSession, request: RequestHead): Promise<void> {
  if (session.state === "closed" || session.endsAt.getTime() <= gateway.now().getTime()) {
    throw new RefusalError(refusals.ended(session.reason));
  }
  const secrets = ownSecrets(request.headers.cookie);
  const isOwner = secrets.length === 1 && await gateway.sessions.isOwner(session, secrets[0]!);
  if (!isOwner) throw new RefusalError(refusals.needsLink);
  if (!isFromOwnPage({ ...request, ownOrigin: ownOriginOf(request) })) throw new RefusalError(refusals.fromElsewhere);
}

const lookForTunnelMs = 20;

/** As `tunnelOf`, but waits a moment for the agent, as users often follow the link before it has connected. */
export async function soonTunnelOf(
  gateway: WebGateway,
  session: WebSession,
  response: ServerResponse,
): Promise<ReturnType<typeof tunnelOf>> {
  const isComing = session.state !== "refused" && session.scheme !== "raw";
  if (!isComing || gateway.tunnels.of(session.id) !== undefined) return tunnelOf(gateway, session);
  const endMs = performance.now() + gateway.limits.tunnelMs;
  await new Promise<void>((resolve) => {
    const settle = () => {
      clearInterval(timer);
      response.off("close", settle);
      resolve();
    };
    const timer = setInterval(() => {
      const isThere = gateway.tunnels.of(session.id) !== undefined;
      if (isThere || response.destroyed || performance.now() >= endMs) settle();
    }, lookForTunnelMs);
    response.once("close", settle);
  });
  // Meanwhile the agent may have refused it, and the device's data may have changed.
  const now = response.destroyed ? undefined : await gateway.sessions.find(session.label);
  return tunnelOf(gateway, now ?? session);
}

/** The tunnel to the printer of a session; throws `RefusalError` with the reason if there is none. */
export function tunnelOf(
  gateway: WebGateway,
  session: WebSession,
): { session: WebSession & { scheme: "http" | "https" }; tunnel: Tunnel } {
  const { state, scheme } = session;
  if (state === "refused") throw new RefusalError(refusals.refused(session.reason));
  if (scheme === "raw") throw new RefusalError(refusals.raw);
  const tunnel = gateway.tunnels.of(session.id);
  if (tunnel === undefined) throw new RefusalError(gateway.whyNoTunnel(session));
  return { session: { ...session, scheme }, tunnel };
}
