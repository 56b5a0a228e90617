/**
 * Sends feeds what has changed, and everything again after some time (feed_round.ts). Of several processes, one has a
 * feed at a time: it takes it by its row, and keeps it by moving its next time on; one that dies leaves it to the next.
 * A feed that fails is tried again later and later, each hour at last, and holds up no other.
 */
import type { GuardedOptions } from "../../common/host/guarded_post.ts";
import type { Platform } from "../agents/platform.ts";
import type { Transaction } from "../store/store.ts";
import { startQueue } from "../store/work_queue.ts";
import { failureText } from "./failure_text.ts";
import { ClaimLostError, claimMs, forgetAll, pushAll, type Round } from "./feed_round.ts";
import { beginAgain, feedChannel, type FeedRow, secretsOf } from "./feeds.ts";
import { glpiPusher } from "./push_glpi.ts";
import type { Pusher, PusherOptions } from "./pusher.ts";
import { zabbixPusher } from "./push_zabbix.ts";

const second = 1000, minute = 60 * second, hour = 60 * minute;
const lookMs = 5 * second, usualTimeoutMs = 15 * second;
/** Uploads that wait for a receiver that takes nothing; with more, all devices are read once it does. */
const mostWaiting = 20_000;
/** Then other feeds have their turn. */
const roundMs = 10 * minute;
const mostAtOnce = 8;
/** Of one dealer, by all processes: receivers of one that take their time do not hold up those of others. */
const mostOfDealer = 4;
const removalMs = 24 * hour;

/** Milliseconds until the next try, after this many consecutive failures. */
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

/** One round, and what came of it. Throws what the store does. */
async function pushFeed(platform: FeedsPlatform, feed: FeedRow, options: RoundOptions): Promise<void> {
  const { clock, log } = platform, { signal } = options, began = clock.now().getTime();
  let failure: string | undefined, isOver = true, isAlive = false, sent = 0;
  try {
    await using pusher = await pusherOf(platform, feed, options);
    const round: Round = {
      platform,
      feed,
      pusher,
      signal,
      began,
      endsAt: began + roundMs,
      sent: 0,
      refused: 0,
      refusal: undefined,
      told: new Map(),
    };
    try {
      isOver = feed.removed_at === null ? await pushAll(round) : await forgetAll(round);
    } finally {
      sent = round.sent;
    }
    isAlive = true;
    if (round.refused > 0) {
      failure = `${round.refused === 1 ? "one was" : `${round.refused} were`} refused: ${round.refusal}`;
    }
  } catch (error) {
    if (error instanceof ClaimLostError) return;
    // Another process, or the next start, goes on.
    if (signal.aborted) return await giveBack(platform, feed);
    failure = failureText(error);
  }
  await settle(platform, feed, { failure, isOver, isAlive, sent });
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
  if (feed.kind === "zabbix") return zabbixPusher(options);
  // The library takes long to load, and few have a broker.
  const { mqttPusher } = await import("./push_mqtt.ts");
  return await mqttPusher(options);
}

async function settle(
  { store, clock }: FeedsPlatform,
  feed: FeedRow,
  { failure, isOver, isAlive, sent }: {
    failure: string | undefined;
    isOver: boolean;
    /** It answered all that it was asked. */
    isAlive: boolean;
    sent: number;
  },
): Promise<void> {
  const now = clock.now().getTime();
  await store.transaction(async (tx) => {
    const gone = feed.removed_at !== null && (isOver && failure === undefined || now - feed.removed_at > removalMs);
    const own = { id: feed.feed_id, claim: feed.claim };
    if (gone) {
      const removed = await tx.run("DELETE FROM feeds WHERE feed_id = :id AND claim = :claim", own);
      for (const table of removed > 0 ? ["feed_devices", "feed_customers", "feed_changes"] : []) {
        await tx.run(`DELETE FROM ${table} WHERE feed_id = :id`, { id: feed.feed_id });
      }
      return;
    }
    const failures = failure === undefined ? 0 : feed.failures + 1;
    // What it refuses of some devices does not hold up the others.
    const longest = failures > 0 && isAlive && await isTaking(tx, feed) ? feed.every_ms : Infinity;
    const waitMs = failures > 0 ? Math.min(waitAfter(failures), longest) : isOver ? feed.every_ms : 0;
    await tx.run(
      `UPDATE feeds SET claim = NULL, next_at = :next, failures = :failures, sent = :sent, failure = :failure,
         ${failure === undefined ? "succeeded_at" : "failed_at"} = :now
       WHERE feed_id = :id AND claim = :claim`,
      { ...own, next: now + waitMs, failures, sent, failure: failure?.slice(0, 500) ?? null, now },
    );
    if ((failures > 0 || !isOver) && await isOverfull(tx, feed)) await beginAgain(tx, feed.feed_id);
  });
}

/** Whether it has something of what it was sent. */
async function isTaking(tx: Transaction, { feed_id }: FeedRow): Promise<boolean> {
  const sql = "SELECT 1 FROM feed_devices WHERE feed_id = :feed_id AND device_id <> '' AND digest <> '' LIMIT 1";
  return await tx.get(sql, { feed_id }) !== undefined;
}

async function isOverfull(tx: Transaction, { feed_id }: FeedRow): Promise<boolean> {
  const sql = `SELECT 1 FROM feed_changes WHERE feed_id = :feed_id LIMIT 1 OFFSET ${mostWaiting}`;
  return await tx.get(sql, { feed_id }) !== undefined;
}
