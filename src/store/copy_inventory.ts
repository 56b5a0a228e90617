import { type Database, openDatabase, type SqlValue } from "../../common/host/sqlite.ts";
import { type Inventory, inventoryOn } from "./inventory.ts";
import { inventoryVersion, prepareInventoryDatabase } from "./inventory_database.ts";

/** Tables in the order of their references; without `event`, which has no influence on later decisions. */
const tables = ["device", "evidence", "location", "held", "mark"];

/**
 * An inventory in memory with the content of the file at `path`, or empty without one: to try out what an observation
 * would do. The file may be in use by the agent and is only read; one of an earlier release is brought up to date in the
 * copy. Throws `StorageError` or `DamagedDatabaseError`.
 */
export function copyInventory(path: string | null): Inventory {
  const db = openDatabase(":memory:");
  try {
    if (path !== null) copyRows(path, db);
    prepareInventoryDatabase(db);
    return inventoryOn(db);
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Row by row, as Deno allows ATTACH only to a program with all permissions. */
function copyRows(path: string, db: Database): void {
  const kept = openDatabase(path, { readOnly: true });
  try {
    prepareInventoryDatabase(db, inventoryVersion(kept));
    const existing = db.all<{ name: string }>("SELECT name FROM sqlite_schema WHERE type = 'table'");
    db.transaction(() => {
      for (const table of tables.filter((name) => existing.some((each) => each.name === name))) {
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
