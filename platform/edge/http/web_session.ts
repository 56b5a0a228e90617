/** What this edge needs to know of sessions, tunnels and users; `platform/access` keeps all of it. */
/** A session as its row is now. */
export interface WebSession {
  id: string;
  /** The first label of its host name. */
  label: string;
  customerId: string;
  deviceId: string;
  state: "waiting" | "open" | "closed" | "refused";
  scheme: "http" | "https" | "raw";
  /** Of the printer in the customer's network. */
  address: string;
  port: number;
  /** Model and place, for pages. */
  deviceName: string;
  /** Why it was closed or refused. */
  reason: string | undefined;
  endsAt: Date;
}

/** One request of a browser, as it is kept: of a query only the length, as printers put passwords into it. */
export interface WebRequestNote {
  sessionId: string;
  customerId: string;
  at: Date;
  method: string;
  path: string;
  queryLength: number;
  status: number;
  bytesIn: number;
  bytesOut: number;
  ms: number;
}

export interface WebSessions {
  find(label: string): Promise<WebSession | undefined>;
  /** The secret of the user's cookie, once for each token; undefined when the token is unknown, used or too old. */
  redeem(session: WebSession, token: string): Promise<string | undefined>;
  /** Whether the secret is that of the user who opened the session. */
  isOwner(session: WebSession, secret: string): Promise<boolean>;
  /** SHA-256 of the certificate that this device and port is known by. */
  pinned(session: WebSession): Promise<string | undefined>;
  pin(session: WebSession, fingerprint: string): Promise<void>;
  note(request: WebRequestNote): void;
}
