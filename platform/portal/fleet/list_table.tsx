/** What lists have in common: columns to choose, headings that order, CSV of what is seen. */
import type { Child } from "hono/jsx";
import type { CsvCell } from "../../../common/report/csv_text.ts";
import type { ColumnOf } from "../page/layout.tsx";
import type { CustomerRequest } from "../page/route.ts";
import type { Key } from "../words/words.ts";
import { listAddress, type ListQuery, sortLink } from "./list_query.ts";

export interface ListColumn<Row> {
  heading: Key;
  /** What the list is ordered by; undefined: it cannot be. */
  sort?: string;
  isNumber?: boolean;
  cell(row: Row, request: CustomerRequest): Child;
  /** By the heading in CSV. */
  csv: Record<string, (row: Row) => CsvCell>;
}

export type ListColumns<Row> = Record<string, ListColumn<Row>>;

/** As a table takes them. */
export function tableColumns<Row>(
  request: CustomerRequest,
  columns: readonly ListColumn<Row>[],
  order: ListQuery<string, string>["order"],
): ColumnOf<Row>[] {
  const { t, c } = request;
  return columns.map(({ heading, sort, isNumber = false, cell }) => ({
    heading: t(heading),
    isNumber,
    ...(sort === undefined ? {} : { sort: sortLink(c, order, sort) }),
    cell: (row) => cell(row, request),
  }));
}

/** Boxes within the form of the list; the first column, which names the row, is always shown. */
export function ColumnChoice<Row>(
  { request: { t }, all, shown }: { request: CustomerRequest; all: ListColumns<Row>; shown: readonly string[] },
) {
  return (
    <details class="columns">
      <summary>{t("columns")}</summary>
      <fieldset>
        <legend class="hidden">{t("columns")}</legend>
        {Object.entries(all).slice(1).map(([key, { heading }]) => (
          <label class="check">
            <input type="checkbox" name="column" value={key} checked={shown.includes(key)} /> {t(heading)}
          </label>
        ))}
      </fieldset>
    </details>
  );
}

/** The order of the list, within its form. */
export function KeptOrder({ request: { c }, order }: { request: CustomerRequest; order: unknown }) {
  return order === undefined ? null : <input type="hidden" name="sort" value={c.req.query("sort")} />;
}

export function CsvLink({ request: { t, c } }: { request: CustomerRequest }) {
  return (
    <p>
      <a href={listAddress(c, { format: "csv" })} hx-boost="false">{t("csv")}</a>
    </p>
  );
}

/** A list that is held as a whole, in lots for CSV. */
export async function* lotsOf<Row>(rows: Promise<readonly Row[]>): AsyncGenerator<readonly Row[]> {
  const all = await rows;
  for (let from = 0; from < all.length; from += 500) yield all.slice(from, from + 500);
}
