/** What lists have in common: columns to choose, headings that order, pages, CSV of what is seen. */
import type { Child } from "hono/jsx";
import type { CsvCell } from "../../../common/report/csv_text.ts";
import type { PageOf, PageWish } from "../../store/page.ts";
import type { ViewList } from "../../users/saved_views.ts";
import { rootOf } from "../page/customer_page.tsx";
import { csvOf } from "../page/file_response.ts";
import { Table } from "../page/layout.tsx";
import { Pager, shownPage } from "../page/pager.tsx";
import type { CustomerRequest, UserRequest } from "../page/route.ts";
import type { Key } from "../words/words.ts";
import { listAddress, type ListQuery, listQuery, sortLink } from "./list_query.ts";
import { modelOf } from "./shown.ts";
import { ViewForm } from "./views.tsx";

export interface ListColumn<Row, Request extends UserRequest = CustomerRequest> {
  heading: Key;
  /** What the list is ordered by; undefined: it cannot be. */
  sort?: string;
  isNumber?: boolean;
  cell(row: Row, request: Request): Child;
  /** By the heading in CSV. */
  csv: Record<string, (row: Row) => CsvCell>;
}

export type ListColumns<Row, Request extends UserRequest = CustomerRequest> = Record<
  string,
  ListColumn<Row, Request>
>;

type Fact = "address" | "serial" | "hostname" | "location" | "network" | "firmware" | "site";

/** What is known of a row, as it is. */
export function factColumn<Name extends Fact, Row = Record<Name, string | null>>(
  name: Name,
  factsOf: (row: Row) => Record<Name, string | null>,
) {
  return {
    heading: name,
    sort: name,
    cell: (row: Row) => factsOf(row)[name] ?? "",
    csv: { [name]: (row: Row) => factsOf(row)[name] },
  };
}

interface DeviceFacts {
  device_id: string;
  manufacturer: string | null;
  model: string | null;
  address: string;
}

/** The device, which leads to its page. */
export function deviceColumn<Sort extends string, Row>(sort: Sort, factsOf: (row: Row) => DeviceFacts) {
  return {
    heading: "device" as const,
    sort,
    cell(row: Row, { customer }: CustomerRequest) {
      const facts = factsOf(row);
      return <a href={`${rootOf(customer)}/devices/${facts.device_id}`}>{modelOf(facts) ?? facts.address}</a>;
    },
    csv: {
      device_id: (row: Row) => factsOf(row).device_id,
      manufacturer: (row: Row) => factsOf(row).manufacturer,
      model: (row: Row) => factsOf(row).model,
    },
  };
}

type Order<Sort extends string> = ListQuery<string, Sort>["order"];

export interface List<Row, Sort extends string, Request extends UserRequest = CustomerRequest> {
  columns: ListColumns<Row, Request>;
  /** Those that are shown if none are asked for. */
  usual: readonly string[];
  sorts: readonly Sort[];
  caption: Key;
  /** In place of rows. */
  empty: Key;
  /** `all`: number of all rows, if it is known. */
  page(wish: PageWish & { limit: number; order: Order<Sort> }): Promise<PageOf<Row> & { all?: number }>;
  /** All rows, in lots. */
  whole(order: Order<Sort>): AsyncIterable<readonly Row[]>;
  /** Its form; `kept` is the part that all forms of lists have. */
  form(kept: Child): Child;
  /** What is made of the rows that are seen. */
  above?(rows: readonly Row[]): Child;
  /** The list that views are of; undefined: there are none. */
  views?: ViewList | undefined;
}

/** The list as the address asks for it: a page of it, or all of it as CSV. */
export function listed<Row, Sort extends string, Request extends UserRequest = CustomerRequest>(
  request: Request,
  { columns: all, usual, sorts, caption, empty, page: find, whole, form, above, views }: List<Row, Sort, Request>,
): { csv(): AsyncGenerator<string>; page(): Promise<Child> } {
  const { t, formats, c } = request;
  const { columns, order } = listQuery(c, { all: Object.keys(all), usual, sorts });
  const shown = columns.map((key) => all[key]!);
  return {
    csv: () => csvOf(whole(order), Object.assign({}, ...shown.map(({ csv }) => csv))),
    async page() {
      const page = await shownPage(request, (wish) => find({ ...wish, order }));
      return (
        <>
          {form(
            <>
              {order !== undefined && <input type="hidden" name="sort" value={c.req.query("sort")} />}
              <ColumnChoice request={request} all={all} shown={columns} />
            </>,
          )}
          <div id="list">
            {above?.(page.rows)}
            <p>
              <a href={listAddress(c, { format: "csv" })} hx-boost="false">{t("csv")}</a>
            </p>
            <Table
              rows={page.rows}
              empty={t(empty)}
              caption={page.all === undefined ? t(caption) : `${t(caption)}: ${formats.number(page.all)}`}
              isTitled={page.all === undefined}
              columns={shown.map(({ heading, sort, isNumber = false, cell }) => ({
                heading: t(heading),
                isNumber,
                ...(sort === undefined ? {} : { sort: sortLink(c, order, sort) }),
                cell: (row: Row) => cell(row, request),
              }))}
            />
            <Pager request={request} page={page} />
            {views !== undefined && <ViewForm request={request} list={views} />}
          </div>
        </>
      );
    },
  };
}

/** Lots of rows, each with what is shown beside it. */
export async function* lotsWith<Row, Shown>(
  lots: AsyncIterable<readonly Row[]>,
  shownOf: (rows: readonly Row[]) => readonly Shown[] | Promise<readonly Shown[]>,
): AsyncGenerator<readonly Shown[]> {
  for await (const lot of lots) yield await shownOf(lot);
}

/** The form of a list. */
export function ListForm({ request: { t }, children }: { request: UserRequest; children: Child }) {
  return (
    <form class="filters" method="get">
      {children}
      <button type="submit">{t("filter")}</button>
    </form>
  );
}

/* Boxes within the form of the list; the first column, which names the row, is always shown. */
function ColumnChoice(
  { request: { t }, all, shown }: {
    request: UserRequest;
    all: Record<string, { heading: Key }>;
    shown: readonly string[];
  },
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
