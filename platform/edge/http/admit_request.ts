/** Whether a request may go to a printer, decided before anything of it is sent. */
import type { IncomingHttpHeaders } from "node:http";
import { ownSecrets } from "./own_cookie.ts";
import { maybeLabel } from "./printer_origin.ts";
import { RefusalError, refusals } from "./refusal.ts";
import { isFromOwnPage, maybeMalformed, type RawHeaders } from "./request_headers.ts";
import type { WebGateway } from "./web_gateway.ts";
import type { Tunnel } from "../../access/tunnels.ts";
import type { WebSession } from "../../access/web_sessions.ts";

export interface RequestHead {
  method: string;
  /** As it was sent. */
  url: string;
  /** Of HTTP. */
  version: string;
  headers: IncomingHttpHeaders;
  raw: RawHeaders;
  /** The host of the TLS handshake, where the client named one. */
  serverName: string | undefined;
}

/** The session whose host the request names; throws `RefusalError`. */
export async function sessionOf(gateway: WebGateway, request: RequestHead): Promise<WebSession> {
  const { host } = request.headers;
  const label = maybeLabel(host, gateway.domain);
  if (label === undefined) throw new RefusalError(refusals.otherHost);
  // A connection that was opened for one session does not serve another.
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

/** Throws `RefusalError` unless the request is of the user whose session it is, and of this session's own pages. */
export async function checkOwner(gateway: WebGateway, session: WebSession, request: RequestHead): Promise<void> {
  if (session.state === "closed" || session.endsAt.getTime() <= gateway.now().getTime()) {
    throw new RefusalError(refusals.ended(session.reason));
  }
  const secrets = ownSecrets(request.headers.cookie);
  const isOwner = secrets.length === 1 && await gateway.sessions.isOwner(session, secrets[0]!);
  if (!isOwner) throw new RefusalError(refusals.needsLink);
  if (!isFromOwnPage({ ...request, ownOrigin: ownOriginOf(request) })) throw new RefusalError(refusals.fromElsewhere);
}

/** The tunnel to the printer of a session; throws `RefusalError` that says why there is none. */
export function tunnelOf(
  gateway: WebGateway,
  session: WebSession,
): { session: WebSession & { scheme: "http" | "https" }; tunnel: Tunnel } {
  const { state, scheme } = session;
  if (state === "refused") throw new RefusalError(refusals.refused(session.reason));
  if (scheme === "raw") throw new RefusalError(refusals.raw);
  const tunnel = gateway.tunnels.of(session.id);
  if (tunnel === undefined) throw new RefusalError(state === "waiting" ? refusals.waiting : refusals.connecting);
  return { session: { ...session, scheme }, tunnel };
}
