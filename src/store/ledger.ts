/**
 * The egress ledger in `ledger.db`: an append-only record of everything sent and every task received. One table `entry`,
 * a row an entry, synced before `append` returns, so that a crash leaves the chain with or without its last entry, never
 * half of one. Pruning removes the oldest entries and appends a checkpoint that names the last of them with its hash, in
 * one transaction. Whoever may write the file can make a whole new chain: what shows that is the head, which the agent
 * tells the platform.
 */
import { type Database, openDatabase } from "../../common/host/sqlite.ts";
import { canonicalJson, type JsonValue } from "./canonical_json.ts";
import { hashOfEntry, type LedgerEntry, type LedgerKind, noHash, sha256Hex } from "./ledger_entry.ts";
import { type LedgerVerdict, verifyLedger } from "./verify_ledger.ts";

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

interface EntryRow extends Omit<LedgerEntry, "details"> {
  details: string;
}

/** Opens the ledger; with `readOnly` it may be in use by the agent and must exist. */
export function openLedger(path: string, options: { readOnly?: boolean } = {}): Ledger {
  const db = openDatabase(path, options);
  if (options.readOnly !== true) createTable(db);

  function head(): { number: number; hash: string } {
    return db.get<{ number: number; hash: string }>("SELECT number, hash FROM entry ORDER BY number DESC LIMIT 1") ??
      { number: 0, hash: noHash };
  }

  function insert(entry: Omit<LedgerEntry, "number" | "previous" | "hash">): LedgerEntry {
    const { number, hash: previous } = head();
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

  function* entries({ since, limit }: { since?: Date; limit?: number } = {}): Iterable<LedgerEntry> {
    let left = limit ?? Infinity;
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

  return {
    append: ({ at, kind, summary, bytes, details }) =>
      db.transaction(() =>
        insert({
          at: at.toISOString(),
          kind,
          summary,
          sha256: sha256Hex(bytes),
          size: bytes.length,
          details: details ?? {},
        })
      ),
    entries,
    verify: () => verifyLedger(entries()),
    head,
    lastAt() {
      const last = db.get<{ at: string }>("SELECT at FROM entry ORDER BY number DESC LIMIT 1");
      return last === undefined ? undefined : new Date(last.at);
    },
    prune: (before, now) =>
      db.transaction(() => {
        // Times may go back with the clock; what is pruned is a run of numbers, so that the rest is one chain.
        const kept = db.get<{ number: number | null }>(
          "SELECT min(number) AS number FROM entry WHERE at >= ?",
          before.toISOString(),
        );
        const firstKept = kept?.number ?? head().number;
        const last = db.get<{ number: number; hash: string }>(
          "SELECT number, hash FROM entry WHERE number < ? ORDER BY number DESC LIMIT 1",
          firstKept,
        );
        if (last === undefined) return 0;
        const pruned = db.run("DELETE FROM entry WHERE number <= ?", last.number);
        insert({
          at: now.toISOString(),
          kind: "checkpoint",
          summary: `Pruned the entries up to ${last.number}`,
          sha256: noHash,
          size: 0,
          details: { prunedTo: last.number, prunedHash: last.hash, prunedCount: last.number },
        });
        return pruned;
      }),
    [Symbol.dispose]: () => db.close(),
  };
}

/** Details that are no JSON any more are shown as they are; their hash tells that they were changed. */
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
