/**
 * Which readings of a counter statements need, whatever their periods: those that are the last ones before an end of a
 * period, the first of all, and both at each step that does not simply count on. Pure.
 */
import type { Period } from "./count_pages.ts";
import { type Point, stepsOf } from "./steps.ts";

/**
 * Times of those from `from` up to `until`. The points in order of time, as `countPages` takes them. `ends`: in order, and
 * one of them after `until`.
 */
export function neededTimes(
  points: readonly Point[],
  { from, until, ends }: Period & { ends: readonly number[] },
): Set<number> {
  const times = new Set<number>();
  const add = (at: number) => at >= from && at <= until && times.add(at);
  if (points[0] !== undefined) add(points[0].at);
  let next = 0;
  for (const [i, { at }] of points.entries()) {
    while (next < ends.length && ends[next]! < at) next++;
    const after = points[i + 1]?.at ?? Infinity;
    if (after > (ends[next] ?? -Infinity)) add(at);
  }
  for (const { before, point, mark } of stepsOf(points)) {
    if (mark === undefined) continue;
    add(before.at);
    add(point.at);
  }
  return times;
}

/** When months begin in a zone: the last one up to `from`, to the second one after `until`. */
export function monthBegins({ from, until }: Period, zone: string): number[] {
  const beginOf = (month: Temporal.PlainYearMonth) =>
    month.toPlainDate({ day: 1 }).toZonedDateTime({ timeZone: zone }).epochMilliseconds;
  let month = Temporal.Instant.fromEpochMilliseconds(from).toZonedDateTimeISO(zone).toPlainDate().toPlainYearMonth();
  const begins = [beginOf(month)];
  for (let after = 0; after < 2;) {
    month = month.add({ months: 1 });
    const begin = beginOf(month);
    begins.push(begin);
    if (begin > until) after++;
  }
  return begins;
}
