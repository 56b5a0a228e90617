/**
 * Merkle trees of RFC 9162, section 2.1, with SHA-256: one digest for many records, of which each can be proved by a few
 * others.
 */
import { createHash } from "node:crypto";

const leafPrefix = Uint8Array.of(0), nodePrefix = Uint8Array.of(1);

export function leafOf(record: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(leafPrefix).update(record).digest());
}

function nodeOf(left: Uint8Array, right: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(nodePrefix).update(left).update(right).digest());
}

/** The leaves, and what stands above them up to the root. */
export type MerkleLevels = readonly (readonly Uint8Array[])[];

/** An odd one at the end of a level goes up as it is, which is the same tree as that of the RFC. */
export function merkleLevels(leaves: readonly Uint8Array[]): MerkleLevels {
  const levels = [leaves];
  for (let level = leaves; level.length > 1; levels.push(level)) {
    const above: Uint8Array[] = [];
    for (let i = 0; i + 1 < level.length; i += 2) above.push(nodeOf(level[i]!, level[i + 1]!));
    if (level.length % 2 === 1) above.push(level.at(-1)!);
    level = above;
  }
  return levels;
}

/** Of no leaves, the digest of nothing. */
export function merkleRoot(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return new Uint8Array(createHash("sha256").digest());
  return merkleLevels(leaves).at(-1)![0]!;
}

/** From the leaf up to the root. */
export function merklePath(levels: MerkleLevels, index: number): Uint8Array[] {
  return levels.flatMap((level, depth) => level[(index >> depth) ^ 1] ?? []);
}

/** Undefined for a path that is too short or too long for a tree of `size` leaves (RFC 9162, section 2.1.3.2). */
export function rootOfPath(
  leaf: Uint8Array,
  { index, size, path }: { index: number; size: number; path: readonly Uint8Array[] },
): Uint8Array | undefined {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size) return undefined;
  let root = leaf, at = index, last = size - 1, used = 0;
  while (last > 0) {
    if (at % 2 === 1 || at < last) {
      const beside = path[used++];
      if (beside === undefined) return undefined;
      root = at % 2 === 1 ? nodeOf(beside, root) : nodeOf(root, beside);
    }
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  }
  return used === path.length ? root : undefined;
}
