/**
 * Checks what agents sign with their batches, and keeps it: with the digests of the records as long as the records, and
 * without them, in `kept_seals`, as long as what proves statements.
 */
import { Buffer } from "node:buffer";
import { type KeyObject, X509Certificate } from "node:crypto";
import { leafOf, merkleRoot } from "../../common/protocol/merkle_tree.ts";
import { type BatchHead, headOf, isSealedBy } from "../../common/protocol/signed_batch.ts";
import type { Batch } from "../../proto/gen/opendca/v1/batch.ts";
import type { TenantAgent } from "../agents/caller.ts";
import type { Store } from "../store/store.ts";

/**
 * Why a batch proves nothing: `forged`, if the signature is wrong; `altered`, if it is of other records; `unknownKey`, if
 * the agent never had that certificate; `malformed`. With `gap`, its records are proved, but it does not follow the one
 * before; with `refused`, its records were not stored.
 */
export type SealFault = "" | "forged" | "altered" | "unknownKey" | "malformed" | "gap" | "refused";

const digestBytes = 32;

/** `records`: as they were uploaded; undefined if they could not be read. Returns what is wrong with it. */
export async function keepSeal(
  { tenant, agentId }: TenantAgent,
  { batch, at, records }: { batch: Batch; at: Date; records: readonly Uint8Array[] | undefined },
): Promise<SealFault> {
  const { seal } = batch;
  if (seal === undefined) return "";
  const { root, previous, signature, certificateDigest } = seal;
  const isSound = root.length === digestBytes && [0, digestBytes].includes(previous.length) &&
    signature.length === 64 && certificateDigest.length === digestBytes;
  if (!isSound) return "malformed";
  const sequence = Number(batch.sequence);
  const head: BatchHead = {
    epoch: batch.agentEpoch,
    sequence,
    batchId: batch.batchId,
    records: batch.recordCount,
    root,
    previous,
  };
  const leaves = (records ?? []).map(leafOf);
  let fault = records === undefined ? "refused" : await faultOf(tenant, agentId, { head, seal, leaves });
  if (fault === "" || fault === "refused") {
    const key = await keyOf(tenant, agentId, certificateDigest);
    // A batch that the agent did not sign must not break the chain of those that it did.
    if (key !== undefined && isSealedBy(key, head, signature)) {
      const isNext = await advanceChain(tenant, { agentId, previous, head: headOf(head) });
      if (!isNext && fault === "") fault = "gap";
    }
  }
  await tenant.run(
    `INSERT INTO batch_seals (customer_id, agent_id, received_at, epoch, sequence, batch_id, records, root, previous, head,
       signature, certificate, leaves, fault)
     VALUES (:customer, :agent_id, :at, :epoch, :sequence, :batch_id, :records, :root, :previous, :head, :signature,
       :certificate, :leaves, :fault) ON CONFLICT DO NOTHING`,
    {
      agent_id: agentId,
      at: at.getTime(),
      epoch: head.epoch,
      sequence,
      batch_id: head.batchId,
      records: head.records,
      root: new Uint8Array(root),
      previous: new Uint8Array(previous),
      head: headOf(head),
      signature: new Uint8Array(signature),
      certificate: new Uint8Array(certificateDigest),
      leaves: new Uint8Array(Buffer.concat(leaves)),
      fault,
    },
  );
  return fault;
}

type Tenant = TenantAgent["tenant"];

async function faultOf(
  tenant: Tenant,
  agentId: string,
  { head, seal, leaves }: { head: BatchHead; seal: NonNullable<Batch["seal"]>; leaves: readonly Uint8Array[] },
): Promise<SealFault> {
  if (leaves.length !== head.records || !Buffer.from(merkleRoot(leaves)).equals(seal.root)) return "altered";
  const key = await keyOf(tenant, agentId, seal.certificateDigest);
  if (key === undefined) return "unknownKey";
  return isSealedBy(key, head, seal.signature) ? "" : "forged";
}

/* Parsing a certificate takes longer than a signature. */
const keys = new Map<string, KeyObject>();
const mostKeys = 10_000;

async function keyOf(tenant: Tenant, agentId: string, digest: Uint8Array): Promise<KeyObject | undefined> {
  const name = `${tenant.customerId} ${agentId} ${Buffer.from(digest).toString("hex")}`;
  const known = keys.get(name);
  if (known !== undefined) return known;
  const row = await tenant.get<{ der: Uint8Array }>(
    `SELECT der FROM certificates
     WHERE customer_id = :customer AND agent_id = :agent_id AND fingerprint = :digest`,
    { agent_id: agentId, digest: new Uint8Array(digest) },
  );
  if (row === undefined) return undefined;
  const key = new X509Certificate(row.der).publicKey;
  if (keys.size >= mostKeys) keys.clear();
  keys.set(name, key);
  return key;
}

/** Whether the batch follows the last one; its head is that of the chain from now on. */
async function advanceChain(
  tenant: Tenant,
  { agentId, previous, head }: { agentId: string; previous: Uint8Array; head: Uint8Array },
): Promise<boolean> {
  const last = await tenant.get<{ head: Uint8Array }>(
    "SELECT head FROM agent_chains WHERE customer_id = :customer AND agent_id = :agent_id",
    { agent_id: agentId },
  );
  await tenant.run(
    `INSERT INTO agent_chains (customer_id, agent_id, head) VALUES (:customer, :agent_id, :head)
     ON CONFLICT (customer_id, agent_id) DO UPDATE SET head = excluded.head`,
    { agent_id: agentId, head },
  );
  return Buffer.from(last?.head ?? new Uint8Array()).equals(previous);
}

export interface SealRow {
  agent_id: string;
  received_at: number;
  epoch: string;
  sequence: number;
  batch_id: string;
  records: number;
  root: Uint8Array;
  previous: Uint8Array;
  signature: Uint8Array;
  certificate: Uint8Array;
  fault: SealFault;
}

const sealColumns =
  "agent_id, received_at, epoch, sequence, batch_id, records, root, previous, signature, certificate, fault";

/** Of an agent, in the order of arrival, without the digests of records. */
export async function sealsBetween(
  tenant: Tenant,
  { agentId, from, to }: { agentId: string; from: number; to: number },
): Promise<SealRow[]> {
  const between = (table: string) =>
    tenant.all<SealRow>(
      `SELECT ${sealColumns} FROM ${table}
       WHERE customer_id = :customer AND agent_id = :agentId AND received_at >= :from AND received_at <= :to
       ORDER BY received_at, epoch, sequence`,
      { agentId, from, to },
    );
  // In this order: one that is moved meanwhile is found twice, and never missed.
  const recent = await between("batch_seals"), kept = await between("kept_seals");
  const first = recent[0];
  if (first === undefined) return kept;
  const isBefore = (seal: SealRow) => seal.received_at < first.received_at;
  return [...kept.filter(isBefore), ...recent];
}

/**
 * Moves those that came before a time to `kept_seals`, some at a time. The digests of the records go: whatever is to be
 * proved has its way up to the root by then.
 */
export async function moveSeals(
  store: Store,
  { before, signal }: { before: number; signal: AbortSignal | undefined },
): Promise<void> {
  for (let moved = true; moved && !signal?.aborted;) {
    moved = await store.transaction(async (tx) => {
      const last = await tx.get<{ at: number }>(
        `SELECT max(received_at) AS at FROM
           (SELECT received_at FROM batch_seals WHERE received_at < :before ORDER BY received_at LIMIT ${lot}) AS next`,
        { before },
      );
      const at = last?.at ?? null;
      if (at === null) return false;
      const columns = `customer_id, ${sealColumns}`;
      await tx.run(
        `INSERT INTO kept_seals (${columns}) SELECT ${columns} FROM batch_seals WHERE received_at <= :at
         ON CONFLICT DO NOTHING`,
        { at },
      );
      await tx.run("DELETE FROM batch_seals WHERE received_at <= :at", { at });
      return true;
    });
  }
}

const lot = 2000;

/** The digests of the records of batches that an agent uploaded at these times. */
export function leavesAt(
  tenant: Tenant,
  times: readonly { agent_id: string; received_at: number }[],
): Promise<(Pick<SealRow, "agent_id" | "received_at" | "epoch" | "sequence"> & { leaves: Uint8Array })[]> {
  return tenant.allOf(
    `SELECT agent_id, received_at, epoch, sequence, leaves FROM batch_seals
     WHERE customer_id = :customer AND agent_id = :agent_id AND received_at = :received_at`,
    times,
  );
}
