/** Looks at what has happened and sends what is due; several processes may do so at the same time. */
import { alertChannel } from "../alerts/alert_events.ts";
import { eachApart } from "../store/each_apart.ts";
import type { Store } from "../store/store.ts";
import { startLooking } from "../store/work_queue.ts";
import { collect } from "./collect.ts";
import { type NotificationPlatform, sendDue } from "./send.ts";

const lookMs = 30_000, slowLooks = 20, dayMs = 86_400_000;
const keptMs = 30 * dayMs;
/** Changes of alerts come in bursts: they are looked at together. */
const pauseMs = 1000;

/** Until disposed of, which waits for a look in progress. */
export function startNotifications(platform: NotificationPlatform): AsyncDisposable {
  let looks = 0;
  return startLooking(platform, {
    look: () => lookOnce(platform, { isSlow: looks++ % slowLooks === 0 }),
    lookMs,
    firstMs: lookMs,
    channel: alertChannel,
    gatherMs: pauseMs,
  });
}

/** One look. `isSlow`: also at supplies and updates. Returns how many notifications were queued. */
export async function lookAtNotifications(
  platform: NotificationPlatform,
  { isSlow }: { isSlow: boolean },
): Promise<number> {
  const { store, clock } = platform;
  const customers = await customersToLookAt(store, isSlow);
  let sent = 0;
  await eachApart([
    () =>
      eachApart(
        customers,
        ({ customer_id }) =>
          store.transaction((tx) => collect(tx.tenant(customer_id), { now: clock.now().getTime(), isSlow })),
      ),
    async () => void (sent = await sendDue(platform)),
    async () => isSlow ? await forget(store, clock.now().getTime()) : undefined,
  ], (step) => step());
  return sent;
}

async function lookOnce(platform: NotificationPlatform, how: { isSlow: boolean }): Promise<void> {
  const sent = await lookAtNotifications(platform, how);
  if (sent > 0) platform.log("notificationsQueued", { count: sent });
}

/** Those with a rule that is not paused and, unless all is looked at, with news. */
function customersToLookAt(store: Store, isSlow: boolean): Promise<{ customer_id: string }[]> {
  const news = `AND EXISTS (SELECT 1 FROM alert_events e WHERE e.customer_id = c.customer_id AND e.number >
    coalesce((SELECT k.number FROM notification_cursors k WHERE k.customer_id = c.customer_id), 0))`;
  return store.transaction((tx) =>
    tx.all(
      `SELECT c.customer_id FROM customers c WHERE c.closed_at IS NULL AND EXISTS
         (SELECT 1 FROM notification_rules n WHERE n.dealer_id = c.dealer_id AND n.paused_at IS NULL
            AND (n.of_customer IS NULL OR n.of_customer = c.customer_id)) ${isSlow ? "" : news}
       ORDER BY c.customer_id`,
    ), { readOnly: true });
}

/** Deletes what was sent or dropped a month ago, and what has waited too long to be useful. */
async function forget(store: Store, now: number): Promise<void> {
  const before = { before: now - keptMs };
  for (const table of ["notification_items", "notifications"]) {
    // A look that finds nothing does not wait for who writes.
    const old = await store.transaction(
      (tx) => tx.get(`SELECT 1 FROM ${table} WHERE at < :before LIMIT 1`, before),
      { readOnly: true },
    );
    if (old !== undefined) await store.transaction((tx) => tx.run(`DELETE FROM ${table} WHERE at < :before`, before));
  }
}
