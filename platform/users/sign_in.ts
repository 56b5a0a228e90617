/**
 * Signing in: password, then a second factor, or its setting up. What a stranger learns is always the same sentence,
 * after the same work: whether an address is known, deactivated or waits is not among it.
 */
import { UsageError } from "../../common/core/errors.ts";
import { type Actor, appendAudit } from "../audit/audit_log.ts";
import type { Transaction } from "../store/store.ts";
import { countFailure, countFailures, isKeptOut, sourceWaitMs, type Tried } from "./failed_attempts.ts";
import { checkedEmail, firstUserEmail } from "./manage_users.ts";
import {
  maybeClockDifference,
  maybeRecoveryDigest,
  maybeTotpStep,
  newRecoveryCodes,
  newSecret,
  newTotpSecret,
  openSecret,
  sealSecret,
  secretDigest,
  totpAddress,
} from "./second_factor.ts";
import { type Client, maybeSession, originOf, type SessionOrigin, type SessionRow, startSession } from "./sessions.ts";
import { hasSecondFactor, isOfOpen, maybeUser, type UserRow, usersByEmail, type UsersPlatform } from "./users.ts";

/** `secret`: for the session's cookie; `browserSecret`: for that of the browser, which outlives sessions. */
export type SignedIn =
  | { kind: "secondFactor" | "enrolment"; secret: string }
  | { kind: "full"; secret: string; browserSecret: string }
  | { kind: "refused" }
  | { kind: "wait"; ms: number };

export interface Attempted extends Client {
  /** Of an earlier sign-in. */
  browserSecret?: string | undefined;
}

/* A person is known to few dealers. More take longer. */
const leastChecks = 2;

/** Where several users have the address, the first one whose password it is. */
export async function signInByPassword(
  platform: UsersPlatform,
  { email, password, ...client }: { email: string; password: string } & Attempted,
): Promise<SignedIn> {
  const { store, passwords } = platform, at = platform.clock.now();
  const before = await store.transaction(async (tx) => ({
    waitMs: await sourceWaitMs(tx, client.source, at),
    users: await usersByEmail(tx, email.trim()),
  }), { readOnly: true });
  if (before.waitMs > 0) return { kind: "wait", ms: before.waitMs };
  // Outside of transactions, as it takes long. Always as long, as nobody is to learn who is known here, or known twice.
  const isRight = new Map<string, boolean>();
  for (let i = 0; i < Math.max(leastChecks, before.users.length); i++) {
    const user = before.users[i], right = await passwords.isRight(password, user?.password ?? null);
    if (user !== undefined) isRight.set(user.user_id, right);
  }
  return await store.transaction(async (tx) => {
    const tried: Tried[] = [];
    let user: UserRow | undefined;
    for (const { user_id, password: hash } of before.users) {
      // It may have changed in the meantime.
      const row = await maybeUser(tx, user_id), browser = await knownBrowser(tx, row, client.browserSecret);
      // Nobody guesses passwords of a user that has none, and so nobody can have it deactivated by that.
      const mayTry = row?.state === "active" && row.of_provider === null && await isOfOpen(tx, row) &&
        !isKeptOut(row, { browser, at });
      if (!mayTry) continue;
      tried.push({ user: row, browser });
      if (isRight.get(user_id) === true && row.password === hash) user ??= row;
    }
    if (user === undefined) {
      await countFailures(platform, tx, { tried, at, source: client.source });
      return { kind: "refused" };
    }
    if (await hasSecondFactor(tx, user)) return await unfinished(tx, { user, kind: "secondFactor", at, client });
    if (await needsSecondFactor(tx, user)) return await unfinished(tx, { user, kind: "enrolment", at, client });
    return await finish(tx, { user, at, client, by: "password" });
  });
}

interface First {
  user: UserRow;
  at: Date;
  client: Attempted;
  origin: SessionOrigin;
}

/** What follows when a provider of identities has vouched for an active user: the platform's second factor, or the session. */
export async function signInByOrigin(
  tx: Transaction,
  { needsFactor, by, ...first }: First & { needsFactor: boolean; by: string },
): Promise<SignedIn> {
  if (!needsFactor) return await finish(tx, { ...first, by });
  return await unfinished(tx, { ...first, kind: await hasSecondFactor(tx, first.user) ? "secondFactor" : "enrolment" });
}

async function unfinished(
  tx: Transaction,
  { user, kind, at, client, origin }: Omit<First, "origin"> & {
    kind: "secondFactor" | "enrolment";
    origin?: SessionOrigin;
  },
): Promise<SignedIn> {
  const { secret } = await startSession(tx, { userId: user.user_id, step: kind, at, client, origin });
  return { kind, secret };
}

/** `secret`: of a session that waits for it. A code that was used, or is of another time, is wrong. */
export function signInBySecondFactor(
  platform: UsersPlatform,
  { secret, code, ...client }: { secret: string; code: string } & Attempted,
): Promise<SignedIn | { kind: "over" }> {
  const at = platform.clock.now();
  return platform.store.transaction(async (tx) => {
    const known = await maybeSession(tx, secret, { step: ["secondFactor"], at });
    if (known === undefined) return { kind: "over" };
    const waitMs = await sourceWaitMs(tx, client.source, at);
    if (waitMs > 0) return { kind: "wait", ms: waitMs };
    const { session, user } = known, browser = await knownBrowser(tx, user, client.browserSecret);
    const mayTry = !isKeptOut(user, { browser, at });
    const by = mayTry ? await usedFactor(platform, tx, { user, code, at }) : undefined;
    if (by === undefined) {
      await countFailure(platform, tx, { user: mayTry ? user : undefined, at, source: client.source, browser });
      return { kind: "refused" };
    }
    return await finish(tx, { user, at, client, by: `${firstFactor(session)} and ${by}`, before: session });
  });
}

/** What an unfinished session began with. */
export function firstFactor({ provider_id }: SessionRow): "password" | "provider" {
  return provider_id === null ? "password" : "provider";
}

/** Uses up a right code, for one of two processes that get it at the same time. */
async function usedFactor(
  { pepper, log }: UsersPlatform,
  tx: Transaction,
  { user, code, at }: { user: UserRow; code: string; at: Date },
): Promise<"app" | "recovery code" | undefined> {
  const { user_id: userId, totp_secret: sealed, totp_step: usedStep } = user;
  const secret = sealed && openSecret(sealed, { pepper, userId });
  const step = secret && maybeTotpStep(secret, { code, now: at, usedStep });
  if (step != null) {
    const parameters = { id: userId, step };
    const used = await tx.run(
      "UPDATE users SET totp_step = :step WHERE user_id = :id AND totp_step < :step",
      parameters,
    );
    return used === 1 ? "app" : undefined;
  }
  if (secret !== null) noteClock({ log }, tx, { secret, code, at, userId });
  const digest = maybeRecoveryDigest(userId, code);
  if (digest === undefined) return undefined;
  const used = await tx.run("DELETE FROM user_recovery_codes WHERE user_id = :id AND digest = :digest", {
    id: userId,
    digest,
  });
  return used === 1 ? "recovery code" : undefined;
}

/** Says in the log that a code would be right at another time: that the clock here is wrong, if it is so for many. */
function noteClock(
  { log }: Pick<UsersPlatform, "log">,
  tx: Transaction,
  { secret, code, at, userId }: { secret: Uint8Array; code: string; at: Date; userId: string },
): void {
  const seconds = maybeClockDifference(secret, { code, now: at });
  if (seconds !== undefined) tx.afterCommit(() => log("codeOfAnotherTime", { user: userId, seconds }));
}

/** A QR code's content, and what is typed in its place. */
export interface Enrolment {
  email: string;
  address: string;
  typed: string;
}

/** What the app must be given; the same again until it is confirmed. Undefined if the session is over. */
export function enrolmentOf(
  { store, clock, pepper }: UsersPlatform,
  { secret, step }: { secret: string; step: "enrolment" | "full" },
): Promise<Enrolment | undefined> {
  const at = clock.now();
  return store.transaction(async (tx) => {
    const known = await maybeSession(tx, secret, { step: [step], at });
    if (known === undefined) return undefined;
    const { session, user: { user_id: userId, email } } = known;
    if (session.totp_secret !== null) {
      return { email, ...totpAddress(openSecret(session.totp_secret, { pepper, userId }), email) };
    }
    const fresh = newTotpSecret();
    await tx.run("UPDATE user_sessions SET totp_secret = :sealed WHERE digest = :digest", {
      sealed: sealSecret(fresh, { pepper, userId }),
      digest: session.digest,
    });
    return { email, ...totpAddress(fresh, email) };
  });
}

/** Ends the setting up by the first code of the app. The recovery codes are shown once. */
export function confirmEnrolment(
  platform: UsersPlatform,
  { secret, code, ...client }: { secret: string; code: string } & Attempted,
): Promise<
  { kind: "full"; secret: string; browserSecret: string; recoveryCodes: string[] } | { kind: "refused" | "over" }
> {
  const { pepper } = platform, at = platform.clock.now();
  return platform.store.transaction(async (tx) => {
    const known = await maybeSession(tx, secret, { step: ["enrolment"], at });
    const { session, user } = known ?? {};
    if (session?.totp_secret == null || user === undefined) return { kind: "over" };
    // Somebody else who has the password must not replace what was set up in the meantime.
    if (await hasSecondFactor(tx, user)) return { kind: "over" };
    const userId = user.user_id;
    const ofApp = openSecret(session.totp_secret, { pepper, userId });
    const step = maybeTotpStep(ofApp, { code, now: at, usedStep: 0 });
    if (step === undefined) {
      noteClock(platform, tx, { secret: ofApp, code, at, userId });
      return { kind: "refused" };
    }
    await tx.run("UPDATE users SET totp_secret = :sealed, totp_step = :step WHERE user_id = :id", {
      id: userId,
      sealed: session.totp_secret,
      step,
    });
    const recoveryCodes = await freshRecoveryCodes(tx, userId);
    await appendAudit(tx, { ...ofUser(user), at, action: "secondFactorSet", detail: { kind: "app" } });
    const done = await finish(tx, { user, at, client, by: "password and app", before: session });
    return { ...done, recoveryCodes };
  });
}

/** In place of those before; shown once. */
export async function freshRecoveryCodes(tx: Transaction, userId: string): Promise<string[]> {
  const recoveryCodes = newRecoveryCodes();
  await tx.run("DELETE FROM user_recovery_codes WHERE user_id = :id", { id: userId });
  for (const text of recoveryCodes) {
    await tx.run("INSERT INTO user_recovery_codes (user_id, digest) VALUES (:id, :digest)", {
      id: userId,
      digest: maybeRecoveryDigest(userId, text)!,
    });
  }
  return recoveryCodes;
}

export interface LinkHolder {
  email: string;
  name: string;
}

/** Whose link it is; undefined for one that is unknown, used or too old. */
export function linkHolder(
  { store, clock }: Pick<UsersPlatform, "store" | "clock">,
  token: string,
): Promise<LinkHolder | undefined> {
  return store.transaction(async (tx) => {
    const user = await maybeLinked(tx, token, clock.now());
    return user && { email: user.email, name: user.name };
  }, { readOnly: true });
}

async function maybeLinked(tx: Transaction, token: string, at: Date): Promise<UserRow | undefined> {
  const link = await tx.get<{ user_id: string }>(
    "SELECT user_id FROM user_links WHERE digest = :digest AND ends_at > :now",
    { digest: secretDigest(token), now: at.getTime() },
  );
  const user = link && await maybeUser(tx, link.user_id);
  return user?.state === "deactivated" || user?.of_provider != null ? undefined : user;
}

/**
 * Sets the password of anyone who holds a link, ends all sessions, and signs in as far as a right password does. Throws
 * UsageError for a password that cannot be used; then the link still works. `email`: that of the first user, whose address
 * is not known before.
 */
export async function usePasswordLink(
  platform: UsersPlatform,
  { token, password, email, ...client }: { token: string; password: string; email?: string } & Client,
): Promise<SignedIn> {
  const { store } = platform, at = platform.clock.now();
  const holder = await linkHolder(platform, token);
  if (holder === undefined) return { kind: "refused" };
  const address = holder.email === firstUserEmail ? checkedEmail(email ?? "") : holder.email;
  const known = [address, ...address.split(/[@.]/), ...holder.name.split(" "), "opendca"];
  const hash = await platform.passwords.hash(password, known.filter((word) => word.length > 2));
  return await store.transaction(async (tx) => {
    const linked = await maybeLinked(tx, token, at);
    if (linked === undefined) return { kind: "refused" };
    const user = { ...linked, email: address }, id = user.user_id;
    await tx.run("DELETE FROM user_links WHERE user_id = :id", { id });
    await tx.run("DELETE FROM user_sessions WHERE user_id = :id", { id });
    await tx.run(
      `UPDATE users SET email = :address, password = :hash, state = 'active', state_reason = NULL, failed_attempts = 0,
         state_since = CASE WHEN state = 'active' THEN state_since ELSE :at END WHERE user_id = :id`,
      { id, address, hash, at: at.getTime() },
    );
    await appendAudit(tx, { ...ofUser(user), at, action: "passwordSet" });
    if (await hasSecondFactor(tx, user)) return await unfinished(tx, { user, kind: "secondFactor", at, client });
    if (await needsSecondFactor(tx, user)) return await unfinished(tx, { user, kind: "enrolment", at, client });
    return await finish(tx, { user, at, client, by: "link" });
  });
}

/** Proves again who a signed-in person is, before something dangerous. */
export async function confirmSession(
  platform: UsersPlatform,
  { secret, password, code, ...client }: { secret: string; password: string; code: string } & Attempted,
): Promise<boolean> {
  const { store, passwords } = platform, at = platform.clock.now();
  const find = (tx: Transaction) => maybeSession(tx, secret, { step: ["full"], at });
  const before = await store.transaction(find, { readOnly: true });
  if (before === undefined) return false;
  const isRight = await passwords.isRight(password, before.user.password);
  return await store.transaction(async (tx) => {
    const known = await find(tx);
    if (known === undefined) return false;
    const { session, user } = known, browser = await knownBrowser(tx, user, client.browserSecret);
    const mayTry = !isKeptOut(user, { browser, at });
    const isProven = mayTry && isRight &&
      (!await hasSecondFactor(tx, user) || await usedFactor(platform, tx, { user, code, at }) !== undefined);
    if (!isProven) {
      await countFailure(platform, tx, { user: mayTry ? user : undefined, at, source: client.source, browser });
      return false;
    }
    await tx.run("UPDATE user_sessions SET confirmed_at = :now WHERE digest = :digest", {
      digest: session.digest,
      now: at.getTime(),
    });
    return true;
  });
}

/**
 * Does something in the name of a user who gives password and second factor, without a session: in the transaction that
 * uses the factor up. What is wrong counts as a failed attempt.
 */
export async function withProof<T>(
  platform: UsersPlatform,
  { userId, password, code, ...client }: { userId: string; password: string; code: string } & Attempted,
  work: (tx: Transaction, user: UserRow, at: Date) => Promise<T>,
): Promise<{ kind: "done"; answer: T } | { kind: "refused" } | { kind: "wait"; ms: number }> {
  const { store, passwords } = platform, at = platform.clock.now();
  const before = await store.transaction(async (tx) => ({
    waitMs: await sourceWaitMs(tx, client.source, at),
    user: await maybeUser(tx, userId),
  }), { readOnly: true });
  if (before.waitMs > 0) return { kind: "wait", ms: before.waitMs };
  const isRight = await passwords.isRight(password, before.user?.password ?? null);
  return await store.transaction(async (tx) => {
    const user = await maybeUser(tx, userId), browser = await knownBrowser(tx, user, client.browserSecret);
    const mayTry = user?.state === "active" && user.password === before.user?.password && await isOfOpen(tx, user) &&
      !isKeptOut(user, { browser, at });
    const isProven = mayTry && isRight &&
      (!await hasSecondFactor(tx, user) || await usedFactor(platform, tx, { user, code, at }) !== undefined);
    if (isProven) return { kind: "done", answer: await work(tx, user, at) };
    await countFailure(platform, tx, { user: mayTry ? user : undefined, at, source: client.source, browser });
    return { kind: "refused" };
  });
}

/** A full session, by a cookie that nobody had before. */
export async function finish(
  tx: Transaction,
  { user, at, client, by, before, origin = before && originOf(before) }: {
    user: UserRow;
    at: Date;
    client: Attempted;
    by: string;
    before?: SessionRow;
    origin?: SessionOrigin | undefined;
  },
): Promise<{ kind: "full"; secret: string; browserSecret: string }> {
  const id = user.user_id, now = at.getTime();
  if (before !== undefined) {
    await tx.run("DELETE FROM user_sessions WHERE digest = :digest", { digest: before.digest });
  }
  await tx.run(
    "UPDATE users SET failed_attempts = 0, unknown_browsers_until = 0, signed_in_at = :now WHERE user_id = :id",
    { id, now },
  );
  const { secret, sessionId } = await startSession(tx, { userId: id, step: "full", at, client, origin });
  const browserSecret = newSecret();
  const known = await knownBrowser(tx, user, client.browserSecret);
  if (known !== undefined) await tx.run("DELETE FROM user_browsers WHERE digest = :known", { known });
  await tx.run("INSERT INTO user_browsers (digest, user_id, used_at) VALUES (:digest, :id, :now)", {
    digest: secretDigest(browserSecret),
    id,
    now,
  });
  await appendAudit(tx, {
    ...ofUser(user),
    at,
    action: "signedIn",
    detail: {
      by,
      source: client.source,
      session: sessionId,
      ...(origin === undefined ? {} : { provider: origin.providerId }),
    },
  });
  return { kind: "full", secret, browserSecret };
}

export async function knownBrowser(
  tx: Transaction,
  user: UserRow | undefined,
  secret: string | undefined,
): Promise<Uint8Array | undefined> {
  if (user === undefined || secret === undefined) return undefined;
  const digest = secretDigest(secret);
  const row = await tx.get("SELECT 1 FROM user_browsers WHERE digest = :digest AND user_id = :id", {
    digest,
    id: user.user_id,
  });
  return row === undefined ? undefined : digest;
}

export async function needsSecondFactor(tx: Transaction, { dealer_id }: UserRow): Promise<boolean> {
  const dealer = await tx.get<{ second_factor: number }>("SELECT second_factor FROM dealers WHERE dealer_id = :id", {
    id: dealer_id,
  });
  if (dealer === undefined) throw new UsageError("Cannot sign in as the dealer of this user is gone");
  return dealer.second_factor === 1;
}

export function ofUser(
  { user_id, email, of_customer }: UserRow,
): { actor: Actor; customerId: string | null; subject: string } {
  return { actor: { kind: "user", name: email }, customerId: of_customer, subject: user_id };
}
