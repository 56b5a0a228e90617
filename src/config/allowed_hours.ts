/** Hours of the week in which the agent may talk to printers, as "mon-fri 07:00-19:00" in a time zone. */
import { ValueSyntaxError } from "./value_syntax_error.ts";

/** A part of one day. What goes over midnight is two of them. */
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
  // "fri-mon" goes over the end of the week.
  for (let day = first; last !== undefined && day !== last;) days.push(day = day % 7 + 1);
  return days;
}

function readDay(text: string): number {
  const index = weekdays.findIndex((day) => text.length >= 3 && `${day}${endings[day]}`.startsWith(text));
  if (index < 0) {
    throw new ValueSyntaxError(`has a day that is not known ("${text}")`, `the days are ${weekdays.join(", ")}`);
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
    throw new ValueSyntaxError(`has a time that is none ("${text}")`, "write times from 00:00 to 24:00");
  }
  return total;
}

/** The windows of a day from one minute to another, on the next day when it ends before it starts. */
export function windowsOf(weekday: number, from: number, until: number): DayWindow[] {
  if (from < until) return [{ weekday, fromMinute: from, untilMinute: until }];
  const next = weekday % 7 + 1;
  const tail = until > 0 ? [{ weekday: next, fromMinute: 0, untilMinute: until }] : [];
  return [{ weekday, fromMinute: from, untilMinute: minutesOfDay }, ...tail];
}

/** For `sort`. */
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

/** Whether all of `hours` allow traffic at that moment; nothing is forbidden where the list is empty. */
export function isAllowedAt(hours: readonly AllowedHours[], date: Date): boolean {
  return hours.every(({ timeZone, windows }) => {
    const { weekday, minute } = localTime(date, timeZone);
    return windows.some((window) =>
      window.weekday === weekday && window.fromMinute <= minute && minute < window.untilMinute
    );
  });
}

function localTime(date: Date, timeZone: string | null): { weekday: number; minute: number } {
  if (timeZone === null) return { weekday: date.getDay() || 7, minute: date.getHours() * 60 + date.getMinutes() };
  const format = new Intl.DateTimeFormat("en-GB", {
    timeZone,
    weekday: "short",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  });
  const parts = Object.fromEntries(format.formatToParts(date).map(({ type, value }) => [type, value]));
  const weekday = weekdays.findIndex((day) => day === parts.weekday?.toLowerCase()) + 1;
  return { weekday, minute: Number(parts.hour) * 60 + Number(parts.minute) };
}

/** One line a window, as `parseDayWindows` reads it. */
export function formatWindows(windows: readonly DayWindow[]): string[] {
  return windows.map(({ weekday, fromMinute, untilMinute }) =>
    `${weekdays[weekday - 1]} ${formatMinute(fromMinute)}-${formatMinute(untilMinute)}`
  );
}

function formatMinute(minute: number): string {
  return `${String(Math.floor(minute / 60)).padStart(2, "0")}:${String(minute % 60).padStart(2, "0")}`;
}
