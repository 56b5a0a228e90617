import type { DatabaseAddress } from "./database_url.ts";
import { openError } from "./postgres_error.ts";
import { createPool } from "./postgres_pool.ts";
import { migrateSchema } from "./postgres_schema.ts";

/** Creates or updates the tables in PostgreSQL, connected as their owner, and grants `role` its rights. */
export async function migrateDatabase(
  address: DatabaseAddress,
  { role }: { role: string },
): Promise<{ from: number; to: number }> {
  const pool = createPool(address, { connections: 1, statementTimeoutMs: 0, lockTimeoutMs: 60_000 });
  try {
    const client = await pool.connect();
    try {
      return await migrateSchema(client, { address, role });
    } finally {
      client.release();
    }
  } catch (error) {
    throw openError(error, address.shown);
  } finally {
    await pool.end();
  }
}
