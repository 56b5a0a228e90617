/** A provider says that a person has signed out there, or is signed out: the sessions that it began end here, at once. */
import { appendAudit } from "../audit/audit_log.ts";
import { ProviderRefusal } from "./provider_refusal.ts";
import { type Provider, sha256, type SsoPlatform } from "./providers.ts";
import { userOfSubject } from "./sign_in_by_provider.ts";

export interface SaidSignOut {
  /** Of the message, which counts once until its end. */
  id: string;
  endsAt: number;
  /** Undefined: whoever has the sessions. */
  subject: string | undefined;
  /** As the provider calls its own. None, or none that is known here: all of the person. */
  sessions: readonly string[];
  source: string;
}

/** The message must have been checked. Returns how many ended. Throws ProviderRefusal for one that was used before. */
export function signOutByProvider(
  { store, clock }: Pick<SsoPlatform, "store" | "clock">,
  { providerId, customerId }: Provider,
  { id, endsAt, subject, sessions, source }: SaidSignOut,
): Promise<number> {
  const at = clock.now();
  return store.transaction(async (tx) => {
    await tx.run("DELETE FROM used_assertions WHERE ends_at < :now", { now: at.getTime() });
    const used = await tx.run(
      `INSERT INTO used_assertions (provider_id, assertion, ends_at) VALUES (:provider, :message, :ends_at)
       ON CONFLICT DO NOTHING`,
      { provider: providerId, message: sha256(`sign-out ${id}`), ends_at: endsAt },
    );
    if (used === 0) throw new ProviderRefusal("over", "the message was used before");
    const user = subject === undefined ? undefined : await userOfSubject(tx, providerId, subject);
    if (subject !== undefined && user === undefined) return 0;
    const own = await tx.all<{ digest: Uint8Array; user_id: string; provider_session: string | null; email: string }>(
      `SELECT s.digest, s.user_id, s.provider_session, u.email FROM user_sessions s JOIN users u ON u.user_id = s.user_id
       WHERE s.provider_id = :provider AND (s.user_id = :user OR CAST(:user AS TEXT) IS NULL AND s.provider_session = :session)`,
      { provider: providerId, user: user?.user_id ?? null, session: sessions[0] ?? null },
    );
    const named = own.filter(({ provider_session }) =>
      provider_session !== null && sessions.includes(provider_session)
    );
    // A provider may know a session by an older name: rather out than in.
    const ended = named.length > 0 || user === undefined ? named : own;
    for (const { digest } of ended) await tx.run("DELETE FROM user_sessions WHERE digest = :digest", { digest });
    for (const [userId, rows] of Map.groupBy(ended, ({ user_id }) => user_id)) {
      await appendAudit(tx, {
        at,
        actor: "platform",
        customerId: customerId ?? null,
        action: "userSessionsEnded",
        subject: userId,
        detail: {
          email: rows[0]!.email,
          sessions: rows.length,
          provider: providerId,
          reason: "signed out at the provider",
          source,
        },
      });
    }
    return ended.length;
  });
}
