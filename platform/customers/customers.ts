import { UsageError } from "../../common/core/errors.ts";
import { newId } from "../store/new_id.ts";
import type { Tenant, Transaction } from "../store/store.ts";

export interface CustomerRow {
  customer_id: string;
  name: string;
  created_at: number;
}

export interface SiteRow {
  customer_id: string;
  site_id: string;
  name: string;
  created_at: number;
}

/** Throws UsageError when the name is taken. */
export async function createCustomer(tx: Transaction, options: { name: string; at: Date }): Promise<CustomerRow> {
  const row = { customer_id: newId("cus"), name: options.name, created_at: options.at.getTime() };
  const made = await tx.run(
    "INSERT INTO customers (customer_id, name, created_at) VALUES (:customer_id, :name, :created_at) ON CONFLICT DO NOTHING",
    row,
  );
  if (made === 0) {
    const hint = "opendca-platform customer list shows them";
    throw new UsageError(`Cannot create the customer "${options.name}" as the name is taken`, hint);
  }
  return row;
}

export function listCustomers(
  tx: Transaction,
): Promise<(CustomerRow & { sites: number; agents: number; devices: number })[]> {
  return tx.all(
    `SELECT *, (SELECT count(*) FROM sites s WHERE s.customer_id = c.customer_id) AS sites,
       (SELECT count(*) FROM agents a WHERE a.customer_id = c.customer_id) AS agents,
       (SELECT count(*) FROM devices d WHERE d.customer_id = c.customer_id) AS devices
     FROM customers c ORDER BY lower(name)`,
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
export async function createSite(tenant: Tenant, options: { name: string; at: Date }): Promise<SiteRow> {
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

export function listSites(tenant: Tenant): Promise<SiteRow[]> {
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
