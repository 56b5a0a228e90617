/** An agent's signature of a batch, and the chain of them: see BatchSeal in proto/opendca/v1/batch.proto. */
import { Buffer } from "node:buffer";
import { createHash, createPrivateKey, type KeyObject, sign, verify } from "node:crypto";
import { BatchSeal } from "../../proto/gen/opendca/v1/batch.ts";

export interface BatchHead {
  epoch: string;
  sequence: number;
  batchId: string;
  records: number;
  root: Uint8Array;
  previous: Uint8Array;
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

/** What is signed. */
export function headText({ epoch, sequence, batchId, records, root, previous }: BatchHead): string {
  return ["opendca.batch.v1", epoch, sequence, batchId, records, hex(root), hex(previous), ""].join("\n");
}

/** 32 bytes. */
export function headOf(head: BatchHead): Uint8Array {
  return new Uint8Array(createHash("sha256").update(headText(head)).digest());
}

/** `keyPem`: PKCS #8 of a P-256 key. `certificateDer`: the certificate of this key. */
export function sealBatch(
  head: BatchHead,
  { keyPem, certificateDer }: { keyPem: string; certificateDer: Uint8Array },
): BatchSeal {
  const key = createPrivateKey(keyPem);
  return BatchSeal.create({
    root: Buffer.from(head.root),
    previous: Buffer.from(head.previous),
    signature: sign("sha256", Buffer.from(headText(head)), { key, dsaEncoding: "ieee-p1363" }),
    certificateDigest: createHash("sha256").update(certificateDer).digest(),
  });
}

/** Also false for a key of another kind. */
export function isSealedBy(publicKey: KeyObject, head: BatchHead, signature: Uint8Array): boolean {
  if (signature.length !== 64 || publicKey.asymmetricKeyType !== "ec") return false;
  try {
    return verify("sha256", Buffer.from(headText(head)), { key: publicKey, dsaEncoding: "ieee-p1363" }, signature);
  } catch {
    return false; // A key that cannot verify.
  }
}
