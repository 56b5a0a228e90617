import type { JsonValue } from "./canonical_json.ts";
import { hashOfEntry, type LedgerEntry, noHash } from "./ledger_entry.ts";

export interface LedgerVerdict {
  entries: number;
  /** Entries that a checkpoint stands for. */
  pruned: number;
  /** Hash of the last entry; the one that was reported to the platform before shows whether the end was cut off. */
  head: string;
  /** The first entry that is not as it was written. */
  broken: { number: number; reason: string } | null;
}

/** Follows the chain from its first entry, which stands at number 1 or behind what the latest checkpoint names. */
export function verifyLedger(entries: Iterable<LedgerEntry>): LedgerVerdict {
  let count = 0;
  let start: LedgerEntry | undefined, checkpoint: Pruned | undefined, before: LedgerEntry | undefined;
  const broken = (number: number, reason: string) => ({
    entries: count,
    pruned: checkpoint?.count ?? 0,
    head: before?.hash ?? noHash,
    broken: { number, reason },
  });
  for (const entry of entries) {
    start ??= entry;
    if (before !== undefined && entry.number !== before.number + 1) {
      return broken(before.number + 1, `it is missing: entry ${before.number} is followed by ${entry.number}`);
    }
    if (before !== undefined && entry.previous !== before.hash) {
      return broken(entry.number, `it does not follow the hash of entry ${before.number}`);
    }
    if (hashOfEntry(entry) !== entry.hash) return broken(entry.number, "its hash is not that of its content");
    if (entry.kind === "checkpoint") checkpoint = prunedOf(entry.details);
    before = entry;
    count++;
  }
  if (start !== undefined) {
    const expected = start.number === 1 ? { last: 0, hash: noHash } : checkpoint;
    if (expected === undefined || expected.last !== start.number - 1) {
      return broken(start.number - 1, "it is missing, and no checkpoint says that it was pruned");
    }
    if (start.previous !== expected.hash) {
      return broken(start.number, "it does not follow what the checkpoint says was pruned");
    }
  }
  return { entries: count, pruned: checkpoint?.count ?? 0, head: before?.hash ?? noHash, broken: null };
}

interface Pruned {
  last: number;
  hash: string;
  count: number;
}

function prunedOf(details: JsonValue): Pruned | undefined {
  if (details === null || typeof details !== "object" || !("prunedTo" in details)) return undefined;
  const { prunedTo, prunedHash, prunedCount } = details;
  return { last: Number(prunedTo), hash: String(prunedHash), count: Number(prunedCount) };
}
