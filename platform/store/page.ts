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
