import { Rejection } from "../../proto/gen/opendca/v1/batch.ts";
import type { Tenant } from "../store/store.ts";

export interface BatchKey {
  agentId: string;
  epoch: string;
  sequence: number;
}

export interface BatchRow {
  batch_id: string;
  digest: Uint8Array;
  /** Encoded Rejection. */
  rejection: Uint8Array | null;
}

export function maybeBatch(tenant: Tenant, key: BatchKey): Promise<BatchRow | undefined> {
  return tenant.get(
    `SELECT batch_id, digest, rejection FROM batches
     WHERE customer_id = :customer AND agent_id = :agent_id AND epoch = :epoch AND sequence = :sequence`,
    keyOf(key),
  );
}

export interface NewBatch {
  key: BatchKey;
  batchId: string;
  /** SHA-256 of the payload as uploaded. */
  digest: Uint8Array;
  at: Date;
  records: number;
  rejection: Rejection | undefined;
}

export async function addBatch(tenant: Tenant, batch: NewBatch): Promise<void> {
  await tenant.run(
    `INSERT INTO batches (customer_id, agent_id, epoch, sequence, batch_id, digest, received_at, records, rejection)
     VALUES (:customer, :agent_id, :epoch, :sequence, :batch_id, :digest, :at, :records, :rejection)`,
    {
      ...keyOf(batch.key),
      batch_id: batch.batchId,
      digest: batch.digest,
      at: batch.at.getTime(),
      records: batch.records,
      rejection: batch.rejection === undefined ? null : Rejection.encode(batch.rejection).finish(),
    },
  );
}

/* A response must stay below the message limit of 4 MiB. */
const maxRejectionBytes = 1024 * 1024;

/** The batch's own rejection, and the latest ones of its epoch; lowest sequence first. */
export async function listRejections(tenant: Tenant, key: BatchKey, own: Rejection | undefined): Promise<Rejection[]> {
  // Without this index hint, SQLite scans all batches of the epoch.
  const rows = await tenant.all<{ sequence: number; rejection: Uint8Array }>(
    `SELECT sequence, rejection FROM batches INDEXED BY batches_rejected
     WHERE customer_id = :customer AND agent_id = :agent_id AND epoch = :epoch AND rejection IS NOT NULL
     ORDER BY sequence DESC LIMIT 100`,
    { agent_id: key.agentId, epoch: key.epoch },
  );
  const kept = own === undefined ? [] : [own];
  let bytes = own === undefined ? 0 : Rejection.encode(own).finish().length;
  for (const { sequence, rejection } of rows) {
    if (sequence === key.sequence) continue;
    bytes += rejection.length;
    if (bytes > maxRejectionBytes) break;
    kept.push(Rejection.decode(rejection));
  }
  return kept.sort((a, b) => Number(a.sequence - b.sequence));
}

/** 0 for an unknown epoch. */
export async function contiguousOf(tenant: Tenant, key: Omit<BatchKey, "sequence">): Promise<number> {
  return (await tenant.get<{ contiguous: number }>(
    "SELECT contiguous FROM epochs WHERE customer_id = :customer AND agent_id = :agent_id AND epoch = :epoch",
    { agent_id: key.agentId, epoch: key.epoch },
  ))?.contiguous ?? 0;
}

/* Of one query: one batch follows nearly always. */
const mostFollowing = 100;

/** Advances the epoch's mark over all following batches without a gap; returns the mark. */
export async function advanceContiguous(tenant: Tenant, key: Omit<BatchKey, "sequence">): Promise<number> {
  const parameters = { agent_id: key.agentId, epoch: key.epoch };
  for (;;) {
    const rows = await tenant.all<{ contiguous: number; sequence: number | null }>(
      `SELECT e.contiguous, b.sequence FROM epochs e LEFT JOIN batches b ON b.customer_id = :customer
         AND b.agent_id = :agent_id AND b.epoch = :epoch AND b.sequence > e.contiguous
       WHERE e.customer_id = :customer AND e.agent_id = :agent_id AND e.epoch = :epoch
       ORDER BY b.sequence LIMIT ${mostFollowing}`,
      parameters,
    );
    const before = rows[0]?.contiguous ?? 0;
    let contiguous = before;
    for (const { sequence } of rows) {
      if (sequence !== contiguous + 1) break;
      contiguous = sequence;
    }
    if (contiguous === before) return before;
    await tenant.run(
      "UPDATE epochs SET contiguous = :contiguous WHERE customer_id = :customer AND agent_id = :agent_id AND epoch = :epoch",
      { ...parameters, contiguous },
    );
    if (contiguous - before < mostFollowing) return contiguous;
  }
}

/** Records which spool of the agent uploads; returns true if a later spool had replaced it before. */
export async function noteEpoch(
  tenant: Tenant,
  options: { agentId: string; epoch: string; at: Date },
): Promise<boolean> {
  const latest = await tenant.get<{ epoch: string; epoch_number: number }>(
    `SELECT epoch, epoch_number FROM epochs WHERE customer_id = :customer AND agent_id = :agent_id
     ORDER BY epoch_number DESC LIMIT 1`,
    { agent_id: options.agentId },
  );
  if (latest?.epoch === options.epoch) return false;
  const made = await tenant.run(
    `INSERT INTO epochs (customer_id, agent_id, epoch, epoch_number, contiguous, first_seen_at)
     VALUES (:customer, :agent_id, :epoch, :epoch_number, 0, :at) ON CONFLICT DO NOTHING`,
    {
      agent_id: options.agentId,
      epoch: options.epoch,
      epoch_number: (latest?.epoch_number ?? 0) + 1,
      at: options.at.getTime(),
    },
  );
  const last = (latest?.epoch_number ?? 0) + 1 - mostEmptyEpochs;
  if (made > 0 && last > 0) await dropEmptyEpochs(tenant, { agentId: options.agentId, last });
  return made === 0;
}

/* Maximum number that is kept per agent, as an agent may use any number. */
const mostEmptyEpochs = 1000;

async function dropEmptyEpochs(tenant: Tenant, { agentId, last }: { agentId: string; last: number }): Promise<void> {
  await tenant.run(
    `DELETE FROM epochs WHERE customer_id = :customer AND agent_id = :agent_id AND epoch_number = :last AND NOT EXISTS
       (SELECT 1 FROM batches b WHERE b.customer_id = :customer AND b.agent_id = :agent_id AND b.epoch = epochs.epoch)`,
    { agent_id: agentId, last },
  );
}

function keyOf(key: BatchKey) {
  return { agent_id: key.agentId, epoch: key.epoch, sequence: key.sequence };
}
