/** Webhooks of a dealer or of one of its customers: who is told of what. */
import { randomBytes } from "node:crypto";
import { UsageError } from "../../common/core/errors.ts";
import { withoutPassword } from "../../common/core/without_password.ts";
import { targetFault } from "../../common/host/guarded_post.ts";
import { type Base, type By, changePlatform, readPlatform } from "../audit/use_case.ts";
import { customerOf } from "../customers/customers.ts";
import { dealerOf } from "../customers/dealers.ts";
import { addDeliveries, deliveryOf, type EventType, eventTypes, webhookChannel } from "../events/queue_events.ts";
import { openSealed, seal } from "../keys/sealed.ts";
import { newId } from "../store/new_id.ts";
import type { Transaction } from "../store/store.ts";

export interface WebhookRow {
  webhook_id: string;
  dealer_id: string;
  /** Null: all customers of the dealer. */
  of_customer: string | null;
  url: string;
  /** JSON: types of events. */
  events: string;
  description: string;
  secret: Uint8Array;
  old_secret: Uint8Array | null;
  old_secret_until: number | null;
  created_at: number;
  paused_at: number | null;
}

export interface ListedWebhook {
  webhookId: string;
  url: string;
  events: string[];
  description: string;
  customerId: string | null;
  dealerId: string;
  createdAt: number;
  pausedAt: number | null;
  waiting: number;
  dead: number;
}

export type WebhookPlatform = Base & { pepper: Uint8Array };

/** For how long both secrets sign after a rotation. */
const rotationMs = 24 * 3_600_000;
const mostWebhooks = 50;

/** As Standard Webhooks writes it. */
function newSecretText(): string {
  return `whsec_${randomBytes(32).toString("base64")}`;
}

function sealedSecret(text: string, { pepper, of }: { pepper: Uint8Array; of: string }): Uint8Array {
  return seal(new TextEncoder().encode(text), { pepper, purpose: "webhook", of });
}

/** Secrets that sign now, the newest first. */
export function secretsOf(row: WebhookRow, { pepper, now }: { pepper: Uint8Array; now: number }): string[] {
  const open = (sealed: Uint8Array) =>
    new TextDecoder().decode(openSealed(sealed, { pepper, purpose: "webhook", of: row.webhook_id }));
  const old = row.old_secret !== null && (row.old_secret_until ?? 0) > now ? [open(row.old_secret)] : [];
  return [open(row.secret), ...old];
}

export interface WebhookWish {
  url: string;
  events: readonly string[];
  description: string;
  /** Id or name; not needed where there is only one, or with a customer. */
  dealer?: string | undefined;
  /** Id or name: only what concerns this customer. */
  customer?: string | undefined;
}

/** Returns the secret, which is shown once. Throws UsageError. */
export function createWebhook(
  platform: WebhookPlatform,
  by: By,
  wish: WebhookWish,
): Promise<{ webhookId: string; secret: string }> {
  return changePlatform(platform, by, async (tx, at) => {
    const events = checkedEvents(wish.events), url = checkedUrl(wish.url);
    const customer = wish.customer === undefined ? undefined : await customerOf(tx, wish.customer);
    const dealerId = customer?.dealer_id ?? (await dealerOf(tx, wish.dealer, at)).dealer_id;
    if (wish.dealer !== undefined && (await dealerOf(tx, wish.dealer, at)).dealer_id !== dealerId) {
      throw new UsageError(`Cannot find the customer "${wish.customer}"`);
    }
    const counted = await tx.get<{ n: number }>("SELECT count(*) AS n FROM webhooks WHERE dealer_id = :dealer", {
      dealer: dealerId,
    });
    if (counted!.n >= mostWebhooks) throw new UsageError(`Cannot make more than ${mostWebhooks} webhooks of a dealer`);
    const webhookId = newId("hok"), secret = newSecretText();
    await tx.run(
      `INSERT INTO webhooks (webhook_id, dealer_id, of_customer, url, events, description, secret, created_at)
       VALUES (:id, :dealer, :of_customer, :url, :events, :description, :secret, :at)`,
      {
        id: webhookId,
        dealer: dealerId,
        of_customer: customer?.customer_id ?? null,
        url,
        events: JSON.stringify(events),
        description: wish.description,
        secret: sealedSecret(secret, { pepper: platform.pepper, of: webhookId }),
        at: at.getTime(),
      },
    );
    return {
      answer: { webhookId, secret },
      customerId: customer?.customer_id ?? null,
      // An address may have a secret in its path.
      audit: {
        action: "webhookCreated",
        subject: webhookId,
        detail: { host: new URL(url).host, events: events.join(" "), dealer: dealerId },
      },
    };
  });
}

function checkedEvents(events: readonly string[]): EventType[] {
  if (events.length === 0) throw new UsageError("Cannot make a webhook without an event");
  const wrong = events.find((type) => !Object.hasOwn(eventTypes, type));
  if (wrong === undefined) return [...new Set(events)] as EventType[];
  throw new UsageError(`Cannot use "${wrong}" as an event`, Object.keys(eventTypes).join(", "));
}

/* Which addresses may be called is decided when one is: by then, its name may lead elsewhere. */
function checkedUrl(text: string): string {
  const url = URL.parse(text), host = url?.hostname.replace(/^\[(.*)\]$/, "$1").toLowerCase() ?? "";
  const fault = text.length > 2000 ? "it is too long" : targetFault(text, [host]);
  if (fault === undefined) return url!.href;
  throw new UsageError(
    `Cannot call "${withoutPassword(text).slice(0, 200)}": ${fault}`,
    "such as https://hooks.example.com/opendca",
  );
}

/** A webhook; of this dealer, or of this customer alone. */
interface One {
  webhookId: string;
  dealerId?: string | undefined;
  customerId?: string | undefined;
}

async function webhookOf(tx: Transaction, { webhookId, dealerId, customerId }: One): Promise<WebhookRow> {
  const row = await tx.get<WebhookRow>("SELECT * FROM webhooks WHERE webhook_id = :id", { id: webhookId });
  const isTheirs = (dealerId === undefined || row?.dealer_id === dealerId) &&
    (customerId === undefined || row?.of_customer === customerId);
  if (row !== undefined && isTheirs) return row;
  throw new UsageError(
    `Cannot find the webhook "${webhookId.slice(0, 100)}"`,
    "opendca-platform webhook list shows them",
  );
}

export function listWebhooks(
  platform: Base,
  by: By,
  { dealerId, customerId }: Partial<Omit<One, "webhookId">> = {},
): Promise<ListedWebhook[]> {
  return readPlatform(platform, by, async (tx) => {
    const rows = await tx.all<WebhookRow>(
      `SELECT * FROM webhooks WHERE (CAST(:dealer AS TEXT) IS NULL OR dealer_id = :dealer)
         AND (CAST(:customer AS TEXT) IS NULL OR of_customer = :customer) ORDER BY created_at, webhook_id`,
      { dealer: dealerId ?? null, customer: customerId ?? null },
    );
    const counts = await tx.all<{ webhook_id: string; state: string; n: number }>(
      "SELECT webhook_id, state, count(*) AS n FROM webhook_deliveries WHERE state <> 'sent' GROUP BY webhook_id, state",
    );
    const countOf = (id: string, state: string) =>
      counts.find((count) => count.webhook_id === id && count.state === state)?.n ?? 0;
    return rows.map((row) => ({
      webhookId: row.webhook_id,
      url: row.url,
      events: JSON.parse(row.events),
      description: row.description,
      customerId: row.of_customer,
      dealerId: row.dealer_id,
      createdAt: row.created_at,
      pausedAt: row.paused_at,
      waiting: countOf(row.webhook_id, "waiting"),
      dead: countOf(row.webhook_id, "dead"),
    }));
  });
}

/** With all that waits for it. Throws UsageError. */
export function removeWebhook(platform: Base, by: By, of: One): Promise<void> {
  return changePlatform(platform, by, async (tx) => {
    const row = await webhookOf(tx, of), { webhookId } = of;
    await tx.run("DELETE FROM webhook_deliveries WHERE webhook_id = :id", { id: webhookId });
    await tx.run("DELETE FROM webhooks WHERE webhook_id = :id", { id: webhookId });
    return {
      answer: undefined,
      customerId: row.of_customer,
      audit: { action: "webhookRemoved", subject: webhookId, detail: { host: new URL(row.url).host } },
    };
  });
}

/** While it is paused, what happens waits for it, for three days. Throws UsageError. */
export function pauseWebhook(platform: Base, by: By, { isPaused, ...of }: One & { isPaused: boolean }): Promise<void> {
  return changePlatform(platform, by, async (tx, at) => {
    const row = await webhookOf(tx, of), { webhookId } = of;
    await tx.run(
      "UPDATE webhooks SET paused_at = CASE WHEN :paused = 1 THEN coalesce(paused_at, :at) END WHERE webhook_id = :id",
      { id: webhookId, paused: isPaused ? 1 : 0, at: at.getTime() },
    );
    if (!isPaused) tx.notify(webhookChannel, "");
    return {
      answer: undefined,
      customerId: row.of_customer,
      audit: { action: isPaused ? "webhookPaused" : "webhookResumed", subject: webhookId, detail: {} },
    };
  });
}

/** The old secret signs as well for a day. Throws UsageError. */
export function rotateWebhookSecret(
  platform: WebhookPlatform,
  by: By,
  of: One,
): Promise<{ webhookId: string; secret: string; oldUntil: Date }> {
  return changePlatform(platform, by, async (tx, at) => {
    const row = await webhookOf(tx, of), secret = newSecretText(), { webhookId } = of;
    const oldUntil = new Date(at.getTime() + rotationMs);
    await tx.run(
      "UPDATE webhooks SET old_secret = secret, old_secret_until = :until, secret = :secret WHERE webhook_id = :id",
      {
        id: webhookId,
        until: oldUntil.getTime(),
        secret: sealedSecret(secret, { pepper: platform.pepper, of: webhookId }),
      },
    );
    return {
      answer: { webhookId, secret, oldUntil },
      customerId: row.of_customer,
      audit: { action: "webhookSecretRotated", subject: webhookId, detail: {} },
    };
  });
}

/** Sends an event of the type `test`, whatever the webhook is for. Throws UsageError. */
export function testWebhook(platform: Base, by: By, of: One): Promise<{ deliveryId: string }> {
  return changePlatform(platform, by, async (tx, now) => {
    const row = await webhookOf(tx, of), { webhookId } = of;
    const some = row.of_customer === null
      ? await tx.get<{ customer_id: string }>(
        "SELECT customer_id FROM customers WHERE dealer_id = :dealer ORDER BY customer_id LIMIT 1",
        { dealer: row.dealer_id },
      )
      : { customer_id: row.of_customer };
    if (some === undefined) throw new UsageError("Cannot test a webhook of a dealer without customers");
    const event = { type: "test", at: now, data: { message: "a test, as somebody asked for" } };
    const delivery = deliveryOf(webhookId, event, { customerId: some.customer_id, now });
    await addDeliveries(tx.tenant(some.customer_id), [delivery]);
    return {
      answer: { deliveryId: delivery.delivery_id },
      customerId: row.of_customer,
      audit: { action: "webhookTested", subject: webhookId, detail: {} },
    };
  });
}

export interface ListedDelivery {
  delivery_id: string;
  customer_id: string;
  webhook_id: string;
  type: string;
  state: string;
  tries: number;
  next_at: number;
  created_at: number;
  status: number | null;
  failure: string | null;
  body: string;
}

/** The newest first. Throws UsageError. */
export function listDeliveries(
  platform: Base,
  by: By,
  { state, limit = 100, ...of }: One & { state?: string | undefined; limit?: number | undefined },
): Promise<ListedDelivery[]> {
  return readPlatform(platform, by, async (tx) => {
    const { webhook_id: webhookId } = await webhookOf(tx, of);
    return await tx.all<ListedDelivery>(
      `SELECT * FROM webhook_deliveries WHERE webhook_id = :id AND (CAST(:state AS TEXT) IS NULL OR state = :state)
       ORDER BY created_at DESC, delivery_id LIMIT :limit`,
      { id: webhookId, state: state ?? null, limit },
    );
  });
}

/** Sends what was given up again: one delivery, or all of a webhook. Returns how many. Throws UsageError. */
export function resendDeliveries(
  platform: Base,
  by: By,
  { deliveryId, ...of }: One & { deliveryId?: string | undefined },
): Promise<number> {
  return changePlatform(platform, by, async (tx, at) => {
    const row = await webhookOf(tx, of), { webhookId } = of;
    const resent = await tx.run(
      `UPDATE webhook_deliveries SET state = 'waiting', tries = 0, next_at = :now WHERE webhook_id = :id
         AND (CAST(:delivery AS TEXT) IS NULL AND state = 'dead' OR delivery_id = :delivery)`,
      { id: webhookId, now: at.getTime(), delivery: deliveryId ?? null },
    );
    if (resent === 0 && deliveryId !== undefined) throw new UsageError(`Cannot find the delivery "${deliveryId}"`);
    tx.notify(webhookChannel, "");
    return {
      answer: resent,
      customerId: row.of_customer,
      audit: { action: "webhookResent", subject: webhookId, detail: { deliveries: resent } },
    };
  });
}
