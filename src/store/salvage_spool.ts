/**
 * Saves what can be read of a damaged spool into a new one of a new epoch, and sets the damaged files aside. Records that
 * were in a batch are sent again under the new epoch: the platform keeps one record an id, so that none counts twice.
 */
import { DamagedDatabaseError, type Database } from "../../common/host/sqlite.ts";
import { messageOf } from "../../common/core/errors.ts";
import { insertRecord } from "./append_records.ts";
import { prepareSpoolDatabase, recordOf, type RecordRow } from "./spool_database.ts";
import type { SpoolFiles } from "./spool_files.ts";
import { sizeOf } from "./spool_record.ts";

export interface SalvageReport {
  /** The error of SQLite or the checksum. */
  reason: string;
  /** Where the damaged file is now. */
  keptAs: string;
  /** Records that are in the new spool. */
  saved: number;
  /** Rows that were found but could not be read; rows of lost pages are not counted. */
  lost: number;
}

/** Number of damaged files kept, so that a failing disk is not filled with them. */
const keptFiles = 2;
const sideFiles = ["-wal", "-shm"];

/** Replaces the database at `path`, which must be closed. Throws `StorageError` if there is no space for a copy. */
export function salvageSpool(path: string, options: { files: SpoolFiles; now: Date; reason: string }): SalvageReport {
  const { files, now, reason } = options;
  const fresh = salvagePath(path);
  removeDatabase(fresh, files);
  const { saved, lost } = copyReadable(path, fresh, { files, now });
  const stamp = now.toISOString().replaceAll(/[-:]|\.\d+/g, "");
  const keptAs = freeName(`${path}.damaged-${stamp}`, files);
  for (const end of ["", ...sideFiles]) {
    if (files.exists(path + end)) files.rename(path + end, keptAs + end);
  }
  files.rename(fresh, path);
  const kept = files.list(`${path}.damaged-`).filter((name) => !sideFiles.some((end) => name.endsWith(end)));
  for (const old of kept.slice(0, -keptFiles)) removeDatabase(old, files);
  return { reason, keptAs, saved, lost };
}

/** Completes a salvage that a crash interrupted: see the layout in spool_database.ts. */
export function finishSalvage(path: string, files: SpoolFiles): void {
  const fresh = salvagePath(path);
  if (!files.exists(fresh)) return;
  if (files.exists(path)) removeDatabase(fresh, files);
  else {
    // Remains of the old database must not be taken for the journal of the new one.
    for (const end of sideFiles) files.remove(path + end);
    files.rename(fresh, path);
  }
}

function salvagePath(path: string): string {
  return `${path}.salvaged`;
}

function freeName(name: string, files: SpoolFiles): string {
  let free = name;
  for (let i = 2; files.exists(free); i++) free = `${name}-${i}`;
  return free;
}

function removeDatabase(path: string, files: SpoolFiles): void {
  for (const end of ["", ...sideFiles]) files.remove(path + end);
}

function copyReadable(from: string, to: string, options: { files: SpoolFiles; now: Date }) {
  const target = options.files.openDatabase(to);
  try {
    prepareSpoolDatabase(target, options.now);
    return copyTables(from, target, options.files);
  } finally {
    // Also writes the journal into the file, so that one rename moves everything.
    target.close();
  }
}

function copyTables(from: string, target: Database, files: SpoolFiles): { saved: number; lost: number } {
  let source: Database;
  try {
    source = files.openDatabase(from, { readOnly: true });
  } catch (error) {
    if (error instanceof DamagedDatabaseError) return { saved: 0, lost: 0 };
    throw error;
  }
  try {
    // Without the list of its tables nothing of a database can be read.
    if (tryRows(source, "SELECT ? AS first, ? AS last FROM sqlite_schema", 0, 0) === undefined) {
      return { saved: 0, lost: 0 };
    }
    const refused = copyRows<RefusedRow>(
      source,
      "refused",
      (rows) => target.transaction(() => insertRefused(target, rows)),
    );
    const records = copyRows<RecordRow & { age_ms: number }>(
      source,
      "record",
      (rows) => target.transaction(() => insertRecords(target, rows)),
    );
    return { saved: records.saved + refused.saved, lost: records.lost + refused.lost };
  } finally {
    source.close();
  }
}

interface RefusedRow extends RecordRow {
  epoch: string;
  sequence: number;
  reason: string;
  refused_at: number;
}

function insertRecords(target: Database, rows: (RecordRow & { age_ms: number })[]): number {
  let depth = 0, bytes = 0, ageMs = 0;
  for (const row of rows) {
    if (!isIntact(row)) continue;
    // Fields outside the checksum may be damaged; a record without an age is as old as the one before it.
    if (Number.isSafeInteger(row.age_ms)) ageMs = row.age_ms;
    const added = insertRecord(target, recordOf(row), ageMs);
    depth += added > 0 ? 1 : 0;
    bytes += added;
  }
  target.run("UPDATE state SET depth = depth + ?, bytes = bytes + ?, age_ms = max(age_ms, ?)", depth, bytes, ageMs);
  return depth;
}

function insertRefused(target: Database, rows: RefusedRow[]): number {
  let saved = 0;
  for (const row of rows) {
    if (!isIntact(row)) continue;
    saved += target.run(
      `INSERT INTO refused (epoch, sequence, reason, refused_at, id, kind, class, device, observed_at, size, check_sum, payload)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
      typeof row.epoch === "string" ? row.epoch : "",
      countOr(row.sequence, 0),
      typeof row.reason === "string" ? row.reason : "The reason was on a damaged page",
      countOr(row.refused_at, 0),
      row.id,
      row.kind,
      row.class,
      row.device,
      row.observed_at,
      sizeOf(row.payload),
      row.check_sum,
      row.payload,
    );
  }
  return saved;
}

function countOr(value: number, other: number): number {
  return Number.isSafeInteger(value) ? value : other;
}

function isIntact(row: RecordRow): boolean {
  try {
    recordOf(row);
    return true;
  } catch (error) {
    // A lost page can give rows of any shape; such a row counts as lost.
    if (error instanceof DamagedDatabaseError || error instanceof TypeError || error instanceof RangeError) {
      return false;
    }
    throw error;
  }
}

/** Failed queries after which the rest of a table is given up; each costs far less than a millisecond. */
const maxFailures = 20_000;

/** Reads a table by ranges of positions, halving ranges with a damaged page until only its rows are missing. */
function copyRows<Row extends { position: number }>(
  source: Database,
  table: "record" | "refused",
  insert: (rows: Row[]) => number,
): { saved: number; lost: number } {
  const query = `SELECT * FROM ${table} WHERE position BETWEEN ? AND ? ORDER BY position LIMIT 200`;
  let saved = 0, lost = 0, failures = 0;
  const ranges: [first: number, last: number][] = [[1, lastPosition(source, table)]];
  for (let range = ranges.pop(); range !== undefined && failures < maxFailures; range = ranges.pop()) {
    const [first, last] = range;
    const rows = tryRows<Row>(source, query, first, last);
    if (rows === undefined) {
      failures++;
      const middle = first + Math.floor((last - first) / 2);
      if (first === last) lost++;
      else ranges.push([middle + 1, last], [first, middle]);
      continue;
    }
    const inserted = insert(rows);
    saved += inserted;
    lost += rows.length - inserted;
    const end = rows.at(-1)?.position;
    if (rows.length === 200 && end !== undefined && end < last) ranges.push([end + 1, last]);
  }
  return { saved, lost };
}

function tryRows<Row>(source: Database, query: string, first: number, last: number): Row[] | undefined {
  try {
    return source.all<Row>(query, first, last);
  } catch (error) {
    if (error instanceof DamagedDatabaseError) return undefined;
    // The table's definition is lost.
    if (/no such (table|column)/.test(messageOf(error))) return [];
    throw error;
  }
}

/** The highest position ever used, from SQLite's counter; a generous guess if that is lost. */
function lastPosition(source: Database, table: string): number {
  try {
    const row = source.get<{ seq: number }>("SELECT seq FROM sqlite_sequence WHERE name = ?", table);
    return Math.max(1, row?.seq ?? 1);
  } catch (error) {
    if (error instanceof DamagedDatabaseError || /no such table/.test(messageOf(error))) return 2 ** 30;
    throw error;
  }
}
