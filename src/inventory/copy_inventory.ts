import { DamagedDatabaseError, type Database, openDatabase, type SqlValue } from "../core/sqlite.ts";
import { type Inventory, inventoryOn } from "./inventory.ts";
import { prepareInventoryDatabase } from "./inventory_database.ts";

/** In the order of their references; what was decided in the past (`event`) changes nothing of what is decided next. */
const tables = ["device", "evidence", "location", "mark"];
const knownVersion = 1;

/**
 * An inventory in memory with what the file at `path` holds, or empty without one: for trying out what an observation
 * would do. The file may be in use by the agent and is only read. Throws `StorageError` or `DamagedDatabaseError`.
 */
export function copyInventory(path: string | null): Inventory {
  const db = openDatabase(":memory:");
  try {
    prepareInventoryDatabase(db);
    if (path !== null) copyRows(path, db);
    return inventoryOn(db);
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Row by row, as Deno lets no program attach a database that has less than all permissions. */
function copyRows(path: string, db: Database): void {
  const kept = openDatabase(path, { readOnly: true });
  try {
    const version = kept.get<{ user_version: number }>("PRAGMA user_version")?.user_version;
    if (version !== knownVersion) {
      throw new DamagedDatabaseError(
        `Cannot read "${path}" as an inventory: current value of its version is ${version}`,
      );
    }
    db.transaction(() => {
      for (const table of tables) {
        for (const row of kept.all<Record<string, SqlValue>>(`SELECT * FROM ${table}`)) {
          const columns = Object.keys(row);
          const places = columns.map(() => "?").join(", ");
          db.run(`INSERT INTO ${table} (${columns.join(", ")}) VALUES (${places})`, ...Object.values(row));
        }
      }
    });
  } finally {
    kept.close();
  }
}
