/**
 * What failed sign-ins lead to. A user is deactivated by the fifth one in a row, by wrong passwords and wrong codes
 * together. A source that fails again and again, no matter who it tries to be, has to wait.
 *
 * Anyone who knows the address of the last administrator of a dealer could keep everybody out by this. So this one user is
 * deactivated only by attempts from a browser that it had signed in with; after five others, unknown browsers are
 * refused for a time that doubles, up to a day, while known ones and open sessions go on. An operator can always let a
 * user in: `opendca-platform user reactivate`.
 *
 * Somebody may also try a few passwords with many users, from many sources: too few for each user and each source to be
 * stopped. Nobody is kept out for it, as that would be what an attacker wants; it is noted, for the dealer whose users
 * are tried and for the whole platform.
 */
import { appendAudit } from "../audit/audit_log.ts";
import type { Transaction } from "../store/store.ts";
import { deactivateRow } from "./manage_users.ts";
import { tellUser, userMail } from "./user_mails.ts";
import { isLastAdministrator, type UserRow, type UsersPlatform } from "./users.ts";

export const mostFailedAttempts = 5;
const sourceLimit = { failures: 30, withinMs: 15 * 60_000 };
const unknownBrowsersMs = { first: 15 * 60_000, most: 24 * 3_600_000 };
const hourMs = 60 * 60_000;
/* Of the active users of a dealer within an hour; a few people mistype at any time. */
const usersLimit = { least: 5, share: 0.05 };
/** Failed attempts of all sources together, in the time that those of one are counted for. */
const mostOfAll = 300;
/** Stands for all sources together. */
const allSources = "*";

/** Milliseconds that the source must wait; 0 if it may try. `most`: as many failures as it may have within the time. */
export async function sourceWaitMs(
  tx: Transaction,
  source: string,
  now: Date,
  most = sourceLimit.failures,
): Promise<number> {
  const row = await tx.get<{ failures: number; since: number }>(
    "SELECT failures, since FROM sign_in_sources WHERE source = :source",
    { source },
  );
  if (row === undefined || row.failures < most) return 0;
  const leftMs = row.since + sourceLimit.withinMs - now.getTime();
  // A clock that was set back must not keep anybody out for years.
  return leftMs > sourceLimit.withinMs ? 0 : Math.max(0, leftMs);
}

/** Counts a failure of the source, from the first one within the time. Returns how many there are. */
export async function countSource(tx: Transaction, source: string, now: Date): Promise<number> {
  const isRecent = "s.since BETWEEN :from AND :now";
  const row = await tx.get<{ failures: number }>(
    `INSERT INTO sign_in_sources AS s (source, failures, since) VALUES (:source, 1, :now)
     ON CONFLICT (source) DO UPDATE SET failures = CASE WHEN ${isRecent} THEN s.failures + 1 ELSE 1 END,
       since = CASE WHEN ${isRecent} THEN s.since ELSE :now END RETURNING failures`,
    { source, now: now.getTime(), from: now.getTime() - sourceLimit.withinMs },
  );
  return row!.failures;
}

/** Forgets sources whose time is over. */
export function forgetSources(tx: Transaction, now: Date): Promise<number> {
  return tx.run("DELETE FROM sign_in_sources WHERE since NOT BETWEEN :from AND :now", {
    now: now.getTime(),
    from: now.getTime() - sourceLimit.withinMs,
  });
}

export interface Attempt {
  at: Date;
  source: string;
  /** Digest of the cookie of a browser that the user has signed in with; undefined for any other. */
  browser: Uint8Array | undefined;
}

/** A user that a password was tried with, and the digest of its browser as in `Attempt`. */
export interface Tried {
  user: UserRow;
  browser: Uint8Array | undefined;
}

/** Whether nothing of a user is looked at, as too many have tried to be this last administrator, in browsers unknown here. */
export function isKeptOut(
  { unknown_browsers_until: until }: UserRow,
  { browser, at }: Pick<Attempt, "browser" | "at">,
): boolean {
  return browser === undefined && until > at.getTime();
}

/** Counts a failed attempt, of an active user if there is one, who is told of a deactivation. */
export function countFailure(
  platform: Pick<UsersPlatform, "pepper" | "log">,
  tx: Transaction,
  { user, browser, ...attempt }: { user: UserRow | undefined } & Attempt,
): Promise<void> {
  return countFailures(platform, tx, { tried: user === undefined ? [] : [{ user, browser }], ...attempt });
}

/** The same of all users that have the address. */
export async function countFailures(
  platform: Pick<UsersPlatform, "pepper" | "log">,
  tx: Transaction,
  { tried, at, source }: { tried: readonly Tried[] } & Omit<Attempt, "browser">,
): Promise<void> {
  await countSource(tx, source, at);
  const failures = await countSource(tx, allSources, at);
  await noteFailures(platform, tx, { failures, minutes: sourceLimit.withinMs / 60_000, at });
  for (const { user, browser } of tried) {
    if (user.state !== "active") continue;
    await noteTriedUser(platform, tx, { user, at, source });
    await countOfUser(platform, tx, { user, browser, at, source });
  }
}

async function countOfUser(
  { pepper }: Pick<UsersPlatform, "pepper">,
  tx: Transaction,
  { user, browser, at, source }: Tried & Attempt,
): Promise<void> {
  const isLast = await isLastAdministrator(tx, user);
  const ofBrowser = isLast && browser !== undefined;
  const counted = await tx.get<{ failed_attempts: number }>(
    `UPDATE ${ofBrowser ? "user_browsers" : "users"} SET failed_attempts = failed_attempts + 1
     WHERE user_id = :id AND ${ofBrowser ? "digest = :browser" : "state = 'active'"} RETURNING failed_attempts`,
    { id: user.user_id, ...(ofBrowser ? { browser } : {}) },
  );
  // Deactivated by another attempt in the meantime.
  if (counted === undefined || counted.failed_attempts < mostFailedAttempts) return;
  const attempts = counted.failed_attempts, detail = { email: user.email, source, attempts };
  const audit = { at, actor: "platform", customerId: user.of_customer, subject: user.user_id } as const;
  if (!isLast || ofBrowser) {
    await deactivateRow(tx, user.user_id, { reason: "failedAttempts", at });
    await tellUser(tx, { mail: userMail(user, "deactivated"), pepper, at });
    const action = "userDeactivated";
    return await appendAudit(tx, { ...audit, action, detail: { ...detail, reason: "failedAttempts" } });
  }
  const { first, most } = unknownBrowsersMs;
  const waitMs = Math.min(most, first * 2 ** (attempts - mostFailedAttempts));
  await tx.run("UPDATE users SET unknown_browsers_until = :until WHERE user_id = :id", {
    id: user.user_id,
    until: at.getTime() + waitMs,
  });
  await appendAudit(tx, {
    ...audit,
    action: "unknownBrowsersRefused",
    detail: { ...detail, minutes: waitMs / 60_000 },
  });
}

/** Notes, once an hour, that many users of a dealer have failed. `user`: the one who just did. */
async function noteTriedUser(
  { log }: Pick<UsersPlatform, "log">,
  tx: Transaction,
  { user: { user_id, dealer_id: dealer }, at, source }: { user: UserRow; at: Date; source: string },
): Promise<void> {
  const now = at.getTime(), since = now - hourMs;
  await tx.run("UPDATE users SET failed_at = :now WHERE user_id = :id", { id: user_id, now });
  const counts = await tx.get<{ failed: number; active: number }>(
    `SELECT (SELECT count(*) FROM users WHERE dealer_id = :dealer AND failed_at > :since) AS failed,
       (SELECT count(*) FROM users WHERE dealer_id = :dealer AND state = 'active') AS active`,
    { dealer, since },
  );
  const users = counts!.failed;
  if (users < Math.max(usersLimit.least, Math.ceil(counts!.active * usersLimit.share))) return;
  const noted = await tx.run(
    "UPDATE dealers SET spraying_at = :now WHERE dealer_id = :dealer AND spraying_at NOT BETWEEN :since AND :now",
    { dealer, now, since },
  );
  if (noted === 0) return;
  const action = "passwordSpraying", detail = { users, minutes: 60, source };
  await appendAudit(tx, { at, actor: "platform", customerId: null, action, subject: dealer, detail });
  tx.afterCommit(() => log("passwordSpraying", { dealer, users }));
}

/** Notes that all sources together have failed unusually often. `failures`: of the time until now. */
async function noteFailures(
  { log }: Pick<UsersPlatform, "log">,
  tx: Transaction,
  { failures, minutes, at }: { failures: number; minutes: number; at: Date },
): Promise<void> {
  if (failures !== mostOfAll) return;
  const action = "manyFailedSignIns", detail = { failures, minutes };
  await appendAudit(tx, { at, actor: "platform", customerId: null, action, subject: "portal", detail });
  tx.afterCommit(() => log(action, detail));
}
