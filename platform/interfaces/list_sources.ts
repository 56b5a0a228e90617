/** Which tables the rows of a list are in, and which of them are of its scope. */
import { silentAfterMs } from "../devices/device_view.ts";
import { namedIn } from "../store/page.ts";
import type { Parameters, Queries, Transaction } from "../store/store.ts";
import type { EntityName } from "./entities.ts";
import type { Scope } from "./list_entities.ts";

/** With the site of each agent. */
export const joins = "JOIN sites l ON l.customer_id = a.customer_id AND l.site_id = a.site_id";
/** Of devices `d`. */
export const besideDevices = `JOIN agents a ON a.customer_id = d.customer_id AND a.agent_id = d.agent_id ${joins}
     LEFT JOIN device_state s ON s.customer_id = d.customer_id AND s.device_id = d.device_id`;
/** Of the parts of a merged device, the one that was seen last stands for it. */
export const isFront = `(d.merged_into IS NULL OR NOT EXISTS (SELECT 1 FROM devices o
       WHERE o.customer_id = d.customer_id AND o.merged_into = d.merged_into
         AND (o.last_seen_at, o.device_id) > (d.last_seen_at, d.device_id)))`;
export const openSites = "l.closed_at IS NULL";

interface ListSource {
  from: string;
  where: string;
  /** Columns; the first one is the customer. */
  key: readonly [customer: string, ...rest: string[]];
}

const devices: ListSource = {
  from: `devices d ${besideDevices}`,
  where: isFront,
  key: ["d.customer_id", "d.device_id"],
};
export const sources: Record<EntityName, ListSource> = {
  devices,
  supplies: devices,
  meters: devices,
  agents: { from: `agents a ${joins}`, where: "1 = 1", key: ["a.customer_id", "a.agent_id"] },
  alerts: {
    from: `alerts al
     JOIN devices d ON d.customer_id = al.customer_id AND d.device_id = al.device_id
     JOIN agents a ON a.customer_id = d.customer_id AND a.agent_id = d.agent_id ${joins}`,
    // Alerts of a part that is no longer seen are not open.
    where: `(al.ended_at IS NOT NULL OR ${isFront})`,
    key: ["al.customer_id", "al.device_id", "al.alert_key", "al.first_seen_at", "al.origin"],
  },
};

export interface Source {
  queries: Queries;
  parameters: Parameters;
  /** Conditions on the customer and the sites. */
  where: string[];
}

/**
 * The scope as conditions on a table's column of the customer, and on the agent `a` and its site `l`. Of one customer, all
 * queries are bound to it; of several, the customers are named in the query.
 */
export function sourceOf(
  tx: Transaction,
  { scope, customer, now }: { scope: Scope; customer: string; now: number },
): Source {
  const parameters: Parameters = { silent_since: now - silentAfterMs };
  if ("dealerId" in scope) {
    parameters.dealer = scope.dealerId;
    return { queries: tx, parameters, where: [customersSql(scope, customer), openSites] };
  }
  const [only, ...others] = scope.customers;
  if (others.length === 0 && only !== undefined) {
    const sites = only.sites === "all" ? [] : [sitesSql(only.sites, parameters, "site_0")];
    return {
      queries: tx.tenant(only.customerId),
      parameters,
      where: [customersSql(scope, customer), ...sites, openSites],
    };
  }
  const whole: string[] = [], parts: string[] = [];
  scope.customers.forEach(({ customerId, sites }, i) => {
    parameters[`customer_${i}`] = customerId;
    if (sites === "all") whole.push(`:customer_${i}`);
    else parts.push(`(${customer} = :customer_${i} AND ${sitesSql(sites, parameters, `site_${i}`)})`);
  });
  if (whole.length > 0) parts.push(`${customer} IN (${whole.join(", ")})`);
  return { queries: tx, parameters, where: [parts.length === 0 ? "1 = 0" : `(${parts.join(" OR ")})`, openSites] };
}

/** That a column is a customer of the scope, by the parameters of `sourceOf()`. */
export function customersSql(scope: Scope, column: string): string {
  if ("dealerId" in scope) {
    return `${column} IN (SELECT customer_id FROM customers WHERE dealer_id = :dealer AND closed_at IS NULL)`;
  }
  return scope.customers.length === 1
    ? `${column} = :customer`
    : `${column} IN (${scope.customers.map((_, i) => `:customer_${i}`).join(", ")})`;
}

function sitesSql(sites: readonly string[], parameters: Parameters, name: string): string {
  const names = sites.map((site, i) => {
    parameters[`${name}_${i}`] = site;
    return `:${name}_${i}`;
  });
  return names.length === 0 ? "1 = 0" : `a.site_id IN (${names.join(", ")})`;
}

/** With those parameters that the text names. */
export function all<Found>(queries: Queries, sql: string, parameters: Parameters): Promise<Found[]> {
  return queries.all<Found>(sql, namedIn(sql, parameters));
}

export function isOfOne(scope: Scope): boolean {
  return "customers" in scope && scope.customers.length === 1;
}
