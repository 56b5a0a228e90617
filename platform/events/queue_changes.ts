/**
 * What feeds are told of: put into their queues in the transaction of the change, so that a round need not look for it,
 * and misses none that is committed late. The customer's lock, which every such transaction has, keeps it from running
 * beside the begin of a feed's pass over the customer's devices.
 */
import type { Tenant } from "../store/store.ts";

/** Devices that are read, moved, merged or gone. */
export async function queueChanges(tenant: Tenant, deviceIds: Iterable<string>): Promise<void> {
  const devices = [...deviceIds];
  if (devices.length === 0) return;
  await tenant.run(
    `INSERT INTO feed_changes (customer_id, feed_id, change_id, devices)
     SELECT customer_id, feed_id, CAST(:change AS TEXT), CAST(:devices AS TEXT) FROM feed_customers
     WHERE customer_id = :customer AND began_at > 0`,
    { change: crypto.randomUUID(), devices: JSON.stringify(devices) },
  );
}

/** What all devices of the customer, or of one of its sites, are told with. */
export async function queueAllDevices(tenant: Tenant): Promise<void> {
  await tenant.run("UPDATE feed_customers SET began_at = 0 WHERE customer_id = :customer");
}
