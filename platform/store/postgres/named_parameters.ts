/**
 * Converts named parameters (`:agent_id`), which the common SQL text for both engines uses, to PostgreSQL's numbered
 * ones (`$1`). String literals, quoted names, comments and casts (`::text`) are unchanged. `INDEXED BY` is removed, as
 * it is a hint to SQLite's planner only.
 */

export interface NumberedSql {
  text: string;
  /** Names of `$1`, `$2`, …, in order. */
  names: string[];
}

const token =
  /'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\/|::|:([a-z_][a-z0-9_]*)|\s+INDEXED BY [a-z_][a-z0-9_]*/gi;

export function numberParameters(sql: string): NumberedSql {
  const names: string[] = [];
  const text = renamedParameters(sql, (name) => {
    let at = names.indexOf(name);
    if (at < 0) at = names.push(name) - 1;
    return `$${at + 1}`;
  });
  return { text, names };
}

export function renamedParameters(sql: string, renamed: (name: string) => string): string {
  return sql.replace(token, (found: string, name: string | undefined) => {
    if (name !== undefined) return renamed(name);
    return /^\s/.test(found) ? "" : found;
  });
}
