/** Checks that a database is durable, and that no customer's data is visible to others. */
// @ts-types="@types/pg"
import type pg from "pg";

export interface Finding {
  what: string;
  /** A sentence about the fault; undefined if there is none. */
  fault: string | undefined;
  hint?: string;
}

const asOwner = "run opendca-platform database migrate as the owner of the database";

/** Checks an opened database, as the platform's role. */
export async function checkDatabase(pool: pg.Pool): Promise<Finding[]> {
  const { rows: tables } = await pool.query<{ name: string; is_secured: boolean; has_rights: boolean }>(
    `SELECT c.relname AS name, c.relrowsecurity AND c.relforcerowsecurity AND 1 =
         (SELECT count(*) FROM pg_policies p WHERE p.schemaname = 'public' AND p.tablename = c.relname) AS is_secured,
       has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT') AND
         (c.relname = 'audit_log' OR has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE'))
         AS has_rights
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND c.relname <> 'store_version' ORDER BY 1`,
  );
  const listed = (some: { name: string }[]) => some.map(({ name }) => name).join(", ");
  const open = tables.filter(({ is_secured }) => !is_secured), closed = tables.filter(({ has_rights }) => !has_rights);
  const { rows: [set] } = await pool.query<Record<string, string>>(
    `SELECT current_setting('server_encoding') AS encoding, current_setting('fsync') AS fsync,
       current_setting('full_page_writes') AS full_page_writes, current_setting('synchronous_commit') AS commit`,
  );
  const lossy = [
    set!.fsync === "off" ? "fsync" : "",
    set!.full_page_writes === "off" ? "full_page_writes" : "",
    set!.commit === "off" ? "synchronous_commit" : "",
  ].filter((name) => name !== "");
  return [
    {
      what: "row-level security",
      fault: open.length === 0 ? undefined : `customers are not separated in ${listed(open)}`,
      hint: asOwner,
    },
    {
      what: "rights",
      fault: closed.length === 0 ? undefined : `not all are given on ${listed(closed)}`,
      hint: asOwner,
    },
    {
      what: "encoding",
      fault: set!.encoding === "UTF8" ? undefined : `it is ${set!.encoding}`,
      hint: "create the database with ENCODING 'UTF8', and copy the data",
    },
    {
      what: "durability",
      fault: lossy.length === 0
        ? undefined
        : `the server has ${lossy.join(" and ")} off: a crash loses what the platform has acknowledged`,
      hint: "set it to on in postgresql.conf",
    },
  ];
}
