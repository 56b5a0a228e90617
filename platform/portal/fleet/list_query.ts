/** Columns and order of a list, as its address says. Pure but for the request that is read. */
import type { Context } from "hono";

export interface ListQuery<Column extends string, Sort extends string> {
  columns: readonly Column[];
  /** Undefined: the list's own. */
  order: { by: Sort; isDescending: boolean } | undefined;
}

/** Columns keep the order of `all`, and begin with the first of it, which names a row; what is not known is ignored. */
export function listQuery<Column extends string, Sort extends string>(
  c: Context,
  { all, usual, sorts }: { all: readonly Column[]; usual: readonly Column[]; sorts: readonly Sort[] },
): ListQuery<Column, Sort> {
  const asked = c.req.queries("column") ?? [], text = c.req.query("sort") ?? "";
  const chosen = all.filter((column, i) => i === 0 || asked.includes(column));
  const by = sorts.find((sort) => sort === text.replace(/^-/, ""));
  return {
    columns: chosen.length > 1 ? chosen : usual,
    order: by === undefined ? undefined : { by, isDescending: text.startsWith("-") },
  };
}

/** The address of the list with some parts changed; the first page, as rows move. */
export function listAddress(c: Context, changes: Record<string, string | undefined>): string {
  const query = new URLSearchParams(new URL(c.req.url).search);
  query.delete("page");
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) query.delete(name);
    else query.set(name, value);
  }
  return `${c.req.path}?${query}`;
}

/** The link of a column's heading: by this column, then the other way round. */
export function sortLink<Sort extends string>(
  c: Context,
  order: ListQuery<string, Sort>["order"],
  by: Sort,
): { href: string; now?: "ascending" | "descending" } {
  if (order?.by !== by) return { href: listAddress(c, { sort: by }) };
  const { isDescending } = order;
  return {
    href: listAddress(c, { sort: isDescending ? by : `-${by}` }),
    now: isDescending ? "descending" : "ascending",
  };
}

/** What of an address is a view: filters, columns and order, but no place and no page. */
export function viewQuery(text: string): string {
  const kept = [...new URLSearchParams(text)].filter(([name, value]) =>
    value !== "" && /^(q|model|low|silent|column|sort|view|within|state|kind|severity)$/.test(name)
  );
  return String(new URLSearchParams(kept));
}
