/** Devices among all customers of a dealer, by the beginning of what they are called; by indices alone. */
import type { Platform } from "../agents/platform.ts";
import { type By, readPlatform } from "../audit/use_case.ts";
import type { Transaction } from "../store/store.ts";

export interface FoundDevice {
  customer_id: string;
  device_id: string;
  site_id: string;
  site: string;
  manufacturer: string | null;
  model: string | null;
  serial: string | null;
  address: string;
  hostname: string | null;
  last_seen_at: number;
}

/** Where somebody may look. */
export interface Within {
  customerId: string;
  sites: "all" | readonly string[];
}

/** Beyond the last character that a text can have, in the order of bytes. */
const last = "\u{10ffff}";

/** At most `limit` devices, by customer and address; of a merged one each part that is called so, under its common id. */
export function findDevices(
  platform: Platform,
  by: By,
  { dealerId, text, within, limit }: { dealerId: string; text: string; within: readonly Within[]; limit: number },
): Promise<FoundDevice[]> {
  return readPlatform(platform, by, async (tx) => {
    const found: FoundDevice[] = [];
    const whole = within.filter(({ sites }) => sites === "all").map(({ customerId }) => customerId);
    const own = await customersOf(tx, dealerId);
    // One look for everybody who sees all customers; otherwise one for each that may be seen.
    if (own.every((id) => whole.includes(id))) found.push(...await lookIn(tx, { dealerId, text, limit }));
    else {
      for (const { customerId, sites } of within) {
        if (!own.includes(customerId)) continue;
        for (const site of sites === "all" ? [undefined] : sites) {
          found.push(...await lookIn(tx, { dealerId, text, limit, customerId, site }));
          if (found.length >= limit) return found.slice(0, limit);
        }
      }
    }
    return found.slice(0, limit);
  });
}

async function customersOf(tx: Transaction, dealerId: string): Promise<string[]> {
  const rows = await tx.all<{ customer_id: string }>("SELECT customer_id FROM customers WHERE dealer_id = :dealer", {
    dealer: dealerId,
  });
  return rows.map(({ customer_id }) => customer_id);
}

function lookIn(
  tx: Transaction,
  { dealerId, text, limit, customerId, site }: {
    dealerId: string;
    text: string;
    limit: number;
    customerId?: string;
    site?: string | undefined;
  },
): Promise<FoundDevice[]> {
  const among = customerId === undefined
    ? "customer_id IN (SELECT customer_id FROM customers WHERE dealer_id = :dealer)"
    : "customer_id = :of_customer";
  const lower = ["serial", "hostname"].map((name) => tx.engine === "postgres" ? `${name}_lower` : `lower(${name})`);
  const called = [...lower, "address"].map((name) =>
    // No more than are shown: two letters may be the beginning of a tenth of all devices.
    `SELECT * FROM (SELECT customer_id, device_id FROM devices
     WHERE ${among} AND ${name} >= lower(:text) AND ${name} < lower(:text) || :last ${
      site === undefined ? "LIMIT :limit" : ""
    }) ${name.replace(/\W/g, "_")}`
  );
  const parameters = customerId === undefined ? { dealer: dealerId } : { of_customer: customerId };
  return tx.all(
    `SELECT d.customer_id, coalesce(d.merged_into, d.device_id) AS device_id, l.site_id, l.name AS site,
       d.manufacturer, d.model, d.serial, d.address, d.hostname, d.last_seen_at
     FROM (${called.join(" UNION ")}) f
     JOIN devices d ON d.customer_id = f.customer_id AND d.device_id = f.device_id
     JOIN agents a ON a.customer_id = d.customer_id AND a.agent_id = d.agent_id
     JOIN sites l ON l.customer_id = a.customer_id AND l.site_id = a.site_id
     ${site === undefined ? "" : "WHERE l.site_id = :site"}
     ORDER BY d.customer_id, d.address_order, d.device_id LIMIT :limit`,
    { ...parameters, ...(site === undefined ? {} : { site }), text, last, limit },
  );
}
