import { copyStore } from "../store/copy_store.ts";
import type { DatabaseAddress } from "../store/postgres/database_url.ts";
import { openSqliteStore } from "../store/sqlite/sqlite_store.ts";
import { moveReadings } from "./move_readings.ts";

/** Moves the SQLite file to the empty database `target`, connected as its owner; see copyStore(). */
export async function copyInstallation(
  { path, target, role }: { path: string; target: DatabaseAddress; role: string },
): ReturnType<typeof copyStore> {
  // Brings an older file up to date.
  {
    await using store = openSqliteStore(path);
    await moveReadings(store, () => {});
  }
  return await copyStore({ path, target, role });
}
