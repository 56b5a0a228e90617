/** Second factors of the person who is signed in: an app that is added or replaced later, and recovery codes made again. */
import { UsageError } from "../../common/core/errors.ts";
import { appendAudit } from "../audit/audit_log.ts";
import { maybeTotpStep, openSecret } from "./second_factor.ts";
import { maybeSession, type Viewer } from "./sessions.ts";
import { freshRecoveryCodes, ofUser } from "./sign_in.ts";
import { hasSecondFactor, maybeUser, type UsersPlatform } from "./users.ts";

/**
 * Takes the app that `enrolmentOf` has shown to this session, by its first code, in place of the one before. With
 * recovery codes if it is the user's first second factor.
 */
export function addApp(
  { store, clock, pepper }: UsersPlatform,
  { secret, code }: { secret: string; code: string },
): Promise<{ kind: "added"; recoveryCodes: string[] | undefined } | { kind: "refused" | "over" }> {
  const at = clock.now();
  return store.transaction(async (tx) => {
    const { session, user } = await maybeSession(tx, secret, { step: ["full"], at }) ?? {};
    if (session?.totp_secret == null || user === undefined) return { kind: "over" };
    const id = user.user_id, isFirst = !await hasSecondFactor(tx, user);
    const step = maybeTotpStep(openSecret(session.totp_secret, { pepper, userId: id }), {
      code,
      now: at,
      usedStep: 0,
    });
    if (step === undefined) return { kind: "refused" };
    await tx.run("UPDATE users SET totp_secret = :sealed, totp_step = :step WHERE user_id = :id", {
      id,
      sealed: session.totp_secret,
      step,
    });
    await tx.run("UPDATE user_sessions SET totp_secret = NULL WHERE digest = :digest", { digest: session.digest });
    const detail = { kind: "app", replaced: user.totp_secret !== null };
    await appendAudit(tx, { ...ofUser(user), at, action: "secondFactorSet", detail });
    return { kind: "added", recoveryCodes: isFirst ? await freshRecoveryCodes(tx, id) : undefined };
  });
}

/** The old ones end. Shown once. Throws UsageError without a second factor, which they stand in for. */
export function renewRecoveryCodes(
  { store, clock }: Pick<UsersPlatform, "store" | "clock">,
  { viewer }: { viewer: Viewer },
): Promise<string[]> {
  return store.transaction(async (tx) => {
    const user = (await maybeUser(tx, viewer.userId))!;
    if (!await hasSecondFactor(tx, user)) {
      throw new UsageError(
        "Cannot make recovery codes as you have no second factor",
        "set up an app or a passkey first",
      );
    }
    const codes = await freshRecoveryCodes(tx, user.user_id);
    await appendAudit(tx, { ...ofUser(user), at: clock.now(), action: "recoveryCodesMade" });
    return codes;
  });
}

/** How many are left. */
export function countRecoveryCodes({ store }: Pick<UsersPlatform, "store">, userId: string): Promise<number> {
  return store.transaction(async (tx) => {
    const row = await tx.get<{ n: number }>("SELECT count(*) AS n FROM user_recovery_codes WHERE user_id = :id", {
      id: userId,
    });
    return row!.n;
  }, { readOnly: true });
}
