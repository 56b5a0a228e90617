import { UsageError } from "../../common/core/errors.ts";
import { newId } from "./new_id.ts";
import type { Store, Tenant } from "./store.ts";

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
export function createCustomer(store: Store, options: { name: string; at: Date }): CustomerRow {
  const row = { customer_id: newId("cus"), name: options.name, created_at: options.at.getTime() };
  const made = store.platformWide.run(
    "INSERT INTO customers (customer_id, name, created_at) VALUES (:customer_id, :name, :created_at) ON CONFLICT (name) DO NOTHING",
    row,
  );
  if (made === 0) {
    const hint = "opendca-platform customer list shows them";
    throw new UsageError(`Cannot create the customer "${options.name}" as the name is taken`, hint);
  }
  return row;
}

export function listCustomers(store: Store): (CustomerRow & { sites: number; agents: number; devices: number })[] {
  return store.platformWide.all(
    `SELECT *, (SELECT count(*) FROM sites s WHERE s.customer_id = c.customer_id) AS sites,
       (SELECT count(*) FROM agents a WHERE a.customer_id = c.customer_id) AS agents,
       (SELECT count(*) FROM devices d WHERE d.customer_id = c.customer_id) AS devices
     FROM customers c ORDER BY name`,
  );
}

/** By id or by name, in any case. */
export function maybeCustomer(store: Store, idOrName: string): CustomerRow | undefined {
  return store.platformWide.get(
    "SELECT * FROM customers WHERE customer_id = :text OR name = :text ORDER BY customer_id = :text DESC LIMIT 1",
    { text: idOrName },
  );
}

/** Throws UsageError when the customer has a site of that name. */
export function createSite(tenant: Tenant, options: { name: string; at: Date }): SiteRow {
  const row = { site_id: newId("sit"), name: options.name, created_at: options.at.getTime() };
  const made = tenant.run(
    `INSERT INTO sites (customer_id, site_id, name, created_at) VALUES (:customer, :site_id, :name, :created_at)
     ON CONFLICT (customer_id, name) DO NOTHING`,
    row,
  );
  if (made === 0) {
    const hint = "opendca-platform site list shows them";
    throw new UsageError(`Cannot create the site "${options.name}" as the name is taken`, hint);
  }
  return { customer_id: tenant.customerId, ...row };
}

export function listSites(tenant: Tenant): SiteRow[] {
  return tenant.all("SELECT * FROM sites WHERE customer_id = :customer ORDER BY name");
}

/** By id or by name, in any case. */
export function maybeSite(tenant: Tenant, idOrName: string): SiteRow | undefined {
  return tenant.get("SELECT * FROM sites WHERE customer_id = :customer AND (site_id = :text OR name = :text)", {
    text: idOrName,
  });
}
