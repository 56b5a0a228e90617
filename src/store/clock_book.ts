/**
 * What is known about the machine's clock, so that a wrong clock gives no record a wrong date.
 *
 * Two clocks are compared: the wall clock, which can be set, and the uptime, which cannot. A *span* is
 * a time without a restart of the machine; a *segment* of it is a time in which the wall
 * clock was not set. Each answer of the platform is an *anchor*: the platform's time at an uptime. From an anchor follows
 * the time of everything else in its span, whatever the wall clock said and however long nobody could be asked.
 *
 * A span without an anchor is one in which the platform was never reached, before the machine was restarted. Its time is
 * the best guess that agrees with the spans around it: see `guessedZero`.
 *
 * A "zero" is the time, in milliseconds since 1970, at which the uptime was 0, by one clock or the other.
 */

/** A time on the uptime, which cannot be set. */
export interface UptimeMark {
  /** UUID of the span. */
  span: string;
  /** 0 or more, whole. */
  ms: number;
}

export interface TrueTime {
  at: Date;
  /** The platform was never reached in that span. */
  isGuess: boolean;
}

export interface ClockBook {
  /** Now. */
  mark(): UptimeMark;
  /** The uptime when the wall clock showed `at`, a short while ago; the present one if the clock was set since. */
  markOf(at: Date): UptimeMark;
  /** Call it before a request, and the result with the time in the answer; that returns by how much the wall clock is behind. */
  beginMeasure(): (platformTime: Date) => number | null;
  /** The platform's time as far as it is known, else the machine's. */
  now(): Date;
  /** Whether the difference to the platform's time is known, in this run, for the wall clock as it is set now. */
  isMeasured(): boolean;
  /** Undefined if the wall clock was right, or nothing is known about it. */
  correct(at: Date, mark: UptimeMark | null): TrueTime | undefined;
}

export interface ClockBookOptions {
  /** The wall clock. */
  now(): Date;
  /** Milliseconds since the machine started, including suspend. */
  uptimeMs(): number;
  /** The text that an earlier run saved. */
  kept: string | undefined;
  save(text: string): void;
  /** Earliest possible time of an observation, on the platform's clock. */
  since: Date;
  /** The wall clock was set, or the uptime stopped: `isMeasured` is false until the platform answers. */
  onStep?(): void;
}

interface Anchor {
  ms: number;
  zeroMs: number;
  /** Half of the round-trip time of the request. */
  errorMs: number;
}

export interface ClockSegment {
  fromMs: number;
  /** Wall zero when first and last seen: clocks drift and are slewed. */
  firstZeroMs: number;
  lastZeroMs: number;
  anchors: Anchor[];
}

export interface ClockSpan {
  id: string;
  firstMs: number;
  lastMs: number;
  segments: ClockSegment[];
}

/** A wall clock that moved by more than this between two checks was set. */
const stepMs = 1000;
/** Precision of the uptime after a restart of the program. */
const joinMs = 3000;
/** A wall clock that is off by less counts as right: the request takes time as well. */
const rightMs = 3000;
const saveEveryMs = 3_600_000;
/** Interval between stored anchors, to know how the clocks drifted between two. */
const anchorEveryMs = 3_600_000;
const most = { spans: 50, segments: 100, anchors: 100 };
/** Longest time from a reading to its mark; older marks are ignored. */
const lagMs = 10 * 60_000;
const earliestMs = Date.UTC(2020, 0, 1), latestMs = Date.UTC(2100, 0, 1);
const dayMs = 86_400_000;

/** Continues the book of an earlier run if the machine was not restarted since. */
export function openClockBook(options: ClockBookOptions): ClockBook {
  const { sinceMs, spans, span, look, save } = watchClocks(options);
  /** The segment for which the platform's time is known, in this run. */
  let measured: ClockSegment | undefined;
  return {
    mark: () => ({ span: span.id, ms: Math.round(look()) }),
    markOf(at) {
      const ms = look();
      const segment = span.segments.at(-1)!;
      const then = at.getTime() - segment.lastZeroMs;
      const isOfThis = then >= segment.fromMs && then <= ms && ms - then <= lagMs;
      return { span: span.id, ms: Math.round(isOfThis ? then : ms) };
    },
    beginMeasure() {
      const sentMs = look();
      return (platformTime) => {
        const answeredMs = look();
        const segment = span.segments.at(-1)!;
        const timeMs = platformTime.getTime();
        const isBelievable = timeMs >= Math.max(earliestMs, sinceMs - dayMs) && timeMs <= latestMs;
        const isFirst = measured !== segment;
        measured = segment;
        // A platform whose time is years off is not used; records are sent with their own time.
        if (!isBelievable) return null;
        const ms = (sentMs + answeredMs) / 2;
        addAnchor(segment, { ms, zeroMs: timeMs - ms, errorMs: (answeredMs - sentMs) / 2 });
        if (isFirst) save(answeredMs);
        return Math.round(measuredZero(span, answeredMs)! - segment.lastZeroMs);
      };
    },
    now() {
      const ms = look();
      const wallMs = span.segments.at(-1)!.lastZeroMs + ms;
      const zeroMs = measuredZero(span, ms);
      if (zeroMs !== undefined) return new Date(Math.abs(zeroMs + ms - wallMs) <= rightMs ? wallMs : zeroMs + ms);
      // Unknown, but the time never goes back.
      return new Date(Math.max(wallMs, lastTrueMs(spans.slice(0, -1), sinceMs) + ms - span.firstMs));
    },
    isMeasured() {
      look();
      return measured === span.segments.at(-1);
    },
    correct(at, mark) {
      if (mark === null) return undefined;
      const found = trueTimeOf(spans, { at, mark, sinceMs });
      return found === undefined || Math.abs(found.at.getTime() - at.getTime()) <= rightMs ? undefined : found;
    },
  };
}

interface ClockWatch {
  sinceMs: number;
  /** From the earliest known one to the present one. */
  spans: ClockSpan[];
  /** The present one. */
  span: ClockSpan;
  /** Compares the two clocks; returns the uptime. */
  look(): number;
  save(ms: number): void;
}

/** Detects when the wall clock is set. */
function watchClocks(options: ClockBookOptions): ClockWatch {
  const kept = tryParseBook(options.kept);
  const sinceMs = Math.min(kept?.sinceMs ?? Infinity, options.since.getTime());
  const spans = kept?.spans ?? [];
  let savedMs = -Infinity;
  const first = readClocks();
  const known = spans.at(-1);
  const goesOn = known !== undefined && first.ms >= known.lastMs - joinMs &&
    Math.abs(first.zeroMs - known.segments.at(-1)!.lastZeroMs) <= joinMs + Math.abs(first.ms - known.lastMs) / 1000;
  const span = goesOn ? known : newSpan(first);
  if (!goesOn) spans.push(span);
  look();
  return { sinceMs, spans, span, look, save };

  function readClocks() {
    const ms = Math.max(0, options.uptimeMs());
    return { ms, zeroMs: options.now().getTime() - ms };
  }

  function look(): number {
    const { ms, zeroMs } = readClocks();
    const segment = span.segments.at(-1)!;
    const isStep = Math.abs(zeroMs - segment.lastZeroMs) > (savedMs === -Infinity ? joinMs : stepMs) + driftOver(ms);
    span.lastMs = Math.max(span.lastMs, ms);
    if (isStep) {
      span.segments.push({ fromMs: ms, firstZeroMs: zeroMs, lastZeroMs: zeroMs, anchors: [] });
      if (span.segments.length > most.segments) span.segments.shift();
    } else segment.lastZeroMs = zeroMs;
    if (isStep || ms - savedMs >= saveEveryMs) save(ms);
    if (isStep) options.onStep?.();
    return ms;
  }

  /** Clocks drift by some seconds a day, and a day may pass without a check. */
  function driftOver(ms: number): number {
    return Math.max(0, ms - span.lastMs) / 1000;
  }

  function save(ms: number): void {
    savedMs = ms;
    options.save(JSON.stringify({ version: 1, sinceMs, spans: spans.slice(-most.spans) }));
  }
}

function newSpan({ ms, zeroMs }: { ms: number; zeroMs: number }): ClockSpan {
  const segment = { fromMs: ms, firstZeroMs: zeroMs, lastZeroMs: zeroMs, anchors: [] };
  return { id: crypto.randomUUID(), firstMs: ms, lastMs: ms, segments: [segment] };
}

/** Ignores an anchor that is much less precise than the last one, and replaces one of the same hour. */
function addAnchor({ anchors }: ClockSegment, anchor: Anchor): void {
  const last = anchors.at(-1), before = anchors.at(-2);
  if (last !== undefined && anchor.errorMs > Math.max(1000, last.errorMs)) return;
  if (last !== undefined && before !== undefined && last.ms - before.ms < anchorEveryMs) anchors.pop();
  anchors.push(anchor);
  if (anchors.length > most.anchors) anchors.shift();
}

/** The true zero at an uptime of a span that has an anchor, else undefined. */
function measuredZero(span: ClockSpan, ms: number): number | undefined {
  const { segments } = span;
  const own = Math.max(0, segments.findLastIndex(({ fromMs }) => fromMs <= ms));
  const anchors = segments[own]!.anchors;
  if (anchors.length > 0) return zeroBetween(anchors, ms);
  const next = segments.slice(own + 1).find((segment) => segment.anchors.length > 0)?.anchors[0];
  const before = segments.slice(0, own).findLast((segment) => segment.anchors.length > 0)?.anchors.at(-1);
  return (next ?? before)?.zeroMs;
}

/** Interpolates between two anchors; if they differ by more than drift, the platform's clock was set, and the later one counts. */
function zeroBetween(anchors: readonly Anchor[], ms: number): number {
  const at = anchors.findLastIndex((anchor) => anchor.ms <= ms);
  const low = anchors[Math.max(at, 0)]!, high = anchors[at + 1] ?? low;
  if (high.ms <= low.ms || at < 0) return low.zeroMs;
  if (Math.abs(high.zeroMs - low.zeroMs) > rightMs + (high.ms - low.ms) / 1000) return high.zeroMs;
  return low.zeroMs + (high.zeroMs - low.zeroMs) * (ms - low.ms) / (high.ms - low.ms);
}

/** The true time of a wall time and uptime; undefined if the platform was not reached since. */
function trueTimeOf(
  spans: readonly ClockSpan[],
  { at, mark, sinceMs }: { at: Date; mark: UptimeMark; sinceMs: number },
): TrueTime | undefined {
  const index = spans.findIndex(({ id }) => id === mark.span);
  if (index < 0) {
    // The book has lost that span: it was before those that it has.
    const lost = { ...newSpan({ ms: mark.ms, zeroMs: at.getTime() - mark.ms }), id: mark.span };
    return trueTimeOf([lost, ...spans], { at, mark, sinceMs });
  }
  const span = spans[index]!;
  const measured = measuredZero(span, mark.ms);
  // A program that was killed has not stored how long it ran.
  const seen = mark.ms <= span.lastMs ? spans : spans.with(index, { ...span, lastMs: mark.ms });
  const zeroMs = measured ?? guessedZero(seen, index, sinceMs);
  return zeroMs === undefined
    ? undefined
    : { at: new Date(Math.round(zeroMs + mark.ms)), isGuess: measured === undefined };
}

/**
 * The zero of a span without an anchor, estimated from its neighbours: it is after the last known time before it
 * and before the span after it. The first of these that fits is used:
 *
 * - The wall clock ran through the restart, on battery: it was off by as much as at the next start.
 * - The machine was not restarted, but the clock was set while the program did not run: the uptime continues. Checked first if the
 *   wall clock is earlier than it was, which no restart explains.
 * - It was off by as much as in the span before.
 * - It was right.
 * - Nothing fits: the span ended when the next one began.
 */
function guessedZero(spans: readonly ClockSpan[], index: number, sinceMs: number): number | undefined {
  const span = spans[index]!, next = spans[index + 1];
  if (next === undefined) return undefined;
  const nextZero = measuredZero(next, next.firstMs) ?? guessedZero(spans, index + 1, sinceMs);
  if (nextZero === undefined) return undefined;
  const upperMs = nextZero + next.firstMs, lowerMs = lastTrueMs(spans.slice(0, index), sinceMs);
  const fits = (zeroMs: number | undefined): zeroMs is number =>
    zeroMs !== undefined && zeroMs + span.firstMs >= lowerMs - joinMs && zeroMs + span.lastMs <= upperMs + joinMs;
  const wall = span.segments.at(-1)!.lastZeroMs, nextWall = next.segments[0]!.firstZeroMs;
  const continued = wall + nextZero - nextWall;
  const sameUptime = next.firstMs >= span.lastMs - joinMs ? nextZero : undefined;
  const maybeRestarted = nextWall >= wall + span.lastMs - joinMs;
  const before = spans.slice(0, index).findLast((earlier) => measuredZero(earlier, earlier.lastMs) !== undefined);
  const asBefore = before === undefined ? undefined : span.segments[0]!.firstZeroMs +
    measuredZero(before, before.lastMs)! - before.segments.at(-1)!.lastZeroMs;
  const guesses = maybeRestarted ? [continued, sameUptime, asBefore, wall] : [sameUptime, continued, asBefore, wall];
  return guesses.find(fits) ?? upperMs - span.lastMs;
}

/** The latest time in these spans that is certain. */
function lastTrueMs(spans: readonly ClockSpan[], sinceMs: number): number {
  const span = spans.findLast((each) => measuredZero(each, each.lastMs) !== undefined);
  return Math.max(sinceMs, span === undefined ? -Infinity : measuredZero(span, span.lastMs)! + span.lastMs);
}

/** Undefined if the text is not a book: then nothing is known. */
function tryParseBook(text: string | undefined): { sinceMs: number; spans: ClockSpan[] } | undefined {
  try {
    const { version, sinceMs, spans } = JSON.parse(text ?? "null") as {
      version: number;
      sinceMs: number;
      spans: ClockSpan[];
    };
    return version === 1 && Number.isFinite(sinceMs) && spans.every(isSpan) ? { sinceMs, spans } : undefined;
  } catch {
    return undefined; // Of another version, or damaged.
  }
}

function isSpan({ id, firstMs, lastMs, segments }: ClockSpan): boolean {
  return typeof id === "string" && [firstMs, lastMs].every(Number.isFinite) && segments.length > 0 &&
    segments.every(({ fromMs, firstZeroMs, lastZeroMs, anchors }) =>
      [fromMs, firstZeroMs, lastZeroMs].every(Number.isFinite) &&
      anchors.every((anchor) => [anchor.ms, anchor.zeroMs, anchor.errorMs].every(Number.isFinite))
    );
}
