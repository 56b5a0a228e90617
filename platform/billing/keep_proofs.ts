/**
 * What proves statements of a quarter or a year outlives the records that it is part of:
 *
 *     records, oldest first ─► proof_work: which devices have some that may go (markWork, a quarter of an hour at a time)
 *     proof_work ─► samples of the device ─► which readings statements need (neededTimes)
 *         ─► their records and places in the Merkle trees of their batches ─► kept_readings; the work is done
 *     no work is left ─► records are dropped, and seals move to kept_seals without the digests of records
 *     a statement ─► records, or else kept_readings; batch_seals and kept_seals
 *
 * Each lot is one transaction, and doing it again changes nothing: whatever is killed in between, nothing is dropped that
 * was not looked at. Readings are needed that were the last ones before the begin of a month in the customer's zone,
 * before an end of a statement that there is, or before a device moved; the first of each counter; and both at each step
 * that does not simply count on.
 *
 * What cannot be evaluated holds up nothing: of that device, all readings are kept instead of the needed ones, and the
 * log, the audit log, `status` and the metrics say so.
 */
import { messageOf, UnavailableError } from "../../common/core/errors.ts";
import { appendAudit } from "../audit/audit_log.ts";
import { type Groups, groupsOf } from "../devices/device_groups.ts";
import { widened } from "../devices/devices.ts";
import type { RowsOf, Store, Tenant } from "../store/store.ts";
import { takeLock } from "../store/store.ts";
import { isOtherBoard, joined } from "./compute_rows.ts";
import { monthBegins, neededTimes } from "./needed_readings.ts";
import {
  placedColumns,
  type PlacedReading,
  placedRecords,
  proofsKeptUntil,
  setProofsKeptUntil,
  wantedKey,
  type WantedReading,
} from "./placed_readings.ts";
import { type Series, seriesOf } from "./series.ts";
import { settingsOf } from "./settings.ts";
import { stepsOf } from "./steps.ts";

interface Work {
  customer_id: string;
  device_id: string;
  from_at: number;
  until_at: number;
}

const dayMs = 86_400_000, stepMs = dayMs / 96, lot = 100;

export interface KeepProofsOptions {
  /** Records that arrived before it may go. */
  before: number;
  now: Date;
  signal?: AbortSignal | undefined;
  log?: ((event: string, fields: Record<string, string | number>) => void) | undefined;
}

/** Returns before which time of arrival nothing is needed any more, which is 0 if something is left to do. */
export async function keepProofs(store: Store, options: KeepProofsOptions): Promise<number> {
  await markWork(store, options);
  let last: Pick<Work, "customer_id" | "device_id"> | undefined = { customer_id: "", device_id: "" };
  while (last !== undefined && !options.signal?.aborted) last = await workOff(store, last, options);
  return await store.transaction(async (tx) => {
    const left = await tx.get("SELECT 1 FROM proof_work LIMIT 1");
    return left === undefined ? Math.min(options.before, await proofsKeptUntil(tx) ?? 0) : 0;
  }, { readOnly: true });
}

async function markWork(store: Store, { before, now, signal }: KeepProofsOptions): Promise<void> {
  for (let isDone = false; !isDone && !signal?.aborted;) {
    isDone = await store.transaction(async (tx) => {
      await takeLock(tx, "proofs");
      const from = await proofsKeptUntil(tx) ?? 0;
      if (from >= before) return true;
      const first = await tx.get<{ at: number | null }>(
        "SELECT min(received_at) AS at FROM records WHERE received_at >= :from AND received_at < :before",
        { from, before },
      );
      const at = first?.at ?? before, until = Math.min(before, at + stepMs);
      await tx.run(
        `INSERT INTO proof_work (customer_id, device_id, from_at, until_at)
         SELECT customer_id, device_id, min(observed_at), :until FROM records
         WHERE received_at >= :at AND received_at < :until AND kind = 'reading' AND device_id IS NOT NULL
         GROUP BY customer_id, device_id
         ON CONFLICT (customer_id, device_id) DO UPDATE SET ${widened}`,
        { at, until },
      );
      await setProofsKeptUntil(tx, { until, at: now });
      return until >= before;
    });
  }
}

const keptTable: RowsOf = { table: "kept_readings", key: [], columns: placedColumns };

/* Reads in a transaction of its own, so that uploads need not wait for it. Returns the last device of the lot. */
async function workOff(
  store: Store,
  last: Pick<Work, "customer_id" | "device_id">,
  { now, log }: KeepProofsOptions,
): Promise<typeof last | undefined> {
  const works = await store.transaction((tx) =>
    tx.all<Work>(
      `SELECT customer_id, device_id, from_at, until_at FROM proof_work
       WHERE (customer_id, device_id) > (:customer_id, :device_id) ORDER BY customer_id, device_id LIMIT ${lot}`,
      last,
    ), { readOnly: true });
  const found = await neededOf(store, works), notes: Note[] = [];
  if (found.length === 0) return undefined;
  await store.transaction(async (tx) => {
    notes.splice(0);
    for (const { works, kept, failure } of found) {
      const tenant = tx.tenant(works[0]!.customer_id), done = new Set<string>();
      for (const { device_id, from_at, until_at } of works) {
        // More may have come to it meanwhile, and its customer may have been erased.
        const gone = await tenant.run(
          `DELETE FROM proof_work WHERE customer_id = :customer AND device_id = :device_id AND from_at = :from_at
             AND until_at = :until_at`,
          { device_id, from_at, until_at },
        );
        if (gone > 0) done.add(device_id);
      }
      const rows = kept.filter(({ of }) => done.has(of)).map(({ row }) => row);
      if (rows.length > 0) await tenant.insertMany(keptTable, rows, "ON CONFLICT DO NOTHING");
      if (failure !== undefined && done.size > 0) notes.push(noteOf(works[0]!, { rows, failure }));
    }
    for (const { customer, device, ...detail } of notes) {
      await appendAudit(tx, {
        at: now,
        customerId: customer,
        actor: "platform",
        action: "readingsNotEvaluated",
        subject: device,
        detail,
      });
    }
  });
  for (const note of notes) log?.("readingsNotEvaluated", { ...note });
  const { customer_id, device_id } = works.at(-1)!;
  return { customer_id, device_id };
}

interface Needed {
  works: Work[];
  /** `of`: the device that it was found for. */
  kept: { of: string; row: PlacedReading }[];
  /** Why all readings of it are kept. */
  failure?: string;
}

/** All at once, as that is quick; where something cannot be evaluated, device by device. */
async function neededOf(store: Store, all: readonly Work[]): Promise<Needed[]> {
  const found: Needed[] = [];
  for (const works of Map.groupBy(all, ({ customer_id }) => customer_id).values()) {
    const evaluated = await maybe(store, works, neededReadings);
    if (evaluated.failure === undefined) {
      found.push({ works, kept: evaluated.kept });
      continue;
    }
    for (const work of works) {
      const own = await maybe(store, [work], neededReadings);
      const whole = own.failure === undefined ? own : await maybe(store, [work], allReadings);
      found.push({ works: [work], kept: whole.kept, ...(own.failure === undefined ? {} : { failure: own.failure }) });
    }
  }
  return found;
}

type Wanted = Map<string, WantedReading & { of: string }>;

/** What the store cannot answer at the moment is thrown: the next run has it again. */
async function maybe(
  store: Store,
  works: readonly Work[],
  find: (tenant: Tenant, works: readonly Work[]) => Promise<Wanted>,
): Promise<{ kept: Needed["kept"]; failure?: string }> {
  try {
    const kept = await store.transaction(async (tx) => {
      const tenant = tx.tenant(works[0]!.customer_id), wanted = await find(tenant, works);
      const rows = await placedRecords(tenant, [...wanted.values()]);
      return rows.map((row) => ({
        of: wanted.get(wantedKey({ device_id: row.device_id, at: row.observed_at }))!.of,
        // A reading that nothing signed proves is told as such, which needs no record.
        row: row.epoch === "" ? { ...row, record: new Uint8Array() } : row,
      }));
    }, { readOnly: true });
    return { kept };
  } catch (error) {
    if (error instanceof UnavailableError) throw error;
    return { kept: [], failure: messageOf(error) };
  }
}

interface Note {
  customer: string;
  device: string;
  /** Of the readings that were not evaluated. */
  from: string;
  until: string;
  /** How many of them are kept, and which of their batches came first. */
  kept: number;
  batch: string;
  message: string;
}

function noteOf(
  { customer_id, device_id, from_at, until_at }: Work,
  { rows, failure }: { rows: readonly PlacedReading[]; failure: string },
): Note {
  const first = rows.toSorted((a, b) => a.received_at - b.received_at)[0];
  return {
    customer: customer_id,
    device: device_id,
    from: new Date(from_at).toISOString(),
    until: new Date(until_at).toISOString(),
    kept: rows.length,
    batch: first === undefined ? "" : `${first.agent_id} ${first.epoch} ${first.sequence}`,
    message: failure.slice(0, 300),
  };
}

async function allReadings(tenant: Tenant, works: readonly Work[]): Promise<Wanted> {
  const rows = await tenant.allOf<WantedReading>(
    `SELECT DISTINCT device_id, observed_at AS at FROM records
     WHERE customer_id = :customer AND device_id = :device_id AND observed_at >= :from_at AND observed_at <= :until_at
       AND kind = 'reading'`,
    works.map(({ device_id, from_at, until_at }) => ({ device_id, from_at, until_at })),
  );
  return new Map(rows.map((row) => [wantedKey(row), { ...row, of: row.device_id }]));
}

/** By their keys; `of`: for which of the devices. */
async function neededReadings(
  tenant: Tenant,
  works: readonly Work[],
): Promise<Wanted> {
  const wanted: Wanted = new Map();
  const groups = await groupsOf(tenant), ends = await endsOf(tenant, works, groups);
  // The few that came late need older samples than all others.
  for (const some of Map.groupBy(works, ({ from_at }) => Math.floor(from_at / dayMs)).values()) {
    const from = Math.min(...some.map((work) => work.from_at)), until = Math.max(...some.map((work) => work.until_at));
    const ids = new Set(some.flatMap(({ device_id }) => partsOf(groups, device_id).map((part) => part.deviceId)));
    const { series } = await seriesOf(tenant, { from, until, deviceIds: [...ids] });
    const bySeries = Map.groupBy(series, ({ deviceId }) => deviceId);
    for (const work of some) {
      for (const reading of neededOfDevice(work, { parts: partsOf(groups, work.device_id), bySeries, ends })) {
        wanted.set(wantedKey(reading), { ...reading, of: work.device_id });
      }
    }
  }
  return wanted;
}

type Parts = ReturnType<typeof partsOf>;

/* Of a merged device, its parts, with when they were seen. */
function partsOf(groups: Groups, deviceId: string) {
  const group = groups.of.get(deviceId)?.parts.map(({ device_id, first_seen_at, last_seen_at }) => ({
    deviceId: device_id,
    firstSeenAt: first_seen_at,
    lastSeenAt: last_seen_at,
  }));
  return group ?? [{ deviceId, firstSeenAt: 0, lastSeenAt: 0 }];
}

function* neededOfDevice(
  { device_id, from_at: from, until_at: until }: Work,
  { parts, bySeries, ends }: {
    parts: Parts;
    bySeries: ReadonlyMap<string, Series[]>;
    ends: (deviceId: string) => readonly number[];
  },
): Generator<WantedReading> {
  // Each part by itself, as a merge may be undone.
  for (const { points } of bySeries.get(device_id) ?? []) {
    for (const at of neededTimes(points, { from, until, ends: ends(device_id) })) yield { device_id, at };
  }
  if (parts.length === 1) return;
  for (const { points } of joined({ parts }, bySeries)) {
    for (const { before, point, mark } of stepsOf(points, (a, b) => isOtherBoard({ parts }, a, b))) {
      if (mark === undefined || point.at < from || before.at > until) continue;
      for (const { deviceId } of parts) for (const { at } of [before, point]) yield { device_id: deviceId, at };
    }
  }
}

/** Of periods: for each device, those of months, of statements that there are, and of its time at a site. */
async function endsOf(
  tenant: Tenant,
  works: readonly Work[],
  groups: Groups,
): Promise<(deviceId: string) => readonly number[]> {
  const from = Math.min(...works.map((work) => work.from_at)), until = Math.max(...works.map((work) => work.until_at));
  const { zone } = await settingsOf(tenant);
  const ofStatements = await tenant.all<{ from_at: number; until_at: number }>(
    "SELECT DISTINCT from_at, until_at FROM statements WHERE customer_id = :customer AND until_at >= :from",
    { from },
  );
  const common = [
    ...monthBegins({ from, until }, zone),
    ...ofStatements.flatMap(({ from_at, until_at }) => [from_at, until_at]),
  ];
  const ids = new Set(works.flatMap(({ device_id }) => partsOf(groups, device_id).map(({ deviceId }) => deviceId)));
  const moves = Map.groupBy(
    await tenant.allOf<{ device_id: string; at: number }>(
      `SELECT device_id, at FROM device_history
       WHERE customer_id = :customer AND device_id = :device_id AND kind = 'agentChanged' AND at >= :since`,
      [...ids].map((device_id) => ({ device_id, since: from })),
    ),
    ({ device_id }) => device_id,
  );
  const sorted = common.toSorted((a, b) => a - b);
  return (deviceId) => {
    const own = partsOf(groups, deviceId).flatMap((part) => moves.get(part.deviceId) ?? []);
    return own.length === 0 ? sorted : [...sorted, ...own.map(({ at }) => at)].sort((a, b) => a - b);
  };
}
