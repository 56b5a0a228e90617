/** Hours of the week in which the agent may talk to printers, as "mon-fri 07:00-19:00" in a time zone. */
import { ValueSyntaxError } from "../../common/core/value_syntax_error.ts";

/** A part of one day. A window that crosses midnight is stored as two. */
export interface DayWindow {
  /** ISO 8601: 1 is Monday, 7 is Sunday. */
  readonly weekday: number;
  /** Minutes after midnight, 0 to 1439. */
  readonly fromMinute: number;
  /** Not included; up to 1440. */
  readonly untilMinute: number;
}

export interface AllowedHours {
  /** IANA name; null for the machine's. */
  readonly timeZone: string | null;
  /** Sorted by day and time. */
  readonly windows: readonly DayWindow[];
}

const weekdays = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;
const minutesOfDay = 1440;
const hint = 'write days and times, such as "mon-fri 07:00-19:00" or "sat,sun 22:00-06:00"';

/** The windows of one line: days, times or both. Throws `ValueSyntaxError`. */
export function parseDayWindows(text: string): DayWindow[] {
  const words = text.trim().toLowerCase().split(/\s+/);
  const last = words.at(-1)!;
  const hasTimes = last.includes(":");
  const dayWords = hasTimes ? words.slice(0, -1) : words;
  if (words.length > 2 || dayWords.length > 1 || last === "") {
    throw new ValueSyntaxError("is not a time of the week", hint);
  }
  const days = dayWords.length === 0 ? [1, 2, 3, 4, 5, 6, 7] : dayWords[0]!.split(",").flatMap(readDays);
  const [from, until] = hasTimes ? readTimes(last) : [0, minutesOfDay] as const;
  return [...new Set(days)].flatMap((weekday) => windowsOf(weekday, from, until)).sort(byTime);
}

function readDays(text: string): number[] {
  const [first, last, ...more] = text.split("-").map(readDay);
  if (first === undefined || more.length > 0) throw new ValueSyntaxError("is not a time of the week", hint);
  const days = [first];
  // "fri-mon" crosses the end of the week.
  for (let day = first; last !== undefined && day !== last;) days.push(day = day % 7 + 1);
  return days;
}

function readDay(text: string): number {
  const index = weekdays.findIndex((day) => text.length >= 3 && `${day}${endings[day]}`.startsWith(text));
  if (index < 0) {
    throw new ValueSyntaxError(`has an unknown day ("${text}")`, `the days are ${weekdays.join(", ")}`);
  }
  return index + 1;
}

const endings = { mon: "day", tue: "sday", wed: "nesday", thu: "rsday", fri: "day", sat: "urday", sun: "day" };

function readTimes(text: string): [from: number, until: number] {
  const [from, until, ...more] = text.split("-").map(readTime);
  if (from === undefined || until === undefined || more.length > 0) {
    throw new ValueSyntaxError("is not a time of the week", hint);
  }
  if (from === until) throw new ValueSyntaxError("ends when it starts", "leave the times out for whole days");
  if (from === minutesOfDay) throw new ValueSyntaxError("starts at 24:00", "write 00:00 of the next day");
  return [from, until];
}

function readTime(text: string): number {
  const [, hours, minutes] = /^(\d{1,2}):(\d{2})$/.exec(text) ?? [];
  const total = Number(hours) * 60 + Number(minutes);
  if (hours === undefined || Number(minutes) > 59 || total > minutesOfDay) {
    throw new ValueSyntaxError(`has an invalid time ("${text}")`, "write times from 00:00 to 24:00");
  }
  return total;
}

/** The windows from one minute of a day to another; of the next day if `until` is before `from`. */
export function windowsOf(weekday: number, from: number, until: number): DayWindow[] {
  if (from < until) return [{ weekday, fromMinute: from, untilMinute: until }];
  const next = weekday % 7 + 1;
  const tail = until > 0 ? [{ weekday: next, fromMinute: 0, untilMinute: until }] : [];
  return [{ weekday, fromMinute: from, untilMinute: minutesOfDay }, ...tail];
}

/** Compares by day and time, for `sort`. */
export function byTime(a: DayWindow, b: DayWindow): number {
  return a.weekday - b.weekday || a.fromMinute - b.fromMinute;
}

/** Throws `ValueSyntaxError` for a name that the runtime's time zone database does not have. */
export function parseTimeZone(text: string): string {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: text }).resolvedOptions().timeZone;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new ValueSyntaxError("is not a time zone", "write its name, such as Europe/Berlin, America/New_York or UTC");
  }
}

/** Whether all of `hours` allow traffic at that moment; an empty list allows it always. */
export function isAllowedAt(hours: readonly AllowedHours[], date: Date): boolean {
  return hours.every(({ timeZone, windows }) => {
    const minute = minuteOfWeek(date.getTime(), timeZone);
    return windows.some(({ weekday, fromMinute, untilMinute }) => {
      const midnight = (weekday - 1) * minutesOfDay;
      return midnight + fromMinute <= minute && minute < midnight + untilMinute;
    });
  });
}

/** A period without a change: from `fromMs` (included) to `untilMs` (excluded), both of the wall clock. */
export interface HoursPeriod {
  readonly allowed: boolean;
  readonly fromMs: number;
  readonly untilMs: number;
}

/** Cache of the last result for each list; a result that is too far from the moment is computed again. */
const periods = new WeakMap<readonly AllowedHours[], { period: HoursPeriod; foundMs: number }>();
const believedMs = 86_400_000;

/**
 * The period that contains a moment of the wall clock. Adjacent windows are merged, and changes of the zone's UTC
 * offset are taken into account; infinite on a side where nothing changes within a week.
 */
export function periodAt(hours: readonly AllowedHours[], atMs: number): HoursPeriod {
  const known = periods.get(hours);
  if (known !== undefined && Math.abs(atMs - known.foundMs) < believedMs) {
    const { period } = known;
    if (period.fromMs <= atMs && atMs < period.untilMs) return period;
  }
  const period = findPeriod(hours, atMs);
  periods.set(hours, { period, foundMs: atMs });
  return period;
}

function findPeriod(hours: readonly AllowedHours[], atMs: number): HoursPeriod {
  const allowed = isAllowedAt(hours, new Date(atMs));
  const edges = [...new Set(hours.flatMap((each) => edgesAround(each, atMs)))].sort((a, b) => a - b);
  const changesAt = (ms: number) => isAllowedAt(hours, new Date(ms)) !== allowed;
  return {
    allowed,
    // An edge is the first moment of the period that follows it.
    fromMs: edges.findLast((edge) => edge <= atMs && changesAt(edge - 1)) ?? -Infinity,
    untilMs: edges.find((edge) => edge > atMs && changesAt(edge)) ?? Infinity,
  };
}

/** Moments within about a week at which hours may begin or end; not all of them are real changes. */
function edgesAround({ timeZone, windows }: AllowedHours, atMs: number): number[] {
  const offset = (ms: number) => zoneOffsetMs(ms, timeZone);
  const [before, at, after] = [atMs - weekMs, atMs, atMs + weekMs];
  const edges = [...maybeTransition(before, at, offset), ...maybeTransition(at, after, offset)];
  for (const offsetMs of new Set([before, at, after].map(offset))) {
    const monday = atMs - minuteOfWeek(atMs, timeZone) * minuteMs - atMs % minuteMs + offset(atMs) - offsetMs;
    for (const { weekday, fromMinute, untilMinute } of windows) {
      for (const minute of [fromMinute, untilMinute]) {
        const edge = monday + ((weekday - 1) * minutesOfDay + minute) * minuteMs;
        edges.push(edge - weekMs, edge, edge + weekMs);
      }
    }
  }
  return edges;
}

/** When the UTC offset of the time zone changes between two moments; at most one change in a week is assumed. */
function maybeTransition(from: number, until: number, offset: (ms: number) => number): number[] {
  const offsetMs = offset(from);
  if (offset(until) === offsetMs) return [];
  let [low, high] = [Math.floor(from / minuteMs), Math.ceil(until / minuteMs)];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (offset(middle * minuteMs) === offsetMs) low = middle;
    else high = middle;
  }
  return [high * minuteMs];
}

const minuteMs = 60_000;
const weekMs = 7 * minutesOfDay * minuteMs;
/** 1970-01-01 was a Thursday. */
const firstMinute = 3 * minutesOfDay;

/** Minutes since Monday, 00:00, in local time of the zone. */
function minuteOfWeek(ms: number, timeZone: string | null): number {
  const minutes = Math.floor((ms + zoneOffsetMs(ms, timeZone)) / minuteMs) + firstMinute;
  return (minutes % (7 * minutesOfDay) + 7 * minutesOfDay) % (7 * minutesOfDay);
}

/** UTC offset of the zone in milliseconds; positive east of Greenwich. */
function zoneOffsetMs(ms: number, timeZone: string | null): number {
  if (timeZone === null) return -new Date(ms).getTimezoneOffset() * minuteMs;
  const parts = Object.fromEntries(formatOf(timeZone).formatToParts(ms).map(({ type, value }) => [type, value]));
  const { year, month, day, hour, minute } = parts;
  const local = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute));
  return local - Math.floor(ms / minuteMs) * minuteMs;
}

/** Cached: creating a format takes a hundred times as long as using it. */
const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(timeZone: string): Intl.DateTimeFormat {
  let format = formats.get(timeZone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat("en-GB", {
      timeZone,
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      hourCycle: "h23",
    });
    formats.set(timeZone, format);
  }
  return format;
}

/** When this process may send datagrams, in milliseconds of the wall clock: `fromMs` included, `untilMs` excluded. */
export interface SendWindow {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** Reserve at the end of the hours, as the system may delay a datagram (ARP, a full buffer). */
const lastMs = 1_000;

/** The window that contains a moment of the wall clock; undefined if nothing may be sent then. */
export function sendWindowAt(hours: readonly AllowedHours[], atMs: number): SendWindow | undefined {
  const { allowed, fromMs, untilMs } = periodAt(hours, atMs);
  const window = { fromMs, untilMs: untilMs - lastMs };
  return allowed && atMs < window.untilMs ? window : undefined;
}

/** One line for each window, as `parseDayWindows` reads it. */
export function formatWindows(windows: readonly DayWindow[]): string[] {
  return windows.map(({ weekday, fromMinute, untilMinute }) =>
    `${weekdays[weekday - 1]} ${formatMinute(fromMinute)}-${formatMinute(untilMinute)}`
  );
}

function formatMinute(minute: number): string {
  return `${String(Math.floor(minute / 60)).padStart(2, "0")}:${String(minute % 60).padStart(2, "0")}`;
}
