import assert from "node:assert/strict";
import { peerTest, postgresServer } from "../../../tests/fixtures/peers.ts";
import { startPostgres } from "../../../tests/fixtures/postgres_server.ts";
import { until } from "../../../tests/fixtures/until.ts";
import { checkDatabase } from "./check_database.ts";
import { parseDatabaseUrl } from "./database_url.ts";
import { createPool } from "./postgres_pool.ts";

peerTest("checkDatabase() finds what loses data, lets others see it, or is missing", [postgresServer], async () => {
  await using server = await startPostgres({ isDurable: true, isSmall: true });
  await using database = await server.database("own");
  const faults = async () => {
    const pool = createPool(parseDatabaseUrl(database.url));
    const found = await checkDatabase(pool);
    await pool.end();
    return found.filter(({ fault }) => fault !== undefined).map(({ what, fault }) => `${what}: ${fault}`);
  };
  assert.deepEqual(await faults(), []);
  await database.sql("ALTER TABLE sites NO FORCE ROW LEVEL SECURITY");
  await database.sql("CREATE POLICY all_rows ON records USING (true)");
  await database.sql("CREATE TABLE another (customer_id text)");
  await database.sql("REVOKE DELETE ON devices FROM opendca");
  for (const name of ["fsync", "full_page_writes", "synchronous_commit"]) {
    await server.sql(`ALTER SYSTEM SET ${name} = off`);
  }
  await server.sql("SELECT pg_reload_conf()");
  await until(
    "the server has its new settings",
    async () => (await faults()).some((fault) => fault.includes("synchronous_commit")),
  );
  assert.deepEqual(await faults(), [
    "row-level security: customers are not separated in another, records, sites",
    "rights: not all are given on another, devices",
    "durability: the server has fsync and full_page_writes and synchronous_commit off: a crash loses what the platform has acknowledged",
  ]);
});
