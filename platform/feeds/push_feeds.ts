/**
 * Sends feeds what has changed since they were last sent it, and everything again after some time. Of several processes,
 * one has a feed at a time: it takes it by its row, and keeps it by moving its next time on; one that dies leaves it to
 * the next. A feed that fails is tried again later and later, each hour at last, and holds up no other.
 */
import { createHash } from "node:crypto";
import type { GuardedOptions } from "../../common/host/guarded_post.ts";
import type { Platform } from "../agents/platform.ts";
import { exportDevices } from "../devices/list_devices.ts";
import type { Tenant } from "../store/store.ts";
import { startQueue } from "../store/work_queue.ts";
import { failureText } from "./failure_text.ts";
import { fedDevice } from "./fed_device.ts";
import { feedChannel, type FeedRow, secretsOf } from "./feeds.ts";
import { glpiPusher } from "./push_glpi.ts";
import { mqttPusher } from "./push_mqtt.ts";
import type { FeedItem, Pusher, PusherOptions } from "./pusher.ts";
import { zabbixPusher } from "./push_zabbix.ts";

const second = 1000, minute = 60 * second, hour = 60 * minute;
const lookMs = 5 * second, usualTimeoutMs = 15 * second;
/** A feed is another process's after this time without a write. */
const claimMs = 5 * minute;
/** Then other feeds have their turn. */
const roundMs = 10 * minute;
const mostAtOnce = 8;
/** Of one dealer, by all processes: receivers of one that take their time do not hold up those of others. */
const mostOfDealer = 4;
const removalMs = 24 * hour;

/** After so many failures in a row. */
export function waitAfter(failures: number): number {
  return Math.min(hour, 30 * second * 2 ** Math.min(failures - 1, 10));
}

export interface FeedOptions {
  /** Hosts that may be called although their addresses are not of the Internet. */
  allowed?: readonly string[] | undefined;
  ca?: string | undefined;
  timeoutMs?: number | undefined;
  resolve?: GuardedOptions["resolve"];
}

type FeedsPlatform = Platform & { pepper: Uint8Array };

/** The feed is paused or removed, or another process has it. */
class ClaimLostError extends Error {}

/** Until disposed of, which ends what is under way. */
export function startFeeds(platform: FeedsPlatform, options: FeedOptions = {}): AsyncDisposable {
  return startQueue(platform, {
    most: mostAtOnce,
    channel: feedChannel,
    lookMs,
    take: () => takeFeed(platform),
    work: (feed, signal) => pushFeed(platform, feed, { ...options, signal }),
  });
}

async function takeFeed({ store, clock }: FeedsPlatform): Promise<FeedRow | undefined> {
  const now = clock.now().getTime(), due = "paused_at IS NULL AND next_at <= :now";
  const some = await store.transaction((tx) => tx.get(`SELECT 1 FROM feeds WHERE ${due} LIMIT 1`, { now }), {
    readOnly: true,
  });
  if (some === undefined) return undefined;
  return await store.transaction((tx) =>
    tx.get<FeedRow>(
      `UPDATE feeds SET next_at = :until, claim = :claim WHERE feed_id IN
         (SELECT feed_id FROM feeds WHERE ${due} AND dealer_id NOT IN
            (SELECT dealer_id FROM feeds WHERE claim IS NOT NULL AND next_at > :now
             GROUP BY dealer_id HAVING count(*) >= ${mostOfDealer})
          ORDER BY next_at, feed_id LIMIT 1${tx.engine === "postgres" ? " FOR UPDATE SKIP LOCKED" : ""}) RETURNING *`,
      { now, until: now + claimMs, claim: crypto.randomUUID() },
    )
  );
}

type RoundOptions = FeedOptions & { signal: AbortSignal };

interface Round {
  platform: FeedsPlatform;
  feed: FeedRow;
  pusher: Pusher;
  signal: AbortSignal;
  endsAt: number;
  sent: number;
  /** What the receiver has already. */
  fresh: number;
  refused: number;
  refusal: string | undefined;
}

/** One round, and what came of it. Throws what the store does. */
async function pushFeed(platform: FeedsPlatform, feed: FeedRow, options: RoundOptions): Promise<void> {
  const { clock, log } = platform, { signal } = options, began = clock.now().getTime();
  let failure: string | undefined, isOver = true, isTaking = false, sent = 0;
  try {
    await using pusher = await pusherOf(platform, feed, options);
    const round: Round = {
      platform,
      feed,
      pusher,
      signal,
      endsAt: began + roundMs,
      sent: 0,
      fresh: 0,
      refused: 0,
      refusal: undefined,
    };
    try {
      isOver = feed.removed_at === null ? await pushAll(round) : await forgetAll(round);
    } finally {
      sent = round.sent;
    }
    isTaking = round.sent + round.fresh > 0;
    if (round.refused > 0) {
      failure = `${round.refused === 1 ? "one was" : `${round.refused} were`} refused: ${round.refusal}`;
    }
  } catch (error) {
    if (error instanceof ClaimLostError) return;
    // Another process, or the next start, goes on.
    if (signal.aborted) return await giveBack(platform, feed);
    failure = failureText(error);
  }
  await settle(platform, feed, { failure, isOver, isTaking, sent });
  if (failure !== undefined) log("feedFailed", { feed: feed.feed_id, message: failure });
}

async function giveBack({ store, clock }: FeedsPlatform, { feed_id, claim }: FeedRow): Promise<void> {
  await store.transaction((tx) =>
    tx.run("UPDATE feeds SET claim = NULL, next_at = :now WHERE feed_id = :id AND claim = :claim", {
      id: feed_id,
      claim,
      now: clock.now().getTime(),
    })
  );
}

async function pusherOf(
  platform: FeedsPlatform,
  feed: FeedRow,
  { allowed = [], ca, resolve, timeoutMs = usualTimeoutMs, signal }: RoundOptions,
): Promise<Pusher> {
  const options: PusherOptions = {
    feed,
    secrets: secretsOf(platform, feed),
    settings: JSON.parse(feed.settings),
    timeoutMs,
    guard: { allowed, ca, ...(resolve === undefined ? {} : { resolve }) },
    signal,
    now: () => platform.clock.now(),
  };
  if (feed.kind === "glpi") return glpiPusher(options);
  return feed.kind === "zabbix" ? zabbixPusher(options) : await mqttPusher(options);
}

async function settle(
  { store, clock }: FeedsPlatform,
  feed: FeedRow,
  { failure, isOver, isTaking, sent }: {
    failure: string | undefined;
    isOver: boolean;
    isTaking: boolean;
    sent: number;
  },
): Promise<void> {
  const now = clock.now().getTime();
  await store.transaction(async (tx) => {
    const gone = feed.removed_at !== null && (isOver && failure === undefined || now - feed.removed_at > removalMs);
    const own = { id: feed.feed_id, claim: feed.claim };
    if (gone) {
      const removed = await tx.run("DELETE FROM feeds WHERE feed_id = :id AND claim = :claim", own);
      if (removed > 0) await tx.run("DELETE FROM feed_devices WHERE feed_id = :id", { id: feed.feed_id });
      return;
    }
    const failures = failure === undefined ? 0 : feed.failures + 1;
    // What it refuses of some devices does not hold up the others.
    const longest = isTaking ? feed.every_ms : Infinity;
    const waitMs = failures > 0 ? Math.min(waitAfter(failures), longest) : isOver ? feed.every_ms : 0;
    await tx.run(
      `UPDATE feeds SET claim = NULL, next_at = :next, failures = :failures, sent = :sent, failure = :failure,
         ${failure === undefined ? "succeeded_at" : "failed_at"} = :now
       WHERE feed_id = :id AND claim = :claim`,
      { ...own, next: now + waitMs, failures, sent, failure: failure?.slice(0, 500) ?? null, now },
    );
  });
}

interface Sent {
  device_id: string;
  digest: string;
  kept: string;
  sent_at: number;
}

/** All customers of the feed. Returns false if time is up before. */
async function pushAll(round: Round): Promise<boolean> {
  const { platform, feed } = round;
  const customers = await platform.store.transaction(
    (tx) =>
      tx.all<{ customer_id: string; name: string; closed_at: number | null; known: number }>(
        `SELECT c.customer_id, c.name, coalesce(c.closed_at, d.closed_at) AS closed_at, CASE WHEN EXISTS (
           SELECT 1 FROM feed_devices f WHERE f.customer_id = c.customer_id AND f.feed_id = :feed) THEN 1 ELSE 0 END AS known
       FROM customers c JOIN dealers d ON d.dealer_id = c.dealer_id WHERE c.dealer_id = :dealer ORDER BY lower(c.name)`,
        { feed: feed.feed_id, dealer: feed.dealer_id },
      ),
    { readOnly: true },
  );
  const isFed = ({ customer_id, closed_at }: typeof customers[number]) =>
    closed_at === null && (feed.of_customer === null || feed.of_customer === customer_id);
  for (const row of customers) if (row.known && !isFed(row)) await forgetGone(round, row.customer_id, new Set());
  for (const { customer_id: customerId, name } of customers.filter(isFed)) {
    if (round.pusher.summary !== undefined) await pushSummary(round, { customerId, name });
    const seen = new Set<string>([""]);
    for await (const lot of devicesOf(round, { customerId, name })) {
      for (const { deviceId } of lot) seen.add(deviceId);
      const items = lot.map((device) => round.pusher.itemOf(device));
      await pushItems(round, customerId, items);
      if (platform.clock.now().getTime() > round.endsAt) return false;
    }
    await forgetGone(round, customerId, seen);
  }
  return true;
}

async function* devicesOf({ platform }: Round, customer: { customerId: string; name: string }) {
  const by = { actor: "platform", tenant: customer.customerId } as const;
  for await (const lot of exportDevices(platform, by, {})) yield lot.map((device) => fedDevice(device, customer));
}

/* Before the devices: their values have no place without it. */
async function pushSummary(round: Round, customer: { customerId: string; name: string }): Promise<void> {
  const summary = round.pusher.summary!;
  for await (const lot of devicesOf(round, customer)) lot.forEach((device) => summary.add(device));
  await pushItems(round, customer.customerId, [summary.take(customer.customerId)]);
}

function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("base64url").slice(0, 22);
}

/** Those of one customer that have changed, or were sent long ago. */
async function pushItems(round: Round, customerId: string, items: readonly FeedItem[]): Promise<void> {
  const { platform: { store, clock }, feed, pusher } = round;
  const known = await store.transaction((tx) => {
    const sql = `SELECT device_id, digest, kept, sent_at FROM feed_devices
      WHERE customer_id = :customer AND feed_id = :feed AND device_id = :device`;
    return tx.tenant(customerId).allOf<Sent>(
      sql,
      items.map(({ deviceId }) => ({ feed: feed.feed_id, device: deviceId })),
    );
  }, { readOnly: true });
  const before = new Map(known.map((row) => [row.device_id, row])), now = clock.now().getTime();
  const due = items.filter(({ deviceId, text }) => {
    const row = before.get(deviceId);
    return row === undefined || row.digest !== digestOf(text) || now - row.sent_at >= feed.refresh_ms;
  });
  round.fresh += items.filter((item) => item.deviceId !== "" && !due.includes(item)).length;
  for (let i = 0; i < due.length && clock.now().getTime() <= round.endsAt; i += pusher.atOnce) {
    const part = due.slice(i, i + pusher.atOnce);
    const kept = part.map(({ deviceId }): string[] => JSON.parse(before.get(deviceId)?.kept ?? "[]"));
    // What is sent is known before: a process that dies meanwhile must not forget what it left there.
    if (pusher.forget !== undefined) {
      const rows = part.map((item, n) => rowOf(item, [...new Set([...kept[n]!, ...item.kept])], { digest: "", at: 0 }));
      await keep(round, customerId, rows);
    }
    const refusals = await pusher.send(part, kept);
    const at = clock.now().getTime();
    const taken = part.filter((_, n) => !refusals.has(n)).map((item) =>
      rowOf(item, item.kept, { digest: digestOf(item.text), at })
    );
    await keep(round, customerId, taken);
    round.sent += taken.filter(({ device_id }) => device_id !== "").length;
    round.refused += refusals.size;
    round.refusal ??= refusals.values().next().value;
  }
}

function rowOf(
  { deviceId }: FeedItem,
  kept: readonly string[],
  { digest, at }: { digest: string; at: number },
): Sent {
  return { device_id: deviceId, digest, kept: JSON.stringify(kept), sent_at: at };
}

/** Writes what was sent, if the feed is still this round's. Throws ClaimLostError. */
async function keep(round: Round, customerId: string, rows: readonly Sent[]): Promise<void> {
  await ofClaim(round, customerId, async (tenant) => {
    for (const row of rows) {
      await tenant.run(
        `INSERT INTO feed_devices (customer_id, feed_id, device_id, digest, kept, sent_at)
         VALUES (:customer, :feed, :device_id, :digest, :kept, :sent_at)
         ON CONFLICT (customer_id, feed_id, device_id)
         DO UPDATE SET digest = excluded.digest, kept = excluded.kept, sent_at = excluded.sent_at`,
        { feed: round.feed.feed_id, ...row },
      );
    }
  });
}

async function ofClaim(
  { platform: { store, clock }, feed, signal }: Round,
  customerId: string,
  work: (tenant: Tenant) => Promise<void>,
): Promise<void> {
  if (signal.aborted) throw new Error("Cannot continue as it was stopped");
  await store.transaction(async (tx) => {
    const kept = await tx.run("UPDATE feeds SET next_at = :until WHERE feed_id = :id AND claim = :claim", {
      id: feed.feed_id,
      claim: feed.claim,
      until: clock.now().getTime() + claimMs,
    });
    if (kept === 0) throw new ClaimLostError();
    await work(tx.tenant(customerId));
  });
}

/** Takes away what there was of devices that are not there any more. */
async function forgetGone(round: Round, customerId: string, seen: ReadonlySet<string>): Promise<void> {
  const { platform: { store }, feed, pusher } = round;
  const rows = await store.transaction((tx) =>
    tx.tenant(customerId).all<{ device_id: string }>(
      "SELECT device_id FROM feed_devices WHERE customer_id = :customer AND feed_id = :feed",
      { feed: feed.feed_id },
    ), { readOnly: true });
  for (const { device_id } of rows) {
    if (seen.has(device_id)) continue;
    const parameters = { feed: feed.feed_id, device: device_id };
    const where = "customer_id = :customer AND feed_id = :feed AND device_id = :device";
    if (pusher.forget !== undefined) {
      const row = await store.transaction(
        (tx) => tx.tenant(customerId).get<Sent>(`SELECT kept FROM feed_devices WHERE ${where}`, parameters),
        {
          readOnly: true,
        },
      );
      await pusher.forget(JSON.parse(row?.kept ?? "[]"));
    }
    await ofClaim(round, customerId, async (tenant) => {
      await tenant.run(`DELETE FROM feed_devices WHERE ${where}`, parameters);
    });
  }
}

/** Of a feed that is removed. */
async function forgetAll(round: Round): Promise<boolean> {
  const { platform: { store }, feed, pusher } = round;
  if (pusher.forget === undefined) return true;
  const rows = await store.transaction(
    (tx) =>
      tx.all<{ customer_id: string }>("SELECT DISTINCT customer_id FROM feed_devices WHERE feed_id = :id", {
        id: feed.feed_id,
      }),
    { readOnly: true },
  );
  for (const { customer_id } of rows) await forgetGone(round, customer_id, new Set());
  return true;
}
