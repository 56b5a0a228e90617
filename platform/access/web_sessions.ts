/** Stored data for the browser side of sessions: links, owners' cookies, certificates of printers, requests. */
import { createHash, timingSafeEqual } from "node:crypto";
import { messageOf, UsageError } from "../../common/core/errors.ts";
import type { Platform } from "../agents/platform.ts";
import { actorText } from "../audit/audit_log.ts";
import { changeTenant, readTenant, type TenantBy } from "../audit/use_case.ts";
import { type Page, pageParameters, pageSql } from "../store/page.ts";
import type { Tenant } from "../store/store.ts";
import { liveGateways } from "./gateways.ts";
import { allowsLegacyTls, isOfDevice } from "./legacy_tls_permission.ts";
import { shownSession } from "./manage_sessions.ts";
import { maybeSession, type Scheme, sessionOfAnyone, type SessionRow } from "./sessions.ts";

/** The present state of a session, for its pages. */
export interface WebSession {
  id: string;
  /** The first label of its host name. */
  label: string;
  customerId: string;
  deviceId: string;
  state: "waiting" | "open" | "closed" | "refused";
  /** The administrator of the agent's machine has to approve it. */
  waitsForApproval: boolean;
  /** What another process of the platform, which has its tunnel, is called; undefined if there is none, or not known. */
  holder: { web: string | undefined; host: string } | undefined;
  scheme: Scheme;
  /** Address of the printer in the customer's network; empty if the agent's policy masks it. */
  address: string;
  port: number;
  /** Maker and model, for pages. */
  deviceName: string;
  /** Why it was closed or refused. */
  reason: string | undefined;
  endsAt: Date;
}

/** A stored request of a browser; only the length of a query is stored, as printers put passwords into it. */
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
  /** The secret for the user's cookie, once for each token; undefined if the token is unknown, used or expired. */
  redeem(session: WebSession, token: string): Promise<string | undefined>;
  /** A link for its user to another process, which shows pages below `web` and has the tunnel. */
  passOn(session: WebSession, web: string): Promise<string>;
  /** Whether the secret belongs to the user who opened the session. */
  isOwner(session: WebSession, secret: string): Promise<boolean>;
  /** SHA-256 of the pinned certificate of this device and port. */
  pinned(session: WebSession): Promise<string | undefined>;
  pin(session: WebSession, fingerprint: string, by: "first use" | "user"): Promise<void>;
  /** Whether its device may be reached by TLS that is not safe: see `allowLegacyTls`. */
  allowsLegacyTls(session: WebSession): Promise<boolean>;
  noteLegacyTls(session: WebSession, encryption: string): Promise<void>;
  note(request: WebRequestNote): void;
}

const linkMs = 10 * 60_000;
const flushMs = 500;
/* What a store that is busy for long must not fill the memory with. */
const mostPending = 10_000;

/**
 * A URL that opens the session in one browser, or for one `forward`, valid for ten minutes. Throws UsageError if there is
 * no such session of this user, or no gateway that shows it.
 */
export function createLink(
  platform: Platform,
  by: TenantBy,
  { sessionId }: { sessionId: string },
): Promise<{ link: string }> {
  return changeTenant(platform, by, async (tenant, at) => {
    const row = await maybeSession(tenant, sessionId);
    if (row === undefined) {
      throw new UsageError(`Cannot find the session "${sessionId}"`, "opendca-platform access list shows them");
    }
    const { state } = shownSession(row, at);
    if (state !== "waiting" && state !== "open") {
      throw new UsageError(
        `Cannot make a link to the session ${sessionId} as it is over: current value of its state is "${state}"`,
        "opendca-platform access open opens another one",
      );
    }
    // By this the link's holder becomes the session's user.
    if (row.opened_by !== actorText(by.actor)) {
      throw new UsageError(
        `Cannot make a link to the session ${sessionId} as it belongs to ${row.opened_by}`,
        "opendca-platform access open opens one of your own",
      );
    }
    const web = await maybeWebOf(tenant, row, at);
    if (web === undefined) {
      throw new UsageError(
        "Cannot make a link as no gateway shows web pages",
        "opendca-platform serve --access-listen 0.0.0.0:443 --access-domain access.example.com does",
      );
    }
    const link = await addLink(tenant, { id: sessionId, label: row.label, endsAt: new Date(row.ends_at) }, { web, at });
    return { answer: { link }, audit: { action: "accessLinkMade", subject: sessionId } };
  });
}

/** The URL at a process that shows pages below `web`. */
async function addLink(
  tenant: Tenant,
  { id, label, endsAt }: Pick<WebSession, "id" | "label" | "endsAt">,
  { web, at }: { web: string; at: Date },
): Promise<string> {
  const token = randomText();
  await tenant.run(
    `INSERT INTO access_links (customer_id, token_digest, session_id, created_at, expires_at)
     VALUES (:customer, :digest, :session_id, :at, :expires_at)`,
    {
      digest: digestOf(token),
      session_id: id,
      at: at.getTime(),
      expires_at: Math.min(at.getTime() + linkMs, endsAt.getTime()),
    },
  );
  return `https://${label}.${web}/.opendca/start?token=${token}`;
}

/** Whether any gateway shows pages. */
export function showsPages(platform: Platform, by: TenantBy): Promise<boolean> {
  return readTenant(
    platform,
    by,
    async ({ transaction }) =>
      (await liveGateways(transaction, platform.clock.now())).some(({ web }) => web !== undefined),
  );
}

/** Domain and port of the present or future gateway of the session. */
async function maybeWebOf(tenant: Tenant, { gateway_id }: SessionRow, at: Date): Promise<string | undefined> {
  const gateways = await liveGateways(tenant.transaction, at);
  const own = gateways.find(({ gatewayId }) => gatewayId === gateway_id) ??
    gateways.find(({ web }) => web !== undefined);
  return own?.web;
}

/** Requests of a session, oldest first. Throws UsageError if the customer has no such session. */
export function listRequests(
  platform: Platform,
  by: TenantBy,
  { sessionId, ...page }: { sessionId: string } & Page,
): Promise<Omit<WebRequestNote, "customerId">[]> {
  return readTenant(platform, by, async (tenant) => {
    if (await maybeSession(tenant, sessionId) === undefined) {
      throw new UsageError(`Cannot find the session "${sessionId}"`, "opendca-platform access list shows them");
    }
    const rows = await tenant.all<RequestRow>(
      `SELECT at, method, path, query_length, status, bytes_in, bytes_out, ms FROM access_requests
       WHERE customer_id = :customer AND session_id = :session_id ORDER BY at, request_id ${pageSql}`,
      { session_id: sessionId, ...pageParameters(page) },
    );
    return rows.map((row) => ({
      sessionId,
      at: new Date(row.at),
      method: row.method,
      path: row.path,
      queryLength: row.query_length,
      status: row.status,
      bytesIn: row.bytes_in,
      bytesOut: row.bytes_out,
      ms: row.ms,
    }));
  });
}

interface RequestRow {
  at: number;
  method: string;
  path: string;
  query_length: number;
  status: number;
  bytes_in: number;
  bytes_out: number;
  ms: number;
}

/** Disposal writes pending requests. */
export function createWebSessions(platform: Platform): WebSessions & AsyncDisposable {
  const { store, clock } = platform;
  const pending: WebRequestNote[] = [];
  let writing = Promise.resolve();
  const flush = () => writing = writing.then(() => writeNotes(platform, pending));
  const timer = setInterval(() => pending.length > 0 && void flush(), flushMs);
  return {
    find: (label) =>
      store.transaction(async (tx) => {
        const found = await sessionOfAnyone(tx, { label });
        return found === undefined ? undefined : await webSessionOf(tx.tenant(found.customer_id), found, clock.now());
      }, { readOnly: true }),
    redeem: ({ customerId, id }, token) => {
      const secret = randomText();
      return store.transaction(async (tx) => {
        const used = await tx.tenant(customerId).run(
          `UPDATE access_links SET used_at = :at, secret_digest = :secret
           WHERE customer_id = :customer AND token_digest = :digest AND session_id = :session_id AND used_at IS NULL
             AND expires_at > :at`,
          { at: clock.now().getTime(), secret: digestOf(secret), digest: digestOf(token), session_id: id },
        );
        return used === 1 ? secret : undefined;
      });
    },
    passOn: (session, web) =>
      changeTenant(platform, { actor: "platform", tenant: session.customerId }, async (tenant, at) => ({
        answer: await addLink(tenant, session, { web, at }),
        audit: { action: "accessLinkMade", subject: session.id, detail: { web } },
      })),
    isOwner: ({ customerId, id }, secret) =>
      store.transaction(async (tx) => {
        const shown = digestOf(secret);
        const rows = await tx.tenant(customerId).all<{ secret_digest: Uint8Array }>(
          `SELECT secret_digest FROM access_links
           WHERE customer_id = :customer AND session_id = :session_id AND secret_digest IS NOT NULL`,
          { session_id: id },
        );
        return rows.some(({ secret_digest }) => timingSafeEqual(secret_digest, shown));
      }, { readOnly: true }),
    // A device that was merged of several has their certificates.
    pinned: ({ customerId, deviceId, port }) =>
      store.transaction(async (tx) => {
        const row = await tx.tenant(customerId).get<{ fingerprint: string }>(
          `SELECT fingerprint FROM access_certificates
           WHERE customer_id = :customer AND port = :port AND ${isOfDevice}
           ORDER BY pinned_at DESC, device_id LIMIT 1`,
          { device_id: deviceId, port },
        );
        return row?.fingerprint;
      }, { readOnly: true }),
    pin: ({ customerId, deviceId, port, id }, fingerprint, how) =>
      changeTenant(platform, { actor: "platform", tenant: customerId }, async (tenant, at) => {
        await tenant.run(
          `INSERT INTO access_certificates (customer_id, device_id, port, fingerprint, pinned_at)
           VALUES (:customer, :device_id, :port, :fingerprint, :at)
           ON CONFLICT (customer_id, device_id, port) DO UPDATE SET fingerprint = :fingerprint, pinned_at = :at`,
          { device_id: deviceId, port, fingerprint, at: at.getTime() },
        );
        const detail = { device: deviceId, port, fingerprint, how };
        return { answer: undefined, audit: { action: "accessCertificatePinned", subject: id, detail } };
      }),
    allowsLegacyTls: ({ customerId, deviceId }) =>
      store.transaction((tx) => allowsLegacyTls(tx.tenant(customerId), deviceId), { readOnly: true }),
    noteLegacyTls: ({ customerId, deviceId, id, port }, encryption) =>
      changeTenant(platform, { actor: "platform", tenant: customerId }, () => {
        const detail = { device: deviceId, port, encryption };
        return Promise.resolve({ answer: undefined, audit: { action: "accessLegacyTlsUsed", subject: id, detail } });
      }),
    note(request) {
      if (pending.length < mostPending) pending.push(request);
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await flush();
    },
  };
}

let requests = 0;

/** An id that keeps the order of requests with the same time. */
function nextRequestId(): string {
  return `${String(requests++).padStart(12, "0")}-${crypto.randomUUID().slice(0, 8)}`;
}

async function writeNotes({ store, log }: Platform, pending: WebRequestNote[]): Promise<void> {
  // In one order of customers: processes that do this at the same time would wait for each other.
  const notes = pending.splice(0).sort((a, b) =>
    a.customerId < b.customerId ? -1 : Number(a.customerId > b.customerId)
  );
  try {
    await store.transaction(async (tx) => {
      for (const { customerId, sessionId, at, method, path, queryLength, status, bytesIn, bytesOut, ms } of notes) {
        await tx.tenant(customerId).run(
          `INSERT INTO access_requests (customer_id, session_id, request_id, at, method, path, query_length, status,
             bytes_in, bytes_out, ms)
           VALUES (:customer, :session_id, :request_id, :at, :method, :path, :query_length, :status, :bytes_in, :bytes_out,
             :ms)`,
          {
            session_id: sessionId,
            request_id: nextRequestId(),
            at: at.getTime(),
            method,
            path,
            query_length: queryLength,
            status,
            bytes_in: bytesIn,
            bytes_out: bytesOut,
            ms,
          },
        );
      }
    });
  } catch (error) {
    // Written with the next ones, unless there are too many by then.
    if (pending.length + notes.length <= mostPending) pending.unshift(...notes);
    log("storeBusy", { message: messageOf(error) });
  }
}

async function webSessionOf(tenant: Tenant, found: SessionRow, now: Date): Promise<WebSession | undefined> {
  const row = await maybeSession(tenant, found.session_id);
  if (row === undefined) return undefined;
  const device = await tenant.get<{ manufacturer: string | null; model: string | null }>(
    "SELECT manufacturer, model FROM devices WHERE customer_id = :customer AND device_id = :device_id",
    { device_id: row.device_id },
  );
  const { state, reason, step } = shownSession(row, now);
  return {
    id: row.session_id,
    label: row.label,
    customerId: row.customer_id,
    deviceId: row.device_id,
    state: state === "expired" ? "closed" : state,
    waitsForApproval: state === "waiting" && step === "waiting",
    holder: await maybeHolder(tenant, row, now),
    scheme: row.scheme,
    address: row.address,
    port: row.port,
    deviceName: [device?.manufacturer, device?.model].filter((part) => part).join(" ") || row.device_id,
    reason: reason ?? undefined,
    endsAt: new Date(row.ends_at),
  };
}

async function maybeHolder(tenant: Tenant, { gateway_id }: SessionRow, at: Date): Promise<WebSession["holder"]> {
  if (gateway_id === null) return undefined;
  const gateway = (await liveGateways(tenant.transaction, at)).find(({ gatewayId }) => gatewayId === gateway_id);
  const host = gateway?.hosts[0];
  return gateway && { web: gateway.web, host: host === undefined ? "another process" : `${host.host}:${host.port}` };
}

function digestOf(text: string): Uint8Array {
  return new Uint8Array(createHash("sha256").update(text).digest());
}

/** 256 random bits in URL-safe form. */
function randomText(): string {
  return crypto.getRandomValues(new Uint8Array(32)).toBase64({ alphabet: "base64url", omitPadding: true });
}
