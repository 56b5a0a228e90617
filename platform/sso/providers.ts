/** Rows of identity providers, with their secrets opened. */
import { createHash } from "node:crypto";
import { UsageError } from "../../common/core/errors.ts";
import type { By } from "../audit/use_case.ts";
import { readPlatform } from "../audit/use_case.ts";
import { openSealed, seal } from "../keys/sealed.ts";
import type { Transaction } from "../store/store.ts";
import { isOwnRoleId } from "../users/own_roles.ts";
import { type Grant, isRole } from "../users/permissions.ts";
import type { UsersPlatform } from "../users/users.ts";
import { type KindName, kinds } from "./kinds.ts";
import type { Setting } from "./setting.ts";

/** What the use cases of this folder need. */
export type SsoPlatform = Pick<UsersPlatform, "store" | "clock" | "pepper" | "log">;

export interface ProviderRow {
  provider_id: string;
  dealer_id: string;
  /** Null: its users are of the dealer. */
  of_customer: string | null;
  kind: KindName;
  name: string;
  is_active: number;
  is_shown: number;
  second_factor: number;
  settings: string;
  secrets: Uint8Array | null;
}

/** A provider with all its settings: it is not for showing. */
export interface Provider {
  providerId: string;
  dealerId: string;
  customerId: string | undefined;
  kind: KindName;
  name: string;
  isActive: boolean;
  /** Whether its users need the platform's second factor as well. */
  needsFactor: boolean;
  settings: Readonly<Record<string, string>>;
}

export interface ListedProvider extends Omit<Provider, "settings"> {
  isShown: boolean;
  /** Those that are no secrets. */
  settings: Readonly<Record<string, string>>;
  domains: string[];
  roles: GroupRole[];
  users: number;
}

/** Anyone who is in the group has the role. */
export interface GroupRole extends Grant {
  group: string;
}

/** Within what somebody may see and change: all providers of a dealer, or those of one customer. Undefined: all. */
export interface Within {
  dealerId: string;
  customerId?: string | undefined;
}

const text = { encode: (value: unknown) => new TextEncoder().encode(JSON.stringify(value)) };

export function sealJson(value: unknown, { pepper, of }: { pepper: Uint8Array; of: string }): Uint8Array {
  return seal(text.encode(value), { pepper, purpose: "provider", of });
}

/** Throws if it was altered, or is of something else. */
export function openJson<T>(sealed: Uint8Array, { pepper, of }: { pepper: Uint8Array; of: string }): T {
  return JSON.parse(new TextDecoder().decode(openSealed(sealed, { pepper, purpose: "provider", of })));
}

export function sha256(text: string): Uint8Array {
  return new Uint8Array(createHash("sha256").update(text).digest());
}

export function providerOf(row: ProviderRow, pepper: Uint8Array): Provider {
  const secrets = row.secrets === null
    ? {}
    : openJson<Record<string, string>>(row.secrets, { pepper, of: row.provider_id });
  return { ...withoutSettings(row), settings: { ...JSON.parse(row.settings), ...secrets } };
}

function withoutSettings(row: ProviderRow): Omit<Provider, "settings"> {
  return {
    providerId: row.provider_id,
    dealerId: row.dealer_id,
    customerId: row.of_customer ?? undefined,
    kind: row.kind,
    name: row.name,
    isActive: row.is_active === 1,
    needsFactor: row.second_factor === 1,
  };
}

/** Which of the settings are secrets, and the rest. */
export function splitSettings(
  kind: KindName,
  settings: Readonly<Record<string, string>>,
): { open: Record<string, string>; secret: Record<string, string> } {
  const table: readonly Setting[] = kinds[kind].settings;
  const isSecret = (name: string) => table.some((setting) => setting.name === name && setting.isSecret);
  const all = Object.entries(settings);
  return {
    open: Object.fromEntries(all.filter(([name]) => !isSecret(name))),
    secret: Object.fromEntries(all.filter(([name]) => isSecret(name))),
  };
}

/** By id, of an open dealer and customer; undefined if there is none that people may sign in by now. */
export async function maybeActiveProvider(
  { store, pepper }: Pick<SsoPlatform, "store" | "pepper">,
  providerId: string,
): Promise<Provider | undefined> {
  const row = await store.transaction((tx) => maybeActiveRow(tx, providerId), { readOnly: true });
  return row && providerOf(row, pepper);
}

export async function maybeActiveRow(tx: Transaction, providerId: string): Promise<ProviderRow | undefined> {
  return await tx.get<ProviderRow>(
    `SELECT p.* FROM identity_providers p JOIN dealers d ON d.dealer_id = p.dealer_id
     LEFT JOIN customers c ON c.customer_id = p.of_customer
     WHERE p.provider_id = :id AND p.is_active = 1 AND d.closed_at IS NULL AND c.closed_at IS NULL`,
    { id: providerId },
  );
}

/** By id or name. Throws UsageError if there is none. */
export async function providerNamed(tx: Transaction, provider: string, within?: Within): Promise<ProviderRow> {
  const rows = await tx.all<ProviderRow>(
    `SELECT * FROM identity_providers WHERE (provider_id = :text OR lower(name) = lower(:text))
       AND (CAST(:dealer AS TEXT) IS NULL OR dealer_id = :dealer)
       AND (CAST(:customer AS TEXT) IS NULL OR of_customer = :customer)`,
    { text: provider, dealer: within?.dealerId ?? null, customer: within?.customerId ?? null },
  );
  const hint = "opendca-platform sign-in list shows them";
  if (rows.length > 1) throw new UsageError(`Cannot tell which provider "${provider}" is meant: use its id`, hint);
  if (rows[0] === undefined) throw new UsageError(`Cannot find the identity provider "${provider}"`, hint);
  return rows[0];
}

/** By name or id. Throws UsageError if there is none. */
export function findProvider(
  platform: Pick<SsoPlatform, "store" | "clock">,
  by: By,
  provider: string,
): Promise<ProviderRow> {
  return readPlatform(platform, by, (tx) => providerNamed(tx, provider));
}

/** By name. */
export function listProviders(
  platform: Pick<SsoPlatform, "store" | "clock">,
  by: By,
  within?: Within,
): Promise<ListedProvider[]> {
  return readPlatform(platform, by, async (tx) => {
    const rows = await tx.all<ProviderRow>(
      `SELECT * FROM identity_providers WHERE (CAST(:dealer AS TEXT) IS NULL OR dealer_id = :dealer)
         AND (CAST(:customer AS TEXT) IS NULL OR of_customer = :customer) ORDER BY lower(name)`,
      { dealer: within?.dealerId ?? null, customer: within?.customerId ?? null },
    );
    const listed: ListedProvider[] = [];
    for (const row of rows) listed.push(await listedProvider(tx, row));
    return listed;
  });
}

export async function listedProvider(tx: Transaction, row: ProviderRow): Promise<ListedProvider> {
  const id = { id: row.provider_id };
  const domains = await tx.all<{ domain: string }>(
    "SELECT domain FROM provider_domains WHERE provider_id = :id ORDER BY domain",
    id,
  );
  const users = await tx.get<{ count: number }>(
    "SELECT count(*) AS count FROM user_identities WHERE provider_id = :id",
    id,
  );
  return {
    ...withoutSettings(row),
    isShown: row.is_shown === 1,
    settings: JSON.parse(row.settings),
    domains: domains.map(({ domain }) => domain),
    roles: await groupRoles(tx, row.provider_id),
    users: users!.count,
  };
}

/** A role that this version does not know counts for nothing. */
export async function groupRoles(tx: Transaction, providerId: string): Promise<GroupRole[]> {
  const rows = await tx.all<{ group_name: string; role: string; of_customer: string; of_site: string }>(
    `SELECT group_name, role, of_customer, of_site FROM provider_roles WHERE provider_id = :id
     ORDER BY group_name, role, of_customer, of_site`,
    { id: providerId },
  );
  return rows.flatMap(({ group_name: group, role, of_customer, of_site }) =>
    isRole(role) || isOwnRoleId(role)
      ? [{ group, role, customerId: of_customer || undefined, siteId: of_site || undefined }]
      : []
  );
}

/** The roles of somebody who is in these groups, each once. Pure. */
export function grantsOfGroups(kind: KindName, roles: readonly GroupRole[], groups: readonly string[]): Grant[] {
  const { groupKey } = kinds[kind], own = new Set(groups.map(groupKey));
  const grants = roles.filter(({ group }) => own.has(groupKey(group)));
  const once = new Map(
    grants.map(({ role, customerId, siteId }) =>
      [JSON.stringify([role, customerId, siteId]), { role, customerId, siteId }] as const
    ),
  );
  return [...once.values()];
}

/** Whether there is one dealer alone: then the sign-in page is its own, and shows what it has. */
export async function isOnlyDealer(tx: Transaction): Promise<boolean> {
  return (await tx.all("SELECT 1 FROM dealers WHERE closed_at IS NULL LIMIT 2")).length < 2;
}

/** What the sign-in page offers: those that are shown, or lead there by the domain of an e-mail address. */
export interface OfferedProvider {
  providerId: string;
  name: string;
}

export function shownProviders({ store }: Pick<SsoPlatform, "store">): Promise<{
  shown: OfferedProvider[];
  /** Whether any is found by the domain of an e-mail address. */
  hasDomains: boolean;
}> {
  return store.transaction(async (tx) => {
    const rows = await tx.all<ProviderRow>(
      `SELECT p.* FROM identity_providers p JOIN dealers d ON d.dealer_id = p.dealer_id
       LEFT JOIN customers c ON c.customer_id = p.of_customer
       WHERE p.is_active = 1 AND p.is_shown = 1 AND d.closed_at IS NULL AND c.closed_at IS NULL ORDER BY lower(p.name)`,
    );
    const domain = await tx.get("SELECT 1 FROM provider_domains LIMIT 1");
    return {
      shown: rows.map(({ provider_id: providerId, name }) => ({ providerId, name })),
      hasDomains: domain !== undefined,
    };
  }, { readOnly: true });
}

export function providerOfEmail(
  { store }: Pick<SsoPlatform, "store">,
  email: string,
): Promise<OfferedProvider | undefined> {
  const domain = email.trim().toLowerCase().split("@").at(-1)!;
  return store.transaction(async (tx) => {
    const row = await tx.get<{ provider_id: string }>(
      "SELECT provider_id FROM provider_domains WHERE domain = :domain",
      {
        domain,
      },
    );
    const active = row && await maybeActiveRow(tx, row.provider_id);
    return active && { providerId: active.provider_id, name: active.name };
  }, { readOnly: true });
}
