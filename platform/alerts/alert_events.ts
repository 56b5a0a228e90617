/**
 * What became of raised alerts, for parts that tell others of it, such as mails and webhooks. A row of `alert_events` is
 * written in the transaction that changes the alert, and never changed.
 *
 * `number` counts the events of one customer from 1 without gaps, in the order of their commits: a reader that has dealt with
 * all events up to a number asks for those behind it (`alertEventsAfter()`), and misses none, whichever process wrote
 * them. After the commit, the channel `alertChannel` is notified with the customer's id. Events are kept as long as
 * samples (`--keep-samples`), so that a number may be the last one of what was dropped.
 *
 * - `raised`: the alert is new. `detail` has what the platform knows of it.
 * - `changed`: its severity is another one; `detail` has `severity` and `before`. If it became more severe, an
 *   acknowledgement is gone.
 * - `acknowledged`: a person has it in hand; `detail` has `note` and `until` (milliseconds; null: until it ends).
 * - `released`: the acknowledgement was taken back by a person, or its time is over (actor `platform`).
 * - `ended`: the condition stayed away; `detail` has `reason`.
 *
 * An alert whose `cause_id` is set is explained by that of its agent: tell of the cause alone.
 */
import { takeLock, type Tenant } from "../store/store.ts";

export const alertChannel = "alerts";

export type AlertEventKind = "raised" | "changed" | "acknowledged" | "released" | "ended";

export interface AlertEvent {
  at: number;
  alert_id: string;
  event: AlertEventKind;
  /** As in the audit log: `user:eva@example.com`, `platform`. */
  actor: string;
  detail: Record<string, string | number | boolean | null>;
}

export type NumberedEvent = AlertEvent & { number: number };

/** A transaction that changes alerts of the customer holds it, so that the numbers of events are those of their commits. */
export async function lockAlerts(tenant: Tenant): Promise<void> {
  await takeLock(tenant.transaction, `alerts ${tenant.customerId}`);
}

/** The caller must hold the lock: see lockAlerts(). */
export async function addAlertEvents(tenant: Tenant, events: readonly AlertEvent[]): Promise<void> {
  if (events.length === 0) return;
  const last = await tenant.get<{ number: number }>(
    "SELECT number FROM alert_events WHERE customer_id = :customer ORDER BY number DESC LIMIT 1",
  );
  let number = last?.number ?? 0;
  await tenant.insertMany(
    { table: "alert_events", key: ["number"], columns: ["number", "at", "alert_id", "event", "actor", "detail"] },
    events.map((event) => ({ ...event, number: ++number, detail: JSON.stringify(event.detail) })),
  );
  tenant.transaction.notify(alertChannel, tenant.customerId);
}

type StoredEvent = Omit<NumberedEvent, "detail"> & { detail: string };

/** Events of the customer behind a number, in order. */
export async function alertEventsAfter(
  tenant: Tenant,
  { number, limit }: { number: number; limit: number },
): Promise<NumberedEvent[]> {
  const rows = await tenant.all<StoredEvent>(
    `SELECT number, at, alert_id, event, actor, detail FROM alert_events
     WHERE customer_id = :customer AND number > :number ORDER BY number LIMIT :limit`,
    { number, limit },
  );
  return rows.map((row) => ({ ...row, detail: JSON.parse(row.detail) }));
}

/** What became of one alert, oldest first. */
export async function eventsOfAlert(tenant: Tenant, alertId: string): Promise<NumberedEvent[]> {
  const rows = await tenant.all<StoredEvent>(
    `SELECT number, at, alert_id, event, actor, detail FROM alert_events
     WHERE customer_id = :customer AND alert_id = :alert_id ORDER BY number`,
    { alert_id: alertId },
  );
  return rows.map((row) => ({ ...row, detail: JSON.parse(row.detail) }));
}
