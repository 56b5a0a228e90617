/** Adding, changing and removing identity providers, and the roles of their groups. */
import { UsageError } from "../../common/core/errors.ts";
import { type By, changePlatform } from "../audit/use_case.ts";
import { customerOf } from "../customers/customers.ts";
import { dealerOf } from "../customers/dealers.ts";
import { newId } from "../store/new_id.ts";
import { takeLock, type Transaction } from "../store/store.ts";
import { checkedGrants, deactivateRow, grantsText } from "../users/manage_users.ts";
import type { Grant } from "../users/permissions.ts";
import { checkedSettings, type Kind, type KindName, kinds } from "./kinds.ts";
import {
  isOnlyDealer,
  type ListedProvider,
  listedProvider,
  providerNamed,
  providerOf,
  type ProviderRow,
  sealJson,
  splitSettings,
  type SsoPlatform,
  type Within,
} from "./providers.ts";
import type { Setting } from "./setting.ts";

export interface ProviderParts {
  /** As the sign-in page shows it. */
  name?: string | undefined;
  /** An empty text removes a setting. */
  settings?: Readonly<Record<string, string>> | undefined;
  /** All of them. */
  domains?: readonly string[] | undefined;
  isActive?: boolean | undefined;
  isShown?: boolean | undefined;
  needsFactor?: boolean | undefined;
}

export interface NewProvider extends ProviderParts {
  kind: KindName;
  name: string;
  /** Id or name; not needed where there is only one, or with a customer. */
  dealer?: string | undefined;
  /** Id or name: its users belong to this customer, and see nothing else. */
  customer?: string | undefined;
}

/** Nobody can sign in by it before a group has a role. Throws UsageError. */
export function addProvider(platform: SsoPlatform, by: By, wanted: NewProvider): Promise<ListedProvider> {
  return changePlatform(platform, by, async (tx, at) => {
    const customer = wanted.customer === undefined ? undefined : await customerOf(tx, wanted.customer);
    const dealerId = customer?.dealer_id ?? (await dealerOf(tx, wanted.dealer, at)).dealer_id;
    const id = newId("idp"), kind: Kind = kinds[wanted.kind];
    const row: ProviderRow = {
      provider_id: id,
      dealer_id: dealerId,
      of_customer: customer?.customer_id ?? null,
      kind: wanted.kind,
      name: checkedName(wanted.name),
      is_active: Number(wanted.isActive ?? true),
      is_shown: Number(wanted.isShown ?? (customer === undefined && await isOnlyDealer(tx))),
      second_factor: Number(wanted.needsFactor ?? kind.isPasswordAlone ?? false),
      ...storedSettings(platform, { kind: wanted.kind, id, changed: wanted.settings ?? {} }),
    };
    await takeLock(tx, "providers");
    await refuseTakenName(tx, row);
    await tx.run(
      `INSERT INTO identity_providers (provider_id, dealer_id, of_customer, kind, name, is_active, is_shown,
         second_factor, settings, secrets, created_at)
       VALUES (:provider_id, :dealer_id, :of_customer, :kind, :name, :is_active, :is_shown, :second_factor, :settings,
         :secrets, :at)`,
      { ...row, at: at.getTime() },
    );
    if (wanted.domains !== undefined) await setDomains(tx, row, wanted.domains);
    return await changed(tx, id, "identityProviderAdded");
  });
}

/** What is left out stays as it is. A provider that is not active any more ends the sessions by it. Throws UsageError. */
export function changeProvider(
  platform: SsoPlatform,
  by: By,
  { provider, within, ...parts }: { provider: string; within?: Within | undefined } & ProviderParts,
): Promise<ListedProvider> {
  return changePlatform(platform, by, async (tx) => {
    await takeLock(tx, "providers");
    const before = await providerNamed(tx, provider, within), id = before.provider_id;
    const row: ProviderRow = {
      ...before,
      name: parts.name === undefined ? before.name : checkedName(parts.name),
      is_active: Number(parts.isActive ?? before.is_active),
      is_shown: Number(parts.isShown ?? before.is_shown),
      second_factor: Number(parts.needsFactor ?? before.second_factor),
    };
    if (parts.settings !== undefined) {
      const { settings } = providerOf(before, platform.pepper);
      Object.assign(row, storedSettings(platform, { kind: row.kind, id, before: settings, changed: parts.settings }));
      await refuseOtherIdentity(tx, before, row);
    }
    await refuseTakenName(tx, row);
    await tx.run(
      `UPDATE identity_providers SET name = :name, is_active = :is_active, is_shown = :is_shown,
         second_factor = :second_factor, settings = :settings, secrets = :secrets WHERE provider_id = :id`,
      {
        id,
        name: row.name,
        is_active: row.is_active,
        is_shown: row.is_shown,
        second_factor: row.second_factor,
        settings: row.settings,
        secrets: row.secrets,
      },
    );
    if (parts.domains !== undefined) await setDomains(tx, row, parts.domains);
    // Also after a change that sessions were not begun under.
    if (row.is_active === 0 || row.second_factor > before.second_factor) await endSessions(tx, id);
    return await changed(tx, id, "identityProviderChanged");
  });
}

/** Its users are deactivated: an administrator can invite each of them again, who then signs in by password. */
export function removeProvider(
  platform: SsoPlatform,
  by: By,
  { provider, within }: { provider: string; within?: Within | undefined },
): Promise<{ name: string; users: number }> {
  return changePlatform(platform, by, async (tx, at) => {
    await takeLock(tx, "users");
    const { provider_id: id, of_customer, dealer_id, name } = await providerNamed(tx, provider, within);
    const users = await tx.all<{ user_id: string; state: string }>(
      "SELECT user_id, state FROM users WHERE of_provider = :id",
      { id },
    );
    for (const { user_id, state } of users) {
      if (state !== "deactivated") await deactivateRow(tx, user_id, { reason: "administrator", at });
    }
    await tx.run("UPDATE users SET of_provider = NULL WHERE of_provider = :id", { id });
    await endSessions(tx, id);
    for (
      const table of [
        "user_identities",
        "provider_roles",
        "provider_domains",
        "provider_flows",
        "used_assertions",
        "provider_keys",
        "identity_providers",
      ]
    ) await tx.run(`DELETE FROM ${table} WHERE provider_id = :id`, { id });
    return {
      answer: { name, users: users.length },
      customerId: of_customer,
      audit: {
        action: "identityProviderRemoved",
        subject: dealer_id,
        detail: { provider: id, name, users: users.length },
      },
    };
  });
}

/** All roles of a group; none: anyone who is only in this group may not sign in. They count with the next check. */
export function setGroupRoles(
  platform: SsoPlatform,
  by: By,
  { provider, within, group, grants }: {
    provider: string;
    within?: Within | undefined;
    group: string;
    grants: readonly Grant[];
  },
): Promise<ListedProvider> {
  return changePlatform(platform, by, async (tx) => {
    const row = await providerNamed(tx, provider, within), name = checkedGroup(group);
    const of = { dealerId: row.dealer_id, customerId: row.of_customer ?? undefined };
    const checked = grants.length === 0 ? [] : await checkedGrants(tx, grants, of);
    const key = { id: row.provider_id, group: name };
    await tx.run("DELETE FROM provider_roles WHERE provider_id = :id AND group_name = :group", key);
    for (const { role, customerId, siteId } of checked) {
      await tx.run(
        `INSERT INTO provider_roles (provider_id, group_name, role, of_customer, of_site)
         VALUES (:id, :group, :role, :customer, :site) ON CONFLICT DO NOTHING`,
        { ...key, role, customer: customerId ?? "", site: siteId ?? "" },
      );
    }
    return {
      answer: await listedProvider(tx, row),
      customerId: row.of_customer,
      audit: {
        action: "groupRolesSet",
        subject: row.dealer_id,
        detail: { provider: row.provider_id, group: name, grants: grantsText(checked) },
      },
    };
  });
}

async function changed(tx: Transaction, id: string, action: string) {
  const answer = await listedProvider(tx, await providerNamed(tx, id));
  const { roles: _, users: __, settings, domains, dealerId, customerId, ...shown } = answer;
  return {
    answer,
    customerId: customerId ?? null,
    // What is long, such as certificates, is in the store.
    audit: {
      action,
      subject: dealerId,
      detail: {
        ...shown,
        domains: domains.join(" "),
        ...Object.fromEntries(Object.entries(settings).filter(([, value]) => !value.includes("\n"))),
      },
    },
  };
}

function storedSettings(
  { pepper }: SsoPlatform,
  { kind, id, before = {}, changed }: {
    kind: KindName;
    id: string;
    before?: Readonly<Record<string, string>>;
    changed: Readonly<Record<string, string>>;
  },
): Pick<ProviderRow, "settings" | "secrets"> {
  const { open, secret } = splitSettings(kind, checkedSettings(kind, { before, changed }));
  const isEmpty = Object.keys(secret).length === 0;
  return { settings: JSON.stringify(open), secrets: isEmpty ? null : sealJson(secret, { pepper, of: id }) };
}

/** Subjects of another issuer would be taken for the people whom the provider has vouched for. */
async function refuseOtherIdentity(tx: Transaction, before: ProviderRow, after: ProviderRow): Promise<void> {
  const table: readonly Setting[] = kinds[before.kind].settings;
  const was = JSON.parse(before.settings), is = JSON.parse(after.settings);
  const other = table.find(({ name, isIdentity }) => isIdentity && was[name] !== is[name]);
  if (other === undefined) return;
  const user = await tx.get("SELECT 1 FROM user_identities WHERE provider_id = :id LIMIT 1", {
    id: before.provider_id,
  });
  if (user === undefined) return;
  throw new UsageError(
    `Cannot change the setting "${other.name}" of "${before.name}", as people have signed in by it already`,
    "add another provider, and remove this one",
  );
}

async function refuseTakenName(tx: Transaction, { dealer_id, provider_id, name }: ProviderRow): Promise<void> {
  const taken = await tx.get(
    "SELECT 1 FROM identity_providers WHERE dealer_id = :dealer AND lower(name) = lower(:name) AND provider_id <> :id",
    { dealer: dealer_id, name, id: provider_id },
  );
  if (taken !== undefined) throw new UsageError(`Cannot name the provider "${name}" as another one has this name`);
}

async function setDomains(tx: Transaction, { provider_id: id }: ProviderRow, wanted: readonly string[]): Promise<void> {
  const domains = [...new Set(wanted.map((text) => text.trim().toLowerCase().replace(/^@/, "")))];
  await tx.run("DELETE FROM provider_domains WHERE provider_id = :id", { id });
  for (const domain of domains) {
    if (!/^(?=.{1,253}$)[a-z\d_]([a-z\d_-]*[a-z\d])?(\.[a-z\d_]([a-z\d_-]*[a-z\d])?)+$/.test(domain)) {
      throw new UsageError(`Cannot use "${domain}" as an e-mail domain`, "such as example.com");
    }
    const added = await tx.run(
      "INSERT INTO provider_domains (domain, provider_id) VALUES (:domain, :id) ON CONFLICT DO NOTHING",
      { domain, id },
    );
    if (added === 0) throw new UsageError(`Cannot lead "${domain}" to this provider as it leads to another one`);
  }
}

async function endSessions(tx: Transaction, id: string): Promise<void> {
  await tx.run("DELETE FROM user_sessions WHERE provider_id = :id", { id });
}

function checkedName(name: string): string {
  const text = name.trim();
  if (text.length > 0 && text.length <= 60 && !/[\p{Cc}\p{Cf}]/u.test(text)) return text;
  throw new UsageError(`Cannot use "${name}" as the name of a provider: it has 1 to 60 characters`);
}

function checkedGroup(group: string): string {
  const text = group.trim();
  if (text.length > 0 && text.length <= 500 && !/\p{Cc}/u.test(text)) return text;
  throw new UsageError(`Cannot use "${group}" as a group: it has 1 to 500 characters`);
}
