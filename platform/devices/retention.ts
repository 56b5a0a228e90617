/**
 * How long data is kept. Records are dropped first: they are large, and lists and invoices only need the latest state,
 * the samples and the alerts.
 */
import { messageOf } from "../../common/core/errors.ts";
import type { Platform } from "../agents/platform.ts";
import { partitionDays } from "../store/partitions.ts";
import { eachApart } from "../store/each_apart.ts";
import type { Store, Transaction } from "../store/store.ts";
import { moveSeals } from "./batch_seals.ts";

export interface Retention {
  recordDays: number;
  /** Retention of samples, of alerts that have ended, and of requests of web access. */
  sampleDays: number;
  /** Retention of what proves statements of readings: at least as long as that of records. */
  proofDays: number;
}

export const defaultRetention: Retention = { recordDays: 35, sampleDays: 1096, proofDays: 400 };

/** Keeps what is needed of records that arrived before a time, and returns before which time they may be dropped. */
export type KeepProofs = (
  store: Store,
  options: {
    before: number;
    now: Date;
    signal?: AbortSignal | undefined;
    log?: Platform["log"] | undefined;
  },
) => Promise<number>;

const dayMs = 86_400_000;
const lot = 2000;
/** Statements of the last 100 days are looked at again. */
const lateDays = 110;

export interface RetentionOptions {
  retention?: Partial<Retention> | undefined;
  keepProofs?: KeepProofs;
  /** Time from the end of one run to the next. */
  pauseMs?: number;
  /** Time until the first run; by default it starts at once. */
  startMs?: number | undefined;
}

/** Drops old data now and every 6 hours, until disposed of; disposal waits for a run in progress. */
export function startRetention(
  { store, clock, log }: Platform,
  { retention, keepProofs, pauseMs = dayMs / 4, startMs = 0 }: RetentionOptions,
): AsyncDisposable {
  const stop = new AbortController();
  const kept = { ...defaultRetention, ...retention };
  let timer: ReturnType<typeof setTimeout> | undefined;
  let running: Promise<void> = Promise.resolve();
  const run = async () => {
    try {
      const dropped = await dropOld(store, { now: clock.now(), retention: kept, keepProofs, signal: stop.signal, log });
      if (dropped > 0) log("oldDataDropped", { dropped });
    } catch (error) {
      // The next run tries again.
      log("storeBusy", { message: messageOf(error) });
    }
    if (!stop.signal.aborted) timer = setTimeout(() => void (running = run()), pauseMs);
  };
  if (startMs === 0) running = run();
  else timer = setTimeout(() => void (running = run()), startMs);
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      clearTimeout(timer);
      await running;
    },
  };
}

/* What is made before its time and after it: late readings come up to 90 days after they were read. */
const partitions = {
  records: { behindMs: 7 * dayMs, aheadMs: 21 * dayMs },
  samples: { behindMs: 120 * dayMs, aheadMs: 60 * dayMs },
  // They come when the records go.
  kept_readings: { behindMs: 180 * dayMs, aheadMs: 0 },
  kept_seals: { behindMs: 90 * dayMs, aheadMs: 0 },
} as const;

type Partitioned = keyof typeof partitions;

/**
 * Drops old data; returns the number of dropped rows or partitions. Several processes may run it at the same time. What
 * cannot be dropped keeps nothing else: it is thrown at the end.
 */
export async function dropOld(
  store: Store,
  { now, retention, keepProofs, signal, log }: {
    now: Date;
    retention: Retention;
    /** Without it, what is older than the records proves nothing. */
    keepProofs?: KeepProofs | undefined;
    signal?: AbortSignal;
    log?: Platform["log"];
  },
): Promise<number> {
  const nowMs = now.getTime();
  const recordsMs = nowMs - retention.recordDays * dayMs, proofsMs = nowMs - retention.proofDays * dayMs;
  const samplesMs = nowMs - retention.sampleDays * dayMs;
  let dropped = 0;
  const drop = async (table: keyof typeof tableKeys, column: string, before: number) => {
    if (store.engine === "postgres" && isPartitioned(table)) {
      dropped += await store.transaction((tx) => keepPartitions(tx, { table, nowMs, keepMs: before }));
    }
    dropped += table === "samples" && store.engine === "sqlite"
      ? await dropSamples(store, { before, signal })
      : await dropRows(store, { table, column, before, signal });
  };
  await eachApart([
    async () => {
      // What proofs need of the records is put aside before these are dropped.
      if (store.engine === "postgres") {
        for (const table of ["kept_readings", "kept_seals"] as const) {
          await store.transaction((tx) => keepPartitions(tx, { table, nowMs, keepMs: 0 }));
        }
      }
      const before = await keepProofs?.(store, { before: recordsMs, now, signal, log }) ?? recordsMs;
      await drop("records", "received_at", before);
      await moveSeals(store, { before, signal });
    },
    () => drop("kept_readings", "observed_at", proofsMs),
    () => drop("kept_seals", "received_at", proofsMs),
    () => drop("samples", "observed_at", samplesMs),
    () => drop("late_readings", "noted_at", nowMs - lateDays * dayMs),
    () => drop("alerts", "ended_at", samplesMs),
    () => drop("raised_alerts", "ended_at", samplesMs),
    () => drop("alert_events", "at", samplesMs),
    () => drop("access_requests", "at", samplesMs),
    () => drop("access_links", "expires_at", samplesMs),
    () => drop("approval_requests", "expires_at", samplesMs),
  ], (step) => step());
  return dropped;
}

function isPartitioned(table: string): table is Partitioned {
  return Object.hasOwn(partitions, table);
}

async function keepPartitions(
  tx: Transaction,
  { table, nowMs, keepMs }: { table: Partitioned; nowMs: number; keepMs: number },
): Promise<number> {
  const { behindMs, aheadMs } = partitions[table];
  const row = await tx.get<{ dropped: number }>(
    "SELECT opendca_keep_partitions(:of_table, :step, :from, :until, :keep) AS dropped",
    {
      of_table: table,
      step: partitionDays[table] * dayMs,
      // Those that would be dropped at once are not made.
      from: Math.max(nowMs - behindMs, keepMs),
      until: nowMs + aheadMs,
      keep: keepMs,
    },
  );
  return row?.dropped ?? 0;
}

/* Some at a time, so that uploads get their turn. */
async function dropRows(
  store: Store,
  { table, column, before, signal }: {
    table: keyof typeof tableKeys;
    column: string;
    before: number;
    signal: AbortSignal | undefined;
  },
): Promise<number> {
  const keys = tableKeys[table];
  let dropped = 0;
  for (;;) {
    const gone = await store.transaction((tx) =>
      tx.run(
        `DELETE FROM ${table} WHERE (${keys}) IN (SELECT ${keys} FROM ${table} WHERE ${column} < :before LIMIT ${lot})`,
        { before },
      )
    );
    dropped += gone;
    if (gone < lot || signal?.aborted) return dropped;
  }
}

const tableKeys = {
  records: "customer_id, agent_id, record_id, received_at",
  kept_readings: "customer_id, device_id, observed_at, agent_id, record_id",
  kept_seals: "customer_id, agent_id, received_at, epoch, sequence",
  samples: "customer_id, device_id, kind, name, observed_at, origin",
  late_readings: "customer_id, device_id",
  alerts: "customer_id, device_id, alert_key, first_seen_at, origin",
  raised_alerts: "customer_id, alert_id",
  alert_events: "customer_id, number",
  access_requests: "customer_id, session_id, request_id",
  access_links: "customer_id, token_digest",
  approval_requests: "customer_id, request_id",
};

/* SQLite has no partitions, and an index by time would cost more than the samples: it is done device by device. */
async function dropSamples(
  store: Store,
  { before, signal }: { before: number; signal: AbortSignal | undefined },
): Promise<number> {
  let dropped = 0;
  let last = { customer_id: "", device_id: "" };
  for (;;) {
    const done = await store.transaction(async (tx) => {
      const devices = await tx.all<typeof last>(
        `SELECT customer_id, device_id FROM devices WHERE (customer_id, device_id) > (:customer_id, :device_id)
         ORDER BY customer_id, device_id LIMIT 200`,
        last,
      );
      let gone = 0;
      for (const { customer_id, device_id } of devices) {
        gone += await tx.tenant(customer_id).run(
          "DELETE FROM samples WHERE customer_id = :customer AND device_id = :device_id AND observed_at < :before",
          { device_id, before },
        );
      }
      return { gone, next: devices.at(-1) };
    });
    dropped += done.gone;
    if (done.next === undefined || signal?.aborted) return dropped;
    last = done.next;
  }
}
