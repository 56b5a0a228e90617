/**
 * The layout of `spool.db`, what always holds of it, and what a crash leaves.
 *
 *   state    one row: epoch, next sequence, highest acknowledged sequence, counted age, depth, bytes, drop counters
 *   record   the queue in the order of `position`; `sequence` is NULL until the record is in a batch. `span` and `uptime_ms`
 *            say when it was by a clock that nobody sets; `corrected_at` and `is_guess` are filled in with `sequence`, where
 *            the machine's clock was wrong (src/store/clock_book.ts)
 *   batch    one row a sequence that is formed and neither acknowledged nor quarantined
 *   refused  quarantine: copies of refused records with the reason; never sent
 *
 * Invariants
 *   1. `append` returns after its transaction is synced. A record leaves `record` only by acknowledgement, by quarantine
 *      (it is in `refused` then), or by the limits, and then a drop counter has counted it.
 *   2. Sequences of an epoch are 1, 2, 3 … in the order in which batches were formed. A record is in at most one batch
 *      of an epoch, and the records of a batch never change: what may have been sent once is sent again byte for byte.
 *   3. So a record with a sequence is never dropped by the limits. What that pins is bounded: at most
 *      `maxOutstandingBatches` exist, and `nextBatch` forms no further one before an acknowledgement.
 *   4. `worth` is 0 for status, 1 for other meter-class records and 2 for the reading of class meter that was observed
 *      last of its device and UTC day. The limits drop unsent records by ascending (worth, position).
 *   5. `state.depth` and `state.bytes` are the count and the sum of `record.size`.
 *   6. `check_sum` is `checksumOf` the record, compared whenever a payload is read.
 *
 * Crashes. Every operation is one transaction of SQLite (WAL, synchronous=FULL), so that a crash leaves the state before
 * or after it: an append that did not return may be kept (its ids make a repetition harmless); a batch that was formed
 * but never handed out is handed out next; an acknowledgement that was lost is sent again by the platform.
 * A salvage (salvage_spool.ts) fills `spool.db.salvaged`, then renames the damaged files away, then the new one into
 * place. `spool.db.salvaged` beside `spool.db` is unfinished and thrown away; without `spool.db` it is complete.
 */
import { DamagedDatabaseError, type Database } from "../../common/host/sqlite.ts";
import { checksumOf, type RecordClass, type RecordKind, type SpoolRecord } from "./spool_record.ts";

const formatVersion = 2;

/** Additions of the second layout. */
const secondLayout = `
ALTER TABLE record ADD COLUMN span TEXT;
ALTER TABLE record ADD COLUMN uptime_ms INTEGER;
ALTER TABLE record ADD COLUMN corrected_at INTEGER;
ALTER TABLE record ADD COLUMN is_guess INTEGER;
PRAGMA user_version = 2;
`;

const layout = `
CREATE TABLE state (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  epoch TEXT NOT NULL,
  next_sequence INTEGER NOT NULL DEFAULT 1,
  acknowledged INTEGER NOT NULL DEFAULT 0,
  age_ms INTEGER NOT NULL DEFAULT 0,
  seen_at INTEGER NOT NULL,
  depth INTEGER NOT NULL DEFAULT 0,
  bytes INTEGER NOT NULL DEFAULT 0,
  dropped_status INTEGER NOT NULL DEFAULT 0,
  dropped_meters INTEGER NOT NULL DEFAULT 0,
  dropped_last_meters INTEGER NOT NULL DEFAULT 0,
  dropped_refused INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE record (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  class TEXT NOT NULL,
  device TEXT NOT NULL,
  observed_at INTEGER NOT NULL,
  day INTEGER NOT NULL,
  worth INTEGER NOT NULL,
  age_ms INTEGER NOT NULL,
  size INTEGER NOT NULL,
  sequence INTEGER,
  check_sum INTEGER NOT NULL,
  payload BLOB NOT NULL,
  span TEXT,
  uptime_ms INTEGER,
  corrected_at INTEGER,
  is_guess INTEGER
) STRICT;
CREATE INDEX record_sequence ON record (sequence, position);
CREATE INDEX record_worth ON record (worth, position) WHERE sequence IS NULL;
CREATE INDEX record_last ON record (device, day) WHERE worth = 2;
CREATE TABLE batch (
  sequence INTEGER PRIMARY KEY,
  batch_id TEXT NOT NULL,
  formed_at INTEGER NOT NULL,
  records INTEGER NOT NULL
) STRICT;
CREATE TABLE refused (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  epoch TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  reason TEXT NOT NULL,
  refused_at INTEGER NOT NULL,
  id TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  class TEXT NOT NULL,
  device TEXT NOT NULL,
  observed_at INTEGER NOT NULL,
  size INTEGER NOT NULL,
  check_sum INTEGER NOT NULL,
  payload BLOB NOT NULL
) STRICT;
PRAGMA user_version = ${formatVersion};
`;

/** Table definitions as SQLite stores them, except for white space. */
const statements = layout.split(";").map((statement) => statement.trim()).filter((text) => text.startsWith("CREATE "));
const withoutBlanks = (sql: string) => sql.replaceAll(/\s+/g, "");

export interface StateRow {
  epoch: string;
  next_sequence: number;
  acknowledged: number;
  age_ms: number;
  seen_at: number;
  depth: number;
  bytes: number;
  dropped_status: number;
  dropped_meters: number;
  dropped_last_meters: number;
  dropped_refused: number;
}

/** Columns from which `recordOf` makes a record. */
export interface RecordRow {
  position: number;
  id: string;
  kind: string;
  class: string;
  device: string;
  observed_at: number;
  check_sum: number;
  payload: Uint8Array;
  /** Missing in a spool of the first layout, which only a salvage reads. */
  span?: string | null;
  uptime_ms?: number | null;
  corrected_at?: number | null;
  is_guess?: number | null;
}

/**
 * Makes the tables of an empty database, unless it must not be empty, or checks those of an old one page by page. Throws
 * `DamagedDatabaseError`.
 */
export function prepareSpoolDatabase(db: Database, now: Date, { mayBeEmpty = true } = {}): void {
  const version = db.get<{ user_version: number }>("PRAGMA user_version")?.user_version;
  if (version === 0 && db.all("SELECT 1 FROM sqlite_schema").length === 0) {
    if (!mayBeEmpty) throw new DamagedDatabaseError(`Cannot read "${db.path}" as a spool: it is empty`);
    db.transaction(() => {
      db.exec(layout);
      db.run("INSERT INTO state (id, epoch, seen_at) VALUES (1, ?, ?)", crypto.randomUUID(), now.getTime());
    });
    return;
  }
  if (version === 1) db.transaction(() => db.exec(secondLayout));
  else if (version !== formatVersion) {
    throw new DamagedDatabaseError(`Cannot read "${db.path}" as a spool: current value of its version is ${version}`);
  }
  const [found] = db.all<{ quick_check: string }>("PRAGMA quick_check(1)");
  if (found?.quick_check !== "ok") {
    throw new DamagedDatabaseError(`Cannot read "${db.path}" as a spool: ${found?.quick_check.replaceAll("\n", " ")}`);
  }
  // The page check does not read the definitions; a damaged one would fail in use like an error in our SQL.
  const definitions = db.all<{ sql: string }>("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid");
  const kept = new Set(definitions.map(({ sql }) => withoutBlanks(sql)));
  const damaged = statements.filter((statement) => !kept.has(withoutBlanks(statement)));
  if (damaged.length > 0) {
    throw new DamagedDatabaseError(
      `Cannot read "${db.path}" as a spool: ${damaged.length} definitions are not its own`,
    );
  }
  stateOf(db);
}

export function stateOf(db: Database): StateRow {
  const row = db.get<StateRow>("SELECT * FROM state WHERE id = 1");
  if (row === undefined) throw new DamagedDatabaseError(`Cannot read "${db.path}" as a spool: it has lost its state`);
  return row;
}

/** The record of a row. Throws `DamagedDatabaseError` if its checksum does not match. */
export function recordOf(row: RecordRow): SpoolRecord {
  const { span, uptime_ms: ms, corrected_at: correctedAt } = row;
  const record: SpoolRecord = {
    id: row.id,
    kind: row.kind as RecordKind,
    class: row.class as RecordClass,
    deviceId: row.device,
    observedAt: new Date(row.observed_at),
    ...(typeof span === "string" && typeof ms === "number" ? { mark: { span, ms } } : {}),
    ...(typeof correctedAt === "number"
      ? { corrected: { at: new Date(correctedAt), isGuess: row.is_guess === 1 } }
      : {}),
    payload: row.payload,
  };
  if (checksumOf(record) !== row.check_sum) {
    throw new DamagedDatabaseError(`Cannot read the record "${row.id}" as it was written: its checksum differs`);
  }
  return record;
}
