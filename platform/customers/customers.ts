import { UsageError } from "../../common/core/errors.ts";
import {
  type Base,
  type By,
  changePlatform,
  changeTenant,
  readPlatform,
  readTenant,
  type TenantBy,
} from "../audit/use_case.ts";
import { queueAllDevices } from "../events/queue_changes.ts";
import { newId } from "../store/new_id.ts";
import type { Tenant, Transaction } from "../store/store.ts";
import { dealerNamed, dealerOf } from "./dealers.ts";

export interface CustomerRow {
  customer_id: string;
  dealer_id: string;
  name: string;
  created_at: number;
  /** Null while it is open; it is closed as well while its dealer is. */
  closed_at: number | null;
  /** Bytes that its agents may store a day; null: the default. */
  quota_bytes: number | null;
  /** Version that its agents are to have, or `hold`; null: as the roll-out says. */
  update_pin: string | null;
}

export interface SiteRow {
  customer_id: string;
  site_id: string;
  name: string;
  created_at: number;
  /** Null while it is open; it is closed as well while its customer is. */
  closed_at: number | null;
  /** Version that its agents are to have, or `hold`; null: as its customer. */
  update_pin: string | null;
}

/** Throws UsageError if the name is taken. */
export async function addCustomer(
  tx: Transaction,
  options: { dealerId: string; name: string; at: Date },
): Promise<CustomerRow> {
  const { dealerId, name, at } = options;
  const row = { customer_id: newId("cus"), dealer_id: dealerId, name, created_at: at.getTime() };
  const made = await tx.run(
    "INSERT INTO customers (customer_id, dealer_id, name, created_at) VALUES (:customer_id, :dealer_id, :name, :created_at) ON CONFLICT DO NOTHING",
    row,
  );
  if (made === 0) {
    throw new UsageError(`Cannot create the customer "${options.name}" as the name is taken`, customersHint);
  }
  return { ...row, closed_at: null, quota_bytes: null, update_pin: null };
}

export interface ListedCustomer extends CustomerRow {
  dealer: string;
  sites: number;
  agents: number;
  devices: number;
}

/** Customers of all dealers, or of one. */
export function customerRows(tx: Transaction, dealerId?: string): Promise<ListedCustomer[]> {
  return tx.all(
    `SELECT c.*, coalesce(c.closed_at, d.closed_at) AS closed_at, d.name AS dealer, (SELECT count(*) FROM sites s WHERE s.customer_id = c.customer_id) AS sites,
       (SELECT count(*) FROM agents a WHERE a.customer_id = c.customer_id) AS agents,
       (SELECT count(*) FROM devices d
         WHERE d.customer_id = c.customer_id AND (d.merged_into IS NULL OR d.merged_into = d.device_id)) AS devices
     FROM customers c JOIN dealers d ON d.dealer_id = c.dealer_id
     WHERE CAST(:dealer AS TEXT) IS NULL OR c.dealer_id = :dealer ORDER BY lower(c.name)`,
    { dealer: dealerId ?? null },
  );
}

export interface CustomerState {
  customer_id: string;
  /** Of itself, or of its dealer. */
  closed_at: number | null;
  /** See alerts/alert_limits.ts. */
  alert_limits: string | null;
  dealer_limits: string | null;
}

/** Of all customers, by their ids. Counts nothing. */
export function customerStates(tx: Transaction): Promise<CustomerState[]> {
  return tx.all(
    `SELECT c.customer_id, coalesce(c.closed_at, d.closed_at) AS closed_at, c.alert_limits, d.alert_limits AS dealer_limits
     FROM customers c JOIN dealers d ON d.dealer_id = c.dealer_id ORDER BY c.customer_id`,
  );
}

/** By id or by name, in any case. */
export function maybeCustomer(tx: Transaction, idOrName: string): Promise<CustomerRow | undefined> {
  return tx.get(
    "SELECT * FROM customers WHERE customer_id = :text OR lower(name) = lower(:text) ORDER BY customer_id = :text DESC LIMIT 1",
    { text: idOrName },
  );
}

const customersHint = "opendca-platform customer list shows them";
const sitesHint = "opendca-platform site list shows them";

/** By id or by name, in any case. Throws UsageError if there is none. */
export async function customerOf(tx: Transaction, customer: string): Promise<CustomerRow> {
  const row = await maybeCustomer(tx, customer);
  if (row !== undefined) return row;
  throw new UsageError(`Cannot find the customer "${customer}"`, customersHint);
}

/** By id or by name, in any case. Throws UsageError if the customer has no such site. */
export async function siteOf(tenant: Tenant, site: string): Promise<SiteRow> {
  const row = await maybeSite(tenant, site);
  if (row !== undefined) return row;
  throw new UsageError(`Cannot find the site "${site}"`, sitesHint);
}

/** Throws UsageError when the customer has a site of that name. */
export async function addSite(tenant: Tenant, options: { name: string; at: Date }): Promise<SiteRow> {
  const row = { site_id: newId("sit"), name: options.name, created_at: options.at.getTime() };
  const made = await tenant.run(
    `INSERT INTO sites (customer_id, site_id, name, created_at) VALUES (:customer, :site_id, :name, :created_at)
     ON CONFLICT DO NOTHING`,
    row,
  );
  if (made === 0) {
    throw new UsageError(`Cannot create the site "${options.name}" as the name is taken`, sitesHint);
  }
  return { customer_id: tenant.customerId, ...row, closed_at: null, update_pin: null };
}

export function siteRows(tenant: Tenant): Promise<SiteRow[]> {
  return tenant.all("SELECT * FROM sites WHERE customer_id = :customer ORDER BY lower(name)");
}

/** By id or by name, in any case. */
export function maybeSite(tenant: Tenant, idOrName: string): Promise<SiteRow | undefined> {
  return tenant.get(
    "SELECT * FROM sites WHERE customer_id = :customer AND (site_id = :text OR lower(name) = lower(:text))",
    {
      text: idOrName,
    },
  );
}

/** Throws UsageError if the customer, its dealer or the site is closed; `what`: such as "make a code". */
export async function refuseClosed(tenant: Tenant, what: string, site?: SiteRow): Promise<void> {
  if (site !== undefined && site.closed_at !== null) throw closedError(what, "site", { ...site, dealer_id: "" });
  const { customerId: id, transaction: tx } = tenant;
  const customer = await customerOf(tx, id);
  if (customer.closed_at !== null) throw closedError(what, "customer", customer);
  const dealer = await dealerNamed(tx, customer.dealer_id);
  if (dealer.closed_at !== null) throw closedError(what, "dealer", dealer);
}

type Named = { name: string; site_id?: string; customer_id?: string; dealer_id: string };

/** `kind` of what is closed. */
export function closedError(what: string, kind: "site" | "customer" | "dealer", closed: Named): UsageError {
  const id = kind === "site" ? closed.site_id : kind === "customer" ? closed.customer_id : closed.dealer_id;
  return new UsageError(
    `Cannot ${what} as the ${kind} "${closed.name}" is closed`,
    `opendca-platform ${kind} reopen ${id}`,
  );
}

/** Creates a customer of the dealer given by id or name, or of the only one. Throws UsageError. */
export function createCustomer(
  platform: Base,
  by: By,
  { name, dealer }: { name: string; dealer?: string | undefined },
): Promise<CustomerRow> {
  return changePlatform(platform, by, async (tx, at) => {
    const owner = await dealerOf(tx, dealer, at), { dealer_id } = owner;
    if (owner.closed_at !== null) throw closedError("create a customer", "dealer", owner);
    const row = await addCustomer(tx, { dealerId: dealer_id, name, at });
    const { customer_id } = row;
    return {
      answer: row,
      customerId: customer_id,
      audit: { action: "customerCreated", subject: customer_id, detail: { name, dealer: dealer_id } },
    };
  });
}

/** Customers of all dealers, or of the given one. Throws UsageError. */
export function listCustomers(
  platform: Base,
  by: By,
  { dealer }: { dealer?: string | undefined },
): Promise<ListedCustomer[]> {
  return readPlatform(platform, by, async (tx) => {
    const row = dealer === undefined ? undefined : await dealerOf(tx, dealer, platform.clock.now());
    return await customerRows(tx, row?.dealer_id);
  });
}

/** Of a dealer by id, by name; without the counts of listCustomers(), for every page asks. */
export function customerNames(
  platform: Base,
  by: By,
  { dealerId }: { dealerId: string },
): Promise<Pick<CustomerRow, "customer_id" | "name">[]> {
  return readPlatform(
    platform,
    by,
    (tx) =>
      tx.all("SELECT customer_id, name FROM customers WHERE dealer_id = :dealer ORDER BY lower(name)", {
        dealer: dealerId,
      }),
  );
}

/** Whether there is such a customer of the dealer. */
export function isCustomerOf(
  platform: Base,
  by: By,
  { customerId, dealerId }: { customerId: string; dealerId: string },
): Promise<boolean> {
  return readPlatform(platform, by, async (tx) => {
    const sql = "SELECT 1 FROM customers WHERE customer_id = :id AND dealer_id = :dealer";
    return await tx.get(sql, { id: customerId, dealer: dealerId }) !== undefined;
  });
}

/** The customer given by id or name, or the only one. Throws UsageError. */
export function findCustomer(
  platform: Base,
  by: By,
  { customer }: { customer?: string | undefined },
): Promise<CustomerRow> {
  return readPlatform(platform, by, async (tx) => {
    if (customer !== undefined) return await customerOf(tx, customer);
    const all = await customerRows(tx), open = all.filter(({ closed_at }) => closed_at === null);
    const [only, ...others] = open.length > 0 ? open : all;
    if (only === undefined) {
      throw new UsageError("Cannot run as there is no customer yet", "opendca-platform customer create NAME");
    }
    if (others.length === 0) return only;
    throw new UsageError(
      `Cannot tell which customer is meant as there are ${others.length + 1}`,
      `name one with --customer; ${customersHint}`,
    );
  });
}

/** Throws UsageError when the customer has a site of that name. */
export function createSite(platform: Base, by: TenantBy, { name }: { name: string }): Promise<SiteRow> {
  return changeTenant(platform, by, async (tenant, at) => {
    await refuseClosed(tenant, "create a site");
    const row = await addSite(tenant, { name, at });
    return { answer: row, audit: { action: "siteCreated", subject: row.site_id, detail: { name } } };
  });
}

/** With `closed_at` of the customer or its dealer, if these are closed. */
export function listSites(platform: Base, by: TenantBy): Promise<SiteRow[]> {
  return readTenant(platform, by, async (tenant) => {
    const customer = await customerOf(tenant.transaction, tenant.customerId);
    const whole = customer.closed_at ?? (await dealerNamed(tenant.transaction, customer.dealer_id)).closed_at;
    return (await siteRows(tenant)).map((row) => ({ ...row, closed_at: row.closed_at ?? whole }));
  });
}

/** Throws UsageError if there is no such customer, or another one has the name. */
export function renameCustomer(
  platform: Base,
  by: By,
  { customer, name }: { customer: string; name: string },
): Promise<CustomerRow> {
  return changePlatform(platform, by, async (tx) => {
    const row = await customerOf(tx, customer), { customer_id } = row;
    const renamed = await tx.run(
      `UPDATE customers SET name = :name WHERE customer_id = :customer_id AND NOT EXISTS
         (SELECT 1 FROM customers c WHERE lower(c.name) = lower(:name) AND c.customer_id <> :customer_id)`,
      { name, customer_id },
    );
    if (renamed === 0) {
      throw new UsageError(`Cannot rename the customer "${row.name}" to "${name}" as the name is taken`, customersHint);
    }
    return {
      answer: { ...row, name },
      customerId: customer_id,
      audit: { action: "customerRenamed", subject: customer_id, detail: { from: row.name, to: name } },
    };
  });
}

/** Throws UsageError if the customer has no such site, or another one has the name. */
export function renameSite(
  platform: Base,
  by: TenantBy,
  { site, name }: { site: string; name: string },
): Promise<SiteRow> {
  return changeTenant(platform, by, async (tenant) => {
    const row = await siteOf(tenant, site), { site_id } = row;
    const renamed = await tenant.run(
      `UPDATE sites SET name = :name WHERE customer_id = :customer AND site_id = :site_id AND NOT EXISTS
         (SELECT 1 FROM sites s WHERE s.customer_id = :customer AND lower(s.name) = lower(:name) AND s.site_id <> :site_id)`,
      { name, site_id },
    );
    if (renamed === 0) {
      throw new UsageError(`Cannot rename the site "${row.name}" to "${name}" as the name is taken`, sitesHint);
    }
    await queueAllDevices(tenant);
    const detail = { from: row.name, to: name };
    return { answer: { ...row, name }, audit: { action: "siteRenamed", subject: site_id, detail } };
  });
}
