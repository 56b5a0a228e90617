/** Feeds of a dealer or of one of its customers: where what is known of devices is sent. */
import { UsageError } from "../../common/core/errors.ts";
import { type Base, type By, changePlatform, readPlatform } from "../audit/use_case.ts";
import { customerOf } from "../customers/customers.ts";
import { dealerOf } from "../customers/dealers.ts";
import { openSealed, seal } from "../keys/sealed.ts";
import { newId } from "../store/new_id.ts";
import type { Transaction } from "../store/store.ts";
import { checkedSettings, type FeedKindName, feedKinds, feedTarget, isFeedKind, type Settings } from "./feed_kinds.ts";

export interface FeedRow {
  feed_id: string;
  dealer_id: string;
  /** Null: all customers of the dealer. */
  of_customer: string | null;
  kind: FeedKindName;
  address: string;
  settings: string;
  secrets: Uint8Array;
  every_ms: number;
  refresh_ms: number;
  created_at: number;
  paused_at: number | null;
  removed_at: number | null;
  next_at: number;
  claim: string | null;
  failures: number;
  succeeded_at: number | null;
  failed_at: number | null;
  failure: string | null;
  sent: number | null;
}

export type FeedPlatform = Base & { pepper: Uint8Array };

/** With the id of none: some feed is due. */
export const feedChannel = "feed";
const mostFeeds = 50, minute = 60_000;
export const usualEveryMs = 5 * minute, usualRefreshMs = 24 * 60 * minute;

export interface FeedWish {
  kind: string;
  address: string;
  settings?: Settings | undefined;
  /** From the end of one look for changes to the next. */
  everyMs?: number | undefined;
  /** After which what has not changed is sent again. */
  refreshMs?: number | undefined;
  dealer?: string | undefined;
  customer?: string | undefined;
}

/** Throws UsageError. */
export function createFeed(platform: FeedPlatform, by: By, wish: FeedWish): Promise<{ feedId: string }> {
  return changePlatform(platform, by, async (tx, at) => {
    const { kind, address, everyMs = usualEveryMs, refreshMs = usualRefreshMs } = wish;
    if (!isFeedKind(kind)) {
      throw new UsageError(`Cannot use "${kind}" as a kind of feed`, Object.keys(feedKinds).join(", "));
    }
    const { host, port, url } = feedTarget(kind, address);
    const { settings, secrets } = checkedSettings(kind, wish.settings ?? {});
    const customer = wish.customer === undefined ? undefined : await customerOf(tx, wish.customer);
    const dealer = customer !== undefined && wish.dealer === undefined
      ? undefined
      : (await dealerOf(tx, wish.dealer, at)).dealer_id;
    const dealerId = dealer ?? customer!.dealer_id;
    if (customer !== undefined && customer.dealer_id !== dealerId) {
      throw new UsageError(`Cannot find the customer "${wish.customer}" of this dealer`);
    }
    if (kind === "zabbix" && customer === undefined && settings.host?.includes("{customer}") === false) {
      throw new UsageError("Cannot use one host of Zabbix for all customers", "put {customer} into its name");
    }
    const counted = await tx.get<{ n: number }>("SELECT count(*) AS n FROM feeds WHERE dealer_id = :dealer", {
      dealer: dealerId,
    });
    if (counted!.n >= mostFeeds) throw new UsageError(`Cannot make more than ${mostFeeds} feeds of a dealer`);
    const feedId = newId("fed");
    await tx.run(
      `INSERT INTO feeds (feed_id, dealer_id, of_customer, kind, address, settings, secrets, every_ms, refresh_ms,
         created_at, next_at)
       VALUES (:id, :dealer, :of_customer, :kind, :address, :settings, :secrets, :every, :refresh, :at, :at)`,
      {
        id: feedId,
        dealer: dealerId,
        of_customer: customer?.customer_id ?? null,
        kind,
        address: url.href,
        settings: JSON.stringify(settings),
        secrets: seal(new TextEncoder().encode(JSON.stringify(secrets)), sealing(platform, feedId)),
        every: everyMs,
        refresh: refreshMs,
        at: at.getTime(),
      },
    );
    tx.notify(feedChannel, "");
    return {
      answer: { feedId },
      customerId: customer?.customer_id ?? null,
      // An address may have a secret in its path.
      audit: { action: "feedCreated", subject: feedId, detail: { kind, host: `${host}:${port}`, dealer: dealerId } },
    };
  });
}

function sealing({ pepper }: { pepper: Uint8Array }, feedId: string) {
  return { pepper, purpose: "feed", of: feedId } as const;
}

export function secretsOf(platform: { pepper: Uint8Array }, { feed_id, secrets }: FeedRow): Record<string, string> {
  return JSON.parse(new TextDecoder().decode(openSealed(secrets, sealing(platform, feed_id))));
}

export interface ListedFeed {
  feedId: string;
  kind: FeedKindName;
  address: string;
  settings: Record<string, string>;
  dealerId: string;
  customerId: string | null;
  everyMs: number;
  refreshMs: number;
  state: "active" | "paused" | "removing";
  createdAt: number;
  nextAt: number;
  /** Number that the receiver has. */
  devices: number;
  /** What the last round sent. */
  sent: number | null;
  succeededAt: number | null;
  failedAt: number | null;
  /** Why the last round failed; null if it did not. */
  failure: string | null;
}

export function listFeeds(
  platform: Base,
  by: By,
  { dealerId, customerId }: { dealerId?: string | undefined; customerId?: string | undefined } = {},
): Promise<ListedFeed[]> {
  return readPlatform(platform, by, async (tx) => {
    const rows = await tx.all<FeedRow & { devices: number }>(
      `SELECT f.*, (SELECT count(*) FROM feed_devices d WHERE d.feed_id = f.feed_id AND d.device_id <> '' AND d.sent_at > 0) AS devices
       FROM feeds f WHERE (CAST(:dealer AS TEXT) IS NULL OR f.dealer_id = :dealer)
         AND (CAST(:customer AS TEXT) IS NULL OR f.of_customer = :customer) ORDER BY f.created_at, f.feed_id`,
      { dealer: dealerId ?? null, customer: customerId ?? null },
    );
    return rows.map((row) => ({
      feedId: row.feed_id,
      kind: row.kind,
      address: row.address,
      settings: JSON.parse(row.settings),
      dealerId: row.dealer_id,
      customerId: row.of_customer,
      everyMs: row.every_ms,
      refreshMs: row.refresh_ms,
      state: row.removed_at !== null ? "removing" : row.paused_at !== null ? "paused" : "active",
      createdAt: row.created_at,
      nextAt: row.next_at,
      devices: row.devices,
      sent: row.sent,
      succeededAt: row.succeeded_at,
      failedAt: row.failed_at,
      failure: row.failure,
    }));
  });
}

export interface OneFeed {
  feedId: string;
  dealerId?: string | undefined;
  /** Only if it is of this customer. */
  customerId?: string | undefined;
}

async function feedOf(tx: Transaction, { feedId, dealerId, customerId }: OneFeed): Promise<FeedRow> {
  const row = await tx.get<FeedRow>("SELECT * FROM feeds WHERE feed_id = :id AND removed_at IS NULL", { id: feedId });
  const isOwn = (dealerId === undefined || row?.dealer_id === dealerId) &&
    (customerId === undefined || row?.of_customer === customerId);
  if (row !== undefined && isOwn) return row;
  throw new UsageError(`Cannot find the feed "${feedId}"`, "opendca-platform feed list shows them");
}

function changeFeed(
  platform: Base,
  by: By,
  one: OneFeed,
  { action, set, isSending = true }: { action: string; set: string; isSending?: boolean },
): Promise<void> {
  return changePlatform(platform, by, async (tx, at) => {
    const row = await feedOf(tx, one);
    // A process that has it ends at its next write.
    await tx.run(`UPDATE feeds SET ${set}, claim = NULL WHERE feed_id = :id`, {
      id: row.feed_id,
      ...(set.includes(":now") ? { now: at.getTime() } : {}),
    });
    if (!isSending) await beginAgain(tx, row.feed_id);
    tx.notify(feedChannel, "");
    return {
      answer: undefined,
      customerId: row.of_customer,
      audit: { action, subject: row.feed_id, detail: { kind: row.kind, host: new URL(row.address).host } },
    };
  });
}

/** Forgets what has changed: all devices are read again. What the receiver has is not sent again for that. */
export async function beginAgain(tx: Transaction, feedId: string): Promise<void> {
  await tx.run("UPDATE feed_customers SET began_at = 0, place = NULL WHERE feed_id = :feedId", { feedId });
  await tx.run("DELETE FROM feed_changes WHERE feed_id = :feedId", { feedId });
}

/** Sends nothing more until it is resumed. Throws UsageError. */
export function pauseFeed(platform: Base, by: By, one: OneFeed): Promise<void> {
  return changeFeed(platform, by, one, { action: "feedPaused", set: "paused_at = :now", isSending: false });
}

/** Also one that waits after a failure is tried at once. Throws UsageError. */
export function resumeFeed(platform: Base, by: By, one: OneFeed): Promise<void> {
  return changeFeed(platform, by, one, {
    action: "feedResumed",
    set: "paused_at = NULL, failures = 0, next_at = :now",
  });
}

/** Sends everything again, at once. Throws UsageError. */
export function refreshFeed(platform: Base, by: By, one: OneFeed): Promise<void> {
  return changePlatform(platform, by, async (tx, at) => {
    const row = await feedOf(tx, one);
    await tx.run("UPDATE feed_devices SET digest = '', due_at = 0 WHERE feed_id = :id", { id: row.feed_id });
    await tx.run("UPDATE feeds SET failures = 0, next_at = :now, claim = NULL WHERE feed_id = :id", {
      id: row.feed_id,
      now: at.getTime(),
    });
    tx.notify(feedChannel, "");
    return {
      answer: undefined,
      customerId: row.of_customer,
      audit: { action: "feedRefreshed", subject: row.feed_id, detail: { kind: row.kind } },
    };
  });
}

/** What a broker keeps is taken away first, for a day at most. Throws UsageError. */
export function removeFeed(platform: Base, by: By, one: OneFeed): Promise<void> {
  return changeFeed(platform, by, one, {
    action: "feedRemoved",
    isSending: false,
    set: "removed_at = :now, paused_at = NULL, failures = 0, next_at = :now",
  });
}
