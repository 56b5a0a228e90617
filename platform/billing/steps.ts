/**
 * What a counter counted from each reading to the next. A step is judged by readings before it alone, and by none that
 * is older than `memoryMs` before it: so a period may be divided anywhere, and its parts add up to the whole. Pure.
 */

import { wrapsBetween } from "../../common/reading/counter_moduli.ts";

/** One reading of a counter. */
export interface Point {
  /** Milliseconds since 1970. */
  at: number;
  value: number;
  unit: string;
  /** The part of a merged device; empty for others. */
  part: string;
}

/** Why a step does not count what lies between its two values; of a merged device, whose readings they are. */
export type StepMark = MarkedStep & { beforePart?: string; part?: string };

type MarkedStep =
  /** The counter began again at 0 after its largest number. */
  | { kind: "wrap"; beforeAt: number; at: number; before: number; after: number; modulus: number; counted: number }
  /** It fell: a reset, or another board. */
  | { kind: "reset"; beforeAt: number; at: number; before: number; after: number }
  /** After a fall, it is where it would be without one: the low values were false. */
  | { kind: "dip"; beforeAt: number; at: number; before: number; after: number; peak: number; counted: number }
  /** It rose faster than any printer prints. */
  | { kind: "jump"; beforeAt: number; at: number; before: number; after: number }
  /** After such a jump, it is where it would be without one. */
  | { kind: "spike"; beforeAt: number; at: number; before: number; after: number; base: number; counted: number }
  /** Another part of a merged device, such as a new board, goes on with another value. */
  | { kind: "board"; beforeAt: number; at: number; before: number; after: number }
  | { kind: "unit"; beforeAt: number; at: number; before: string; after: string };

/** From `before` to `point`. */
export interface Step {
  before: Point;
  point: Point;
  /** Never negative. */
  counted: number;
  mark?: StepMark;
}

const dayMs = 86_400_000;
/** How long a false value may last: later, a counter that rises again is one that has counted. */
export const memoryMs = 7 * dayMs;
/* Above what the fastest presses print, so that no true count is left out. */
const mostPerMinute = 1000, anyPages = 1000;

interface Fall {
  peak: number;
  at: number;
  low: number;
  /** Counted since, from values that may be false. */
  gained: number;
}

interface Jump {
  base: number;
  at: number;
}

/** The points in order of time. `isOtherBoard`: whether another part took over between two points of two parts. */
export function stepsOf(
  points: readonly Point[],
  isOtherBoard: (before: Point, after: Point) => boolean = () => true,
): Step[] {
  const steps: Step[] = [];
  let falls: Fall[] = [], jumps: Jump[] = [];
  for (let i = 1; i < points.length; i++) {
    const before = points[i - 1]!, point = points[i]!, at = point.at;
    const since = at - memoryMs;
    falls = falls.filter((fall) => fall.at >= since);
    jumps = jumps.filter((jump) => jump.at >= since);
    const other = otherCounter(before, point, isOtherBoard);
    if (other !== undefined) falls = [], jumps = [];
    steps.push(
      withParts(other ?? (point.value >= before.value ? risen : fallen)({ before, point, falls, jumps })),
    );
  }
  return steps;
}

function withParts({ mark, ...step }: Step): Step {
  if (mark === undefined) return step;
  const { before: { part: beforePart }, point: { part } } = step;
  return { ...step, mark: part === "" ? mark : { ...mark, beforePart, part } };
}

function otherCounter(before: Point, point: Point, isOtherBoard: (a: Point, b: Point) => boolean): Step | undefined {
  if (before.unit !== point.unit) {
    return {
      before,
      point,
      counted: 0,
      mark: { kind: "unit", beforeAt: before.at, at: point.at, before: before.unit, after: point.unit },
    };
  }
  if (before.part === point.part || before.value === point.value || !isOtherBoard(before, point)) return undefined;
  return {
    before,
    point,
    counted: 0,
    mark: { kind: "board", beforeAt: before.at, at: point.at, before: before.value, after: point.value },
  };
}

interface Judged {
  before: Point;
  point: Point;
  /** Changed in place. */
  falls: Fall[];
  jumps: Jump[];
}

function risen({ before, point, falls, jumps }: Judged): Step {
  const { at, value } = point, gain = value - before.value;
  const back = falls.filter(({ peak, low }) => before.value < peak && peak <= value && gain >= (peak - low) / 2)
    .sort((a, b) => b.peak - a.peak)[0];
  if (back !== undefined) {
    const counted = Math.max(0, value - back.peak - back.gained);
    falls.splice(0);
    if (counted <= mostIn(at - back.at)) {
      const mark: StepMark = {
        kind: "dip",
        beforeAt: before.at,
        at,
        before: before.value,
        after: value,
        peak: back.peak,
        counted,
      };
      return { before, point, counted, mark };
    }
  }
  if (gain > mostIn(at - before.at)) {
    jumps.push({ base: before.value, at });
    return {
      before,
      point,
      counted: 0,
      mark: { kind: "jump", beforeAt: before.at, at, before: before.value, after: value },
    };
  }
  for (const fall of falls) fall.gained += gain;
  return { before, point, counted: gain };
}

function fallen({ before, point, falls, jumps }: Judged): Step {
  const { at, value } = point;
  const over = jumps.find(({ base }) => base <= value);
  if (over !== undefined) {
    jumps.splice(0);
    const counted = value - over.base;
    return {
      before,
      point,
      counted,
      mark: { kind: "spike", beforeAt: before.at, at, before: before.value, after: value, base: over.base, counted },
    };
  }
  const modulus = wrapsBetween(before.value, value)
    .find((most) => most - before.value + value <= mostIn(at - before.at));
  if (modulus !== undefined) {
    const counted = modulus - before.value + value;
    return {
      before,
      point,
      counted,
      mark: { kind: "wrap", beforeAt: before.at, at, before: before.value, after: value, modulus, counted },
    };
  }
  for (const fall of falls) fall.low = Math.min(fall.low, value);
  falls.push({ peak: before.value, at, low: value, gained: 0 });
  return {
    before,
    point,
    counted: 0,
    mark: { kind: "reset", beforeAt: before.at, at, before: before.value, after: value },
  };
}

function mostIn(ms: number): number {
  return anyPages + mostPerMinute * ms / 60_000;
}
