/**
 * Sends what waits in the queues of webhooks. Of several processes, one sends each: the one that takes a delivery moves its
 * next time on, and a process that dies meanwhile leaves it to the next try. So a message may come twice, with the same
 * id, but never not at all: after three days it is kept as a dead letter.
 */
import { Webhook } from "standardwebhooks";
import { messageOf } from "../../common/core/errors.ts";
import { ForbiddenTargetError, type GuardedOptions, guardedPost } from "../../common/host/guarded_post.ts";
import { webhookChannel } from "../events/queue_events.ts";
import type { Store } from "../store/store.ts";
import { startQueue } from "../store/work_queue.ts";
import { secretsOf, type WebhookRow } from "./webhooks.ts";

const second = 1000, minute = 60 * second, hour = 60 * minute;
/** From one try to the next; together about three days. */
export const waitsMs = [
  5 * second,
  30 * second,
  2 * minute,
  10 * minute,
  30 * minute,
  hour,
  3 * hour,
  6 * hour,
  12 * hour,
  24 * hour,
  24 * hour,
];
const timeoutMs = 15_000, claimMs = 60_000, lookMs = 5000;
/* At a time: of this process, and of one webhook, so that one that hangs does not hold up the others. */
const most = 32, mostOfOne = 4;
const keptMs = 30 * 24 * hour;

export interface DeliveryPlatform {
  store: Store;
  pepper: Uint8Array;
  clock: { now(): Date };
  log(event: string, fields: Record<string, string | number | boolean>): void;
}

export interface DeliveryOptions {
  /** Hosts that may be called although their addresses are not of the Internet. */
  allowed?: readonly string[] | undefined;
  ca?: string | undefined;
  timeoutMs?: number | undefined;
  resolve?: GuardedOptions["resolve"];
}

interface Taken {
  customer_id: string;
  delivery_id: string;
  webhook_id: string;
  type: string;
  body: string;
  tries: number;
  webhook: WebhookRow;
}

/** Until disposed of, which waits for what is under way. */
export function startWebhooks(platform: DeliveryPlatform, options: DeliveryOptions = {}): AsyncDisposable {
  const { store, clock } = platform, under = new Map<string, number>();
  let forgotAt = -Infinity;
  return startQueue(platform, {
    most,
    channel: webhookChannel,
    lookMs,
    async take() {
      const busy = [...under].filter(([, count]) => count >= mostOfOne).map(([id]) => id);
      const taken = await takeDelivery(store, { now: clock.now(), busy });
      if (taken !== undefined) under.set(taken.webhook_id, (under.get(taken.webhook_id) ?? 0) + 1);
      return taken;
    },
    async work(taken, signal) {
      try {
        await deliver(platform, taken, { ...options, signal });
      } finally {
        const left = under.get(taken.webhook_id)! - 1;
        if (left === 0) under.delete(taken.webhook_id);
        else under.set(taken.webhook_id, left);
      }
    },
    async afterLook() {
      const now = clock.now().getTime();
      if (now - forgotAt < hour) return;
      forgotAt = now;
      await forget(store, now);
    },
  });
}

async function takeDelivery(
  store: Store,
  { now, busy }: { now: Date; busy: readonly string[] },
): Promise<Taken | undefined> {
  const at = now.getTime(), names = busy.map((_, i) => `:busy_${i}`);
  const paused = "webhook_id NOT IN (SELECT webhook_id FROM webhooks WHERE paused_at IS NOT NULL)";
  const due = `state = 'waiting' AND next_at <= :now AND ${paused}${
    names.length === 0 ? "" : ` AND webhook_id NOT IN (${names.join(", ")})`
  }`;
  const parameters = { now: at, ...Object.fromEntries(busy.map((id, i) => [`busy_${i}`, id])) };
  const some = await store.transaction(
    (tx) => tx.get(`SELECT 1 FROM webhook_deliveries WHERE ${due} LIMIT 1`, parameters),
    { readOnly: true },
  );
  if (some === undefined) return undefined;
  return await store.transaction(async (tx) => {
    const skip = tx.engine === "postgres" ? " FOR UPDATE SKIP LOCKED" : "";
    const row = await tx.get<Omit<Taken, "webhook">>(
      `UPDATE webhook_deliveries SET next_at = :until, tries = tries + 1
       WHERE (customer_id, delivery_id) IN (SELECT customer_id, delivery_id FROM webhook_deliveries WHERE ${due}
         ORDER BY next_at, delivery_id LIMIT 1${skip})
       RETURNING customer_id, delivery_id, webhook_id, type, body, tries`,
      { ...parameters, until: at + claimMs },
    );
    if (row === undefined) return undefined;
    const webhook = await tx.get<WebhookRow>("SELECT * FROM webhooks WHERE webhook_id = :id", { id: row.webhook_id });
    if (webhook !== undefined) return { ...row, webhook };
    await tx.run("DELETE FROM webhook_deliveries WHERE webhook_id = :id", { id: row.webhook_id });
    return undefined;
  });
}

async function deliver(
  { store, pepper, clock, log }: DeliveryPlatform,
  taken: Taken,
  { allowed = [], ca, timeoutMs: ownTimeoutMs, resolve, signal }: DeliveryOptions & { signal: AbortSignal },
): Promise<void> {
  const { delivery_id: id, webhook_id: webhookId, tries, body, webhook } = taken, at = clock.now();
  let status: number | null = null, failure: string | undefined, isFinal = false;
  try {
    const signatures = secretsOf(webhook, { pepper, now: at.getTime() }).map((secret) =>
      new Webhook(secret).sign(id, at, body)
    );
    ({ status } = await guardedPost({
      url: webhook.url,
      headers: {
        "content-type": "application/json",
        "user-agent": "OpenDCA",
        "webhook-id": id,
        "webhook-timestamp": String(Math.floor(at.getTime() / 1000)),
        "webhook-signature": signatures.join(" "),
      },
      body,
    }, {
      allowed,
      timeoutMs: ownTimeoutMs ?? timeoutMs,
      mostBytes: 64 * 1024,
      ca,
      signal,
      ...(resolve === undefined ? {} : { resolve }),
    }));
    // A redirect counts as a failure: its target was not checked.
    if (status < 200 || status > 299) failure = `the receiver answered ${status}`;
    // The receiver wants no more of it (Standard Webhooks).
    isFinal = status === 410;
  } catch (error) {
    // The next start tries again.
    if (signal.aborted) return;
    failure = messageOf(error);
    isFinal = error instanceof ForbiddenTargetError;
  }
  const waitMs = failure === undefined || isFinal ? undefined : waitsMs[tries - 1];
  const state = failure === undefined ? "sent" : waitMs === undefined ? "dead" : "waiting";
  await store.transaction((tx) =>
    tx.run(
      `UPDATE webhook_deliveries SET state = :state, status = :status, failure = :failure, next_at = :next
       WHERE customer_id = :of AND delivery_id = :id`,
      {
        of: taken.customer_id,
        id,
        state,
        status,
        failure: failure?.slice(0, 500) ?? null,
        next: clock.now().getTime() + (waitMs ?? 0),
      },
    )
  );
  if (failure !== undefined) {
    log(state === "dead" ? "webhookGivenUp" : "webhookFailed", {
      webhook: webhookId,
      delivery: id,
      tries,
      message: failure,
    });
  }
}

/** What was sent or given up a month ago; what a paused webhook was not told for three days is given up. */
export async function forget(store: Store, now: number): Promise<void> {
  // A look that finds nothing does not wait for who writes.
  const old = await store.transaction(
    (tx) => tx.get("SELECT 1 FROM webhook_deliveries WHERE created_at < :before LIMIT 1", { before: now - 72 * hour }),
    { readOnly: true },
  );
  if (old === undefined) return;
  await store.transaction(async (tx) => {
    await tx.run("DELETE FROM webhook_deliveries WHERE state <> 'waiting' AND created_at < :before", {
      before: now - keptMs,
    });
    await tx.run(
      `UPDATE webhook_deliveries SET state = 'dead', failure = 'the webhook was paused for three days'
       WHERE state = 'waiting' AND created_at < :before
         AND webhook_id IN (SELECT webhook_id FROM webhooks WHERE paused_at IS NOT NULL)`,
      { before: now - 72 * hour },
    );
  });
}
