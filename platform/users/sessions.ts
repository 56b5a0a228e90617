/** Sessions of signed-in users. The browser has a secret in a cookie; the store has its digest. */
import { appendAudit } from "../audit/audit_log.ts";
import { newId } from "../store/new_id.ts";
import type { Store, Transaction } from "../store/store.ts";
import type { Grant } from "./permissions.ts";
import { newSecret, secretDigest } from "./second_factor.ts";
import { grantsOf, isOfOpen, type Language, maybeUser, type UserRow, type UsersPlatform } from "./users.ts";

const minute = 60_000;
/** A session ends after this time in any case, after this time without a page, and before the second factor. */
const limitsMs = { whole: 12 * 60 * minute, idle: 60 * minute, unfinished: 10 * minute };
/** For dangerous things, a person proves again who it is, unless it just did. */
const confirmedMs = 10 * minute;
/* Noting the use with each page would be a write for each. */
const usedStepMs = minute;

export type SessionStep = "secondFactor" | "enrolment" | "full";

export interface SessionRow {
  digest: Uint8Array;
  session_id: string;
  user_id: string;
  step: SessionStep;
  created_at: number;
  used_at: number;
  ends_at: number;
  confirmed_at: number;
  totp_secret: Uint8Array | null;
  source: string;
  browser: string;
  /** The rest: of a session that a provider of identities began. */
  provider_id: string | null;
  provider_kept: Uint8Array | null;
  checked_at: number | null;
  check_at: number | null;
  valid_until: number | null;
  provider_session: string | null;
  provider_sign_out: Uint8Array | null;
  provider_ends_at: number | null;
  is_unseen: number;
}

/** How a session goes on that a provider of identities began. */
export interface SessionOrigin {
  providerId: string;
  /** Sealed: what the provider is asked with whether the user still may sign in. */
  kept: Uint8Array | null;
  checkedAt: number;
  /** When to ask again; null: it cannot be asked. */
  checkAt: number | null;
  /** The session counts for nothing from then on, until the provider has said so again. */
  validUntil: number;
  /** As the provider calls its own session. */
  session: string | null;
  /** Sealed: what the provider is told by that the person signs out. */
  signOut: Uint8Array | null;
  /** The provider's own end of the session, or that of the session that goes on by this one. */
  endsAt?: number | undefined;
  /** Of a session that goes on by this one without a person. */
  usedAt?: number | undefined;
  /** When the person last proved to the provider who it is; 0: not known. Undefined: just now, to the platform. */
  confirmedAt?: number | undefined;
}

/** The person who looks at a page. */
export interface Viewer {
  userId: string;
  sessionId: string;
  email: string;
  name: string;
  language: Language;
  dealerId: string;
  /** Undefined: of the dealer. */
  customerId: string | undefined;
  /** Of identities, that the session is by; undefined: password or passkey. */
  providerId: string | undefined;
  grants: readonly Grant[];
  /** Whether a dangerous thing needs no further proof now. */
  isConfirmed: boolean;
}

/** What a browser is known by: source address, and what it calls itself. */
export interface Client {
  source: string;
  browser: string;
}

/** Returns the secret for the cookie. */
export async function startSession(
  tx: Transaction,
  { userId, step, at, client, origin }: {
    userId: string;
    step: SessionStep;
    at: Date;
    client: Client;
    origin?: SessionOrigin | undefined;
  },
): Promise<{ secret: string; sessionId: string }> {
  const secret = newSecret(), sessionId = newId("sgn"), now = at.getTime();
  await tx.run("DELETE FROM user_sessions WHERE ends_at < :now", { now });
  await tx.run(
    `INSERT INTO user_sessions
       (digest, session_id, user_id, step, created_at, used_at, ends_at, confirmed_at, source, browser, provider_id,
        provider_kept, checked_at, check_at, valid_until, provider_session, provider_sign_out, provider_ends_at)
     VALUES (:digest, :session_id, :user_id, :step, :now, :used_at, :ends_at, :confirmed_at, :source, :browser,
       :provider_id, :provider_kept, :checked_at, :check_at, :valid_until, :provider_session, :provider_sign_out,
       :provider_ends_at)`,
    {
      digest: secretDigest(secret),
      session_id: sessionId,
      user_id: userId,
      step,
      now,
      used_at: origin?.usedAt ?? now,
      ends_at: Math.min(now + (step === "full" ? limitsMs.whole : limitsMs.unfinished), origin?.endsAt ?? Infinity),
      confirmed_at: step === "full" ? origin?.confirmedAt ?? now : 0,
      source: client.source,
      browser: client.browser.slice(0, 200),
      provider_id: origin?.providerId ?? null,
      provider_kept: origin?.kept ?? null,
      checked_at: origin?.checkedAt ?? null,
      check_at: origin?.checkAt ?? null,
      valid_until: origin?.validUntil ?? null,
      provider_session: origin?.session ?? null,
      provider_sign_out: origin?.signOut ?? null,
      provider_ends_at: origin?.endsAt ?? null,
    },
  );
  return { secret, sessionId };
}

/** Of a session that waits for the second factor, for the full one that follows. */
export function originOf(session: SessionRow): SessionOrigin | undefined {
  const { provider_id: providerId, provider_kept: kept, checked_at, check_at: checkAt, valid_until } = session;
  if (providerId === null) return undefined;
  const { provider_session, provider_sign_out, provider_ends_at } = session;
  return {
    providerId,
    kept,
    checkedAt: checked_at!,
    checkAt,
    validUntil: valid_until!,
    session: provider_session,
    signOut: provider_sign_out,
    endsAt: provider_ends_at ?? undefined,
  };
}

/** The session of a cookie, if it is of this step, has not ended, and its user is active and of an open customer. */
export async function maybeSession(
  tx: Transaction,
  secret: string,
  { step, at }: { step: readonly SessionStep[]; at: Date },
): Promise<{ session: SessionRow; user: UserRow } | undefined> {
  const now = at.getTime();
  const session = await maybeRow(tx, secret);
  if (session === undefined || !step.includes(session.step) || isOver(session, now)) return undefined;
  if (session.valid_until !== null && session.valid_until <= now) return undefined;
  const user = await maybeUser(tx, session.user_id);
  return user?.state === "active" && await isOfOpen(tx, user) ? { session, user } : undefined;
}

function maybeRow(tx: Transaction, secret: string): Promise<SessionRow | undefined> {
  return tx.get("SELECT * FROM user_sessions WHERE digest = :digest", { digest: secretDigest(secret) });
}

function isOver(session: SessionRow, now: number): boolean {
  return session.ends_at <= now || session.used_at + limitsMs.idle <= now;
}

/** The session of a cookie that counts for nothing until its provider of identities has vouched for the user again. */
export function maybeStaleSession(
  { store, clock }: Pick<UsersPlatform, "store" | "clock">,
  secret: string,
): Promise<SessionRow & { provider_id: string } | undefined> {
  const now = clock.now().getTime();
  return store.transaction(async (tx) => {
    const session = await maybeRow(tx, secret);
    if (session?.step !== "full" || isOver(session, now)) return undefined;
    const { provider_id, valid_until } = session;
    return provider_id !== null && valid_until! <= now ? { ...session, provider_id } : undefined;
  }, { readOnly: true });
}

/** A page by itself is loaded again, so that its session goes on: that is no sign of a person. */
export async function noteUnseen(platform: Pick<UsersPlatform, "store" | "clock">, secret: string): Promise<void> {
  const stale = await maybeStaleSession(platform, secret);
  if (stale === undefined || stale.is_unseen === 1) return;
  await platform.store.transaction((tx) =>
    tx.run("UPDATE user_sessions SET is_unseen = 1 WHERE digest = :digest", { digest: stale.digest })
  );
}

/** Who looks, by the session's cookie; undefined if nobody is signed in by it. `isPassive`: a page by itself, nobody. */
export async function maybeViewer(
  platform: Pick<UsersPlatform, "store" | "clock">,
  secret: string,
  { isPassive = false }: { isPassive?: boolean } = {},
): Promise<Viewer | undefined> {
  const { store, clock } = platform, at = clock.now();
  const found = await store.transaction(async (tx) => {
    const known = await maybeSession(tx, secret, { step: ["full"], at });
    return known && { ...known, grants: await grantsOf(tx, known.user.user_id) };
  }, { readOnly: true });
  if (found === undefined) return undefined;
  const { session, user, grants } = found;
  // The page that a session goes on for without a person comes right after it was made.
  const seenAt = Math.max(session.used_at, session.created_at);
  if (!isPassive && seenAt + usedStepMs <= at.getTime()) await noteUse(store, session, at);
  return {
    userId: user.user_id,
    sessionId: session.session_id,
    email: user.email,
    name: user.name,
    language: user.language,
    dealerId: user.dealer_id,
    customerId: user.of_customer ?? undefined,
    providerId: session.provider_id ?? undefined,
    grants,
    isConfirmed: at.getTime() < session.confirmed_at + confirmedMs,
  };
}

async function noteUse(store: Store, { digest }: SessionRow, at: Date): Promise<void> {
  await store.transaction((tx) =>
    tx.run("UPDATE user_sessions SET used_at = :now WHERE digest = :digest", { digest, now: at.getTime() })
  );
}

/** Signs out the session of a cookie, whatever its step. Returns it, unless there is none. */
export function signOut(
  { store, clock }: Pick<UsersPlatform, "store" | "clock">,
  secret: string,
): Promise<SessionRow | undefined> {
  return store.transaction(async (tx) => {
    const ended = await tx.get<SessionRow>("DELETE FROM user_sessions WHERE digest = :digest RETURNING *", {
      digest: secretDigest(secret),
    });
    if (ended?.step !== "full") return ended;
    const user = await maybeUser(tx, ended.user_id);
    await appendAudit(tx, {
      at: clock.now(),
      actor: { kind: "user", name: user?.email ?? ended.user_id },
      customerId: user?.of_customer ?? null,
      action: "signedOut",
      subject: ended.user_id,
      detail: { session: ended.session_id },
    });
    return ended;
  });
}

export interface ListedSession extends Client {
  sessionId: string;
  createdAt: number;
  usedAt: number;
}

/** Of one user, the latest first. */
export function listUserSessions(
  { store, clock }: Pick<UsersPlatform, "store" | "clock">,
  userId: string,
): Promise<ListedSession[]> {
  const now = clock.now().getTime();
  return store.transaction(async (tx) => {
    const rows = await tx.all<SessionRow>(
      `SELECT * FROM user_sessions WHERE user_id = :id AND step = 'full' AND ends_at > :now AND used_at > :idle
       ORDER BY used_at DESC`,
      { id: userId, now, idle: now - limitsMs.idle },
    );
    return rows.map(({ session_id, created_at, used_at, source, browser }) => ({
      sessionId: session_id,
      createdAt: created_at,
      usedAt: used_at,
      source,
      browser,
    }));
  }, { readOnly: true });
}

/** Ends sessions of a user: one, or all but one. Returns how many. */
export function endUserSessions(
  { store, clock }: Pick<UsersPlatform, "store" | "clock">,
  { viewer, sessionId, except }: { viewer: Viewer; sessionId?: string; except?: string },
): Promise<number> {
  return store.transaction(async (tx) => {
    const ended = await tx.run(
      `DELETE FROM user_sessions WHERE user_id = :id AND (CAST(:session AS TEXT) IS NULL OR session_id = :session)
         AND (CAST(:except AS TEXT) IS NULL OR session_id <> :except)`,
      { id: viewer.userId, session: sessionId ?? null, except: except ?? null },
    );
    await appendAudit(tx, {
      at: clock.now(),
      actor: { kind: "user", name: viewer.email },
      customerId: viewer.customerId ?? null,
      action: "userSessionsEnded",
      subject: viewer.userId,
      detail: { sessions: ended },
    });
    return ended;
  });
}
