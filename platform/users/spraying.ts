/**
 * Somebody may try a few passwords with many users, from many sources: too few for each user and each source to be
 * stopped. Nobody is kept out for it, as that would be what an attacker wants; it is noted, for the dealer whose users
 * are tried and for the whole platform.
 */
import { appendAudit } from "../audit/audit_log.ts";
import type { Transaction } from "../store/store.ts";
import type { UserRow, UsersPlatform } from "./users.ts";

const hourMs = 60 * 60_000;
/* Of the active users of a dealer within an hour; a few people mistype at any time. */
const usersLimit = { least: 5, share: 0.05 };
/** Failed attempts of all sources together, in the time that those of one are counted for. */
export const mostOfAll = 300;
/** Stands for all sources together. */
export const allSources = "*";

type Parts = Pick<UsersPlatform, "log">;

/** Notes, once an hour, that many users of a dealer have failed. `user`: the one who just did. */
export async function noteTriedUser(
  { log }: Parts,
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
export async function noteFailures(
  { log }: Parts,
  tx: Transaction,
  { failures, minutes, at }: { failures: number; minutes: number; at: Date },
): Promise<void> {
  if (failures !== mostOfAll) return;
  const action = "manyFailedSignIns", detail = { failures, minutes };
  await appendAudit(tx, { at, actor: "platform", customerId: null, action, subject: "portal", detail });
  tx.afterCommit(() => log(action, detail));
}
