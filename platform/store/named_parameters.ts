/**
 * Converts named parameters (`:agent_id`), which the common SQL text for both engines uses, to numbered ones: `$1` of
 * PostgreSQL, `?1` of SQLite, which are bound faster. String literals, quoted names, comments and casts (`::text`) are
 * unchanged. `INDEXED BY` is removed for PostgreSQL, as it is a hint to SQLite's planner only.
 */

export interface NumberedSql {
  text: string;
  /** Names of the first, second, … parameter, in order. */
  names: string[];
}

const token =
  /'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\/|::|:([a-z_][a-z0-9_]*)|\s+INDEXED BY [a-z_][a-z0-9_]*/gi;

export function numberParameters(sql: string, sign: "$" | "?" = "$"): NumberedSql {
  const names: string[] = [];
  const renamed = (name: string) => {
    let at = names.indexOf(name);
    if (at < 0) at = names.push(name) - 1;
    return `${sign}${at + 1}`;
  };
  return { text: sign === "?" ? renamedIn(sql, renamed) : renamedParameters(sql, renamed), names };
}

export function renamedParameters(sql: string, renamed: (name: string) => string): string {
  return renamedIn(sql, renamed, "");
}

function renamedIn(sql: string, renamed: (name: string) => string, hint?: string): string {
  return sql.replace(token, (found: string, name: string | undefined) => {
    if (name !== undefined) return renamed(name);
    return /^\s/.test(found) ? hint ?? found : found;
  });
}
