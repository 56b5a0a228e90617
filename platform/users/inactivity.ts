/** Deactivates users who have not signed in for the time that their dealer has chosen. */
import { messageOf, UsageError } from "../../common/core/errors.ts";
import { appendAudit } from "../audit/audit_log.ts";
import { type By, changePlatform, readPlatform } from "../audit/use_case.ts";
import { dealerOf } from "../customers/dealers.ts";
import { forgetTokens } from "./api_tokens.ts";
import { forgetChallenges } from "./challenges.ts";
import { forgetSources } from "./failed_attempts.ts";
import { forgetForms } from "./kept_forms.ts";
import { queueMail } from "../mail/mail_queue.ts";
import { deactivateRow, portalOrigin } from "./manage_users.ts";
import { hasMail, isReachable, userMail } from "./user_mails.ts";
import type { UserRow, UsersPlatform } from "./users.ts";

const dayMs = 86_400_000;
/** Days without sign-in, of which a dealer chooses one. */
export const inactiveDays = [90, 180] as const;

/**
 * Active users count from their last sign-in, or from when they became active if that is later. An administrator is no
 * exception: an operator can always let a user in again. Returns how many were deactivated.
 */
export async function deactivateInactive({ store, clock }: Pick<UsersPlatform, "store" | "clock">): Promise<number> {
  const at = clock.now(), now = at.getTime();
  const late = `u.state = 'active' AND u.state_since < :now - d.inactive_days * :day
    AND coalesce(u.signed_in_at, 0) < :now - d.inactive_days * :day`;
  const find = `SELECT u.*, d.inactive_days FROM users u JOIN dealers d ON d.dealer_id = u.dealer_id WHERE ${late}`;
  const parameters = { now, day: dayMs };
  const some = await store.transaction((tx) => tx.get(`${find} LIMIT 1`, parameters), { readOnly: true });
  if (some === undefined) return 0;
  return await store.transaction(async (tx) => {
    const rows = await tx.all<UserRow & { inactive_days: number }>(find, parameters);
    for (const { user_id, email, of_customer, inactive_days } of rows) {
      await deactivateRow(tx, user_id, { reason: "inactivity", at });
      await appendAudit(tx, {
        at,
        actor: "platform",
        customerId: of_customer,
        action: "userDeactivated",
        subject: user_id,
        detail: { email, reason: "inactivity", days: inactive_days },
      });
    }
    return rows.length;
  });
}

/* Two weeks before, and again three days before. */
const warnDays = [14, 3];

/** Warns users who will be deactivated soon, by mail. Returns how many. */
export async function warnInactive(
  { store, clock, pepper }: Pick<UsersPlatform, "store" | "clock" | "pepper">,
): Promise<number> {
  const at = clock.now(), now = at.getTime();
  return await store.transaction(async (tx) => {
    const origin = await portalOrigin(tx);
    if (origin === undefined || !await hasMail(tx)) return 0;
    const rows = await tx.all<UserRow & { inactive_days: number; warned_at: number }>(
      `SELECT u.*, d.inactive_days FROM users u JOIN dealers d ON d.dealer_id = u.dealer_id WHERE u.state = 'active'
         AND u.state_since <= :now - (d.inactive_days - :first) * :day
         AND coalesce(u.signed_in_at, 0) <= :now - (d.inactive_days - :first) * :day`,
      { now, day: dayMs, first: warnDays[0]! },
    );
    let warned = 0;
    for (const row of rows.filter(isReachable)) {
      const until = Math.max(row.signed_in_at ?? 0, row.state_since) + row.inactive_days * dayMs;
      const due = warnDays.filter((days) => until - now <= days * dayMs).at(-1)!;
      // Warned for this step already.
      if (row.warned_at >= until - due * dayMs) continue;
      const mail = userMail(row, "inactive", { link: `${origin}/sign-in`, until: new Date(until) });
      await queueMail(tx, { mail, pepper, at });
      await tx.run("UPDATE users SET warned_at = :now WHERE user_id = :id", { id: row.user_id, now });
      warned++;
    }
    return warned;
  });
}

/** Forgets sources that may try again, sessions that have ended, and browsers that nobody has used for half a year. */
export async function forgetSignIns({ store, clock }: Pick<UsersPlatform, "store" | "clock">): Promise<void> {
  const at = clock.now(), now = at.getTime();
  await store.transaction(async (tx) => {
    await forgetSources(tx, at);
    await forgetChallenges(tx, at);
    await forgetForms(tx, now);
    await tx.run("DELETE FROM user_sessions WHERE ends_at < :now", { now });
    await tx.run("DELETE FROM user_links WHERE ends_at < :now", { now });
    await tx.run("DELETE FROM user_browsers WHERE used_at < :since", { since: now - 180 * dayMs });
  });
}

const lookMs = 60 * 60_000;

/** Looks every hour, until disposed of. What fails is done with the next look. */
export function keepUsers(platform: Pick<UsersPlatform, "store" | "clock" | "pepper" | "log">): AsyncDisposable {
  let looking: Promise<void> = Promise.resolve();
  const look = () => {
    looking = deactivateInactive(platform).then(() => warnInactive(platform)).then(() => forgetSignIns(platform))
      .then(() => forgetTokens(platform)).catch((error) => platform.log("storeBusy", { message: messageOf(error) }));
  };
  look();
  const timer = setInterval(look, lookMs);
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await looking;
    },
  };
}

export interface SignInPolicy {
  secondFactor: boolean;
  inactiveDays: number;
}

/** The rules of a dealer for its users; what is left out stays as it is. Throws UsageError for other days than 90 and 180. */
export function setSignInPolicy(
  platform: Pick<UsersPlatform, "store" | "clock">,
  by: By,
  { dealer, ...wanted }: { dealer?: string | undefined } & { [K in keyof SignInPolicy]?: SignInPolicy[K] | undefined },
): Promise<SignInPolicy> {
  const { secondFactor, inactiveDays: days } = wanted;
  if (secondFactor === undefined && days === undefined) return signInPolicy(platform, by, dealer);
  if (days !== undefined && !(inactiveDays as readonly number[]).includes(days)) {
    throw new UsageError(`Cannot deactivate users after ${days} days: it is 90 or 180`);
  }
  return changePlatform(platform, by, async (tx, at) => {
    const { dealer_id: id } = await dealerOf(tx, dealer, at);
    const row = await tx.get<{ second_factor: number; inactive_days: number }>(
      `UPDATE dealers SET second_factor = coalesce(CAST(:factor AS INTEGER), second_factor),
         inactive_days = coalesce(CAST(:days AS INTEGER), inactive_days)
       WHERE dealer_id = :id RETURNING second_factor, inactive_days`,
      { id, factor: secondFactor === undefined ? null : Number(secondFactor), days: days ?? null },
    );
    const policy = { secondFactor: row!.second_factor === 1, inactiveDays: row!.inactive_days };
    return {
      answer: policy,
      customerId: null,
      audit: { action: "signInPolicySet", subject: id, detail: { ...policy } },
    };
  });
}

function signInPolicy(
  platform: Pick<UsersPlatform, "store" | "clock">,
  by: By,
  dealer: string | undefined,
): Promise<SignInPolicy> {
  return readPlatform(platform, by, async (tx) => {
    const { dealer_id: id } = await dealerOf(tx, dealer, platform.clock.now());
    const row = await tx.get<{ second_factor: number; inactive_days: number }>(
      "SELECT second_factor, inactive_days FROM dealers WHERE dealer_id = :id",
      { id },
    );
    return { secondFactor: row!.second_factor === 1, inactiveDays: row!.inactive_days };
  });
}
