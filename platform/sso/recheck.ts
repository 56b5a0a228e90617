/**
 * Whether the people of sessions still may sign in, as their providers say. A session counts for five minutes after its
 * provider has vouched for the person (`valid_until`), whatever happens here: without an answer it ends by itself. So the
 * provider is asked every three minutes. One that does not answer, which is not the same as one that says no, keeps
 * sessions going for a quarter of an hour at most.
 */
import { messageOf } from "../../common/core/errors.ts";
import { appendAudit } from "../audit/audit_log.ts";
import type { Transaction } from "../store/store.ts";
import type { SessionRow } from "../users/sessions.ts";
import type { Identity, Rechecked } from "./identity.ts";
import type { KindName } from "./kinds.ts";
import { maybeActiveProvider, openJson, type Provider, type SsoPlatform } from "./providers.ts";
import { askAgainMs, type KeptOfSession, originOfIdentity, vouchedMs, vouchedUser } from "./sign_in_by_provider.ts";
import { maybeUser } from "../users/users.ts";

/** How long sessions go on while the provider does not answer, from when it last vouched. */
export const awayMs = 15 * 60_000;
const awayStepMs = 2 * 60_000, awayAgainMs = 30_000;
/* The process that takes a session to ask for it has this time; then another process may. */
const takenMs = 60_000;
const lookMs = 15_000;
const sessionsAtOnce = 8, sessionsOfLook = 200;

/** Asks the provider. It must end within half a minute, and does not throw for what the provider does. */
export type Recheck = (
  platform: SsoPlatform,
  provider: Provider,
  asked: KeptOfSession,
) => Promise<Rechecked>;

/* Loaded when a session of the kind is there. SAML has nobody to ask. */
const rechecks: Partial<Record<KindName, () => Promise<Recheck>>> = {
  oidc: async () => (await import("./oidc.ts")).recheckOidc,
  ldap: async () => (await import("./sign_in_by_directory.ts")).recheckByDirectory,
};

/** Asks for all sessions that are due. Returns how many it asked for. */
export async function recheckSessions(platform: SsoPlatform, ask: Recheck = askProvider): Promise<number> {
  const { store, clock } = platform, now = clock.now().getTime();
  const due = await store.transaction(
    (tx) =>
      tx.all<SessionRow>(
        `SELECT * FROM user_sessions WHERE check_at <= :now AND step = 'full' AND ends_at > :now
         ORDER BY check_at LIMIT ${sessionsOfLook}`,
        { now },
      ),
    { readOnly: true },
  );
  const waiting = due.values();
  const work = async () => {
    for (const session of waiting) await recheckSession(platform, session, ask);
  };
  await Promise.all(Array.from({ length: sessionsAtOnce }, work));
  return due.length;
}

/** Nothing if another process has taken it. */
async function recheckSession(platform: SsoPlatform, session: SessionRow, ask: Recheck): Promise<void> {
  const { store, clock, pepper } = platform, { digest, provider_id: providerId, user_id, provider_kept } = session;
  const now = clock.now().getTime();
  const taken = await store.transaction((tx) =>
    tx.run("UPDATE user_sessions SET check_at = :later WHERE digest = :digest AND check_at = :was", {
      digest,
      later: now + takenMs,
      was: session.check_at,
    })
  );
  if (taken === 0 || providerId === null || provider_kept === null) return;
  const provider = await maybeActiveProvider(platform, providerId);
  if (provider === undefined) return await endSession(platform, session, "the provider is not active");
  const asked = openJson<KeptOfSession>(provider_kept, { pepper, of: `${providerId} ${user_id}` });
  const said = await answerOf(() => ask(platform, provider, asked), asked);
  // From when it was asked: what it says may be as old as that.
  if (said.kind === "valid") return await goOn(platform, { session, provider, identity: said.identity, askedAt: now });
  if (said.kind === "gone") return await endSession(platform, session, said.reason, { isGone: true });
  platform.log("identityProviderAway", { provider: provider.name, message: said.reason });
  await store.transaction((tx) =>
    tx.run("UPDATE user_sessions SET valid_until = :until, check_at = :check WHERE digest = :digest", {
      digest,
      until: Math.min(Math.max(session.valid_until!, now + awayStepMs), session.checked_at! + awayMs),
      check: now + awayAgainMs,
    })
  );
}

async function askProvider(platform: SsoPlatform, provider: Provider, asked: KeptOfSession): Promise<Rechecked> {
  const recheck = await rechecks[provider.kind]?.();
  if (recheck === undefined) return { kind: "away", reason: `nobody can be asked by ${provider.kind}` };
  return await recheck(platform, provider, asked);
}

async function answerOf(ask: () => Promise<Rechecked>, asked: KeptOfSession): Promise<Rechecked> {
  try {
    const said = await ask();
    const isOther = said.kind === "valid" && said.identity.subject !== asked.subject;
    return isOther ? { kind: "gone", reason: "the provider spoke of another person" } : said;
  } catch (error) {
    return { kind: "away", reason: messageOf(error) };
  }
}

async function goOn(
  platform: SsoPlatform,
  { session, provider, identity, askedAt }: {
    session: SessionRow;
    provider: Provider;
    identity: Identity;
    askedAt: number;
  },
): Promise<void> {
  const at = platform.clock.now();
  await platform.store.transaction(async (tx) => {
    const found = await vouchedUser(tx, { provider, identity, at, source: session.source });
    if (found.kind !== "user" || found.user.user_id !== session.user_id) {
      return await endRow(tx, { session, reason: found.kind, at });
    }
    const origin = originOfIdentity(platform, { provider, identity, user: found.user, at: new Date(askedAt) });
    await tx.run(
      `UPDATE user_sessions SET provider_kept = :kept, checked_at = :asked, check_at = :check, valid_until = :until
       WHERE digest = :digest`,
      {
        digest: session.digest,
        kept: origin.kept ?? session.provider_kept,
        asked: askedAt,
        check: askedAt + askAgainMs,
        until: askedAt + vouchedMs,
      },
    );
  });
}

function endSession(
  platform: SsoPlatform,
  session: SessionRow,
  reason: string,
  { isGone = false } = {},
): Promise<void> {
  const at = platform.clock.now();
  return platform.store.transaction(async (tx) => {
    // Also for what is no session, such as tokens: the next sign-in gives the roles back.
    if (isGone) await tx.run("DELETE FROM user_roles WHERE user_id = :id", { id: session.user_id });
    await endRow(tx, { session, reason, at });
  });
}

/** Ends all sessions of the user by this provider: what it says of a person holds for each. */
async function endRow(
  tx: Transaction,
  { session, reason, at }: { session: SessionRow; reason: string; at: Date },
): Promise<void> {
  const { user_id: id, provider_id: provider } = session;
  const sessions = await tx.run("DELETE FROM user_sessions WHERE user_id = :id AND provider_id = :provider", {
    id,
    provider,
  });
  if (sessions === 0) return;
  const user = await maybeUser(tx, id);
  await appendAudit(tx, {
    at,
    actor: "platform",
    customerId: user?.of_customer ?? null,
    action: "userSessionsEnded",
    subject: id,
    detail: { email: user?.email ?? "", sessions, provider: provider ?? "", reason: reason.slice(0, 200) },
  });
}

/** Looks until disposed of. What fails is done with the next look. */
export function keepProviderSessions(platform: SsoPlatform): AsyncDisposable {
  let looking: Promise<unknown> | undefined;
  const look = () => {
    // One look may take longer, as providers may answer slowly.
    looking ??= recheckSessions(platform).catch((error) => platform.log("storeBusy", { message: messageOf(error) }))
      .finally(() => looking = undefined);
  };
  const timer = setInterval(look, lookMs);
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await looking;
    },
  };
}
