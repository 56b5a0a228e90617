/**
 * Signs the agent's batches with the key of its certificate. The chain is in `readings.chain` in the state directory: the
 * last batch that was signed, so that it is signed the same way when it is sent again, and the next one follows it.
 */
import { Buffer } from "node:buffer";
import type { BatchSeal } from "../../proto/gen/opendca/v1/batch.ts";
import { type Disk, saveFile } from "../../common/host/disk.ts";
import { leafOf, merkleRoot } from "../../common/protocol/merkle_tree.ts";
import { headOf, sealBatch } from "../../common/protocol/signed_batch.ts";
import type { Batch } from "../store/spool_record.ts";
import { firstCertificate } from "./client_key.ts";

/** Undefined where the batch cannot be signed: it is sent without. `records`: as they are sent. */
export type BatchSigner = (batch: Batch, records: readonly Uint8Array[]) => BatchSeal | undefined;

export const chainFileName = "readings.chain";

interface Link {
  /** Another activation begins another chain. */
  agentId: string;
  epoch: string;
  sequence: number;
  batchId: string;
  /** In hexadecimal. */
  previous: string;
  head: string;
}

export function createBatchSigner(
  { disk, stateDirectory, agentId, identity }: {
    disk: Disk;
    stateDirectory: string;
    agentId: string;
    /** Changes with each renewal; the key stays. */
    identity: () => { keyPem: string; certificatePem: string };
  },
): BatchSigner {
  const path = `${stateDirectory}/${chainFileName}`;
  let last: Link | undefined;
  return (batch, records) => {
    last ??= linkOf(disk.read(path), agentId);
    const { epoch, sequence, batchId } = batch;
    const isAgain = last?.epoch === epoch && last.sequence === sequence && last.batchId === batchId;
    const previous = Buffer.from((isAgain ? last?.previous : last?.head) ?? "", "hex");
    const root = merkleRoot(records.map(leafOf));
    const head = { epoch, sequence, batchId, records: records.length, root, previous };
    const { keyPem, certificatePem } = identity();
    const certificateDer = firstCertificate(certificatePem);
    if (certificateDer === undefined) return undefined;
    const seal = sealBatch(head, { keyPem, certificateDer });
    if (!isAgain) {
      last = {
        agentId,
        epoch,
        sequence,
        batchId,
        previous: previous.toString("hex"),
        head: Buffer.from(headOf(head)).toString("hex"),
      };
      try {
        saveFile(disk, path, `${JSON.stringify(last)}\n`);
      } catch {
        // A full disk must not keep readings back. After a restart the platform sees that the chain has a gap.
      }
    }
    return seal;
  };
}

/** Undefined for a file that is missing, damaged or of another activation: a new chain begins. */
function linkOf(text: string | undefined, agentId: string): Link | undefined {
  try {
    const own = JSON.parse(text ?? ""), { epoch, sequence, batchId, previous, head } = own;
    const isLink = own.agentId === agentId && [epoch, batchId, previous, head].every((each) =>
      typeof each === "string"
    ) &&
      Number.isSafeInteger(sequence) && /^([0-9a-f]{64})?$/.test(previous) && /^[0-9a-f]{64}$/.test(head);
    return isLink ? { agentId, epoch, sequence, batchId, previous, head } : undefined;
  } catch {
    return undefined;
  }
}
