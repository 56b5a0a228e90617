/**
 * Batches of an agent's chain that a statement names only so that it is seen that none was removed: without a signature,
 * as the next one that is signed covers them. A link has 50 bytes: the batch id, how many records it has (big-endian),
 * and the root of these. Its sequence is one more than that of the link before, in the same epoch.
 */
import { Buffer } from "node:buffer";
import type { BatchHead } from "./signed_batch.ts";

export type BatchLink = Pick<BatchHead, "batchId" | "records" | "root">;

/** Of one line of a statement. */
export const mostLinks = 200;

const idBytes = 16, countBytes = 2, linkBytes = idBytes + countBytes + 32;

/** Whether it is the same after it was encoded and decoded. */
export function isLinkable({ batchId, records, root }: BatchLink): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(batchId) && Number.isSafeInteger(records) &&
    records >= 0 && records < 2 ** (8 * countBytes) && root.length === 32;
}

/** Base64. */
export function encodeLinks(links: readonly BatchLink[]): string {
  const bytes = Buffer.alloc(links.length * linkBytes);
  for (const [i, { batchId, records, root }] of links.entries()) {
    bytes.write(batchId.replaceAll("-", ""), i * linkBytes, "hex");
    bytes.writeUInt16BE(records, i * linkBytes + idBytes);
    bytes.set(root, i * linkBytes + idBytes + countBytes);
  }
  return bytes.toString("base64");
}

/** Undefined for anything that `encodeLinks` does not make. */
export function decodeLinks(text: string): BatchLink[] | undefined {
  const bytes = Buffer.from(text, "base64"), count = bytes.length / linkBytes;
  if (!Number.isInteger(count) || count < 1 || count > mostLinks || bytes.toString("base64") !== text) return undefined;
  return Array.from({ length: count }, (_, i) => {
    const link = bytes.subarray(i * linkBytes, (i + 1) * linkBytes), id = link.toString("hex", 0, idBytes);
    return {
      batchId: [id.slice(0, 8), id.slice(8, 12), id.slice(12, 16), id.slice(16, 20), id.slice(20)].join("-"),
      records: link.readUInt16BE(idBytes),
      root: new Uint8Array(link.subarray(idBytes + countBytes)),
    };
  });
}
