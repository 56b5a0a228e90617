import { type Database, StorageError } from "../../common/host/sqlite.ts";
import { denoSpoolFiles, type SpoolFiles } from "../../src/store/spool_files.ts";

/** A temporary folder that can be full, can crash and can rot; what is on it is really SQLite's. */
export interface FakeDisk extends SpoolFiles, Disposable {
  readonly folder: string;
  /** No transaction commits, unless the reserve was given up since; nothing can be reserved. */
  full: boolean;
  /** What another process would find now, had this one been killed: the files as they are, without the shared memory. */
  crash(): FakeDisk;
  /** As `crash`, but of the journal only the octets that `earlier` had and the first `share` (0 to 1) of those behind. */
  crashTorn(earlier: FakeDisk, name: string, share: number): FakeDisk;
  /** Overwrites octets of a file. */
  rot(name: string, at: number, bytes: Uint8Array): void;
  path(name: string): string;
  names(): string[];
}

export function createFakeDisk(): FakeDisk {
  const folder = Deno.makeTempDirSync({ prefix: "fake_disk_" });
  let freed = false;

  function guardWrites(database: Database): Database {
    const wrapped: Database = {
      ...database,
      transaction: (body) =>
        database.transaction(() => {
          const result = body();
          if (disk.full && !freed) throw new StorageError("Cannot write: the disk is full", "full");
          return result;
        }),
    };
    return wrapped;
  }

  const disk: FakeDisk = {
    ...denoSpoolFiles,
    folder,
    full: false,
    path: (name) => `${folder}/${name}`,
    names: () => [...Deno.readDirSync(folder)].map(({ name }) => name).sort(),
    openDatabase: (path, options) => guardWrites(denoSpoolFiles.openDatabase(path, options)),
    remove(path) {
      if (path.endsWith(".reserve") && denoSpoolFiles.exists(path)) freed = true;
      denoSpoolFiles.remove(path);
    },
    reserve(path, bytes) {
      if (disk.full) return false;
      freed = false;
      return denoSpoolFiles.reserve(path, bytes);
    },
    crash() {
      const copy = createFakeDisk();
      for (const name of disk.names()) {
        if (!name.endsWith("-shm")) Deno.copyFileSync(disk.path(name), copy.path(name));
      }
      return copy;
    },
    crashTorn(earlier, name, share) {
      const copy = disk.crash();
      const before = Deno.statSync(earlier.path(name)).size;
      const after = Deno.statSync(copy.path(name)).size;
      Deno.truncateSync(copy.path(name), before + Math.floor(Math.max(0, after - before) * share));
      return copy;
    },
    rot(name, at, bytes) {
      using file = Deno.openSync(disk.path(name), { write: true });
      file.seekSync(at, Deno.SeekMode.Start);
      file.writeSync(bytes);
    },
    [Symbol.dispose]: () => Deno.removeSync(folder, { recursive: true }),
  };
  return disk;
}
