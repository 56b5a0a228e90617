/**
 * Sends due notifications, each rule in a transaction of its own: an entry leaves this queue as its mails and messages
 * enter theirs, so that nothing is lost or sent twice, whichever process sends it and wherever a process dies.
 */
import { addDeliveries, deliveryOf } from "../events/queue_events.ts";
import { queueMail } from "../mail/mail_queue.ts";
import { eachApart } from "../store/each_apart.ts";
import { newId } from "../store/new_id.ts";
import { type Store, takeLock, type Transaction } from "../store/store.ts";
import { portalOrigin } from "../users/manage_users.ts";
import { type Grant, isPermitted } from "../users/permissions.ts";
import { hasMail } from "../users/user_mails.ts";
import { grantsOf, isOfOpen, maybeUser } from "../users/users.ts";
import type { NewItem } from "./collect.ts";
import { type Line, mailOf, plainText } from "./notification_mail.ts";
import { planOf, type WaitingItem } from "./plan.ts";
import { recipientsOf, type RuleRow } from "./rules.ts";
import type { RuleSettings } from "./settings.ts";
import { stopPathOf } from "./stop_links.ts";

export interface NotificationPlatform {
  store: Store;
  pepper: Uint8Array;
  clock: { now(): Date };
  log(event: string, fields: Record<string, string | number | boolean>): void;
}

/** Of one notification; what is more comes with the next one. */
const mostItems = 2000;
const hourMs = 3_600_000;

interface ItemRow extends NewItem {
  item_id: string;
  customer_id: string;
  due_at: number;
  customer: string;
  closed_at: number | null;
  site_id: string | null;
  site: string | null;
  hostname: string | null;
  manufacturer: string | null;
  model: string | null;
  serial: string | null;
  address: string | null;
  ended_at: number | null;
  cause_id: string | null;
  /** Null: the subject is no longer so. */
  told_at: number | null;
}

/** Returns how many notifications were queued. */
export async function sendDue(platform: NotificationPlatform): Promise<number> {
  const { store, clock } = platform, now = clock.now().getTime();
  const due = await store.transaction((tx) =>
    tx.all<{ rule_id: string }>(
      "SELECT DISTINCT rule_id FROM notification_items WHERE state = 'waiting' AND due_at <= :now ORDER BY rule_id",
      { now },
    ), { readOnly: true });
  let sent = 0;
  await eachApart(due, async ({ rule_id }) => {
    sent += await store.transaction((tx) => sendRule(tx, platform, { rule_id, now }));
  });
  return sent;
}

async function sendRule(
  tx: Transaction,
  { pepper }: NotificationPlatform,
  { rule_id, now }: { rule_id: string; now: number },
): Promise<number> {
  await takeLock(tx, `notification rule ${rule_id}`);
  const rule = await tx.get<RuleRow>("SELECT * FROM notification_rules WHERE rule_id = :id AND paused_at IS NULL", {
    id: rule_id,
  });
  if (rule === undefined) {
    await tx.run("UPDATE notification_items SET state = 'dropped' WHERE rule_id = :id AND state = 'waiting'", {
      id: rule_id,
    });
    return 0;
  }
  const settings: RuleSettings = JSON.parse(rule.settings);
  const rows = await waitingRows(tx, rule_id);
  const gone = rows.filter(({ closed_at, cause_id }) => closed_at !== null || cause_id !== null);
  const sent = await tx.all<{ at: number }>(
    "SELECT min(at) AS at FROM notifications WHERE rule_id = :id AND at > :since AND batch_id <> '' GROUP BY batch_id",
    { id: rule_id, since: now - hourMs },
  );
  const waiting = rows.filter((row) => !gone.includes(row));
  const plan = planOf({ waiting: waiting.map(waitingOf), now, sent: sent.map(({ at }) => at), times: settings });
  await setState(tx, "dropped", [...gone.map(({ item_id }) => item_id), ...plan.drop]);
  await setState(tx, "told", plan.tell);
  for (const { item_id, due_at } of plan.hold) {
    await tx.run("UPDATE notification_items SET due_at = :due WHERE item_id = :id AND rule_id = :rule", {
      id: item_id,
      rule: rule_id,
      due: due_at,
    });
  }
  const tell = new Set(plan.tell), items = waiting.filter(({ item_id }) => tell.has(item_id));
  return items.length === 0 ? 0 : await tellAll(tx, { rule, settings, items, pepper, now, isTest: false });
}

function waitingRows(tx: Transaction, rule_id: string): Promise<ItemRow[]> {
  return tx.all<ItemRow>(
    `SELECT i.item_id, i.customer_id, i.event, i.at, i.kind, i.severity, i.alert_id, i.subject, i.device_id, i.agent_id,
       i.description, i.detail, i.due_at, c.name AS customer, c.closed_at, g.site_id, l.name AS site, g.hostname,
       d.manufacturer, d.model, d.serial, d.address, r.ended_at, r.cause_id, t.at AS told_at
     FROM notification_items i JOIN customers c ON c.customer_id = i.customer_id
     LEFT JOIN devices d ON d.customer_id = i.customer_id AND d.device_id = i.device_id
     LEFT JOIN agents g ON g.customer_id = i.customer_id AND g.agent_id = coalesce(d.agent_id, i.agent_id)
     LEFT JOIN sites l ON l.customer_id = g.customer_id AND l.site_id = g.site_id
     LEFT JOIN raised_alerts r ON r.customer_id = i.customer_id AND r.alert_id = i.alert_id
     LEFT JOIN notification_told t
       ON t.customer_id = i.customer_id AND t.rule_id = i.rule_id AND t.subject = i.subject
     WHERE i.rule_id = :id AND i.state = 'waiting' ORDER BY i.at, i.item_id LIMIT ${mostItems}`,
    { id: rule_id },
  );
}

function isOver({ alert_id, ended_at, told_at }: ItemRow): boolean {
  return alert_id === "" ? told_at === null : ended_at !== null;
}

function waitingOf(row: ItemRow): WaitingItem {
  const { item_id, customer_id, event, severity, due_at, alert_id, subject } = row;
  return {
    item_id,
    about: `${customer_id} ${alert_id} ${subject}`,
    event,
    severity,
    due_at,
    isOver: event === "raised" && isOver(row),
  };
}

async function setState(tx: Transaction, state: "told" | "dropped", ids: readonly string[]): Promise<void> {
  for (let from = 0; from < ids.length; from += 200) {
    const some = ids.slice(from, from + 200);
    await tx.run(
      `UPDATE notification_items SET state = :state WHERE state = 'waiting' AND item_id IN
         (${some.map((_, i) => `:id_${i}`).join(", ")})`,
      { state, ...Object.fromEntries(some.map((id, i) => [`id_${i}`, id])) },
    );
  }
}

interface Telling {
  rule: RuleRow;
  settings: RuleSettings;
  items: readonly ItemRow[];
  pepper: Uint8Array;
  now: number;
  isTest: boolean;
}

/** Queues a mail for each recipient and a message for the webhook, and notes each. */
export async function tellAll(tx: Transaction, telling: Telling): Promise<number> {
  const { rule, isTest } = telling, batch = isTest ? "" : newId("ntf");
  let count = 0;
  for (const recipient of await recipientsOf(tx, rule.rule_id)) {
    if (recipient.stopped_at === null) count += await mailTo(tx, telling, { batch, recipient });
  }
  return count + await postTo(tx, telling, batch);
}

async function mailTo(
  tx: Transaction,
  { rule, settings, items, pepper, now, isTest }: Telling,
  { batch, recipient }: { batch: string; recipient: Awaited<ReturnType<typeof recipientsOf>>[number] },
): Promise<number> {
  const user = recipient.user_id === null ? undefined : await maybeUser(tx, recipient.user_id);
  let grants: Grant[] | undefined;
  if (recipient.user_id !== null) {
    // Deactivated users get no notifications.
    if (user?.state !== "active" || user.dealer_id !== rule.dealer_id || !await isOfOpen(tx, user)) return 0;
    grants = await grantsOf(tx, user.user_id);
  }
  const visible = items.filter(({ customer_id, site_id }) =>
    grants === undefined ||
    isPermitted(grants, "readFleet", { customerId: customer_id, ...(site_id === null ? {} : { siteId: site_id }) })
  );
  if (visible.length === 0 && !isTest) return 0;
  const address = user?.email ?? recipient.email!, origin = await portalOrigin(tx);
  const isMailing = await hasMail(tx);
  const mail = mailOf({
    language: user?.language ?? settings.language,
    zone: settings.zone,
    rule: { id: rule.rule_id, name: rule.name },
    origin,
    stopPath: stopPathOf(recipient.recipient_id, pepper),
    lines: visible.map(lineOf),
    isDigest: settings.digest !== undefined,
    isTest,
  });
  const mail_id = isMailing
    ? await queueMail(tx, { mail: { ...mail, recipient: address }, pepper, at: new Date(now) })
    : null;
  await note(tx, {
    rule,
    batch,
    now,
    user_id: recipient.user_id,
    recipient: address,
    items: visible.length,
    mail_id,
    failure: isMailing ? null : "this installation sends no mails",
  });
  return 1;
}

/** A message for each customer, as each is of one. */
async function postTo(
  tx: Transaction,
  { rule, settings, items, now, isTest }: Telling,
  batch: string,
): Promise<number> {
  const { webhookId } = settings;
  if (webhookId === undefined) return 0;
  const hook = await tx.get<{ of_customer: string | null; url: string }>(
    "SELECT of_customer, url FROM webhooks WHERE webhook_id = :id AND dealer_id = :dealer",
    { id: webhookId, dealer: rule.dealer_id },
  );
  const recipient = hook === undefined ? webhookId : `${webhookId} ${new URL(hook.url).host}`;
  if (hook === undefined) {
    await note(tx, { rule, batch, now, recipient, items: items.length, failure: "the webhook was removed" });
    return 1;
  }
  const byCustomer = Map.groupBy(items, ({ customer_id }) => customer_id);
  if (isTest) {
    const some = await tx.get<{ customer_id: string }>(
      `SELECT customer_id FROM customers WHERE dealer_id = :dealer AND (CAST(:of AS TEXT) IS NULL OR customer_id = :of)
       ORDER BY customer_id LIMIT 1`,
      { dealer: rule.dealer_id, of: rule.of_customer ?? hook.of_customer },
    );
    if (some !== undefined) byCustomer.set(some.customer_id, []);
  }
  let count = 0;
  for (const [customerId, ofCustomer] of byCustomer) {
    if (hook.of_customer !== null && hook.of_customer !== customerId) continue;
    const data = {
      ruleId: rule.rule_id,
      rule: rule.name,
      test: isTest,
      items: ofCustomer.map((item) => ({
        kind: item.kind,
        event: item.event === "raised" && isOver(item) ? "ended" : item.event,
        severity: item.severity,
        at: new Date(item.at).toISOString(),
        alertId: item.alert_id || null,
        deviceId: item.device_id || null,
        agentId: item.agent_id,
        site: item.site,
        description: item.description,
        detail: JSON.parse(item.detail),
      })),
    };
    const event = { type: "notification", at: new Date(now), data };
    const delivery = deliveryOf(webhookId, event, { customerId, now: new Date(now) });
    await addDeliveries(tx.tenant(customerId), [delivery]);
    const { delivery_id } = delivery;
    await note(tx, { rule, batch, now, recipient, items: ofCustomer.length, delivery_id, of_customer: customerId });
    count++;
  }
  return count;
}

interface Noted {
  rule: RuleRow;
  batch: string;
  now: number;
  recipient: string;
  items: number;
  user_id?: string | null;
  of_customer?: string | null;
  mail_id?: string | null;
  delivery_id?: string | null;
  failure?: string | null;
}

async function note(tx: Transaction, { rule, batch, now, recipient, items, ...more }: Noted): Promise<void> {
  const { user_id = null, of_customer = rule.of_customer, mail_id = null, delivery_id = null, failure = null } = more;
  await tx.run(
    `INSERT INTO notifications (notification_id, rule_id, batch_id, of_customer, user_id, recipient, at, items, mail_id,
       delivery_id, failure)
     VALUES (:id, :rule, :batch, :of_customer, :user_id, :recipient, :now, :items, :mail_id, :delivery_id, :failure)`,
    {
      id: newId("ntf"),
      rule: rule.rule_id,
      batch,
      of_customer,
      user_id,
      recipient,
      now,
      items,
      mail_id,
      delivery_id,
      failure,
    },
  );
}

function lineOf(row: ItemRow): Line {
  const { customer_id, device_id, manufacturer, model, serial, address, hostname, agent_id } = row;
  const ofDevice = [manufacturer, model, serial, address].map((part) => plainText(part ?? "", 80)).filter(Boolean);
  return {
    customer: row.customer,
    site: row.site ?? "",
    about: device_id === "" ? plainText(hostname ?? "", 80) || agent_id : ofDevice.join(", ") || device_id,
    kind: row.kind,
    event: row.event,
    isOver: isOver(row),
    severity: row.severity,
    description: row.description,
    detail: JSON.parse(row.detail),
    at: row.at,
    path: device_id === "" ? `/customers/${customer_id}/agents` : `/customers/${customer_id}/devices/${device_id}`,
  };
}
