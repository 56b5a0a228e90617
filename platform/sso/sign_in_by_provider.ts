/**
 * Users from elsewhere: those whom a provider vouches for. The key is the provider's subject, never the e-mail address; the
 * roles are those of the groups, set anew each time, and nobody without one gets in.
 */
import { appendAudit } from "../audit/audit_log.ts";
import { newId } from "../store/new_id.ts";
import { takeLock, type Transaction } from "../store/store.ts";
import { grantsText, setGrants } from "../users/manage_users.ts";
import type { Grant } from "../users/permissions.ts";
import type { Client, SessionOrigin, SessionRow } from "../users/sessions.ts";
import { type SignedIn, signInByOrigin } from "../users/sign_in.ts";
import { grantsOf, isOfOpen, maybeUser, maybeUserByEmail, type UserRow, type UsersPlatform } from "../users/users.ts";
import type { Flow } from "./flows.ts";
import type { Identity } from "./identity.ts";
import {
  grantsOfGroups,
  groupRoles,
  maybeActiveRow,
  type Provider,
  sealJson,
  sha256,
  type SsoPlatform,
} from "./providers.ts";

/** A session counts for this long after the provider has vouched for its user. */
export const vouchedMs = 5 * 60_000;
/** It is asked again sooner, so that the answer is there in time. */
export const askAgainMs = 3 * 60_000;
export const signOutSealed = " sign-out";
/* For the clocks of two machines. */
const skewMs = 60_000;
/** As that of the platform's own sessions. */
const confirmedMs = 10 * 60_000;

export type SignedInByProvider =
  | Extract<SignedIn, { kind: "full" | "secondFactor" | "enrolment" }>
  /** The session that was there goes on, and its person has proved who it is. */
  | { kind: "confirmed" }
  /** The provider is not active, or of a closed dealer or customer. */
  | { kind: "closed" }
  /** None of the groups has a role. */
  | { kind: "noRole"; groups: number }
  /** The user is deactivated here. */
  | { kind: "deactivated" }
  /** A user of the platform's own has the address: see link_user.ts. */
  | { kind: "taken"; userId: string; email: string }
  /** Somebody else than the person of the session, or no new proof. */
  | { kind: "otherPerson" };

/** What is kept, sealed, with a session that can be checked. */
export interface KeptOfSession {
  subject: string;
  kept: string;
}

interface SignInAttempt extends Client {
  provider: Provider;
  identity: Identity;
  flow?: Pick<Flow<unknown>, "purpose" | "session" | "startedAt"> | undefined;
  browserSecret?: string | undefined;
}

/** What is wrong with the answer itself must have been checked by the kind. */
export function signInByProvider(
  platform: SsoPlatform,
  { provider, identity, flow, ...client }: SignInAttempt,
): Promise<SignedInByProvider> {
  const at = platform.clock.now();
  return platform.store.transaction(async (tx) => {
    if (flow?.purpose === "confirm" && !await isOfPerson(tx, flow.session, { provider, identity })) {
      return { kind: "otherPerson" };
    }
    const found = await vouchedUser(tx, { provider, identity, at, source: client.source });
    if (found.kind !== "user") return found;
    const { user, isNew } = found;
    const origin = originOfIdentity(platform, { provider, identity, user, at });
    if (flow?.purpose === "confirm") {
      return await confirm(tx, { user, origin, session: flow.session, notBefore: flow.startedAt - skewMs });
    }
    const before = flow?.purpose === "renew" ? await maybeOwn(tx, flow.session, { user, provider }) : undefined;
    if (before !== undefined) {
      await tx.run("DELETE FROM user_sessions WHERE digest = :digest", { digest: before.digest });
      // One sign-in that goes on: its end, its second factor and its proof are those it had.
      Object.assign(origin, {
        endsAt: Math.min(before.ends_at, origin.endsAt ?? Infinity),
        confirmedAt: Math.max(before.confirmed_at, origin.confirmedAt ?? 0),
        ...(before.is_unseen === 1 ? { usedAt: before.used_at } : {}),
      });
    }
    const needsFactor = provider.needsFactor && before === undefined;
    const by = `${provider.kind}${isNew ? ", first sign-in" : ""}${before === undefined ? "" : ", again"}`;
    const signedIn = await signInByOrigin(tx, { user, at, client, origin, needsFactor, by });
    return signedIn as Extract<SignedIn, { kind: "full" | "secondFactor" | "enrolment" }>;
  });
}

interface Vouched {
  provider: Provider;
  identity: Identity;
  at: Date;
  source: string;
}

type VouchedUser =
  | { kind: "user"; user: UserRow; isNew: boolean }
  | Extract<SignedInByProvider, { kind: "closed" | "noRole" | "deactivated" | "taken" }>;

/** The user of an identity, made or brought up to date; why not is in the audit log. */
export async function vouchedUser(
  tx: Transaction,
  { provider, identity, at, source }: Vouched,
): Promise<VouchedUser> {
  const { providerId, customerId = null } = provider, { subject } = identity;
  if (await maybeActiveRow(tx, providerId) === undefined) return { kind: "closed" };
  const refused = (detail: Record<string, string | number>, about = provider.dealerId) =>
    appendAudit(tx, {
      at,
      actor: "platform",
      customerId,
      action: "providerSignInRefused",
      subject: about,
      detail: { provider: providerId, person: subject, source, ...detail },
    });
  await takeLock(tx, "users");
  const known = await userOfSubject(tx, providerId, subject);
  const grants = grantsOfGroups(provider.kind, await groupRoles(tx, providerId), identity.groups);
  if (grants.length === 0) {
    if (known !== undefined) await dropRoles(tx, known.user_id, providerId);
    await refused({ reason: "no role", groups: identity.groups.length }, known?.user_id);
    return { kind: "noRole", groups: identity.groups.length };
  }
  if (known !== undefined) {
    if (known.state !== "active" || !await isOfOpen(tx, known)) {
      await refused({ reason: known.state }, known.user_id);
      return { kind: "deactivated" };
    }
    await bringUpToDate(tx, known, { identity, grants, at });
    return { kind: "user", user: (await maybeUser(tx, known.user_id))!, isNew: false };
  }
  const other = identity.email === undefined
    ? undefined
    : await maybeUserByEmail(tx, identity.email, provider.dealerId);
  if (other !== undefined && isLinkable(other, provider)) {
    await refused({ reason: "address of another user", email: other.email }, other.user_id);
    return { kind: "taken", userId: other.user_id, email: other.email };
  }
  const user = await addUser(tx, { provider, identity, isTaken: other !== undefined, at });
  await setGrants(tx, user.user_id, grants);
  await appendAudit(tx, {
    at,
    actor: "platform",
    customerId,
    action: "userAddedByProvider",
    subject: user.user_id,
    detail: { email: user.email, provider: providerId, person: subject, grants: grantsText(grants) },
  });
  return { kind: "user", user, isNew: true };
}

/** Whether a user of the platform's own may become one of the provider: of the same dealer, and of the same customer. */
export function isLinkable(user: UserRow, { dealerId, customerId }: Provider): boolean {
  return user.of_provider === null && user.dealer_id === dealerId && (user.of_customer ?? undefined) === customerId &&
    user.state === "active";
}

/** Whom the provider knows by this subject. */
export function userOfSubject(tx: Transaction, providerId: string, subject: string): Promise<UserRow | undefined> {
  return tx.get<UserRow>(
    `SELECT u.* FROM user_identities i JOIN users u ON u.user_id = i.user_id
     WHERE i.provider_id = :provider AND i.subject = :subject`,
    { provider: providerId, subject },
  );
}

async function addUser(
  tx: Transaction,
  { provider, identity, isTaken, at }: { provider: Provider; identity: Identity; isTaken: boolean; at: Date },
): Promise<UserRow> {
  const userId = newId("usr"), { providerId } = provider, { subject, email } = identity;
  const address = email === undefined || isTaken ? placeholder(providerId, subject) : email;
  await tx.run(
    `INSERT INTO users (user_id, dealer_id, of_customer, email, name, state, state_since, created_at, of_provider)
     VALUES (:user_id, :dealer_id, :of_customer, :email, :name, 'active', :at, :at, :provider)`,
    {
      user_id: userId,
      dealer_id: provider.dealerId,
      of_customer: provider.customerId ?? null,
      email: address,
      name: nameOf(identity),
      at: at.getTime(),
      provider: providerId,
    },
  );
  await addIdentity(tx, { providerId, subject, userId, at });
  return (await maybeUser(tx, userId))!;
}

export async function addIdentity(
  tx: Transaction,
  { providerId, subject, userId, at }: { providerId: string; subject: string; userId: string; at: Date },
): Promise<void> {
  await tx.run(
    `INSERT INTO user_identities (provider_id, subject, user_id, created_at)
     VALUES (:provider, :subject, :user, :at)`,
    { provider: providerId, subject, user: userId, at: at.getTime() },
  );
}

/** Where the provider gives no address, or one that another user has (RFC 2606: nobody can have it). */
function placeholder(providerId: string, subject: string): string {
  return `${sha256(subject).toHex().slice(0, 16)}@${providerId}.invalid`;
}

function nameOf({ name, email, subject }: Identity): string {
  const text = (name ?? email ?? subject).replace(/[\p{Cc}\p{Cf}]/gu, " ").trim().slice(0, 100).trim();
  return text === "" ? "?" : text;
}

/** Name, address and roles, as the provider says them now; what changes of the roles is in the audit log. */
async function bringUpToDate(
  tx: Transaction,
  user: UserRow,
  { identity, grants, at }: { identity: Identity; grants: readonly Grant[]; at: Date },
): Promise<void> {
  const id = user.user_id, { email } = identity;
  const isFree = email !== undefined && await maybeUserByEmail(tx, email, user.dealer_id) === undefined;
  const address = isFree ? email : user.email, name = nameOf(identity);
  if (address !== user.email || name !== user.name) {
    await tx.run("UPDATE users SET email = :address, name = :name WHERE user_id = :id", { id, address, name });
  }
  const before = (await grantsOf(tx, id)).map((grant) => grantsText([grant])).sort();
  const after = grants.map((grant) => grantsText([grant])).sort();
  if (before.join(" ") === after.join(" ")) return;
  await setGrants(tx, id, grants);
  await appendAudit(tx, {
    at,
    actor: "platform",
    customerId: user.of_customer,
    action: "userRolesSet",
    subject: id,
    detail: { email: user.email, grants: grantsText(grants), provider: user.of_provider ?? "" },
  });
}

/** Anyone who has no role any more is out at once. */
async function dropRoles(tx: Transaction, userId: string, providerId: string): Promise<void> {
  await tx.run("DELETE FROM user_roles WHERE user_id = :id", { id: userId });
  await tx.run("DELETE FROM user_sessions WHERE user_id = :id AND provider_id = :provider", {
    id: userId,
    provider: providerId,
  });
}

/** How the session goes on: see recheck.ts. */
export function originOfIdentity(
  { pepper }: Pick<UsersPlatform, "pepper">,
  { provider: { providerId }, identity, user, at }: {
    provider: Provider;
    identity: Identity;
    user: UserRow;
    at: Date;
  },
): SessionOrigin {
  const now = at.getTime(), { subject, kept, authenticatedAt = 0, vouchedAt = now, session, signOut } = identity;
  const sealed = (value: unknown, of: string) => sealJson(value, { pepper, of: `${providerId} ${user.user_id}${of}` });
  return {
    providerId,
    kept: kept === undefined ? null : sealed({ subject, kept } satisfies KeptOfSession, ""),
    checkedAt: now,
    checkAt: kept === undefined ? null : now + askAgainMs,
    // The browser may have waited with what the provider said.
    validUntil: Math.min(vouchedAt, now) + vouchedMs,
    session: session?.slice(0, 500) ?? null,
    signOut: signOut === undefined ? null : sealed(signOut, signOutSealed),
    endsAt: identity.endsAt,
    confirmedAt: authenticatedAt > now - confirmedMs ? Math.min(authenticatedAt, now) : 0,
  };
}

/** Whether a session is of the user whom the provider knows by this subject. */
async function isOfPerson(
  tx: Transaction,
  digest: Uint8Array | null,
  { provider, identity }: { provider: Provider; identity: Identity },
): Promise<boolean> {
  const user = await userOfSubject(tx, provider.providerId, identity.subject);
  return user !== undefined && await maybeOwn(tx, digest, { user, provider }) !== undefined;
}

/** The session of this digest, if it is of this user and provider. */
async function maybeOwn(
  tx: Transaction,
  digest: Uint8Array | null,
  { user, provider }: { user: UserRow; provider: { providerId: string } },
): Promise<SessionRow | undefined> {
  if (digest === null) return undefined;
  return await tx.get<SessionRow>(
    "SELECT * FROM user_sessions WHERE digest = :digest AND user_id = :user AND provider_id = :provider AND step = 'full'",
    { digest, user: user.user_id, provider: provider.providerId },
  );
}

async function confirm(
  tx: Transaction,
  { user, origin, session, notBefore }: {
    user: UserRow;
    origin: SessionOrigin;
    session: Uint8Array | null;
    notBefore: number;
  },
): Promise<SignedInByProvider> {
  const own = await maybeOwn(tx, session, { user, provider: origin });
  if (own === undefined || (origin.confirmedAt ?? 0) < notBefore) return { kind: "otherPerson" };
  await tx.run(
    `UPDATE user_sessions SET confirmed_at = :now, checked_at = :now, valid_until = :until, check_at = :check,
       provider_kept = :kept, provider_session = :session, provider_sign_out = :sign_out WHERE digest = :digest`,
    {
      digest: own.digest,
      now: origin.checkedAt,
      until: origin.validUntil,
      check: origin.checkAt,
      kept: origin.kept,
      session: origin.session,
      sign_out: origin.signOut,
    },
  );
  return { kind: "confirmed" };
}
