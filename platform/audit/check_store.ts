/** Checks that a store is complete and durable, and its audit log valid. */
import { checkDatabase, type Finding } from "../store/postgres/check_database.ts";
import type { DatabaseAddress } from "../store/postgres/database_url.ts";
import { createPool } from "../store/postgres/postgres_pool.ts";
import { openPostgresStore } from "../store/postgres/postgres_store.ts";
import { openSqliteStore } from "../store/sqlite/sqlite_store.ts";
import type { Store } from "../store/store.ts";
import { auditVerdict } from "./audit_log.ts";

export async function checkPostgres(address: DatabaseAddress): Promise<Finding[]> {
  await using store = await openPostgresStore(address);
  const pool = createPool(address);
  try {
    return [...await checkDatabase(pool), await auditFinding(store), await releasesFinding(store)];
  } finally {
    await pool.end();
  }
}

export async function checkSqlite(path: string): Promise<Finding[]> {
  await using store = openSqliteStore(path);
  const rows = await store.transaction((tx) => tx.all<{ integrity_check: string }>("PRAGMA integrity_check"), {
    readOnly: true,
  });
  const faults = rows.map(({ integrity_check }) => integrity_check).filter((line) => line !== "ok");
  const file = {
    what: "file",
    fault: faults.length === 0 ? undefined : faults.join("; "),
    hint: "restore it from a backup",
  };
  return [file, await auditFinding(store), await releasesFinding(store)];
}

async function auditFinding(store: Store): Promise<Finding> {
  const { brokenAt } = await store.transaction((tx) => auditVerdict(tx), { readOnly: true });
  const fault = brokenAt === undefined ? undefined : `entry ${brokenAt} is missing or was changed`;
  return { what: "audit log", fault, hint: "compare it with a backup" };
}

/** Files of releases, which agents are sent chunk by chunk. */
async function releasesFinding(store: Store): Promise<Finding> {
  const rows = await store.transaction((tx) =>
    tx.all<{ version: string; target: string }>(
      `SELECT f.version, f.target FROM release_files f LEFT JOIN release_chunks c ON c.file_id = f.file_id
       WHERE f.version IS NOT NULL GROUP BY f.file_id, f.version, f.target, f.encoded_bytes
       HAVING coalesce(sum(length(c.bytes)), 0) <> f.encoded_bytes OR count(*) <> max(c.number) + 1
       ORDER BY f.version, f.target`,
    ), { readOnly: true });
  const names = rows.map(({ version, target }) => `${version} for ${target}`);
  return {
    what: "releases",
    fault: names.length === 0 ? undefined : `a file is incomplete: ${names.join(", ")}`,
    hint: "opendca-platform release withdraw it, or restore the store from a backup",
  };
}
