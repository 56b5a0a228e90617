/** A part of a list; without a limit, all of it. */
export interface Page {
  limit?: number | undefined;
  offset?: number | undefined;
}

/** End of a statement of a list. */
export const pageSql = "LIMIT :limit OFFSET :offset";

export function pageParameters({ limit, offset }: Page): { limit: number; offset: number } {
  return { limit: limit ?? Number.MAX_SAFE_INTEGER, offset: offset ?? 0 };
}

/** The column or expression that a list is ordered by. */
export interface OrderOf<Key extends string> {
  by: Key;
  isDescending: boolean;
}

/** What is not known comes last in both directions. */
export function orderedBy(expression: string, isDescending: boolean): string {
  return `CASE WHEN ${expression} IS NULL THEN 1 ELSE 0 END, ${expression}${isDescending ? " DESC" : ""}`;
}
