/**
 * The egress ledger in `ledger.db`: an append-only record of everything sent and every task received. One table `entry`,
 * a row an entry, synced before `append` returns, so that a crash leaves the chain with or without its last entry, never
 * half of one. Pruning removes the oldest entries and appends a checkpoint that names the last of them with its hash, in
 * one transaction. Anyone who may write the file can make a whole new chain: what shows that is the head, which the agent
 * tells the platform.
 */
import { type Database, openDatabase } from "../../common/host/sqlite.ts";
import { canonicalJson, type JsonValue } from "./canonical_json.ts";
import { hashOfEntry, type LedgerEntry, type LedgerKind, noHash, sha256Hex } from "./ledger_entry.ts";

export interface NewLedgerEntry {
  at: Date;
  kind: LedgerKind;
  summary: string;
  /** The exact bytes that were sent or received; only their hash and size are kept. */
  bytes: Uint8Array;
  details?: JsonValue;
}

export interface Ledger extends Disposable {
  /** Durable when it returns. Throws `StorageError`. */
  append(entry: NewLedgerEntry): LedgerEntry;
  /** Entries from `since` on, in the order of their numbers. */
  entries(options?: { since?: Date; limit?: number }): Iterable<LedgerEntry>;
  verify(): LedgerVerdict;
  /** Number and hash of the last entry; number 0 in an empty ledger. */
  head(): { number: number; hash: string };
  /** When the last entry was made; undefined in an empty ledger. */
  lastAt(): Date | undefined;
  /** Removes the entries before `before`, but never the last one; returns how many that were. */
  prune(before: Date, now: Date): number;
}

export interface LedgerVerdict {
  entries: number;
  /** Number of entries that a checkpoint replaces. */
  pruned: number;
  /** Hash of the last entry; compared with the one reported to the platform, it shows whether the end was cut off. */
  head: string;
  /** The first entry that was changed. */
  broken: { number: number; reason: string } | null;
}

interface EntryRow extends Omit<LedgerEntry, "details"> {
  details: string;
}

/** Opens the ledger; with `readOnly` it may be in use by the agent and must exist. */
export function openLedger(path: string, options: { readOnly?: boolean } = {}): Ledger {
  const db = openDatabase(path, options);
  if (options.readOnly !== true) createTable(db);
  return {
    append: ({ at, kind, summary, bytes, details = {} }) =>
      db.transaction(() =>
        insert(db, { at: at.toISOString(), kind, summary, sha256: sha256Hex(bytes), size: bytes.length, details })
      ),
    entries: (options) => entriesOf(db, options),
    verify: () => verifyLedger(entriesOf(db)),
    head: () => headOf(db),
    lastAt() {
      const last = db.get<{ at: string }>("SELECT at FROM entry ORDER BY number DESC LIMIT 1");
      return last === undefined ? undefined : new Date(last.at);
    },
    prune: (before, now) => db.transaction(() => prune(db, before, now)),
    [Symbol.dispose]: () => db.close(),
  };
}

function headOf(db: Database): { number: number; hash: string } {
  return db.get<{ number: number; hash: string }>("SELECT number, hash FROM entry ORDER BY number DESC LIMIT 1") ??
    { number: 0, hash: noHash };
}

function insert(db: Database, entry: Omit<LedgerEntry, "number" | "previous" | "hash">): LedgerEntry {
  const { number, hash: previous } = headOf(db);
  const chained = { number: number + 1, ...entry, previous, hash: "" };
  const complete = { ...chained, hash: hashOfEntry(chained) };
  db.run(
    "INSERT INTO entry (number, at, kind, summary, sha256, size, details, previous, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    complete.number,
    complete.at,
    complete.kind,
    complete.summary,
    complete.sha256,
    complete.size,
    canonicalJson(complete.details),
    complete.previous,
    complete.hash,
  );
  return complete;
}

function* entriesOf(
  db: Database,
  { since, limit = Infinity }: { since?: Date; limit?: number } = {},
): Iterable<LedgerEntry> {
  let left = limit;
  for (let after = 0; left > 0;) {
    const rows = db.all<EntryRow>(
      "SELECT * FROM entry WHERE number > ? AND at >= ? ORDER BY number LIMIT ?",
      after,
      since?.toISOString() ?? "",
      Math.min(left, 500),
    );
    for (const row of rows) yield { ...row, details: parseDetails(row.details) };
    const last = rows.at(-1);
    if (last === undefined) return;
    after = last.number;
    left -= rows.length;
  }
}

function prune(db: Database, before: Date, now: Date): number {
  // Times can go back with the clock: pruning goes by number, so that the rest is one chain.
  const kept = db.get<{ number: number | null }>(
    "SELECT min(number) AS number FROM entry WHERE at >= ?",
    before.toISOString(),
  );
  const firstKept = kept?.number ?? headOf(db).number;
  const last = db.get<{ number: number; hash: string }>(
    "SELECT number, hash FROM entry WHERE number < ? ORDER BY number DESC LIMIT 1",
    firstKept,
  );
  if (last === undefined) return 0;
  const pruned = db.run("DELETE FROM entry WHERE number <= ?", last.number);
  insert(db, {
    at: now.toISOString(),
    kind: "checkpoint",
    summary: `Pruned the entries up to ${last.number}`,
    sha256: noHash,
    size: 0,
    details: { prunedTo: last.number, prunedHash: last.hash, prunedCount: last.number },
  });
  return pruned;
}

/** Details that are not valid JSON are shown as text; the hash shows that they were changed. */
function parseDetails(text: string): JsonValue {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function createTable(db: Database): void {
  db.exec(`CREATE TABLE IF NOT EXISTS entry (
    number INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    kind TEXT NOT NULL,
    summary TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    size INTEGER NOT NULL,
    details TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL
  ) STRICT`);
}

/** Verifies the chain from its first entry: number 1, or the one after the latest checkpoint's last number. */
function verifyLedger(entries: Iterable<LedgerEntry>): LedgerVerdict {
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
