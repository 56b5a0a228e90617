/** What requests at all sessions share: limits, and for each session in use its connections. */
import { openPrinterLink, type PrinterLink } from "./printer_link.ts";
import type { Tunnel, Tunnels } from "../../access/tunnels.ts";
import type { WebSession, WebSessions } from "../../access/web_sessions.ts";

export interface GatewayLimits {
  /** How long a request waits for the agent of a session that is not open yet, before a page says so. */
  tunnelMs: number;
  /** How long a printer may take for a connection. */
  connectMs: number;
  /** How long it may take until its headers are complete, after the last of the request was sent. */
  answerMs: number;
  /** How long nothing may move while a body is sent either way. */
  stallMs: number;
  /** Connections to one printer at once. */
  printerConnections: number;
  /** Requests of one session at once; those beyond the connections wait. */
  requests: number;
  webSockets: number;
  /** Octets of a request that does not say how long it is; it is kept until it is complete. */
  unsizedBytes: number;
}

export const defaultLimits: GatewayLimits = {
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
  now(): Date;
  log(event: string, fields: Record<string, string | number | boolean>): void;
  limits?: Partial<GatewayLimits> | undefined;
}

/** A session that is in use, until its tunnel ends. */
export interface SessionInUse {
  link: PrinterLink;
  requests: number;
  webSockets: number;
  /** Cuts off what is in progress. */
  live: Set<() => void>;
}

export interface WebGateway extends GatewayOptions, Disposable {
  limits: GatewayLimits;
  /** The connections of a session; closed when the tunnel is. */
  inUse(session: WebSession & { scheme: "http" | "https" }, tunnel: Tunnel): SessionInUse;
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
      });
      const made: SessionInUse = { link, requests: 0, webSockets: 0, live: new Set() };
      used.set(tunnel, made);
      tunnel.closed.then(() => end(tunnel), () => end(tunnel));
      return made;
    },
    [Symbol.dispose]() {
      for (const tunnel of [...used.keys()]) end(tunnel);
    },
  };
}
