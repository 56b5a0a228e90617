/** What a counter counted in a period. Pure. */
import { memoryMs, type Point, type Step, type StepMark, stepsOf } from "./steps.ts";

const dayMs = 86_400_000;
/** Without a reading for so long, a statement says so. */
const gapMs = 3 * dayMs;

/** What a person has set for a part of a counter, in place of what was read. */
export interface Correction {
  correctionId: string;
  /** Counts of readings after it, up to `until`, are replaced. */
  from: number;
  until: number;
  /** Counted at `until`. */
  pages: number;
  reason: string;
  by: string;
}

export type Mark =
  | StepMark
  | { kind: "gap"; from: number; until: number }
  /** No reading before the period: it counts from the first one in it. */
  | { kind: "noneBefore"; at: number }
  | { kind: "endsEarly"; at: number; days: number }
  | { kind: "notRead"; at: number | null }
  | { kind: "estimated"; end: "begin" | "end"; pages: number }
  /** An estimate was asked for, and the readings on both sides are too far apart. */
  | { kind: "notEstimated"; end: "begin" | "end" }
  | { kind: "corrected"; id: string; from: number; until: number; pages: number; reason: string; by: string };

export interface Counted {
  /** The last reading at or before the begin; where there is none, the first one after it. */
  first: Point | undefined;
  /** The last reading at or before the end. */
  last: Point | undefined;
  /** By readings. */
  counted: number;
  /** By interpolation to both ends; may be negative, as what was estimated before is not counted again. */
  estimated: number;
  /** By persons, in place of readings. */
  corrected: number;
  marks: Mark[];
}

export interface Period {
  /** Readings after it count, up to and with `until`. */
  from: number;
  until: number;
}

export interface CountOptions extends Period {
  corrections?: readonly Correction[];
  estimate?: boolean;
  isOtherBoard?: (before: Point, after: Point) => boolean;
}

/**
 * The points in order of time: from the last one that is `memoryMs` older than the begin, to those of a week after the
 * end. A period that is divided anywhere adds up to the same.
 */
export function countPages(points: readonly Point[], options: CountOptions): Counted {
  const { from, until, corrections = [], estimate = false } = options;
  const known = points.filter(({ at }) => at <= until), inside = known.filter(({ at }) => at > from);
  const first = known.findLast(({ at }) => at <= from) ?? inside[0], last = known.at(-1);
  const steps = stepsOf(points, options.isOtherBoard);
  const isCorrected = ({ point: { at } }: Step) => corrections.some((each) => at > each.from && at <= each.until);
  const marks: Mark[] = endMarks({ points, first, last, inside, from, until });
  let counted = 0;
  for (const step of steps) {
    if (step.point.at <= from || step.point.at > until) continue;
    if (step.mark !== undefined) marks.push(step.mark);
    if (!isCorrected(step)) counted += step.counted;
  }
  let corrected = 0;
  for (const { correctionId: id, from: since, until: to, pages, reason, by } of corrections) {
    const isHere = to > from && to <= until;
    if (isHere) corrected += pages;
    if (isHere || (since < until && to > until)) {
      marks.push({ kind: "corrected", id, from: since, until: to, pages: isHere ? pages : 0, reason, by });
    }
  }
  const estimated = estimate
    ? atEnd(steps.filter((step) => !isCorrected(step)), { at: until, end: "end", last, marks }) -
      atEnd(steps.filter((step) => !isCorrected(step)), { at: from, end: "begin", last: first, marks })
    : 0;
  return { first, last, counted, estimated, corrected, marks };
}

function endMarks(
  { points, first, last, inside, from, until }: {
    points: readonly Point[];
    first: Point | undefined;
    last: Point | undefined;
    inside: readonly Point[];
  } & Period,
): Mark[] {
  if (inside.length === 0) return [{ kind: "notRead", at: last?.at ?? null }];
  const marks: Mark[] = [];
  if (first!.at > from) marks.push({ kind: "noneBefore", at: first!.at });
  for (const [i, point] of points.entries()) {
    const before = points[i - 1];
    if (before === undefined || point.at <= from || before.at >= until) continue;
    if (Math.min(point.at, until) - Math.max(before.at, from) > gapMs) {
      marks.push({ kind: "gap", from: before.at, until: point.at });
    }
  }
  const isLast = points.at(-1)!.at <= until;
  if (isLast && until - last!.at > gapMs) {
    marks.push({ kind: "endsEarly", at: last!.at, days: Math.floor((until - last!.at) / dayMs) });
  }
  return marks;
}

/** What was counted between the last reading before a time and that time, by the step over it. */
function atEnd(
  steps: readonly Step[],
  { at, end, last, marks }: { at: number; end: "begin" | "end"; last: Point | undefined; marks: Mark[] },
): number {
  if (last === undefined || last.at >= at) return 0;
  const over = steps.find(({ before, point }) => before.at <= at && point.at > at);
  const isNear = over !== undefined && over.point.at - over.before.at <= memoryMs && over.mark === undefined;
  if (!isNear) {
    marks.push({ kind: "notEstimated", end });
    return 0;
  }
  const { before, point, counted } = over;
  const pages = Math.floor(counted * (at - before.at) / (point.at - before.at));
  marks.push({ kind: "estimated", end, pages });
  return pages;
}
