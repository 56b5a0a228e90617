/**
 * One round of a feed. It reads what `feed_changes` names, what must be looked at though nothing has changed (it falls
 * silent, or was sent long ago), and a part of the pass over all devices of each customer, which begins with a new feed
 * and once a day. Each is taken from its queue after the receiver has it, so that a round that ends anywhere is gone on
 * with by the next. What the receiver has already is not sent again.
 */
import type { Platform } from "../agents/platform.ts";
import { silentAfterMs } from "../devices/device_view.ts";
import { devicesListed, exportDevices } from "../devices/list_devices.ts";
import type { Tenant, Transaction } from "../store/store.ts";
import { fedDevice } from "./fed_device.ts";
import type { FeedRow } from "./feeds.ts";
import { digestOf, type FeedItem, type Pusher } from "./pusher.ts";

/** A feed is another process's after this time without a write. */
export const claimMs = 5 * 60_000;
const passEveryMs = 24 * 3_600_000;
/** Devices that are read at once. */
const lot = 200;
/** Uploads of a customer, and customers of a pass, until the other queues have their turn. */
const mostUploads = 50, mostCustomers = 20;

/** The feed is paused or removed, or another process has it. */
export class ClaimLostError extends Error {}

export interface Round {
  platform: Platform;
  feed: FeedRow;
  pusher: Pusher;
  signal: AbortSignal;
  began: number;
  endsAt: number;
  sent: number;
  refused: number;
  refusal: string | undefined;
  /** Digests of what the summary of each customer says of its devices, where all were read; of the last customers only. */
  readonly told: Map<string, Map<string, string>>;
}

interface Customer {
  customerId: string;
  name: string;
}

/** What is known of a device at the receiver; `digest` is empty if it has to be sent in any case. */
interface Sent {
  device_id: string;
  digest: string;
  kept: string;
  sent_at: number;
  due_at: number;
}

const ofOpenDealer = "JOIN dealers d ON d.dealer_id = c.dealer_id AND c.closed_at IS NULL AND d.closed_at IS NULL";
const openCustomers = `customers c ${ofOpenDealer}`;
const ofOpenCustomer = `JOIN customers c ON c.customer_id = f.customer_id ${ofOpenDealer}`;

/** Returns false if time is up before all is done. */
export async function pushAll(round: Round): Promise<boolean> {
  await forgetClosed(round);
  for (let isMore = true; isMore;) {
    isMore = false;
    for (const push of [pushChanged, pushDue, pushPasses]) {
      const some = await push(round);
      if (isTimeUp(round)) return false;
      isMore ||= some;
    }
  }
  return true;
}

function isTimeUp({ platform, endsAt }: Round): boolean {
  return platform.clock.now().getTime() > endsAt;
}

function readAll<Row>({ platform, feed }: Round, sql: string, parameters: Record<string, string | number | null> = {}) {
  return platform.store.transaction((tx) => tx.all<Row>(sql, { feed: feed.feed_id, ...parameters }), {
    readOnly: true,
  });
}

async function forgetClosed(round: Round): Promise<void> {
  const rows = await readAll<{ customer_id: string }>(
    round,
    `SELECT customer_id FROM feed_customers WHERE feed_id = :feed AND customer_id NOT IN
       (SELECT c.customer_id FROM ${openCustomers} WHERE c.dealer_id = :dealer)`,
    { dealer: round.feed.dealer_id },
  );
  for (const { customer_id } of rows) {
    await forgetCustomer(round, customer_id);
    await ofClaim(round, customer_id, async (tenant) => {
      for (const table of ["feed_changes", "feed_customers"]) {
        await tenant.run(`DELETE FROM ${table} WHERE customer_id = :customer AND feed_id = :feed`, {
          feed: round.feed.feed_id,
        });
      }
    });
  }
}

/* Of one customer. */
async function pushChanged(round: Round): Promise<boolean> {
  const rows = await readAll<{ customer_id: string; name: string; change_id: string; devices: string }>(
    round,
    `SELECT f.customer_id, c.name, f.change_id, f.devices FROM feed_changes f
     ${ofOpenCustomer}
     WHERE f.feed_id = :feed ORDER BY f.feed_id, f.customer_id LIMIT ${mostUploads}`,
  );
  const [first] = rows;
  if (first === undefined) return false;
  const own = rows.filter(({ customer_id }) => customer_id === first.customer_id);
  const ids = new Set(own.flatMap(({ devices }): string[] => JSON.parse(devices)));
  const customer = { customerId: first.customer_id, name: first.name };
  if (!await pushDevices(round, customer, [...ids])) return false;
  await ofClaim(round, customer.customerId, async (tenant) => {
    for (const { change_id } of own) {
      await tenant.run(
        "DELETE FROM feed_changes WHERE customer_id = :customer AND feed_id = :feed AND change_id = :change_id",
        { feed: round.feed.feed_id, change_id },
      );
    }
  });
  return true;
}

async function pushDue(round: Round): Promise<boolean> {
  const rows = await readAll<{ customer_id: string; name: string; device_id: string }>(
    round,
    `SELECT f.customer_id, c.name, f.device_id FROM feed_devices f ${ofOpenCustomer}
     WHERE f.feed_id = :feed AND f.due_at <= :began ORDER BY f.due_at LIMIT ${lot}`,
    { began: round.began },
  );
  for (const [customerId, own] of Map.groupBy(rows, ({ customer_id }) => customer_id)) {
    const customer = { customerId, name: own[0]!.name }, ids = own.map(({ device_id }) => device_id);
    if (ids.includes("")) await pushSummary(round, customer, { items: [], gone: [] });
    if (!await pushDevices(round, customer, ids.filter((id) => id !== ""))) return false;
  }
  return rows.length > 0;
}

/* Some devices of each of some customers, those first whose pass is under way. */
async function pushPasses(round: Round): Promise<boolean> {
  const { feed, platform } = round;
  const rows = await readAll<{ customer_id: string; name: string; place: string | null }>(
    round,
    `SELECT c.customer_id, c.name, p.place FROM ${openCustomers}
     LEFT JOIN feed_customers p ON p.customer_id = c.customer_id AND p.feed_id = :feed
     WHERE c.dealer_id = :dealer AND (CAST(:of_customer AS TEXT) IS NULL OR c.customer_id = :of_customer)
       AND (p.began_at IS NULL OR p.began_at <= :before OR p.place IS NOT NULL OR p.name <> c.name)
     ORDER BY CASE WHEN p.place IS NULL THEN 1 ELSE 0 END, c.customer_id LIMIT ${mostCustomers}`,
    {
      dealer: feed.dealer_id,
      of_customer: feed.of_customer,
      before: platform.clock.now().getTime() - passEveryMs,
    },
  );
  for (const { customer_id: customerId, name, place } of rows) {
    if (!await goOn(round, { customerId, name }, place ?? await begin(round, { customerId, name }))) return false;
  }
  return rows.length > 0;
}

/* What is committed after this is in feed_changes: whoever changes devices has the customer's lock until then. */
async function begin(round: Round, { customerId, name }: Customer): Promise<string> {
  await ofClaim(round, customerId, async (tenant) => {
    const own = { feed: round.feed.feed_id };
    await tenant.run(
      `INSERT INTO feed_customers (customer_id, feed_id, name, began_at, place) VALUES (:customer, :feed, :name, :at, '')
       ON CONFLICT (customer_id, feed_id) DO UPDATE SET name = excluded.name, began_at = excluded.began_at, place = ''`,
      { ...own, name, at: round.platform.clock.now().getTime() },
    );
    await tenant.run("DELETE FROM feed_changes WHERE customer_id = :customer AND feed_id = :feed", own);
  });
  round.told.delete(customerId);
  return "";
}

async function goOn(round: Round, customer: Customer, place: string): Promise<boolean> {
  const { customerId } = customer, { feed, pusher } = round;
  // Before the devices: their values have no place without it.
  if (pusher.summary !== undefined && !round.told.has(customerId)) await pushSummary(round, customer);
  const ids = await round.platform.store.transaction(async (tx) => {
    const tenant = tx.tenant(customerId);
    const next = await tenant.all<{ device_id: string }>(
      `SELECT device_id FROM devices WHERE customer_id = :customer AND device_id > :place ORDER BY device_id LIMIT ${lot}`,
      { place },
    );
    const to = next.length < lot ? null : next.at(-1)!.device_id;
    const known = await tenant.all<{ device_id: string }>(
      `SELECT device_id FROM feed_devices WHERE customer_id = :customer AND feed_id = :feed AND device_id > :place
         AND (CAST(:to AS TEXT) IS NULL OR device_id <= :to)`,
      { feed: feed.feed_id, place, to },
    );
    return { all: new Set([...next, ...known].map(({ device_id }) => device_id)), to };
  }, { readOnly: true });
  if (!await pushDevices(round, customer, [...ids.all])) return false;
  await ofClaim(round, customerId, async (tenant) => {
    await tenant.run("UPDATE feed_customers SET place = :place WHERE customer_id = :customer AND feed_id = :feed", {
      feed: feed.feed_id,
      place: ids.to,
    });
  });
  return true;
}

/** Reads these devices, and sends or takes away what has become of them. Returns false if time is up before. */
async function pushDevices(round: Round, customer: Customer, ids: readonly string[]): Promise<boolean> {
  const { platform, pusher } = round, { customerId } = customer;
  for (let from = 0; from < ids.length; from += lot) {
    if (isTimeUp(round)) return false;
    const part = ids.slice(from, from + lot);
    const listed = await devicesListed(platform, { actor: "platform", tenant: customerId }, part);
    const looks = new Map<string, number>(), items: FeedItem[] = [];
    for (const each of listed) {
      const { deviceId } = items[items.push(pusher.itemOf(fedDevice(each, customer))) - 1]!;
      if (!each.isSilent) looks.set(deviceId, each.row.last_seen_at + silentAfterMs);
    }
    const there = items.map(({ deviceId }) => deviceId), before = await sentOf(round, customerId, [...part, ...there]);
    const gone = [...before.values()].filter(({ device_id }) => !there.includes(device_id));
    if (pusher.summary !== undefined && (gone.length > 0 || !isTold(round, customerId, { items, before }))) {
      // Where much has changed, all are read once.
      await pushSummary(round, customer, ids.length > lot ? undefined : { items, gone });
    }
    if (!await pushItems(round, customerId, { items, before, looks })) return false;
    await forget(round, customerId, gone);
  }
  return true;
}

/* Whether the summary says of all what it would say now. */
function isTold(
  { told }: Round,
  customerId: string,
  { items, before }: { items: readonly FeedItem[]; before: ReadonlyMap<string, Sent> },
): boolean {
  const all = told.get(customerId);
  return items.every(({ deviceId, kept }) => {
    const now = JSON.stringify(kept);
    return all === undefined ? now === before.get(deviceId)?.kept : digestOf(now) === all.get(deviceId);
  });
}

interface Changed {
  items: readonly FeedItem[];
  gone: readonly Pick<Sent, "device_id">[];
}

/** `changed`: of the others, it says what is kept of them; without it, all devices are read. */
async function pushSummary(round: Round, customer: Customer, changed?: Changed): Promise<void> {
  const summary = round.pusher.summary!, { customerId } = customer;
  round.told.delete(customerId);
  if (changed === undefined || !await addKept(round, customerId, changed)) {
    // What was added of what is kept.
    summary.take(customerId);
    const kept = new Map<string, string>();
    for await (const devices of exportDevices(round.platform, { actor: "platform", tenant: customerId }, {})) {
      for (const each of devices) {
        const words = summary.keptOf(fedDevice(each, customer));
        summary.add(each.row.device_id, words);
        kept.set(each.row.device_id, digestOf(JSON.stringify(words)));
      }
    }
    round.told.set(customerId, kept);
    if (round.told.size > mostCustomers) round.told.delete(round.told.keys().next().value!);
  }
  const items = [summary.take(customerId)], before = await sentOf(round, customerId, [""]);
  await pushItems(round, customerId, { items, before, looks: new Map() });
}

/* False if not all devices were sent yet, or by a version that kept less. */
async function addKept(round: Round, customerId: string, { items, gone }: Changed): Promise<boolean> {
  const { platform, feed } = round, summary = round.pusher.summary!;
  const own = new Set([...items.map(({ deviceId }) => deviceId), ...gone.map(({ device_id }) => device_id)]);
  const rows = await platform.store.transaction(async (tx) => {
    const tenant = tx.tenant(customerId), of = { feed: feed.feed_id };
    const pass = await tenant.get<{ place: string | null }>(
      "SELECT place FROM feed_customers WHERE customer_id = :customer AND feed_id = :feed AND began_at > 0",
      of,
    );
    return pass?.place !== null ? undefined : await tenant.all<Pick<Sent, "device_id" | "kept">>(
      "SELECT device_id, kept FROM feed_devices WHERE customer_id = :customer AND feed_id = :feed AND device_id <> ''",
      of,
    );
  }, { readOnly: true });
  return rows !== undefined &&
    rows.every(({ device_id, kept }) => own.has(device_id) || summary.add(device_id, JSON.parse(kept))) &&
    items.every(({ deviceId, kept }) => summary.add(deviceId, kept));
}

async function sentOf({ platform, feed }: Round, customerId: string, ids: string[]): Promise<Map<string, Sent>> {
  const rows = await platform.store.transaction((tx) =>
    tx.tenant(customerId).allOf<Sent>(
      `SELECT device_id, digest, kept, sent_at, due_at FROM feed_devices
       WHERE customer_id = :customer AND feed_id = :feed AND device_id = :device`,
      [...new Set(ids)].map((device) => ({ feed: feed.feed_id, device })),
    ), { readOnly: true });
  return new Map(rows.map((row) => [row.device_id, row]));
}

interface Items {
  items: readonly FeedItem[];
  before: ReadonlyMap<string, Sent>;
  /** When a device must be looked at again, as it may be silent by then. */
  looks: ReadonlyMap<string, number>;
}

/** Sends those that have changed, or were sent long ago. Returns false if time is up before. */
async function pushItems(round: Round, customerId: string, { items, before, looks }: Items): Promise<boolean> {
  const { platform: { clock }, feed, pusher } = round, now = clock.now().getTime();
  const sentBefore = ({ deviceId }: FeedItem) => before.get(deviceId);
  const rowOf = (item: FeedItem, { digest, at, due }: { digest: string; at: number; due?: number }): Sent => ({
    device_id: item.deviceId,
    digest,
    kept: JSON.stringify(item.kept),
    sent_at: at,
    due_at: due ?? Math.min(looks.get(item.deviceId) ?? Infinity, at + feed.refresh_ms),
  });
  const isDue = (item: FeedItem) => {
    const row = sentBefore(item);
    return row === undefined || row.digest !== digestOf(item.text) || now - row.sent_at >= feed.refresh_ms;
  };
  const due = items.filter(isDue);
  const looked = items.filter((item) => !due.includes(item)).flatMap((item) => {
    const row = sentBefore(item)!, next = rowOf(item, { digest: row.digest, at: row.sent_at });
    return row.due_at <= round.began || next.due_at < row.due_at || next.kept !== row.kept ? [next] : [];
  });
  if (looked.length > 0) await keep(round, customerId, looked);
  for (let i = 0; i < due.length; i += pusher.atOnce) {
    if (isTimeUp(round)) return false;
    const part = due.slice(i, i + pusher.atOnce);
    const kept = part.map((item): string[] => JSON.parse(sentBefore(item)?.kept ?? "[]"));
    // What is sent is known before: a process that dies meanwhile must not forget what it left there.
    if (pusher.forget !== undefined) {
      const rows = part.map((item, n) =>
        rowOf({ ...item, kept: [...new Set([...kept[n]!, ...item.kept])] }, {
          digest: "",
          at: sentBefore(item)?.sent_at ?? 0,
          due: 0,
        })
      );
      await keep(round, customerId, rows);
    }
    const refusals = await pusher.send(part, kept);
    const at = clock.now().getTime();
    // The next round has it again.
    const again = (item: FeedItem) =>
      rowOf(item, { digest: "", at: sentBefore(item)?.sent_at ?? 0, due: round.began + 1 });
    await keep(
      round,
      customerId,
      part.map((item, n) => refusals.has(n) ? again(item) : rowOf(item, { digest: digestOf(item.text), at })),
    );
    round.sent += part.filter(({ deviceId }, n) => deviceId !== "" && !refusals.has(n)).length;
    round.refused += refusals.size;
    round.refusal ??= refusals.values().next().value;
  }
  return true;
}

/** Writes what was sent, if the feed is still this round's. Throws ClaimLostError. */
async function keep(round: Round, customerId: string, rows: readonly Sent[]): Promise<void> {
  await ofClaim(round, customerId, (tenant) =>
    tenant.insertMany(
      {
        table: "feed_devices",
        key: ["feed_id", "device_id"],
        columns: ["feed_id", "device_id", "digest", "kept", "sent_at", "due_at"],
      },
      rows.map((row) => ({ feed_id: round.feed.feed_id, ...row })),
      `ON CONFLICT (customer_id, feed_id, device_id) DO UPDATE SET digest = excluded.digest, kept = excluded.kept,
         sent_at = excluded.sent_at, due_at = excluded.due_at`,
    ));
}

async function ofClaim(
  { platform: { store, clock }, feed, signal }: Round,
  customerId: string,
  work: (tenant: Tenant) => Promise<void>,
): Promise<void> {
  if (signal.aborted) throw new Error("Cannot continue as it was stopped");
  await store.transaction(async (tx) => {
    await keepClaim(tx, feed, clock.now().getTime() + claimMs);
    await work(tx.tenant(customerId));
  });
}

async function keepClaim(tx: Transaction, { feed_id: id, claim }: FeedRow, until: number): Promise<void> {
  const kept = await tx.run("UPDATE feeds SET next_at = :until WHERE feed_id = :id AND claim = :claim", {
    id,
    claim,
    until,
  });
  if (kept === 0) throw new ClaimLostError();
}

/** Takes away what the receiver has of devices that are not there any more. */
async function forget(
  round: Round,
  customerId: string,
  rows: readonly Pick<Sent, "device_id" | "kept">[],
): Promise<void> {
  const { feed, pusher } = round;
  if (rows.length === 0) return;
  for (const { kept } of rows) await pusher.forget?.(JSON.parse(kept));
  await ofClaim(round, customerId, async (tenant) => {
    for (const { device_id } of rows) {
      await tenant.run(
        "DELETE FROM feed_devices WHERE customer_id = :customer AND feed_id = :feed AND device_id = :device_id",
        { feed: feed.feed_id, device_id },
      );
    }
  });
}

async function forgetCustomer(round: Round, customerId: string): Promise<void> {
  for (;;) {
    const rows = await round.platform.store.transaction((tx) =>
      tx.tenant(customerId).all<Sent>(
        `SELECT device_id, kept FROM feed_devices WHERE customer_id = :customer AND feed_id = :feed LIMIT ${lot}`,
        { feed: round.feed.feed_id },
      ), { readOnly: true });
    if (rows.length === 0) return;
    await forget(round, customerId, rows);
  }
}

/** Of a feed that is removed. */
export async function forgetAll(round: Round): Promise<boolean> {
  if (round.pusher.forget === undefined) return true;
  const rows = await readAll<{ customer_id: string }>(
    round,
    "SELECT DISTINCT customer_id FROM feed_devices WHERE feed_id = :feed",
  );
  for (const { customer_id } of rows) await forgetCustomer(round, customer_id);
  return true;
}
