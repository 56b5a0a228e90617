/** Notification rules of a dealer: who is notified, of what, and when. */
import { UsageError } from "../../common/core/errors.ts";
import { type Base, type By, changePlatform, readPlatform } from "../audit/use_case.ts";
import { closedError, customerOf, refuseClosed, siteOf } from "../customers/customers.ts";
import { dealerOf } from "../customers/dealers.ts";
import { newId } from "../store/new_id.ts";
import type { Transaction } from "../store/store.ts";
import { checkedEmail } from "../users/manage_users.ts";
import { maybeUser, userNamed } from "../users/users.ts";
import { dueAt } from "./plan.ts";
import { checkedSettings, limits, type RuleSettings } from "./settings.ts";

export interface RuleRow {
  rule_id: string;
  dealer_id: string;
  of_customer: string | null;
  of_site: string | null;
  name: string;
  /** JSON: RuleSettings. */
  settings: string;
  created_at: number;
  since: number;
  paused_at: number | null;
}

export interface RecipientRow {
  recipient_id: string;
  rule_id: string;
  of_customer: string | null;
  user_id: string | null;
  email: string | null;
  stopped_at: number | null;
}

/** Whose rules: of a dealer, or of one customer alone. Without both: all. */
export interface Whose {
  dealerId?: string | undefined;
  customerId?: string | undefined;
}

export interface RuleWish {
  name: string;
  settings: RuleSettings;
  /** Ids or e-mail addresses of users of the dealer or the customer. */
  users: readonly string[];
  emails: readonly string[];
}

export interface ListedRule {
  ruleId: string;
  dealerId: string;
  customerId: string | null;
  customer: string | null;
  siteId: string | null;
  site: string | null;
  name: string;
  settings: RuleSettings;
  recipients: { recipientId: string; userId: string | null; email: string; isStopped: boolean; isActive: boolean }[];
  createdAt: number;
  pausedAt: number | null;
  /** Number of notifications that wait to be sent. */
  waiting: number;
}

const mostRules = 200;

export async function ruleOf(tx: Transaction, ruleId: string, { dealerId, customerId }: Whose = {}): Promise<RuleRow> {
  const row = await tx.get<RuleRow>("SELECT * FROM notification_rules WHERE rule_id = :id", { id: ruleId });
  const isTheirs = (dealerId === undefined || row?.dealer_id === dealerId) &&
    (customerId === undefined || row?.of_customer === customerId);
  if (row !== undefined && isTheirs) return row;
  throw new UsageError(
    `Cannot find the rule "${ruleId.slice(0, 100)}"`,
    "opendca-platform notification list shows them",
  );
}

export function recipientsOf(tx: Transaction, ruleId: string): Promise<RecipientRow[]> {
  return tx.all("SELECT * FROM notification_recipients WHERE rule_id = :id ORDER BY recipient_id", { id: ruleId });
}

/** `customer` and `site`: ids or names. Throws UsageError. */
export function createRule(
  platform: Base,
  by: By,
  { dealer, customer, site, whose, ...wish }: RuleWish & {
    whose?: Whose | undefined;
    dealer?: string | undefined;
    customer?: string | undefined;
    site?: string | undefined;
  },
): Promise<{ ruleId: string }> {
  return changePlatform(platform, by, async (tx, at) => {
    const name = checkedName(wish.name), settings = checkedSettings(wish.settings);
    const of = customer === undefined ? undefined : await customerOf(tx, customer);
    const owner = await dealerOf(tx, dealer ?? of?.dealer_id, at), dealerId = owner.dealer_id;
    if (of !== undefined && of.dealer_id !== dealerId) throw new UsageError(`Cannot find the customer "${customer}"`);
    if (site !== undefined && of === undefined) throw new UsageError("Cannot tell of one site without its customer");
    const ofSite = site === undefined ? undefined : await siteOf(tx.tenant(of!.customer_id), site);
    const what = "make a rule of notifications";
    if (of !== undefined) await refuseClosed(tx.tenant(of.customer_id), what, ofSite);
    if (owner.closed_at !== null) throw closedError(what, "dealer", owner);
    const counted = await tx.get<{ n: number }>(
      "SELECT count(*) AS n FROM notification_rules WHERE dealer_id = :dealer",
      { dealer: dealerId },
    );
    if (counted!.n >= mostRules) throw new UsageError(`Cannot make more than ${mostRules} rules of a dealer`);
    const ruleId = newId("rul"), now = at.getTime();
    const row = {
      rule_id: ruleId,
      dealer_id: dealerId,
      of_customer: of?.customer_id ?? null,
      of_site: ofSite?.site_id ?? null,
    };
    await tx.run(
      `INSERT INTO notification_rules (rule_id, dealer_id, of_customer, of_site, name, settings, created_at, since)
       VALUES (:rule_id, :dealer_id, :of_customer, :of_site, :name, :settings, :at, :at)`,
      { ...row, name, settings: JSON.stringify(settings), at: now },
    );
    await setRecipients(tx, row, { ...wish, settings }, { whose });
    return {
      answer: { ruleId },
      customerId: row.of_customer,
      audit: { action: "notificationRuleCreated", subject: ruleId, detail: { name, dealer: dealerId } },
    };
  });
}

/** Waiting notifications are sent by the changed rule. Throws UsageError. */
export function changeRule(
  platform: Base,
  by: By,
  { ruleId, whose, ...wish }: RuleWish & { ruleId: string; whose?: Whose | undefined },
): Promise<void> {
  return changePlatform(platform, by, async (tx) => {
    const row = await ruleOf(tx, ruleId, whose);
    const name = checkedName(wish.name), settings = checkedSettings(wish.settings);
    await tx.run("UPDATE notification_rules SET name = :name, settings = :settings WHERE rule_id = :id", {
      id: ruleId,
      name,
      settings: JSON.stringify(settings),
    });
    const { webhookId: knownHook } = JSON.parse(row.settings) as RuleSettings;
    await setRecipients(tx, row, { ...wish, settings }, { whose, knownHook });
    const waiting = await tx.all<{ item_id: string; at: number; severity: string; event: string }>(
      "SELECT item_id, at, severity, event FROM notification_items WHERE rule_id = :id AND state = 'waiting'",
      { id: ruleId },
    );
    for (const { item_id, at, ...of } of waiting) {
      await tx.run(
        "UPDATE notification_items SET due_at = :due WHERE rule_id = :id AND item_id = :item AND state = 'waiting'",
        { id: ruleId, item: item_id, due: dueAt(at, of, settings) },
      );
    }
    return {
      answer: undefined,
      customerId: row.of_customer,
      audit: { action: "notificationRuleChanged", subject: ruleId, detail: { name } },
    };
  });
}

/**
 * A person who wants none of it stays so while the address stays. Anyone who sees the rules of one customer alone adds nobody
 * but people and webhooks of this customer, whatever the rule has already.
 */
async function setRecipients(
  tx: Transaction,
  { rule_id, dealer_id, of_customer }: Pick<RuleRow, "rule_id" | "dealer_id" | "of_customer">,
  { users, emails, settings: { webhookId } }: Pick<RuleWish, "users" | "emails" | "settings">,
  { whose, knownHook }: { whose: Whose | undefined; knownHook?: string | undefined },
): Promise<void> {
  const userIds = new Set<string>(), addresses = new Map<string, string>();
  const before = await recipientsOf(tx, rule_id), isNarrow = whose?.customerId !== undefined;
  for (const user of users) {
    const row = await userNamed(tx, user, dealer_id);
    if (isNarrow && row.of_customer === null && !before.some(({ user_id }) => user_id === row.user_id)) {
      throw new UsageError(`Cannot find the user "${user.slice(0, 100)}"`);
    }
    // Users of a customer are only notified about their own customer.
    if (row.of_customer !== null && row.of_customer !== of_customer) {
      throw new UsageError(`Cannot tell "${row.email}" as this user is of another customer than the rule`);
    }
    userIds.add(row.user_id);
  }
  for (const email of emails.map(checkedEmail)) addresses.set(email.toLowerCase(), email);
  if (webhookId !== undefined) {
    const hook = await tx.get<{ dealer_id: string; of_customer: string | null }>(
      "SELECT dealer_id, of_customer FROM webhooks WHERE webhook_id = :id",
      { id: webhookId },
    );
    const isTheirs = hook?.of_customer === of_customer || (hook?.of_customer === null && !isNarrow);
    if (hook?.dealer_id !== dealer_id || !(isTheirs || webhookId === knownHook)) {
      throw new UsageError(`Cannot find the webhook "${webhookId.slice(0, 100)}"`);
    }
  }
  const count = userIds.size + addresses.size;
  if (count === 0 && webhookId === undefined) {
    throw new UsageError("Cannot make a rule that tells nobody", "give a user, an e-mail address or a webhook");
  }
  if (count > limits.recipients) throw new UsageError(`Cannot tell more than ${limits.recipients} people by one rule`);
  for (const row of before) {
    const isKept = row.user_id === null ? addresses.delete(row.email!.toLowerCase()) : userIds.delete(row.user_id);
    if (!isKept) {
      await tx.run("DELETE FROM notification_recipients WHERE recipient_id = :id", { id: row.recipient_id });
    }
  }
  const wanted = [
    ...[...userIds].map((user_id) => ({ user_id, email: null })),
    ...[...addresses.values()].map((email) => ({ user_id: null, email })),
  ];
  for (const one of wanted) {
    await tx.run(
      `INSERT INTO notification_recipients (recipient_id, rule_id, of_customer, user_id, email)
       VALUES (:id, :rule_id, :of_customer, :user_id, :email)`,
      { id: newId("rcp"), rule_id, of_customer, ...one },
    );
  }
}

function checkedName(text: string): string {
  const name = text.trim();
  if (name !== "" && name.length <= 100 && !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(name)) return name;
  throw new UsageError("Cannot use the name: it has 1 to 100 characters and no control characters");
}

/** Nothing is sent, and what happens meanwhile is not sent later. Throws UsageError. */
export function pauseRule(platform: Base, by: By, { ruleId, whose }: { ruleId: string; whose?: Whose }): Promise<void> {
  return changePlatform(platform, by, async (tx, at) => {
    const row = await ruleOf(tx, ruleId, whose);
    await tx.run("UPDATE notification_rules SET paused_at = coalesce(paused_at, :at) WHERE rule_id = :id", {
      id: ruleId,
      at: at.getTime(),
    });
    // A supply that is still low when the rule is resumed was not notified yet.
    await tx.run(
      `DELETE FROM notification_told WHERE rule_id = :id AND (customer_id, subject) IN
         (SELECT customer_id, subject FROM notification_items WHERE rule_id = :id AND state = 'waiting')`,
      { id: ruleId },
    );
    await tx.run("UPDATE notification_items SET state = 'dropped' WHERE rule_id = :id AND state = 'waiting'", {
      id: ruleId,
    });
    return {
      answer: undefined,
      customerId: row.of_customer,
      audit: { action: "notificationRulePaused", subject: ruleId, detail: { name: row.name } },
    };
  });
}

/** Throws UsageError. */
export function resumeRule(
  platform: Base,
  by: By,
  { ruleId, whose }: { ruleId: string; whose?: Whose },
): Promise<void> {
  return changePlatform(platform, by, async (tx, at) => {
    const row = await ruleOf(tx, ruleId, whose);
    await tx.run(
      "UPDATE notification_rules SET paused_at = NULL, since = :at WHERE rule_id = :id AND paused_at IS NOT NULL",
      { id: ruleId, at: at.getTime() },
    );
    return {
      answer: undefined,
      customerId: row.of_customer,
      audit: { action: "notificationRuleResumed", subject: ruleId, detail: { name: row.name } },
    };
  });
}

/** With what waits and what is known of it. Throws UsageError. */
export function removeRule(
  platform: Base,
  by: By,
  { ruleId, whose }: { ruleId: string; whose?: Whose },
): Promise<void> {
  return changePlatform(platform, by, async (tx) => {
    const row = await ruleOf(tx, ruleId, whose);
    for (
      const table of [
        "notification_items",
        "notification_told",
        "notification_recipients",
        "notifications",
        "notification_rules",
      ]
    ) await tx.run(`DELETE FROM ${table} WHERE rule_id = :id`, { id: ruleId });
    return {
      answer: undefined,
      customerId: row.of_customer,
      audit: { action: "notificationRuleRemoved", subject: ruleId, detail: { name: row.name } },
    };
  });
}

/** The oldest first. */
export function listRules(platform: Base, by: By, { dealerId, customerId }: Whose = {}): Promise<ListedRule[]> {
  return readPlatform(platform, by, async (tx) => {
    const rows = await tx.all<RuleRow>(
      `SELECT * FROM notification_rules WHERE (CAST(:dealer AS TEXT) IS NULL OR dealer_id = :dealer)
         AND (CAST(:customer AS TEXT) IS NULL OR of_customer = :customer) ORDER BY created_at, rule_id`,
      { dealer: dealerId ?? null, customer: customerId ?? null },
    );
    const listed: ListedRule[] = [];
    for (const row of rows) listed.push(await listedRule(tx, row));
    return listed;
  });
}

/** Throws UsageError. */
export function findRule(
  platform: Base,
  by: By,
  { ruleId, whose }: { ruleId: string; whose?: Whose },
): Promise<ListedRule> {
  return readPlatform(platform, by, async (tx) => await listedRule(tx, await ruleOf(tx, ruleId, whose)));
}

async function listedRule(tx: Transaction, row: RuleRow): Promise<ListedRule> {
  const names = await tx.get<{ customer: string | null; site: string | null }>(
    `SELECT c.name AS customer, l.name AS site FROM customers c
     LEFT JOIN sites l ON l.customer_id = c.customer_id AND l.site_id = :site WHERE c.customer_id = :id`,
    { id: row.of_customer ?? "", site: row.of_site ?? "" },
  );
  const waiting = await tx.get<{ n: number }>(
    "SELECT count(*) AS n FROM notification_items WHERE rule_id = :id AND state = 'waiting'",
    { id: row.rule_id },
  );
  const recipients: ListedRule["recipients"] = [];
  for (const { recipient_id, user_id, email, stopped_at } of await recipientsOf(tx, row.rule_id)) {
    const user = user_id === null ? undefined : await maybeUser(tx, user_id);
    recipients.push({
      recipientId: recipient_id,
      userId: user_id,
      email: user?.email ?? email ?? "",
      isStopped: stopped_at !== null,
      isActive: user_id === null || user?.state === "active",
    });
  }
  return {
    ruleId: row.rule_id,
    dealerId: row.dealer_id,
    customerId: row.of_customer,
    customer: names?.customer ?? null,
    siteId: row.of_site,
    site: names?.site ?? null,
    name: row.name,
    settings: JSON.parse(row.settings),
    recipients,
    createdAt: row.created_at,
    pausedAt: row.paused_at,
    waiting: waiting!.n,
  };
}
