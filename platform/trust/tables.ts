/** The tables of the store as they are, so that nothing that is added later is left out of an export or an erasure. */
import type { Transaction } from "../store/store.ts";

export interface TableFacts {
  name: string;
  columns: string[];
  /** Columns of the primary key, in its order; empty without one. */
  key: string[];
  /** Tables that its rows refer to. */
  refersTo: string[];
}

interface Row {
  table: string;
  column: string;
  key: number | null;
}

const partition = "c.relispartition";

/** Without the partitions of a table, which are parts of it. In no order. */
export async function tableFacts(tx: Transaction): Promise<TableFacts[]> {
  const isSqlite = tx.engine === "sqlite";
  const rows = await tx.all<Row>(
    isSqlite
      ? `SELECT t.name AS "table", c.name AS "column", CASE c.pk WHEN 0 THEN NULL ELSE c.pk END AS key
         FROM sqlite_schema t JOIN pragma_table_info(t.name) c WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'
         ORDER BY t.name, c.cid`
      : `SELECT c.relname AS "table", a.attname AS "column", array_position(i.indkey::int[], a.attnum::int) AS key
         FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
           AND a.attgenerated = ''
         LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
         WHERE c.relkind IN ('r', 'p') AND NOT ${partition} AND c.relnamespace = current_schema()::regnamespace
         ORDER BY c.relname, a.attnum`,
  );
  const references = await tx.all<{ table: string; other: string }>(
    isSqlite
      ? `SELECT t.name AS "table", f."table" AS other FROM sqlite_schema t JOIN pragma_foreign_key_list(t.name) f
         WHERE t.type = 'table'`
      : `SELECT c.relname AS "table", o.relname AS other FROM pg_constraint f JOIN pg_class c ON c.oid = f.conrelid
         JOIN pg_class o ON o.oid = f.confrelid WHERE f.contype = 'f' AND NOT ${partition}`,
  );
  return [...Map.groupBy(rows, ({ table }) => table)].map(([name, columns]) => ({
    name,
    columns: columns.map(({ column }) => column),
    key: columns.filter(({ key }) => key !== null).sort((a, b) => a.key! - b.key!).map(({ column }) => column),
    refersTo: references.filter(({ table, other }) => table === name && other !== name).map(({ other }) => other),
  }));
}

/** Tables whose rows refer to others come first, so that they can be deleted in this order. */
export function deletionOrder(tables: readonly TableFacts[]): TableFacts[] {
  const ordered: TableFacts[] = [], seen = new Set<TableFacts>();
  const add = (table: TableFacts) => {
    if (seen.has(table)) return;
    seen.add(table);
    for (const other of tables) if (other.refersTo.includes(table.name)) add(other);
    ordered.push(table);
  };
  tables.forEach(add);
  return ordered;
}
