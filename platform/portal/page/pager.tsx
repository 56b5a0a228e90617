/**
 * Pages of a list. Where one is, is a parameter of the address that only this platform can make, for this list with its
 * filters and order: any other is the first page.
 */
import { maybeReadCursor, writeCursor } from "../../interfaces/cursor.ts";
import type { PageOf, PageWish, Place, Position } from "../../store/page.ts";
import type { PublicRequest } from "./route.ts";

export const pageSize = 100;

/** A page as it is shown. */
export interface ShownPage<Row> extends PageOf<Row> {
  place: Place;
  /** Number of the first row in the list, from 1; as far as rows do not come and go. */
  from: number;
  /** Number of all rows, if it is known. */
  all: number | undefined;
}

type Found<Row> = PageOf<Row> & { all?: number };

/** The page that the address asks for; the last or the first one, where there are no more rows behind or before it. */
export async function shownPage<Row>(
  request: PublicRequest,
  find: (wish: PageWish & { limit: number }) => Promise<Found<Row>>,
): Promise<ShownPage<Row>> {
  const { place, number } = placeOf(request);
  const page = await find({ place, limit: pageSize });
  if (typeof place === "object") {
    if ("after" in place && page.rows.length === 0) return shown(await find({ place: "end", limit: pageSize }), "end");
    if ("before" in place && page.rows.length < pageSize) return shown(await find({ limit: pageSize }), undefined);
  }
  return shown(page, place, number);
}

function shown<Row>(page: Found<Row>, place: Place, number = 0): ShownPage<Row> {
  const { rows, previous, next, all } = page;
  const ofEnd = all === undefined || next !== undefined ? undefined : all - rows.length + 1;
  const ofPlace = typeof place === "object" && "before" in place ? number - rows.length : number + 1;
  return { ...page, place, all, from: previous === undefined ? 1 : Math.max(1, ofEnd ?? ofPlace) };
}

/** A part of rows that do not change. */
export function pageOfRows<Row>(rows: readonly Row[], { place, limit = rows.length }: PageWish): Found<Row> {
  const from = place === undefined
    ? 0
    : place === "end"
    ? Math.max(0, rows.length - limit)
    : "after" in place
    ? Number(place.after[0]) + 1
    : Math.max(0, Number(place.before[0]) - limit);
  const found = rows.slice(from, from + limit), to = from + found.length;
  return {
    rows: found,
    previous: from > 0 && found.length > 0 ? [from] : undefined,
    next: to < rows.length ? [to - 1] : undefined,
    all: rows.length,
  };
}

/* What the list is: the address without the page and what changes no row. */
function listOf({ c }: PublicRequest): string {
  const query = [...new URL(c.req.url).searchParams].filter(([name]) => !/^(page|format|column)$/.test(name));
  return JSON.stringify(["portal", c.req.path, query.sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0)]);
}

const kinds = { after: "a", before: "b", end: "e" } as const;

/** `number`: of the row behind or before which the page is. */
function placeOf(request: PublicRequest): { place: Place; number: number } {
  const text = request.c.req.query("page") ?? "";
  const read = maybeReadCursor(text, { pepper: request.platform.pepper, of: listOf(request) });
  if (read === undefined) return { place: undefined, number: 0 };
  const [kind, number, ...position] = read;
  const place = kind === kinds.end ? "end" : kind === kinds.after ? { after: position } : { before: position };
  return { place, number: Number(number) };
}

/** Links to the pages before and after, and to the first and the last one. */
export function Pager<Row>({ request, page }: { request: PublicRequest; page: ShownPage<Row> }) {
  const { t, formats, c, platform: { pepper } } = request, { rows, previous, next, from, all } = page;
  if (previous === undefined && next === undefined) return null;
  const of = listOf(request), last = from + rows.length - 1;
  const to = (kind?: keyof typeof kinds, number = 0, position: Position = []) => {
    const query = new URL(c.req.url).searchParams;
    query.delete("page");
    if (kind !== undefined) query.set("page", writeCursor([kinds[kind], number, ...position], { pepper, of }));
    return `${c.req.path}?${query}`;
  };
  return (
    <nav class="pager" aria-label={t("pages")}>
      {previous !== undefined && <a href={to()}>{t("firstPage")}</a>}
      {previous !== undefined && <a rel="prev" href={to("before", from, previous)}>{t("previous")}</a>}
      {all !== undefined && (
        <span>
          {t("range", { from: formats.number(from), to: formats.number(last), all: formats.number(all) })}
        </span>
      )}
      {next !== undefined && <a rel="next" href={to("after", last, next)}>{t("next")}</a>}
      {next !== undefined && <a href={to("end")}>{t("lastPage")}</a>}
    </nav>
  );
}
