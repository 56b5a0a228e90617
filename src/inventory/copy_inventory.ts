import { DamagedDatabaseError, openDatabase } from "../core/sqlite.ts";
import { type Inventory, inventoryOn } from "./inventory.ts";
import { prepareInventoryDatabase } from "./inventory_database.ts";

/** In the order of their references; what was decided in the past (`event`) changes nothing of what is decided next. */
const tables = ["device", "evidence", "location", "mark"];
const knownVersion = 1;

/**
 * An inventory in memory, with what the file at `path` holds, or empty without one: for trying out what an observation
 * would do. The file may be in use by the agent and is only read. Throws `StorageError` or `DamagedDatabaseError`.
 */
export function copyInventory(path: string | null, options: { hasJournal: boolean }): Inventory {
  const db = openDatabase(":memory:");
  try {
    prepareInventoryDatabase(db);
    if (path !== null) {
      // Without its journal the file is complete, and nobody writes it: then SQLite need not put its own files beside it.
      db.run(
        "ATTACH ? AS kept",
        `file:${path.split("/").map(encodeURIComponent).join("/")}?${options.hasJournal ? "mode=ro" : "immutable=1"}`,
      );
      const version = db.get<{ user_version: number }>("PRAGMA kept.user_version")?.user_version;
      if (version !== knownVersion) {
        throw new DamagedDatabaseError(
          `Cannot read "${path}" as an inventory: current value of its version is ${version}`,
        );
      }
      db.transaction(() => {
        for (const table of tables) db.exec(`INSERT INTO ${table} SELECT * FROM kept.${table}`);
      });
      db.exec("DETACH kept");
    }
    return inventoryOn(db);
  } catch (error) {
    db.close();
    throw error;
  }
}
