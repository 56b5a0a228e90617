/** Inviting, changing and deactivating users. */
import { UsageError } from "../../common/core/errors.ts";
import { appendAudit } from "../audit/audit_log.ts";
import { type Base, type By, changePlatform, readPlatform } from "../audit/use_case.ts";
import { customerOf, siteOf } from "../customers/customers.ts";
import { dealerOf } from "../customers/dealers.ts";
import { newId } from "../store/new_id.ts";
import { takeLock, type Transaction } from "../store/store.ts";
import { roleNamed } from "./own_roles.ts";
import { type Grant, isPermitted } from "./permissions.ts";
import { newSecret, secretDigest } from "./second_factor.ts";
import { hasMail, tellUser, userMail } from "./user_mails.ts";
import {
  isLastAdministrator,
  type Language,
  type ListedUser,
  listedUser,
  maybeUser,
  maybeUserByEmail,
  userNamed,
  type UserRow,
  usersByEmail,
  type UsersPlatform,
} from "./users.ts";

const hour = 3_600_000;
/** How long a link works. */
export const linkMs = { invitation: 7 * 24 * hour, password: hour };

type LinkKind = keyof typeof linkMs;

/** A link that its holder chooses a password with, once. */
export interface UserLink {
  userId: string;
  email: string;
  token: string;
  /** Undefined if no portal has run yet. */
  address: string | undefined;
  endsAt: Date;
  /** The user is of a provider of identities, and signs in by it: there is no link. */
  isOfProvider?: true;
}

export interface Invitation {
  email: string;
  name: string;
  language?: Language | undefined;
  /** Id or name; not needed where there is only one, or with a customer. */
  dealer?: string | undefined;
  /** Id or name: the user belongs to this customer, and sees nothing else. */
  customer?: string | undefined;
  /** By id or name of customer and site. */
  grants: readonly Grant[];
}

type Parts = Pick<UsersPlatform, "store" | "clock" | "pepper">;

/** Throws UsageError for an address that is none or is taken, and for grants outside of the dealer or customer. */
export function inviteUser(platform: Parts, by: By, invitation: Invitation): Promise<UserLink> {
  return changePlatform(platform, by, async (tx, at) => {
    const email = checkedEmail(invitation.email);
    const customer = invitation.customer === undefined ? undefined : await customerOf(tx, invitation.customer);
    const dealerId = customer?.dealer_id ?? (await dealerOf(tx, invitation.dealer, at)).dealer_id;
    const of = { dealerId, customerId: customer?.customer_id };
    const grants = await checkedGrants(tx, invitation.grants, of);
    await takeLock(tx, "users");
    if (await maybeUserByEmail(tx, email, dealerId) !== undefined) {
      throw new UsageError(`Cannot invite "${email}" as a user has this address`, "opendca-platform user list");
    }
    const userId = newId("usr");
    await tx.run(
      `INSERT INTO users (user_id, dealer_id, of_customer, email, name, language, state, state_since, created_at)
       VALUES (:user_id, :dealer_id, :of_customer, :email, :name, :language, 'invited', :at, :at)`,
      {
        user_id: userId,
        dealer_id: dealerId,
        of_customer: customer?.customer_id ?? null,
        email,
        name: invitation.name,
        language: invitation.language ?? "en",
        at: at.getTime(),
      },
    );
    await setGrants(tx, userId, grants);
    const link = await sentLink(platform, tx, { user: (await maybeUser(tx, userId))!, kind: "invitation", at });
    return {
      answer: link,
      customerId: customer?.customer_id ?? null,
      audit: { action: "userInvited", subject: userId, detail: { email, grants: grantsText(grants) } },
    };
  });
}

/** Stands for the address of the first user, who says it when the link is used (RFC 2606: nobody can have it). */
export const firstUserEmail = "first-user@portal.invalid";

/**
 * The link of an installation that nobody has signed in to yet: anyone who has it becomes its first administrator. Each
 * replaces the one before. Undefined if there are users, or several dealers: then an operator invites.
 */
export async function maybeFirstUserLink(platform: Parts, by: By): Promise<UserLink | undefined> {
  const { users, dealers } = await platform.store.transaction(async (tx) => ({
    users: await tx.all<UserRow>("SELECT * FROM users LIMIT 2"),
    dealers: await tx.all("SELECT 1 FROM dealers LIMIT 2"),
  }), { readOnly: true });
  const [first, ...others] = users;
  if (others.length > 0 || dealers.length > 1) return undefined;
  if (first === undefined) {
    return await inviteUser(platform, by, {
      email: firstUserEmail,
      name: "Administrator",
      grants: [{ role: "administrator" }],
    });
  }
  return first.email === firstUserEmail ? await reactivateUser(platform, by, { user: first.user_id }) : undefined;
}

/** Sets all roles of a user. Throws UsageError if nobody would be left who can let people in. */
export function setUserGrants(
  platform: Parts,
  by: By,
  { user, dealerId, grants: wanted }: { user: string; dealerId?: string; grants: readonly Grant[] },
): Promise<ListedUser> {
  return changePlatform(platform, by, async (tx) => {
    const row = await userNamed(tx, user, dealerId), { user_id: userId } = row;
    const of = { dealerId: row.dealer_id, customerId: row.of_customer ?? undefined };
    const grants = await checkedGrants(tx, wanted, of);
    await takeLock(tx, "users");
    if (!isPermitted(grants, "manageUsers", {})) await keepAdministrator(tx, row, "change the roles of");
    await setGrants(tx, userId, grants);
    return {
      answer: await listedUser(tx, row),
      customerId: row.of_customer,
      audit: { action: "userRolesSet", subject: userId, detail: { email: row.email, grants: grantsText(grants) } },
    };
  });
}

/** Ends all sessions and links as well. Throws UsageError if nobody would be left who can let people in. */
export function deactivateUser(
  platform: Parts,
  by: By,
  { user, dealerId }: { user: string; dealerId?: string },
): Promise<ListedUser> {
  return changePlatform(platform, by, async (tx, at) => {
    const row = await userNamed(tx, user, dealerId);
    if (row.state === "deactivated") throw new UsageError(`Cannot deactivate "${row.email}" as it is already`);
    await takeLock(tx, "users");
    await keepAdministrator(tx, row, "deactivate");
    await deactivateRow(tx, row.user_id, { reason: "administrator", at });
    return {
      answer: await listedUser(tx, (await maybeUser(tx, row.user_id))!),
      customerId: row.of_customer,
      audit: { action: "userDeactivated", subject: row.user_id, detail: { email: row.email, reason: "administrator" } },
    };
  });
}

/**
 * Lets a deactivated user in again, who chooses a new password by the link. The second factor stays unless
 * `resetSecondFactor`, as for somebody who has lost the telephone.
 */
export function reactivateUser(
  platform: Parts,
  by: By,
  { user, dealerId, resetSecondFactor = false }: { user: string; dealerId?: string; resetSecondFactor?: boolean },
): Promise<UserLink> {
  return changePlatform(platform, by, async (tx, at) => {
    const row = await userNamed(tx, user, dealerId), { user_id: userId, email } = row;
    await endAccess(tx, userId);
    if (row.of_provider !== null) {
      await tx.run(
        "UPDATE users SET state = 'active', state_reason = NULL, state_since = :at WHERE user_id = :id",
        { id: userId, at: at.getTime() },
      );
      if (resetSecondFactor) await dropSecondFactor(tx, userId);
      return {
        answer: { userId, email, token: "", address: undefined, endsAt: at, isOfProvider: true },
        customerId: row.of_customer,
        audit: { action: "userReactivated", subject: userId, detail: { email, resetSecondFactor } },
      };
    }
    await tx.run(
      `UPDATE users SET state = 'invited', state_reason = NULL, state_since = :at, failed_attempts = 0,
         unknown_browsers_until = 0, password = NULL WHERE user_id = :id`,
      { id: userId, at: at.getTime() },
    );
    if (resetSecondFactor) await dropSecondFactor(tx, userId);
    const link = await sentLink(platform, tx, { user: row, kind: "invitation", at });
    return {
      answer: link,
      customerId: row.of_customer,
      audit: { action: "userReactivated", subject: userId, detail: { email, resetSecondFactor } },
    };
  });
}

async function dropSecondFactor(tx: Transaction, userId: string): Promise<void> {
  await tx.run("UPDATE users SET totp_secret = NULL, totp_step = 0 WHERE user_id = :id", { id: userId });
  for (const table of ["user_recovery_codes", "user_passkeys"]) {
    await tx.run(`DELETE FROM ${table} WHERE user_id = :id`, { id: userId });
  }
}

/** A new link, which is also sent by mail where mails are sent, and the portal's address is known. */
export async function sentLink(
  { pepper }: Pick<Parts, "pepper">,
  tx: Transaction,
  { user, kind, at }: { user: UserRow; kind: "invitation" | "password"; at: Date },
): Promise<UserLink> {
  const { user_id: userId, email } = user;
  const link = await makeLink(tx, { userId, email, kind, at });
  if (link.address !== undefined) {
    const mail = userMail(user, kind, { link: link.address, until: link.endsAt });
    await tellUser(tx, { mail, pepper, at });
  }
  return link;
}

const resetPauseMs = 5 * 60_000;

/**
 * Sends a link for a new password to an active user, at most every five minutes; a stranger does not learn whether it
 * did. A deactivated user needs an administrator.
 */
export async function requestPassword(
  { store, pepper, clock }: Pick<UsersPlatform, "store" | "pepper" | "clock">,
  { email, source }: { email: string; source: string },
): Promise<void> {
  const at = clock.now();
  await store.transaction(async (tx) => {
    if (!await hasMail(tx)) return;
    for (const user of await usersByEmail(tx, email.trim())) {
      if (user.state !== "active" || user.of_provider !== null) continue;
      const last = await tx.get<{ ends_at: number }>("SELECT ends_at FROM user_links WHERE user_id = :id", {
        id: user.user_id,
      });
      if (last !== undefined && last.ends_at > at.getTime() + linkMs.password - resetPauseMs) continue;
      await sentLink({ pepper }, tx, { user, kind: "password", at });
      await appendAudit(tx, {
        at,
        actor: "platform",
        customerId: user.of_customer,
        action: "passwordLinkSent",
        subject: user.user_id,
        detail: { source },
      });
    }
  });
}

/** Where the portal is: `https://portal.example.com`; undefined until a server with a portal has run. */
export async function portalOrigin(tx: Transaction): Promise<string | undefined> {
  const row = await tx.get<{ origin: string }>("SELECT origin FROM portal WHERE what = 'portal'");
  return row?.origin;
}

/** Where people reach the portal; undefined before the first one. */
export function readPortalOrigin(platform: Base, by: By): Promise<string | undefined> {
  return readPlatform(platform, by, portalOrigin);
}

export async function setPortalOrigin({ store }: Pick<UsersPlatform, "store">, origin: string): Promise<void> {
  await store.transaction((tx) =>
    tx.run(
      "INSERT INTO portal (what, origin) VALUES ('portal', :origin) ON CONFLICT (what) DO UPDATE SET origin = :origin",
      { origin },
    )
  );
}

/** What a person opens to choose a password. */
export function linkAddress(origin: string, token: string): string {
  return `${origin}/link/${token}`;
}

/** A link for a new password, which replaces earlier ones. The user stays as it is until the link is used. */
export async function makeLink(
  tx: Transaction,
  { userId, email, kind, at }: { userId: string; email: string; kind: LinkKind; at: Date },
): Promise<UserLink> {
  const token = newSecret(), endsAt = new Date(at.getTime() + linkMs[kind]);
  await tx.run("DELETE FROM user_links WHERE user_id = :id", { id: userId });
  await tx.run("INSERT INTO user_links (digest, user_id, kind, ends_at) VALUES (:digest, :id, :kind, :ends_at)", {
    digest: secretDigest(token),
    id: userId,
    kind,
    ends_at: endsAt.getTime(),
  });
  const origin = await portalOrigin(tx);
  return { userId, email, token, address: origin && linkAddress(origin, token), endsAt };
}

/** Changes the row, and ends sessions and links. */
export async function deactivateRow(
  tx: Transaction,
  userId: string,
  { reason, at }: { reason: NonNullable<UserRow["state_reason"]>; at: Date },
): Promise<void> {
  await tx.run(
    "UPDATE users SET state = 'deactivated', state_reason = :reason, state_since = :at WHERE user_id = :id",
    { id: userId, reason, at: at.getTime() },
  );
  await endAccess(tx, userId);
}

/** Ends all sessions and links. */
export async function endAccess(tx: Transaction, userId: string): Promise<void> {
  for (const table of ["user_sessions", "user_links", "user_browsers"]) {
    await tx.run(`DELETE FROM ${table} WHERE user_id = :id`, { id: userId });
  }
}

/** Throws UsageError if `row` is the last one who can let people in. */
export async function keepAdministrator(tx: Transaction, row: UserRow, what: string): Promise<void> {
  if (!await isLastAdministrator(tx, row)) return;
  throw new UsageError(
    `Cannot ${what} "${row.email}" as nobody would be left who may manage users`,
    "make another user an administrator first",
  );
}

/** Grants with ids, within what the user belongs to. */
export async function checkedGrants(
  tx: Transaction,
  grants: readonly Grant[],
  of: { dealerId: string; customerId: string | undefined },
): Promise<Grant[]> {
  if (grants.length === 0) throw new UsageError("Cannot make a user without a role", "such as viewer");
  const checked: Grant[] = [];
  for (const { role: named, customerId = of.customerId, siteId } of grants) {
    const role = await roleNamed(tx, { dealerId: of.dealerId, role: named });
    if (customerId === undefined) {
      if (siteId !== undefined) {
        throw new UsageError(`Cannot limit a role to the site "${siteId}" without its customer`);
      }
      checked.push(role);
      continue;
    }
    const customer = await customerOf(tx, customerId);
    if (customer.dealer_id !== of.dealerId || (of.customerId ?? customer.customer_id) !== customer.customer_id) {
      throw new UsageError(`Cannot give a role at "${customerId}" as the user does not belong there`);
    }
    const site = siteId === undefined ? undefined : await siteOf(tx.tenant(customer.customer_id), siteId);
    checked.push({ ...role, customerId: customer.customer_id, siteId: site?.site_id });
  }
  return checked;
}

/** Replaces all. */
export async function setGrants(tx: Transaction, userId: string, grants: readonly Grant[]): Promise<void> {
  await tx.run("DELETE FROM user_roles WHERE user_id = :id", { id: userId });
  for (const { role, customerId = "", siteId = "" } of grants) {
    await tx.run(
      `INSERT INTO user_roles (user_id, role, of_customer, of_site) VALUES (:id, :role, :customer, :site)
       ON CONFLICT DO NOTHING`,
      { id: userId, role, customer: customerId, site: siteId },
    );
  }
}

export function grantsText(grants: readonly Grant[]): string {
  return grants.map(({ role, customerId, siteId }) => [role, customerId, siteId].filter(Boolean).join("@")).join(" ");
}

/** RFC 5321, roughly: what a mail server would refuse is found when it is sent. */
export function checkedEmail(text: string): string {
  const email = text.trim();
  if (email.length <= 254 && /^[^\s@<>"(),:;\\[\]\p{Cc}\p{Cf}]{1,64}@[^\s@.]+(\.[^\s@.]+)+$/u.test(email)) return email;
  throw new UsageError(`Cannot use "${text}" as an e-mail address`, "such as eva@example.com");
}
