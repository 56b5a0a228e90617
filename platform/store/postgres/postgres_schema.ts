/**
 * Tables in PostgreSQL. The migrations are those of SQLite with the types of PostgreSQL, with the same numbers; `own`
 * has those with a different text. Text is compared byte by byte, as in SQLite (`COLLATE "C"`).
 *
 * Row-level security: a role that is neither the owner nor may bypass it sees the rows of `opendca.customer`, or all
 * rows while `opendca.scope` is `platform`. Both are set in each transaction; otherwise no rows are visible.
 */
// @ts-types="@types/pg"
import type pg from "pg";
import { ConfigError } from "../../../common/core/errors.ts";
import { counts, countTriggers, postgresCountTriggers } from "../count_tables.ts";
import { years } from "../device_tables.ts";
import { migrations } from "../migrations.ts";
import { partitionColumns } from "../partitions.ts";
import { proofs } from "../proof_tables.ts";
import {
  listOrders,
  lowerNames,
  postgresAddressOrders,
  postgresListOrders,
  postgresLowerNames,
  sqliteAddressOrders,
} from "../view_tables.ts";
import type { DatabaseAddress } from "./database_url.ts";
import { openError } from "./postgres_error.ts";
import { createPool } from "./postgres_pool.ts";

/* By number. The rest is translated. */
const own: Record<number, (sqlite: string | undefined) => string> = {
  1: (sqlite) =>
    translated(sqlite!.replace(/CREATE TRIGGER[\s\S]*$/, "")) + `
CREATE UNIQUE INDEX customers_by_name ON customers (lower(name));
CREATE UNIQUE INDEX sites_by_name ON sites (customer_id, lower(name));
CREATE FUNCTION audit_log_refuses() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'The audit log is append-only'; END $$;
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
  FOR EACH STATEMENT EXECUTE FUNCTION audit_log_refuses();
`,
  // Nothing was ever stored in PostgreSQL under the second version.
  3: () => `
DROP TABLE device_evidence;
CREATE TABLE device_evidence (
  customer_id text COLLATE "C" NOT NULL,
  kind text COLLATE "C" NOT NULL,
  value text COLLATE "C" NOT NULL,
  device_id text COLLATE "C" NOT NULL,
  seen_at bigint NOT NULL,
  current bigint NOT NULL,
  shared bigint NOT NULL,
  sure bigint NOT NULL,
  PRIMARY KEY (customer_id, kind, value, device_id),
  FOREIGN KEY (customer_id, device_id) REFERENCES devices
);
CREATE INDEX device_evidence_by_device ON device_evidence (customer_id, device_id);
CREATE TABLE device_places (
  customer_id text COLLATE "C" NOT NULL,
  scope text COLLATE "C" NOT NULL,
  place text COLLATE "C" NOT NULL,
  device_id text COLLATE "C" NOT NULL,
  seen_at bigint NOT NULL,
  until bigint,
  PRIMARY KEY (customer_id, scope, place, device_id),
  FOREIGN KEY (customer_id, device_id) REFERENCES devices
);
CREATE INDEX device_places_by_device ON device_places (customer_id, device_id, scope);
`,
  9: () => `${partitioned(translated(years))}\n${partitions}\nDROP TABLE readings;`,
  22: (sqlite) => `${translated(sqlite!)}\n${revision}`,
};

function partitioned(tables: string): string {
  return Object.entries(partitionColumns).reduce(
    (text, [name, column]) =>
      text.replace(new RegExp(`(CREATE TABLE ${name} \\([\\s\\S]*?\\n\\));`), `$1 PARTITION BY RANGE (${column});`),
    tables,
  );
}

/*
 * Partitions are in a separate schema without any rights: their rows are only accessible through their tables, with
 * row-level security. The platform's role does not own them, and calls this function to create new ones and drop old
 * ones. Rows with times without a partition go to the default partition.
 */
const partitions = `
CREATE SCHEMA opendca_partitions;
CREATE TABLE opendca_partitions.records_other PARTITION OF records DEFAULT;
CREATE TABLE opendca_partitions.samples_other PARTITION OF samples DEFAULT;
${keepingPartitions("CREATE", ["records", "samples"])}
REVOKE ALL ON FUNCTION opendca_keep_partitions(text, bigint, bigint, bigint, bigint) FROM PUBLIC;`;

const proofPartitions = `
CREATE TABLE opendca_partitions.kept_readings_other PARTITION OF kept_readings DEFAULT;
CREATE TABLE opendca_partitions.kept_seals_other PARTITION OF kept_seals DEFAULT;
${keepingPartitions("CREATE OR REPLACE", ["records", "samples", "kept_readings", "kept_seals"])}`;

function keepingPartitions(create: string, tables: readonly string[]): string {
  return `
-- Makes those from \`from_ms\` to \`until_ms\`, and drops those that end before \`keep_ms\`; returns how many were dropped.
${create} FUNCTION opendca_keep_partitions(of_table text, step_ms bigint, from_ms bigint, until_ms bigint, keep_ms bigint)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  begins bigint := from_ms - from_ms % step_ms;
  part record;
  dropped bigint := 0;
BEGIN
  IF of_table NOT IN (${
    tables.map((table) => `'${table}'`).join(", ")
  }) OR step_ms < 86400000 OR until_ms - from_ms > 400 * step_ms THEN
    RAISE EXCEPTION 'invalid partitions of %', of_table;
  END IF;
  PERFORM pg_advisory_xact_lock(hashtextextended('opendca partitions', 0));
  WHILE begins < until_ms LOOP
    IF to_regclass(format('opendca_partitions.%I', of_table || '_' || begins)) IS NULL THEN
      BEGIN
        EXECUTE format('CREATE TABLE opendca_partitions.%I PARTITION OF public.%I FOR VALUES FROM (%s) TO (%s)',
          of_table || '_' || begins, of_table, begins, begins + step_ms);
      EXCEPTION WHEN check_violation THEN
        -- The default partition has rows of this time already; they stay there.
        NULL;
      END;
    END IF;
    begins := begins + step_ms;
  END LOOP;
  FOR part IN
    SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'opendca_partitions' AND c.relkind = 'r' AND c.relname ~ ('^' || of_table || '_[0-9]+$')
      AND substring(c.relname from '[0-9]+$')::bigint + step_ms <= keep_ms
  LOOP
    EXECUTE format('DROP TABLE opendca_partitions.%I', part.relname);
    dropped := dropped + 1;
  END LOOP;
  RETURN dropped;
END $$;`;
}

/*
 * Rows that every reading updates: with room beside them, the new version stays in the same page, needs no new entry in
 * the indices, and takes the place of the one before. Without it, these tables grew by two kilobytes a reading until the
 * next VACUUM. A record is compressed already: to try it again cost four microseconds a reading.
 */
const room = `ALTER TABLE device_state SET (fillfactor = 50); ALTER TABLE devices SET (fillfactor = 80);
ALTER TABLE device_state ALTER COLUMN record SET STORAGE EXTERNAL`;

/*
 * A poll reads the number in the statement that it makes anyway, with the rights of a customer, who may see nothing else
 * of releases. (`SET` of a function would need a superuser.)
 */
const revision = `
ALTER TABLE release_chunks ALTER COLUMN bytes SET STORAGE EXTERNAL;
CREATE FUNCTION opendca_release_revision() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  scope text := coalesce(current_setting('opendca.scope', true), '');
  found bigint;
BEGIN
  PERFORM set_config('opendca.scope', 'platform', true);
  SELECT coalesce((SELECT revision FROM public.release_revision WHERE whose = 'all'), 0) INTO found;
  PERFORM set_config('opendca.scope', scope, true);
  RETURN found;
END $$;`;

/* Which row came first decides in these; SQLite counts the rows of every table. */
const numbered = ["certificates", "device_history"];

/** Definitions of tables, written for SQLite. */
export function translated(sqlite: string): string {
  return sqlite
    .replace(/CREATE TABLE (\w+) \(([\s\S]*?)\n\) STRICT(, WITHOUT ROWID)?;/g, (_, name, columns) => {
      const rowid = numbered.includes(name) ? ",\n  rowid bigint GENERATED BY DEFAULT AS IDENTITY" : "";
      return `CREATE TABLE ${name} (${columns}${rowid}\n);`;
    })
    .replace(/\bINTEGER PRIMARY KEY\b/g, "bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY")
    .replace(/\bINTEGER\b/g, "bigint")
    .replace(/\bBLOB\b/g, "bytea")
    .replace(/\bREAL\b/g, "double precision")
    .replace(/ COLLATE NOCASE\b/g, "")
    .replace(/\bTEXT\b/g, 'text COLLATE "C"');
}

function migrationOf(number: number): string {
  const step = migrations[number - 1];
  if (step === counts + countTriggers) return translated(counts) + postgresCountTriggers;
  if (step === lowerNames) return postgresLowerNames;
  if (step === sqliteAddressOrders) return postgresAddressOrders;
  if (step === listOrders) return translated(postgresListOrders);
  if (step === proofs) return `${partitioned(translated(proofs))}\n${proofPartitions}`;
  const sqlite = typeof step === "string" ? step : undefined;
  const made = own[number]?.(sqlite) ?? (sqlite === undefined ? undefined : translated(sqlite));
  if (made === undefined) throw new Error(`Cannot migrate PostgreSQL: migration ${number} has no text for it`);
  return made;
}

const ours = "n.nspname = 'public' AND c.relkind IN ('r', 'p')";
const versionTable = "store_version";

/** Version of the schema; 0 for a database without tables. Throws ConfigError for tables of another program. */
async function versionOf(client: Pick<pg.Client, "query">, address: DatabaseAddress): Promise<number> {
  const { rows } = await client.query(
    `SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE ${ours}`,
  );
  if (rows.length === 0) return 0;
  if (!rows.some(({ relname }) => relname === versionTable)) {
    throw new ConfigError(
      `Cannot use the database ${address.shown} as it has tables of another program`,
      "create a database for the platform alone",
    );
  }
  return (await client.query(`SELECT version FROM ${versionTable}`)).rows[0].version;
}

const laterRelease = (address: DatabaseAddress, version: number) =>
  new ConfigError(
    `Cannot use the database ${address.shown} as a store of version ${migrations.length}: current value is ${version}`,
    "a later release made or migrated it: install that release, or restore a backup that an earlier one made",
  );

/** Throws ConfigError if the store cannot be used as it is. */
export async function checkSchema(pool: pg.Pool, address: DatabaseAddress): Promise<void> {
  const version = await versionOf(pool, address);
  if (version > migrations.length) throw laterRelease(address, version);
  if (version < migrations.length) {
    throw new ConfigError(
      version === 0
        ? `Cannot use the database ${address.shown} as it has no tables yet`
        : `Cannot use the database ${address.shown} as a store of version ${migrations.length}: current value is ${version}`,
      `run opendca-platform database migrate --role ${address.user} --database postgres://OWNER@…, as the owner of the database`,
    );
  }
  const { rows: [role] } = await pool.query(
    `SELECT rolsuper OR rolbypassrls AS sees_all, EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
       WHERE ${ours} AND c.relowner = r.oid) AS owns FROM pg_roles r WHERE rolname = current_user`,
  );
  if (!role.sees_all && !role.owns) return;
  const why = role.owns ? "owns the tables" : "is not bound by row-level security";
  throw new ConfigError(
    `Cannot use the database as "${address.user}" as this role ${why}`,
    "connect as a role of its own, which database migrate --role has given its rights",
  );
}

/**
 * Migrates the tables to this release's version, and grants `role` the platform's rights. In one transaction. `to`: an
 * earlier version, as a release of that time left it.
 */
export async function migrateSchema(
  client: pg.ClientBase,
  { address, role, to = migrations.length }: { address: DatabaseAddress; role: string; to?: number },
): Promise<{ from: number; to: number }> {
  await client.query("BEGIN");
  try {
    // If several processes migrate, one does it, and the others find it done.
    await client.query("SELECT pg_advisory_xact_lock(hashtextextended('opendca migrate', 0))");
    await client.query("SELECT set_config('opendca.scope', 'platform', true)");
    const from = await versionOf(client, address);
    if (from > migrations.length) throw laterRelease(address, from);
    for (let number = from + 1; number <= to; number++) await client.query(migrationOf(number));
    await client.query(`CREATE TABLE IF NOT EXISTS ${versionTable} (version bigint NOT NULL);
      DELETE FROM ${versionTable}; INSERT INTO ${versionTable} VALUES (${to}); ${room}`);
    await secureTables(client, role);
    await client.query("COMMIT");
    return { from, to };
  } catch (error) {
    await client.query("ROLLBACK").catch(() => {});
    throw error;
  }
}

/** Secures every table, including those of other origin: one without a customer is the platform's own. */
async function secureTables(client: pg.ClientBase, role: string): Promise<void> {
  const { rows: known } = await client.query("SELECT 1 FROM pg_roles WHERE rolname = $1", [role]);
  if (known.length === 0) {
    throw new ConfigError(
      `Cannot give the role "${role}" its rights as it does not exist`,
      `create it in psql: CREATE ROLE "${role}" LOGIN PASSWORD '…'`,
    );
  }
  const { rows } = await client.query<{ name: string; has_customer: boolean }>(
    `SELECT c.relname AS name, EXISTS (SELECT 1 FROM pg_attribute a
       WHERE a.attrelid = c.oid AND a.attname = 'customer_id' AND NOT a.attisdropped) AS has_customer
     FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE ${ours} ORDER BY 1`,
  );
  const grantee = `"${role.replaceAll('"', '""')}"`;
  const steps = [
    `GRANT USAGE ON SCHEMA public TO ${grantee}`,
    `GRANT EXECUTE ON FUNCTION opendca_keep_partitions(text, bigint, bigint, bigint, bigint) TO ${grantee}`,
  ];
  for (const { name, has_customer } of rows) {
    if (name === versionTable) {
      steps.push(`GRANT SELECT ON ${name} TO ${grantee}`);
      continue;
    }
    // In subqueries, the variables are read once a statement instead of once a row.
    const isPlatform = "(SELECT current_setting('opendca.scope', true) = 'platform')";
    const isCustomers = "customer_id = (SELECT current_setting('opendca.customer', true))";
    steps.push(
      `ALTER TABLE ${name} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY`,
      `DROP POLICY IF EXISTS tenant ON ${name}`,
      `CREATE POLICY tenant ON ${name} USING (${has_customer ? `${isCustomers} OR ${isPlatform}` : isPlatform})`,
      `GRANT SELECT, INSERT${name === "audit_log" ? "" : ", UPDATE, DELETE"} ON ${name} TO ${grantee}`,
    );
  }
  await client.query(steps.join(";\n"));
}

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
