/**
 * What webhooks are told of: put into the queue in the transaction of what happened, so that none is lost with a server,
 * and none is told that did not happen.
 */
import { newId } from "../store/new_id.ts";
import type { Tenant } from "../store/store.ts";

/** Each type, and when it comes. */
export const eventTypes = {
  "alert.raised": "a device shows an alert that it did not show before",
  "alert.ended": "a device shows an alert no more",
  "supply.low": "a further supply of a device is low",
  "device.new": "a device was read for the first time",
  "device.silent": "a device has not answered for a day",
  "meter.reset": "a counter of a device has fallen",
  "agent.activated": "an agent was activated",
  "agent.revoked": "an agent was revoked",
  "agent.silent": "an agent should have reported and did not",
  "task.ended": "a task has ended, whatever its outcome",
} as const;

export type EventType = keyof typeof eventTypes;

export interface PlatformEvent {
  type: EventType;
  at: Date;
  /** About whom; without secrets. */
  data: Record<string, string | number | boolean | null>;
}

/** Of webhooks, with the id of none. */
export const webhookChannel = "webhook";

/** Puts each event into the queue of each webhook that wants it. */
export async function queueEvents(tenant: Tenant, events: readonly PlatformEvent[], now: Date): Promise<void> {
  if (events.length === 0) return;
  const { transaction: tx, customerId } = tenant;
  const webhooks = await tx.all<{ webhook_id: string; events: string }>(
    `SELECT w.webhook_id, w.events FROM webhooks w JOIN customers c ON c.dealer_id = w.dealer_id
     WHERE c.customer_id = :id AND (w.of_customer IS NULL OR w.of_customer = c.customer_id)`,
    { id: customerId },
  );
  const rows = webhooks.flatMap(({ webhook_id, events: types }) => {
    const wanted: string[] = JSON.parse(types);
    return events.filter(({ type }) => wanted.includes(type)).map((event) =>
      deliveryOf(webhook_id, event, { customerId, now })
    );
  });
  await addDeliveries(tenant, rows);
}

export interface NewDelivery {
  delivery_id: string;
  webhook_id: string;
  type: string;
  body: string;
  state: "waiting";
  next_at: number;
  created_at: number;
}

/** As Standard Webhooks has it. */
export function deliveryOf(
  webhookId: string,
  { type, at, data }: { type: string; at: Date; data: object },
  { customerId, now }: { customerId: string; now: Date },
): NewDelivery {
  return {
    delivery_id: newId("msg"),
    webhook_id: webhookId,
    type,
    body: JSON.stringify({ type, timestamp: at.toISOString(), data: { customerId, ...data } }),
    state: "waiting",
    next_at: now.getTime(),
    created_at: now.getTime(),
  };
}

export async function addDeliveries(tenant: Tenant, rows: readonly NewDelivery[]): Promise<void> {
  if (rows.length === 0) return;
  await tenant.insertMany({
    table: "webhook_deliveries",
    key: ["delivery_id"],
    columns: ["delivery_id", "webhook_id", "type", "body", "state", "next_at", "created_at"],
  }, rows);
  tenant.transaction.notify(webhookChannel, "");
}
