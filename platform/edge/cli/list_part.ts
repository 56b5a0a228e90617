/** Parts of lists: the options, and the sentence that says which part is shown. */
import type { Command } from "commander";
import type { Page } from "../../store/page.ts";
import { type Answer, wholeNumber } from "./command_context.ts";
import type { Screen } from "./table.ts";

/** Adds the options to show a part of a list; `most`: the limit without one. */
export function addPaging(command: Command, most?: number): Command {
  const flags = "--limit <number>", number = wholeNumber("--limit", { min: 1, max: 1_000_000 });
  return (most === undefined
    ? command.option(flags, "at most this many (default: all)", number)
    : command.option(flags, "at most this many", number, most))
    .option("--offset <number>", "without the first ones", wholeNumber("--offset", { min: 0, max: 100_000_000 }));
}

export interface Part<Row> {
  rows: Row[];
  /** Which part it is; undefined for the whole list. */
  shown: string | undefined;
  next: string | undefined;
}

/** Of the whole list; `what`: what it lists, such as `agents`. */
export function partOf<Row>(all: readonly Row[], { limit = Infinity, offset = 0 }: Page, what: string): Part<Row> {
  const rows = all.slice(offset, offset + limit), end = offset + rows.length;
  if (rows.length === all.length) return { rows, shown: undefined, next: undefined };
  const shown = `${rows.length === 0 ? "none" : `${offset + 1} to ${end}`} of ${all.length} ${what}`;
  return { rows, shown, next: rows.length > 0 && end < all.length ? nextPart(end) : undefined };
}

/** The page to ask for, to know whether more come behind it. */
export function oneMore({ limit, offset }: Page): Page {
  return { limit: limit === undefined ? undefined : limit + 1, offset };
}

/** Of a list whose length is not known: the rows of oneMore(). */
export function partFrom<Row>(
  found: readonly Row[],
  { limit = Infinity, offset = 0 }: Page,
  what: string,
): Part<Row> {
  const rows = found.slice(0, limit), end = offset + rows.length, hasMore = found.length > rows.length;
  if (offset === 0 && !hasMore) return { rows, shown: undefined, next: undefined };
  if (rows.length === 0) return { rows, shown: `none: there are not so many ${what}`, next: undefined };
  const more = hasMore ? `; there are more: --offset ${end}` : "";
  return { rows, shown: `${what} ${offset + 1} to ${end}${more}`, next: undefined };
}

const nextPart = (end: number) => `--offset ${end} shows what comes behind them`;

/** The answer for a part of a list; `empty`: the sentence for a list without rows. */
export function partAnswer<Row>(
  { rows, shown, next }: Part<Row>,
  { json, empty, table }: { json: unknown[]; empty: string; table: (screen: Screen) => string },
): Answer {
  return {
    json,
    note: shown,
    ...(next === undefined ? {} : { next }),
    text: (screen) => {
      if (rows.length === 0) return `${shown ?? empty}\n`;
      return shown === undefined ? table(screen) : `${table(screen)}${shown}\n`;
    },
  };
}
