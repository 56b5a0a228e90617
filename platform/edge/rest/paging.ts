/** Cursors of lists: see interfaces/cursor.ts. */
import { maybeReadCursor, writeCursor } from "../../interfaces/cursor.ts";
import type { Value } from "../../interfaces/filter.ts";
import type { Place } from "../../store/page.ts";
import { Problem } from "./problem.ts";
import type { RestRequest } from "./route.ts";

/** What the list is: of which customer, and with which filters. */
function listOf({ by, token, query }: RestRequest, name: string): string {
  const { cursor: _, limit: __, ...filters } = query as Record<string, unknown>;
  const sorted = Object.entries(filters).filter(([, value]) => value !== undefined).sort(([a], [b]) => a < b ? -1 : 1);
  return JSON.stringify([name, token.dealerId, by.tenant, sorted]);
}

/** Throws Problem for a cursor that is not of this list. */
export function positionOf(request: RestRequest, name: string): Value[] | undefined {
  const { cursor } = request.query as { cursor?: string };
  if (cursor === undefined) return undefined;
  const position = maybeReadCursor(cursor, { pepper: request.platform.pepper, of: listOf(request, name) });
  if (position !== undefined) return position;
  throw new Problem(
    400,
    "Cannot use cursor as it is not of this list: send it with the same filters as the page before",
  );
}

/** The same, as a place. Throws Problem for a cursor that is not of this list. */
export function placeOf(request: RestRequest, name: string): Place {
  const after = positionOf(request, name);
  return after && { after };
}

export function cursorOf(request: RestRequest, name: string, next: readonly Value[] | undefined): string | null {
  if (next === undefined) return null;
  return writeCursor(next, { pepper: request.platform.pepper, of: listOf(request, name) });
}
