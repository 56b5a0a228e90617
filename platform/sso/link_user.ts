/**
 * A user of the platform's own becomes one of a provider: by the person, who proves both the provider's account and the
 * password with the second factor, or by an administrator, who knows the provider's subject. An equal e-mail address alone
 * links nobody. From then on the provider decides on the roles, and the password is gone.
 */
import { UsageError } from "../../common/core/errors.ts";
import { type Actor, appendAudit } from "../audit/audit_log.ts";
import { type By, changePlatform } from "../audit/use_case.ts";
import { takeLock, type Transaction } from "../store/store.ts";
import { endAccess, keepAdministrator, reactivateUser, type UserLink } from "../users/manage_users.ts";
import type { Client } from "../users/sessions.ts";
import { withProof } from "../users/sign_in.ts";
import { maybeUser, userNamed, type UserRow, type UsersPlatform } from "../users/users.ts";
import { lookAtFlow, maybeFlow } from "./flows.ts";
import type { Identity } from "./identity.ts";
import {
  maybeActiveProvider,
  type Provider,
  providerNamed,
  providerOf,
  type SsoPlatform,
  type Within,
} from "./providers.ts";
import { addIdentity, isLinkable, type SignedInByProvider, signInByProvider } from "./sign_in_by_provider.ts";

/** What waits in a flow of this purpose. */
export interface WaitingLink {
  identity: Identity;
  userId: string;
  email: string;
}

export type Linked = SignedInByProvider | { kind: "refused" | "over" } | { kind: "wait"; ms: number };

/** By the person itself. What is wrong counts as a failed attempt, as everywhere. Throws UsageError for the last administrator. */
export async function linkByPassword(
  platform: UsersPlatform,
  { providerId, id, flowSecret, password, code, ...client }: {
    providerId: string;
    id: string;
    flowSecret: string | undefined;
    password: string;
    code: string;
    browserSecret?: string | undefined;
  } & Client,
): Promise<Linked> {
  const asked = { providerId, id, browserSecret: flowSecret };
  const waiting = flowSecret === undefined ? undefined : await lookAtFlow<WaitingLink>(platform, asked);
  const provider = await maybeActiveProvider(platform, providerId);
  if (waiting?.purpose !== "link" || provider === undefined) return { kind: "over" };
  const { identity, userId } = waiting.kept;
  const proof = await withProof(platform, { userId, password, code, ...client }, async (tx, user, at) => {
    await linkRow(tx, { user, provider, subject: identity.subject });
    await addIdentity(tx, { providerId, subject: identity.subject, userId, at });
    const actor: Actor = { kind: "user", name: user.email };
    await appendAudit(tx, { at, actor, customerId: user.of_customer, ...linkAudit(user, provider, identity.subject) });
  });
  if (proof.kind !== "done") return proof;
  await maybeFlow(platform, asked);
  return await signInByProvider(platform, { provider, identity, ...client });
}

function linkAudit(user: UserRow, { providerId }: Provider, subject: string) {
  const detail = { email: user.email, provider: providerId, person: subject };
  return { action: "userLinked", subject: user.user_id, detail };
}

/** By an administrator; `subject`: as the refused sign-in in the audit log says it. Throws UsageError. */
export function linkUser(
  platform: SsoPlatform,
  by: By,
  { user, provider, subject, within }: {
    user: string;
    provider: string;
    subject: string;
    within?: Within | undefined;
  },
): Promise<{ email: string; provider: string }> {
  return changePlatform(platform, by, async (tx, at) => {
    await takeLock(tx, "users");
    const of = providerOf(await providerNamed(tx, provider, within), platform.pepper);
    const row = await userNamed(tx, user, within?.dealerId);
    await linkRow(tx, { user: row, provider: of, subject });
    await addIdentity(tx, { providerId: of.providerId, subject, userId: row.user_id, at });
    return {
      answer: { email: row.email, provider: of.name },
      customerId: row.of_customer,
      audit: linkAudit(row, of, subject),
    };
  });
}

async function linkRow(
  tx: Transaction,
  { user, provider, subject }: { user: UserRow; provider: Provider; subject: string },
): Promise<void> {
  const { email, user_id: id } = user, { providerId, name } = provider;
  if (!isLinkable(user, provider)) {
    throw new UsageError(
      `Cannot link "${email}" to "${name}": it is not an active user of the same dealer or customer with a password`,
    );
  }
  await keepAdministrator(tx, user, "link");
  const other = await tx.get("SELECT 1 FROM user_identities WHERE provider_id = :provider AND subject = :subject", {
    provider: providerId,
    subject,
  });
  if (other !== undefined) throw new UsageError(`Cannot link "${email}" as another user is "${subject}" at "${name}"`);
  await endAccess(tx, id);
  await tx.run("UPDATE users SET of_provider = :provider, password = NULL WHERE user_id = :id", {
    id,
    provider: providerId,
  });
}

/** The user is the platform's own again, keeps the roles it has, and chooses a password by the link. */
export async function unlinkUser(
  platform: SsoPlatform,
  by: By,
  { user, dealerId }: { user: string; dealerId?: string },
): Promise<UserLink> {
  await changePlatform(platform, by, async (tx) => {
    await takeLock(tx, "users");
    const row = await userNamed(tx, user, dealerId), id = row.user_id;
    if (row.of_provider === null) throw new UsageError(`Cannot unlink "${row.email}" as no provider vouches for it`);
    await tx.run("DELETE FROM user_identities WHERE user_id = :id", { id });
    await tx.run("UPDATE users SET of_provider = NULL WHERE user_id = :id", { id });
    await endAccess(tx, id);
    return {
      answer: await maybeUser(tx, id),
      customerId: row.of_customer,
      audit: { action: "userUnlinked", subject: id, detail: { email: row.email, provider: row.of_provider } },
    };
  });
  return await reactivateUser(platform, by, dealerId === undefined ? { user } : { user, dealerId });
}
