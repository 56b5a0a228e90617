/**
 * When a supply will be empty: from what was used since it was put in. The range holds the moment in about eight of ten
 * cases; where the readings do not bear a range, there is none, and the reason is told. Pure.
 *
 * Levels are known in steps (1, 10 or 25 percent of many devices), so that only the moments tell at which the level became
 * lower. What was used between two of them, and how much that varies from week to week, gives the rate and its spread.
 */

const dayMs = 86_400_000, weekMs = 7 * dayMs;

/** A level as it was read; in percent, or null where the device gave none. */
export interface LevelPoint {
  at: number;
  percent: number | null;
  /** `exact`, `empty`, `some`, `unknown` or `unlimited`. */
  level: string;
}

export interface LevelHistory {
  /** By time. */
  points: readonly LevelPoint[];
  /** When another serial or part number was first read in its place; undefined if never. */
  replacedAt?: number | undefined;
  /** Of the last reading that had the supply. */
  readAt: number;
}

export interface Expected {
  /** Milliseconds since 1970: in one of ten cases before `first`, and in one of ten after `last`. */
  first: number;
  likely: number;
  last: number;
  /** Points of percent that are used per day. */
  perDay: number;
  /** Since when, and in how many changes of the level, it was used so. */
  since: number;
  changes: number;
  none?: undefined;
}

export type NoForecastReason =
  | "notRead"
  | "levelUnknown"
  | "levelSome"
  | "levelCoarse"
  | "unlimited"
  | "empty"
  | "replaced"
  | "knownShortly"
  | "hardlyUsed"
  | "irregular";

export interface NotExpected {
  none: NoForecastReason;
  /** When it was replaced, first read, or last read. */
  since?: number;
}

export type Forecast = Expected | NotExpected;

/** Of fewer days nobody can tell a week from another one. */
const leastMs = weekMs;
const leastChanges = 3;
const leastDrop = 6;
/** Older levels say little about what is used now. */
export const mostMs = 200 * dayMs;
/** A reading that is older says nothing about today. */
const staleMs = 14 * dayMs;
/** More than this is a new or refilled supply; less is a sensor that wavers. */
const leastRise = 10;
/** So much less from one reading to the next within two days is another supply, partly used. */
const mostFall = 40;
/** Steps of a quarter or a third tell too little. */
const mostStep = 12.5;
/** By how much the use of coming weeks differs more than that of past ones, as holidays and large jobs come rarely. */
const surprise = 1.3;
/** Ratio of both ends of the range, above which it tells nothing. */
const mostSpread = 6;

export function forecastOf({ points, replacedAt, readAt }: LevelHistory, now: number): Forecast {
  const newest = points.at(-1);
  if (newest === undefined || now - readAt > staleMs) return { none: "notRead", since: readAt };
  if (newest.level === "some") return { none: "levelSome" };
  if (newest.level === "unlimited") return { none: "unlimited" };
  if (newest.level === "empty" || newest.percent === 0) return { none: "empty" };
  if (newest.level !== "exact" || newest.percent === null || !isLevel(newest.percent)) return { none: "levelUnknown" };
  const known = points.filter((point): point is Known =>
    point.percent !== null && isLevel(point.percent) && (point.level === "exact" || point.level === "empty") &&
    point.at <= now && point.at > now - mostMs
  );
  const { from, isReplaced } = sinceReplaced(known, replacedAt);
  const own = known.slice(from), first = own[0];
  if (first === undefined) return { none: "levelUnknown" };
  const end = Math.max(Math.min(now, readAt), own.at(-1)!.at);
  if (end - first.at < leastMs) return { none: isReplaced ? "replaced" : "knownShortly", since: first.at };
  return expectedOf(own, { end, now });
}

type Known = LevelPoint & { percent: number };

function isLevel(percent: number): boolean {
  return Number.isFinite(percent) && percent >= 0 && percent <= 100;
}

/** Where the supply that is in now begins. */
function sinceReplaced(known: readonly Known[], replacedAt = -Infinity): { from: number; isReplaced: boolean } {
  const rise = Math.max(leastRise, 1.5 * stepOf(known));
  let from = 0, least = Infinity;
  for (const [index, { at, percent }] of known.entries()) {
    const before = known[index - 1];
    const isOther = before !== undefined && (
      percent >= least + rise || (before.at < replacedAt && at >= replacedAt) ||
      (before.percent - percent >= mostFall && at - before.at <= 2 * dayMs)
    );
    if (isOther) from = index;
    least = isOther ? percent : Math.min(least, percent);
  }
  return { from, isReplaced: from > 0 };
}

/** The least difference of two levels: in which steps the device tells them. */
function stepOf(known: readonly Known[]): number {
  const levels = [...new Set(known.map(({ percent }) => percent))].sort((a, b) => a - b);
  let step = Infinity;
  for (let i = 1; i < levels.length; i++) step = Math.min(step, Math.max(0.1, levels[i]! - levels[i - 1]!));
  return step === Infinity ? 1 : step;
}

interface Fall {
  /** In the middle between the last reading of the level before and the first one of this level. */
  at: number;
  percent: number;
}

/** Each moment at which the level became lower than ever; and how many times it rose again. */
function fallsOf(own: readonly Known[]): { falls: Fall[]; rises: number } {
  const falls: Fall[] = [];
  let least = own[0]!.percent, rises = 0;
  for (let i = 1; i < own.length; i++) {
    const { at, percent } = own[i]!, before = own[i - 1]!;
    if (percent > before.percent) rises++;
    if (percent >= least) continue;
    falls.push({ at: (at + before.at) / 2, percent });
    least = percent;
  }
  return { falls, rises };
}

function expectedOf(own: readonly Known[], { end, now }: { end: number; now: number }): Forecast {
  const { falls, rises } = fallsOf(own), first = falls[0], last = falls.at(-1);
  const start = own[0]!, step = stepOf(own);
  // A supply that was new began at its full level; of any other one, the first fall is the first moment that is known.
  const marks: Fall[] = start.percent >= 99 ? [{ at: start.at, percent: start.percent }, ...falls] : falls;
  if (first === undefined || last === undefined || falls.length < leastChanges) {
    return { none: falls.length > 0 && step > mostStep ? "levelCoarse" : "hardlyUsed", since: start.at };
  }
  if (step > mostStep) return { none: "levelCoarse" };
  const begin = marks[0]!, used = begin.percent - last.percent, span = last.at - begin.at;
  if (used < Math.max(leastDrop, 2 * step)) return { none: "hardlyUsed", since: start.at };
  if (rises > falls.length || span < leastMs / 2) return { none: "irregular", since: start.at };
  // Since the last fall, less than one step was used: a device that stands still is slower than it was.
  const restMs = Math.max(0, end - last.at), sofar = used / span;
  const restUsed = Math.min(step / 2, sofar * restMs);
  const perMs = (used + restUsed) / (span + restMs);
  const days = (span + restMs) / dayMs, perDay = perMs * dayMs;
  // Devices round up, down or to the nearest step: half of one in the middle.
  const left = Math.max(step / 4, last.percent + step / 2 - Math.min(step, perMs * (restMs + Math.max(0, now - end))));
  const variance = varianceOf(marks, { perMs, end });
  const relative = Math.sqrt(
    surprise * variance.perDay / perDay * (1 / left + 1 / (days * perDay)) +
      (step * step / 5) / (left * left) + (1.2 * perDay / left) ** 2,
  );
  const spread = Math.exp(variance.quantile * relative), likelyMs = left / perMs;
  if (spread * spread > mostSpread) return { none: "irregular", since: start.at };
  return {
    first: Math.round(now + likelyMs / spread),
    likely: Math.round(now + likelyMs),
    last: Math.round(now + likelyMs * spread),
    perDay,
    since: start.at,
    changes: falls.length,
  };
}

/* Quantile of 0.9 of Student's distribution, by degrees of freedom. */
const quantiles = [3.08, 3.08, 1.89, 1.64, 1.53, 1.48, 1.44, 1.41, 1.4, 1.38, 1.37];

/** How much the use of a time differs from its mean: squared points per day, and how sure that is. */
function varianceOf(
  marks: readonly Fall[],
  { perMs, end }: { perMs: number; end: number },
): { perDay: number; quantile: number } {
  const begin = marks[0]!.at, weeks = Math.floor((end - begin) / weekMs);
  const quantile = (freedom: number) => quantiles[freedom] ?? 1.3;
  let ofFalls = 0, spans = 0;
  for (let i = 1; i < marks.length; i++) {
    const ms = marks[i]!.at - marks[i - 1]!.at;
    ofFalls += (marks[i - 1]!.percent - marks[i]!.percent - perMs * ms) ** 2;
    spans += ms / dayMs;
  }
  const intervals = marks.length - 1;
  const byFalls = ofFalls / spans * (intervals / Math.max(1, intervals - 1));
  if (weeks < 4) return { perDay: byFalls, quantile: quantile(Math.max(1, Math.min(intervals, 2 * weeks) - 1)) };
  // Weekdays differ, and make no difference to whole weeks.
  let ofWeeks = 0;
  for (let week = 0; week < weeks; week++) {
    const used = levelAt(marks, begin + week * weekMs) - levelAt(marks, begin + (week + 1) * weekMs);
    ofWeeks += (used - perMs * weekMs) ** 2;
  }
  const byWeeks = ofWeeks / (7 * (weeks - 1));
  return { perDay: byWeeks, quantile: quantile(weeks - 1) };
}

/** Between two falls, as if it were used evenly. */
function levelAt(marks: readonly Fall[], at: number): number {
  let low = 0, high = marks.length - 1;
  if (at >= marks[high]!.at) return marks[high]!.percent;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (marks[middle]!.at <= at) low = middle;
    else high = middle;
  }
  const a = marks[low]!, b = marks[high]!;
  return b.at === a.at ? b.percent : a.percent + (b.percent - a.percent) * (at - a.at) / (b.at - a.at);
}

/** Whole days from now, for people: `12 to 20`; at least 0. */
export function daysLeft(
  { first, likely, last }: Expected,
  now: number,
): { least: number; likely: number; most: number } {
  const days = (at: number) => Math.max(0, (at - now) / dayMs);
  return { least: Math.floor(days(first)), likely: Math.round(days(likely)), most: Math.ceil(days(last)) };
}
