/**
 * The database of the spool, on a disk that may be full and a file that may be damaged. Damage is mended on the spot; a
 * reserve beside the file keeps room for what empties the queue.
 */
import type { Clock } from "../../common/core/clock.ts";
import { DamagedDatabaseError, type Database, mayBeRoom, StorageError } from "../../common/host/sqlite.ts";
import { finishSalvage, type SalvageReport, salvageSpool } from "./salvage_spool.ts";
import { prepareSpoolDatabase } from "./spool_database.ts";
import type { SpoolFiles } from "./spool_files.ts";

export interface SpoolStorageOptions {
  clock: Pick<Clock, "now">;
  files: SpoolFiles;
  /** Called when a damaged file was quarantined, when opened or in use: data was lost, log it as an error. */
  onSalvage(report: SalvageReport): void;
  /**
   * Disk space kept aside so that a full disk does not stop what is spooled from being sent and deleted; the index of
   * ids of a full spool takes that much when an acknowledgement touches all of it.
   */
  reserveBytes?: number;
}

export interface SpoolStorage extends Disposable {
  /** Result of the last attempt to write. */
  readonly diskFull: boolean;
  /** For reads. Repeated if it finds damage, after that has been repaired. */
  use<T>(operation: (db: Database) => T): T;
  /** For writes that fill the queue; they need the reserve to exist. Throws `StorageError`. */
  fill(operation: (db: Database) => void): void;
  /** For writes that empty the queue; they may use the reserve, as they free space. */
  drain<T>(operation: (db: Database) => T): T;
}

/** The file that reserves space for the spool at `path`; removing it releases the space. */
export function spoolReservePath(path: string): string {
  return `${path}.reserve`;
}

/** Opens or makes the database at `path`, saving what can be read of a damaged one. Throws `StorageError`. */
export function openSpoolStorage(path: string, options: SpoolStorageOptions): SpoolStorage {
  const { files } = options;
  const reserve = { path: spoolReservePath(path), bytes: options.reserveBytes ?? 8 * 1024 * 1024 };
  let hasReserve = false, diskFull = false, isClosed = false;
  finishSalvage(path, files);
  let db = openOnFullDisk(path, options);
  takeReserve();

  function takeReserve(): void {
    if (!hasReserve) hasReserve = files.reserve(reserve.path, reserve.bytes);
    diskFull = !hasReserve;
  }

  /** If there was no space for a salvage, the spool is closed: each operation tries again. */
  function openAgain(): void {
    if (!isClosed) return;
    finishSalvage(path, files);
    db = openOnFullDisk(path, options);
    isClosed = false;
  }

  function use<T>(operation: (db: Database) => T): T {
    openAgain();
    try {
      return operation(db);
    } catch (error) {
      if (!(error instanceof DamagedDatabaseError)) throw error;
      db.close();
      isClosed = true;
      const report = salvage(path, error, options);
      openAgain();
      options.onSalvage(report);
      return operation(db);
    }
  }

  return {
    get diskFull() {
      return diskFull;
    },
    use,
    fill(operation) {
      if (!hasReserve) takeReserve();
      if (!hasReserve) {
        // Pages of deleted records may be the only free space.
        openAgain();
        tidy(db, "PRAGMA incremental_vacuum");
        tidy(db, "PRAGMA wal_checkpoint(TRUNCATE)");
        takeReserve();
      }
      if (!hasReserve) throw new StorageError(`Cannot append to "${path}": the disk is full`, "full");
      try {
        use(operation);
        diskFull = false;
      } catch (error) {
        diskFull = isFull(error);
        throw error;
      }
    },
    drain: (operation) =>
      use((db) => {
        try {
          return operation(db);
        } catch (error) {
          if (!isFull(error)) throw error;
          files.remove(reserve.path);
          hasReserve = false;
          diskFull = true;
          tidy(db, "PRAGMA wal_checkpoint(TRUNCATE)");
          return operation(db);
        }
      }),
    [Symbol.dispose]() {
      if (!isClosed) db.close();
    },
  };
}

/** Even the index of the journal needs space; the reserve of the run before provides it. */
function openOnFullDisk(path: string, options: SpoolStorageOptions): Database {
  const { files } = options;
  const reserve = spoolReservePath(path);
  try {
    return openOrSalvage(path, options);
  } catch (error) {
    if (!(error instanceof StorageError) || !mayBeRoom(error) || !files.exists(reserve)) throw error;
    files.remove(reserve);
    return openOrSalvage(path, options);
  }
}

function openOrSalvage(path: string, options: SpoolStorageOptions): Database {
  try {
    return openPrepared(path, options);
  } catch (error) {
    if (!(error instanceof DamagedDatabaseError)) throw error;
    const report = salvage(path, error, options);
    const opened = openPrepared(path, options);
    options.onSalvage(report);
    return opened;
  }
}

function openPrepared(path: string, { clock, files }: SpoolStorageOptions): Database {
  // Only a working spool makes a reserve: an empty database beside one has lost its content.
  const mayBeEmpty = !(files.exists(path) && files.exists(spoolReservePath(path)));
  const opened = files.openDatabase(path);
  try {
    prepareSpoolDatabase(opened, clock.now(), { mayBeEmpty });
    return opened;
  } catch (error) {
    opened.close();
    throw error;
  }
}

function salvage(path: string, { message }: Error, { clock, files }: SpoolStorageOptions): SalvageReport {
  return salvageSpool(path, { files, now: clock.now(), reason: message });
}

function isFull(error: unknown): boolean {
  return error instanceof StorageError && error.reason === "full";
}

/** Clean-up that may fail on a full disk: the next write reports it. */
export function tidy(db: Database, sql: string): void {
  try {
    db.exec(sql);
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
  }
}
