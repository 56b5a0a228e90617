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
}

/** Whoever looks at a page. */
export interface Viewer {
  userId: string;
  sessionId: string;
  email: string;
  name: string;
  language: Language;
  dealerId: string;
  /** Undefined: of the dealer. */
  customerId: string | undefined;
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
  { userId, step, at, client }: { userId: string; step: SessionStep; at: Date; client: Client },
): Promise<{ secret: string; sessionId: string }> {
  const secret = newSecret(), sessionId = newId("sgn"), now = at.getTime();
  await tx.run("DELETE FROM user_sessions WHERE ends_at < :now", { now });
  await tx.run(
    `INSERT INTO user_sessions
       (digest, session_id, user_id, step, created_at, used_at, ends_at, confirmed_at, source, browser)
     VALUES (:digest, :session_id, :user_id, :step, :now, :now, :ends_at, :confirmed_at, :source, :browser)`,
    {
      digest: secretDigest(secret),
      session_id: sessionId,
      user_id: userId,
      step,
      now,
      ends_at: now + (step === "full" ? limitsMs.whole : limitsMs.unfinished),
      confirmed_at: step === "full" ? now : 0,
      source: client.source,
      browser: client.browser.slice(0, 200),
    },
  );
  return { secret, sessionId };
}

/** The session of a cookie, if it is of this step, has not ended, and its user is active and of an open customer. */
export async function maybeSession(
  tx: Transaction,
  secret: string,
  { step, at }: { step: readonly SessionStep[]; at: Date },
): Promise<{ session: SessionRow; user: UserRow } | undefined> {
  const now = at.getTime();
  const session = await tx.get<SessionRow>("SELECT * FROM user_sessions WHERE digest = :digest", {
    digest: secretDigest(secret),
  });
  if (session === undefined || !step.includes(session.step)) return undefined;
  if (session.ends_at <= now || session.used_at + limitsMs.idle <= now) return undefined;
  const user = await maybeUser(tx, session.user_id);
  return user?.state === "active" && await isOfOpen(tx, user) ? { session, user } : undefined;
}

/** Who looks, by the session's cookie; undefined if nobody is signed in by it. */
export async function maybeViewer(
  platform: Pick<UsersPlatform, "store" | "clock">,
  secret: string,
): Promise<Viewer | undefined> {
  const { store, clock } = platform, at = clock.now();
  const found = await store.transaction(async (tx) => {
    const known = await maybeSession(tx, secret, { step: ["full"], at });
    return known && { ...known, grants: await grantsOf(tx, known.user.user_id) };
  }, { readOnly: true });
  if (found === undefined) return undefined;
  const { session, user, grants } = found;
  if (session.used_at + usedStepMs <= at.getTime()) await noteUse(store, session, at);
  return {
    userId: user.user_id,
    sessionId: session.session_id,
    email: user.email,
    name: user.name,
    language: user.language,
    dealerId: user.dealer_id,
    customerId: user.of_customer ?? undefined,
    grants,
    isConfirmed: at.getTime() < session.confirmed_at + confirmedMs,
  };
}

async function noteUse(store: Store, { digest }: SessionRow, at: Date): Promise<void> {
  await store.transaction((tx) =>
    tx.run("UPDATE user_sessions SET used_at = :now WHERE digest = :digest", { digest, now: at.getTime() })
  );
}

/** Signs out the session of a cookie, whatever its step. */
export async function signOut({ store, clock }: Pick<UsersPlatform, "store" | "clock">, secret: string): Promise<void> {
  await store.transaction(async (tx) => {
    const ended = await tx.get<{ user_id: string; session_id: string; step: SessionStep }>(
      "DELETE FROM user_sessions WHERE digest = :digest RETURNING user_id, session_id, step",
      { digest: secretDigest(secret) },
    );
    if (ended?.step !== "full") return;
    const user = await maybeUser(tx, ended.user_id);
    await appendAudit(tx, {
      at: clock.now(),
      actor: { kind: "user", name: user?.email ?? ended.user_id },
      customerId: user?.of_customer ?? null,
      action: "signedOut",
      subject: ended.user_id,
      detail: { session: ended.session_id },
    });
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
