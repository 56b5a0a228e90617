/** Shared by the requests of all sessions: limits, and the connections of each session in use. */
import type { LegacyTls } from "./legacy_tls.ts";
import { openPrinterLink, type PrinterLink } from "./printer_link.ts";
import { type Refusal, refusals } from "./refusal.ts";
import type { Tunnel, Tunnels } from "../../access/tunnels.ts";
import type { WebSession, WebSessions } from "../../access/web_sessions.ts";

export interface GatewayLimits {
  /** How long a request waits for the agent of a session that is not open yet, before a page reports it. */
  tunnelMs: number;
  /** Timeout for a connection to a printer. */
  connectMs: number;
  /** Time until the headers of its answer are complete, after the whole request was sent. */
  answerMs: number;
  /** Maximum time without progress while a body is sent in either direction. */
  stallMs: number;
  /** Maximum number of connections to one printer. */
  printerConnections: number;
  /** Maximum number of requests of one session at once; without a free connection they wait. */
  requests: number;
  webSockets: number;
  /** Maximum octets of a request body without a length, which is buffered until it is complete. */
  unsizedBytes: number;
}

const defaultLimits: GatewayLimits = {
  tunnelMs: 3_000,
  connectMs: 30_000,
  answerMs: 60_000,
  stallMs: 120_000,
  printerConnections: 6,
  requests: 64,
  webSockets: 8,
  unsizedBytes: 1024 * 1024,
};

export interface GatewayOptions {
  /** Sessions are at `<label>.<domain>`. */
  domain: string;
  sessions: WebSessions;
  tunnels: Tunnels;
  /** For printers whose TLS is too old for the runtime; undefined: they are refused. */
  legacyTls?: LegacyTls | undefined;
  now(): Date;
  log(event: string, fields: Record<string, string | number | boolean>): void;
  limits?: Partial<GatewayLimits> | undefined;
}

/** A session in use, until its tunnel ends. */
export interface SessionInUse {
  link: PrinterLink;
  requests: number;
  webSockets: number;
  /** Functions that cut off requests in progress. */
  live: Set<() => void>;
}

export interface WebGateway extends GatewayOptions, Disposable {
  limits: GatewayLimits;
  /** The connections of a session; closed with its tunnel. */
  inUse(session: WebSession & { scheme: "http" | "https" }, tunnel: Tunnel): SessionInUse;
  /** Why a session has no tunnel here, for one that has not ended. */
  whyNoTunnel(session: WebSession): Refusal;
  /** Of the last connection to the printer. */
  encryptionOf(session: WebSession): string | undefined;
}

/** Disposal cuts off every session. */
export function createWebGateway(options: GatewayOptions): WebGateway {
  const limits = { ...defaultLimits, ...options.limits };
  const { sessions } = options;
  const used = new Map<Tunnel, SessionInUse>();
  const end = (tunnel: Tunnel) => {
    const session = used.get(tunnel);
    used.delete(tunnel);
    for (const cut of session?.live ?? []) cut();
    session?.link[Symbol.dispose]();
  };
  return {
    ...options,
    limits,
    inUse(session, tunnel) {
      const known = used.get(tunnel);
      if (known !== undefined) return known;
      const link = openPrinterLink({
        tunnel,
        scheme: session.scheme,
        connectMs: limits.connectMs,
        maxAtOnce: limits.printerConnections,
        maxWaiting: limits.requests,
        pinned: () => sessions.pinned(session),
        pin: (fingerprint) => sessions.pin(session, fingerprint, "first use"),
        legacy: {
          helper: options.legacyTls,
          deviceId: session.deviceId,
          isAllowed: () => sessions.allowsLegacyTls(session),
          used(encryption) {
            options.log("legacyTlsUsed", { session: session.id, device: session.deviceId, encryption });
            return sessions.noteLegacyTls(session, encryption);
          },
        },
      });
      const made: SessionInUse = { link, requests: 0, webSockets: 0, live: new Set() };
      used.set(tunnel, made);
      tunnel.closed.then(() => end(tunnel), () => end(tunnel));
      return made;
    },
    whyNoTunnel({ id, state, waitsForApproval, holder }) {
      if (waitsForApproval) return refusals.waiting(id);
      return state === "open" && holder !== undefined ? refusals.elsewhere(holder) : refusals.connecting;
    },
    encryptionOf({ id }) {
      const tunnel = options.tunnels.of(id);
      return tunnel && used.get(tunnel)?.link.encryption();
    },
    [Symbol.dispose]() {
      for (const tunnel of [...used.keys()]) end(tunnel);
    },
  };
}
