/**
 * Readings with their place in what the agents signed: from the records, as long as they are kept, and later from
 * `kept_readings`, where retention has put those that statements need (keep_proofs.ts).
 */
import { Buffer } from "node:buffer";
import { leafOf, type MerkleLevels, merkleLevels, merklePath } from "../../common/protocol/merkle_tree.ts";
import { leavesAt } from "../devices/batch_seals.ts";
import { unpackRecord } from "../store/stored_record.ts";
import type { Tenant, Transaction } from "../store/store.ts";

export interface WantedReading {
  device_id: string;
  at: number;
}

/** A row of `kept_readings`. */
export interface PlacedReading {
  device_id: string;
  observed_at: number;
  agent_id: string;
  record_id: string;
  received_at: number;
  /** Of its batch; empty if nothing signed is there. */
  epoch: string;
  sequence: number;
  leaf_index: number;
  path: Uint8Array;
  /** As it is stored: see stored_record.ts. */
  record: Uint8Array;
}

export const placedColumns = [
  "device_id",
  "observed_at",
  "agent_id",
  "record_id",
  "received_at",
  "epoch",
  "sequence",
  "leaf_index",
  "path",
  "record",
] as const satisfies readonly (keyof PlacedReading)[];

export function wantedKey({ device_id, at }: WantedReading): string {
  return `${device_id} ${at}`;
}

/** By `wantedKey`, in the order of arrival; there may be several of one time, and there is no entry for none. */
export async function placedReadings(
  tenant: Tenant,
  wanted: readonly WantedReading[],
): Promise<Map<string, PlacedReading[]>> {
  // In this order: what is dropped meanwhile was put into the other table before.
  const found = await placedRecords(tenant, wanted), until = await proofsKeptUntil(tenant.transaction);
  const keyOf = ({ agent_id, record_id }: PlacedReading) => `${agent_id} ${record_id}`;
  const rows = new Map(found.map((row) => [keyOf(row), row]));
  for (const row of await keptReadings(tenant, until === undefined ? [] : wanted.filter(({ at }) => at < until))) {
    const own = rows.get(keyOf(row));
    if (own === undefined || own.epoch === "") rows.set(keyOf(row), row);
  }
  const byArrival = [...rows.values()].sort((a, b) => a.received_at - b.received_at || (keyOf(a) < keyOf(b) ? -1 : 1));
  return Map.groupBy(byArrival, ({ device_id, observed_at: at }) => wantedKey({ device_id, at }));
}

/** Those of which the record is there. */
export async function placedRecords(tenant: Tenant, wanted: readonly WantedReading[]): Promise<PlacedReading[]> {
  const records = await tenant.allOf<Omit<PlacedReading, "epoch" | "sequence" | "leaf_index" | "path">>(
    `SELECT device_id, observed_at, agent_id, record_id, received_at, record FROM records
     WHERE customer_id = :customer AND device_id = :device_id AND observed_at = :at AND kind = 'reading'`,
    wanted.map((each) => ({ ...each })),
  );
  const leaves = await leafPlaces(tenant, records);
  return records.map((row) => {
    const leaf = leaves.get(arrivalKey(row))?.get(leafText(row.record));
    if (leaf === undefined) return { ...row, ...noPlace };
    const { epoch, sequence, index, levels } = leaf;
    return {
      ...row,
      epoch,
      sequence,
      leaf_index: index,
      path: new Uint8Array(Buffer.concat(merklePath(levels, index))),
    };
  });
}

/* A damaged record is proved by nothing, and must not keep retention from all others. */
function leafText(stored: Uint8Array): string {
  try {
    return hex(leafOf(unpackRecord(stored)));
  } catch {
    return "";
  }
}

const noPlace = { epoch: "", sequence: 0, leaf_index: 0, path: new Uint8Array() };

function keptReadings(tenant: Tenant, wanted: readonly WantedReading[]): Promise<PlacedReading[]> {
  return tenant.allOf(
    `SELECT ${placedColumns.join(", ")} FROM kept_readings
     WHERE customer_id = :customer AND device_id = :device_id AND observed_at = :at`,
    wanted.map((each) => ({ ...each })),
  );
}

interface Leaf {
  epoch: string;
  sequence: number;
  index: number;
  levels: MerkleLevels;
}

interface Arrival {
  agent_id: string;
  received_at: number;
}

/** For each agent and time of arrival, the records of its batches by digest. */
async function leafPlaces(tenant: Tenant, records: readonly Arrival[]): Promise<Map<string, Map<string, Leaf>>> {
  const times = new Map(records.map(({ agent_id, received_at }) => [
    arrivalKey({ agent_id, received_at }),
    { agent_id, received_at },
  ]));
  const places = new Map<string, Map<string, Leaf>>();
  for (const seal of await leavesAt(tenant, [...times.values()])) {
    const { epoch, sequence } = seal;
    const leaves = Array.from({ length: seal.leaves.length / 32 }, (_, i) => seal.leaves.subarray(32 * i, 32 * i + 32));
    const levels = merkleLevels(leaves), key = arrivalKey(seal), own = places.get(key) ?? new Map<string, Leaf>();
    for (const [index, leaf] of leaves.entries()) own.set(hex(leaf), { epoch, sequence, index, levels });
    places.set(key, own);
  }
  return places;
}

function arrivalKey({ agent_id, received_at }: Arrival): string {
  return `${agent_id} ${received_at}`;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/** A row of `installation`. */
const keptUntil = "proofsKeptUntil";

/**
 * Of records that arrived before it, it is in `proof_work` or in `kept_readings` what statements need; undefined before
 * retention has run.
 */
export async function proofsKeptUntil(tx: Transaction): Promise<number | undefined> {
  const row = await tx.get<{ value: string }>("SELECT value FROM installation WHERE what = :what", { what: keptUntil });
  return row === undefined ? undefined : Number(row.value);
}

export async function setProofsKeptUntil(tx: Transaction, { until, at }: { until: number; at: Date }): Promise<void> {
  await tx.run(
    `INSERT INTO installation (what, value, since) VALUES (:what, :value, :since)
     ON CONFLICT (what) DO UPDATE SET value = excluded.value, since = excluded.since`,
    { what: keptUntil, value: String(until), since: at.getTime() },
  );
}
