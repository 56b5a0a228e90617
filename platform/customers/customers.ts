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
import { newId } from "../store/new_id.ts";
import type { Tenant, Transaction } from "../store/store.ts";
import { dealerOf } from "./dealers.ts";

export interface CustomerRow {
  customer_id: string;
  dealer_id: string;
  name: string;
  created_at: number;
}

export interface SiteRow {
  customer_id: string;
  site_id: string;
  name: string;
  created_at: number;
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
    const hint = "opendca-platform customer list shows them";
    throw new UsageError(`Cannot create the customer "${options.name}" as the name is taken`, hint);
  }
  return row;
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
    `SELECT c.*, d.name AS dealer, (SELECT count(*) FROM sites s WHERE s.customer_id = c.customer_id) AS sites,
       (SELECT count(*) FROM agents a WHERE a.customer_id = c.customer_id) AS agents,
       (SELECT count(*) FROM devices d
         WHERE d.customer_id = c.customer_id AND (d.merged_into IS NULL OR d.merged_into = d.device_id)) AS devices
     FROM customers c JOIN dealers d ON d.dealer_id = c.dealer_id
     WHERE CAST(:dealer AS TEXT) IS NULL OR c.dealer_id = :dealer ORDER BY lower(c.name)`,
    { dealer: dealerId ?? null },
  );
}

/** By id or by name, in any case. */
export function maybeCustomer(tx: Transaction, idOrName: string): Promise<CustomerRow | undefined> {
  return tx.get(
    "SELECT * FROM customers WHERE customer_id = :text OR lower(name) = lower(:text) ORDER BY customer_id = :text DESC LIMIT 1",
    { text: idOrName },
  );
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
    const hint = "opendca-platform site list shows them";
    throw new UsageError(`Cannot create the site "${options.name}" as the name is taken`, hint);
  }
  return { customer_id: tenant.customerId, ...row };
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

/** Creates a customer of the dealer given by id or name, or of the only one. Throws UsageError. */
export function createCustomer(
  platform: Base,
  by: By,
  { name, dealer }: { name: string; dealer?: string | undefined },
): Promise<CustomerRow> {
  return changePlatform(platform, by, async (tx, at) => {
    const { dealer_id } = await dealerOf(tx, dealer, at);
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

/** The customer given by id or name, or the only one. Throws UsageError. */
export function findCustomer(
  platform: Base,
  by: By,
  { customer }: { customer?: string | undefined },
): Promise<CustomerRow> {
  return readPlatform(platform, by, async (tx) => {
    const hint = "opendca-platform customer list shows them";
    if (customer !== undefined) {
      const row = await maybeCustomer(tx, customer);
      if (row !== undefined) return row;
      throw new UsageError(`Cannot find the customer "${customer}"`, hint);
    }
    const [only, ...others] = await customerRows(tx);
    if (only === undefined) {
      throw new UsageError("Cannot run as there is no customer yet", "opendca-platform customer create NAME");
    }
    if (others.length === 0) return only;
    throw new UsageError(
      `Cannot tell which customer is meant as there are ${others.length + 1}`,
      `name one with --customer; ${hint}`,
    );
  });
}

/** Throws UsageError when the customer has a site of that name. */
export function createSite(platform: Base, by: TenantBy, { name }: { name: string }): Promise<SiteRow> {
  return changeTenant(platform, by, async (tenant, at) => {
    const row = await addSite(tenant, { name, at });
    return { answer: row, audit: { action: "siteCreated", subject: row.site_id, detail: { name } } };
  });
}

export function listSites(platform: Base, by: TenantBy): Promise<SiteRow[]> {
  return readTenant(platform, by, siteRows);
}

/** Throws UsageError if there is no such customer, or another one has the name. */
export function renameCustomer(
  platform: Base,
  by: By,
  { customer, name }: { customer: string; name: string },
): Promise<CustomerRow> {
  return changePlatform(platform, by, async (tx) => {
    const row = await maybeCustomer(tx, customer), hint = "opendca-platform customer list shows them";
    if (row === undefined) throw new UsageError(`Cannot find the customer "${customer}"`, hint);
    const { customer_id } = row;
    const renamed = await tx.run(
      `UPDATE customers SET name = :name WHERE customer_id = :customer_id AND NOT EXISTS
         (SELECT 1 FROM customers c WHERE lower(c.name) = lower(:name) AND c.customer_id <> :customer_id)`,
      { name, customer_id },
    );
    if (renamed === 0) {
      throw new UsageError(`Cannot rename the customer "${row.name}" to "${name}" as the name is taken`, hint);
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
    const row = await maybeSite(tenant, site), hint = "opendca-platform site list shows them";
    if (row === undefined) throw new UsageError(`Cannot find the site "${site}"`, hint);
    const { site_id } = row;
    const renamed = await tenant.run(
      `UPDATE sites SET name = :name WHERE customer_id = :customer AND site_id = :site_id AND NOT EXISTS
         (SELECT 1 FROM sites s WHERE s.customer_id = :customer AND lower(s.name) = lower(:name) AND s.site_id <> :site_id)`,
      { name, site_id },
    );
    if (renamed === 0) {
      throw new UsageError(`Cannot rename the site "${row.name}" to "${name}" as the name is taken`, hint);
    }
    const detail = { from: row.name, to: name };
    return { answer: { ...row, name }, audit: { action: "siteRenamed", subject: site_id, detail } };
  });
}
