/** Rows of users, and lists of them. */
import type { Platform } from "../agents/platform.ts";
import { UsageError } from "../../common/core/errors.ts";
import { type AuditEntry, auditQuery, type AuditSearch, oldestFirst } from "../audit/audit_log.ts";
import { type Base, type By, readPlatform } from "../audit/use_case.ts";
import { dealerNamed } from "../customers/dealers.ts";
import { customerOf } from "../customers/customers.ts";
import { type NamedQuery, type PageOf, pageOf, type PageWish, queriedInLots } from "../store/page.ts";
import type { Parameters, Transaction } from "../store/store.ts";
import type { PasswordHasher } from "./password_hasher.ts";
import { type Grant, isPermission, isPermitted, isRole, type Permission } from "./permissions.ts";

/** What the use cases of this folder need. */
export interface UsersPlatform extends Pick<Platform, "store" | "clock" | "pepper" | "log"> {
  passwords: PasswordHasher;
}

export const languages = ["en", "de", "it"] as const;
export type Language = typeof languages[number];

export interface UserRow {
  user_id: string;
  dealer_id: string;
  /** Null: of the dealer. */
  of_customer: string | null;
  email: string;
  name: string;
  language: Language;
  state: "invited" | "active" | "deactivated";
  state_reason: "failedAttempts" | "inactivity" | "administrator" | null;
  state_since: number;
  password: string | null;
  totp_secret: Uint8Array | null;
  totp_step: number;
  passkey_handle: Uint8Array | null;
  failed_attempts: number;
  failed_at: number;
  unknown_browsers_until: number;
  created_at: number;
  signed_in_at: number | null;
  /** The provider of identities that the user is from, which decides on the roles. Null: the platform's own user. */
  of_provider: string | null;
}

/** Without secrets. */
export interface ListedUser {
  userId: string;
  email: string;
  name: string;
  customerId: string | null;
  /** Of identities, which decides on the roles; null: a user of the platform's own. */
  providerId: string | null;
  state: UserRow["state"];
  reason: UserRow["state_reason"];
  since: number;
  hasSecondFactor: boolean;
  signedInAt: number | null;
  grants: Grant[];
}

/** Of all dealers: each may have one. Those who signed in last come first. */
export function usersByEmail(tx: Transaction, email: string): Promise<UserRow[]> {
  return tx.all(
    "SELECT * FROM users WHERE lower(email) = lower(:email) ORDER BY coalesce(signed_in_at, 0) DESC, user_id",
    { email },
  );
}

/** Of a dealer and its customers, where an address is one user: the audit log names people by it. */
export function maybeUserByEmail(tx: Transaction, email: string, dealerId: string): Promise<UserRow | undefined> {
  return tx.get("SELECT * FROM users WHERE lower(email) = lower(:email) AND dealer_id = :dealer", {
    email,
    dealer: dealerId,
  });
}

export function maybeUser(tx: Transaction, userId: string): Promise<UserRow | undefined> {
  return tx.get("SELECT * FROM users WHERE user_id = :id", { id: userId });
}

/** By id or e-mail address; of a dealer if it is given. Throws UsageError if there is none. */
export async function userNamed(tx: Transaction, user: string, dealerId?: string): Promise<UserRow> {
  const isOf = (row: UserRow | undefined) =>
    row !== undefined && (dealerId === undefined || row.dealer_id === dealerId);
  const byId = await maybeUser(tx, user);
  const [row, ...others] = (byId === undefined ? await usersByEmail(tx, user) : [byId]).filter(isOf);
  if (others.length > 0) {
    throw new UsageError(
      `Cannot tell which user is meant by "${user}" as ${others.length + 1} have this address`,
      "give the id, as opendca-platform user list --json shows it",
    );
  }
  if (row !== undefined) return row;
  throw new UsageError(`Cannot find the user "${user}"`, "opendca-platform user list shows them");
}

/** Throws UsageError if there is none. */
export function findUser(platform: Base, by: By, user: string): Promise<UserRow> {
  return readPlatform(platform, by, (tx) => userNamed(tx, user));
}

interface GrantRow {
  user_id: string;
  role: string;
  of_customer: string;
  of_site: string;
  name: string | null;
  permissions: string | null;
}

const grantRows = `SELECT r.user_id, r.role, r.of_customer, r.of_site, o.name, o.permissions FROM user_roles r
     JOIN users u ON u.user_id = r.user_id
     LEFT JOIN own_roles o ON o.role_id = r.role AND o.dealer_id = u.dealer_id`;
const grantOrder = "ORDER BY r.role, r.of_customer, r.of_site";

function grantsIn(rows: readonly GrantRow[]): Grant[] {
  return rows.flatMap(({ role, of_customer, of_site, name, permissions }): Grant[] => {
    const place = { customerId: of_customer || undefined, siteId: of_site || undefined };
    if (isRole(role)) return [{ role, ...place }];
    return name === null ? [] : [{ role, ownRole: { name, permissions: permissionsIn(permissions!) }, ...place }];
  });
}

/** A role that this version does not know counts for nothing, and so does one of another dealer. */
export async function grantsOf(tx: Transaction, userId: string): Promise<Grant[]> {
  return grantsIn(await tx.all<GrantRow>(`${grantRows} WHERE r.user_id = :id ${grantOrder}`, { id: userId }));
}

/** Those that this version knows. */
export function permissionsIn(text: string): Permission[] {
  return text.split(" ").filter(isPermission);
}

/** An app, or a passkey; recovery codes only stand for one of them. */
export async function hasSecondFactor(tx: Transaction, { user_id, totp_secret }: UserRow): Promise<boolean> {
  if (totp_secret !== null) return true;
  return await tx.get("SELECT 1 FROM user_passkeys WHERE user_id = :id LIMIT 1", { id: user_id }) !== undefined;
}

/** Whether the user's dealer and customer are open: nobody signs in for one that is closed. */
export async function isOfOpen(tx: Transaction, { dealer_id, of_customer }: UserRow): Promise<boolean> {
  const closed = await tx.get(
    `SELECT 1 FROM dealers WHERE dealer_id = :dealer AND closed_at IS NOT NULL
     UNION ALL SELECT 1 FROM customers WHERE customer_id = :customer AND closed_at IS NOT NULL`,
    { dealer: dealer_id, customer: of_customer ?? "" },
  );
  return closed === undefined;
}

/**
 * Whether nobody else is active who may manage the users of the whole dealer and signs in without a provider of
 * identities: such a user must always be left, as the provider may be away or set up wrongly.
 */
export async function isLastAdministrator(
  tx: Transaction,
  { user_id, dealer_id, state, of_provider }: UserRow,
): Promise<boolean> {
  const manages = async (id: string) => isPermitted(await grantsOf(tx, id), "manageUsers", {});
  if (state !== "active" || of_provider !== null || !await manages(user_id)) return false;
  const others = await tx.all<{ user_id: string }>(
    `SELECT user_id FROM users WHERE dealer_id = :dealer AND state = 'active' AND of_provider IS NULL
       AND user_id <> :id`,
    { dealer: dealer_id, id: user_id },
  );
  for (const other of others) if (await manages(other.user_id)) return false;
  return true;
}

/** Of a dealer, or of one customer. Throws UsageError if it cannot be found. */
export function listUsers(
  platform: Pick<Platform, "store" | "clock">,
  by: By,
  { dealer, customer }: { dealer?: string | undefined; customer?: string | undefined },
): Promise<ListedUser[]> {
  return readPlatform(platform, by, async (tx) => {
    const ofCustomer = customer === undefined ? null : (await customerOf(tx, customer)).customer_id;
    const ofDealer = dealer === undefined ? null : (await dealerNamed(tx, dealer)).dealer_id;
    const rows = await tx.all<UserRow>(
      `SELECT * FROM users WHERE (CAST(:dealer AS TEXT) IS NULL OR dealer_id = :dealer)
         AND (CAST(:customer AS TEXT) IS NULL OR of_customer = :customer) ORDER BY lower(email)`,
      { dealer: ofDealer, customer: ofCustomer },
    );
    return await listedUsers(tx, rows);
  });
}

/* Named one by one in a statement. */
const mostAtOnce = 200;

/** With what each may do, in the same order. */
export async function listedUsers(tx: Transaction, rows: readonly UserRow[]): Promise<ListedUser[]> {
  const listed: ListedUser[] = [];
  for (let from = 0; from < rows.length; from += mostAtOnce) {
    const lot = rows.slice(from, from + mostAtOnce), parameters: Parameters = {};
    const names = lot.map(({ user_id }, i) => (parameters[`id_${i}`] = user_id, `:id_${i}`)).join(", ");
    const grants = Map.groupBy(
      await tx.all<GrantRow>(`${grantRows} WHERE r.user_id IN (${names}) ${grantOrder}`, parameters),
      ({ user_id }) => user_id,
    );
    const passkeys = await tx.all<{ user_id: string }>(
      `SELECT DISTINCT user_id FROM user_passkeys WHERE user_id IN (${names})`,
      parameters,
    );
    const withPasskey = new Set(passkeys.map(({ user_id }) => user_id));
    listed.push(...lot.map((row): ListedUser => ({
      userId: row.user_id,
      email: row.email,
      name: row.name,
      customerId: row.of_customer,
      providerId: row.of_provider,
      state: row.state,
      reason: row.state_reason,
      since: row.state_since,
      hasSecondFactor: row.totp_secret !== null || withPasskey.has(row.user_id),
      signedInAt: row.signed_in_at,
      grants: grantsIn(grants.get(row.user_id) ?? []),
    })));
  }
  return listed;
}

export async function listedUser(tx: Transaction, row: UserRow): Promise<ListedUser> {
  return (await listedUsers(tx, [row]))[0]!;
}

/** Of a user's own pages. */
export async function setLanguage(
  { store }: Pick<Platform, "store">,
  { userId, language }: { userId: string; language: Language },
): Promise<void> {
  await store.transaction((tx) =>
    tx.run("UPDATE users SET language = :language WHERE user_id = :id", { id: userId, language })
  );
}

/* What concerns the users and the sign-in rules of a dealer itself; what concerns a customer is in its log. */
function auditOfUsers(dealerId: string, search: AuditSearch): NamedQuery {
  return auditQuery(
    `customer_id IS NULL AND (subject = :dealer OR subject IN (SELECT user_id FROM users WHERE dealer_id = :dealer)
       OR subject IN (SELECT signature_id FROM agreement_signatures WHERE dealer_id = :dealer)
       OR subject IN (SELECT rule_id FROM notification_rules WHERE dealer_id = :dealer)
       OR subject IN (SELECT webhook_id FROM webhooks WHERE dealer_id = :dealer))`,
    search,
    { dealer: dealerId },
  );
}

/** What concerns the users and the sign-in rules of a dealer itself, the newest first. */
export function listUserAudit(
  platform: Pick<Platform, "store" | "clock">,
  by: By,
  { dealerId, place, limit, ...search }: { dealerId: string } & AuditSearch & PageWish,
): Promise<PageOf<AuditEntry>> {
  return readPlatform(platform, by, (tx) => pageOf(tx, auditOfUsers(dealerId, search), { place, limit }));
}

/** All of it in lots, the oldest first. */
export function exportUserAudit(
  platform: Pick<Platform, "store" | "clock">,
  by: By,
  { dealerId, ...search }: { dealerId: string } & AuditSearch,
): AsyncGenerator<AuditEntry[]> {
  return queriedInLots((work) => readPlatform(platform, by, work), () => oldestFirst(auditOfUsers(dealerId, search)));
}
