/** Periods of local days. Pure. */
import { UsageError } from "../../common/core/errors.ts";
import type { Period } from "./count_pages.ts";

export interface DayPeriod {
  /** First day, such as `2026-03-01`. */
  fromDay: string;
  /** Last day, which is included. */
  toDay: string;
}

/** From the first moment of the first day to the first moment after the last one. Throws UsageError. */
export function timesOf({ fromDay, toDay }: DayPeriod, zone: string): Period {
  const first = dayOf(fromDay), last = dayOf(toDay);
  if (Temporal.PlainDate.compare(first, last) > 0) {
    throw new UsageError(
      "Cannot bill a period that ends before it begins",
      "the first day comes before the last one, which is included",
    );
  }
  if (first.until(last).days > 3700) throw new UsageError("Cannot bill more than ten years at once");
  return {
    from: first.toZonedDateTime({ timeZone: zone }).epochMilliseconds,
    until: last.add({ days: 1 }).toZonedDateTime({ timeZone: zone }).epochMilliseconds,
  };
}

/** Of a month, such as `2026-03`. Throws UsageError. */
export function daysOfMonth(month: string): DayPeriod {
  try {
    if (!/^\d{4}-\d{2}$/.test(month)) throw new RangeError("not a month");
    const first = Temporal.PlainYearMonth.from(month).toPlainDate({ day: 1 });
    return { fromDay: first.toString(), toDay: first.add({ months: 1 }).subtract({ days: 1 }).toString() };
  } catch (cause) {
    throw new UsageError(`Cannot use "${month}" as a month`, "a month is such as 2026-03", { cause });
  }
}

/** The month before the one of this time in the zone. */
export function monthBefore(at: Date, zone: string): string {
  return Temporal.Instant.fromEpochMilliseconds(at.getTime()).toZonedDateTimeISO(zone).toPlainDate().toPlainYearMonth()
    .subtract({ months: 1 }).toString();
}

/** The month, where it is one; else both days. */
export function periodText({ fromDay, toDay }: DayPeriod): string {
  const month = fromDay.slice(0, 7);
  const whole = daysOfMonth(month);
  if (whole.fromDay === fromDay && whole.toDay === toDay) return month;
  return fromDay === toDay ? fromDay : `${fromDay} to ${toDay}`;
}

/** A time of a person in the zone: a day (its first moment, or its last with `isEnd`), or a time with an offset. */
export function timeOf(text: string, zone: string, isEnd = false): number {
  if (/^\d{4}-\d{2}-\d{2}$/.test(text)) {
    const day = dayOf(text);
    return (isEnd ? day.add({ days: 1 }) : day).toZonedDateTime({ timeZone: zone }).epochMilliseconds;
  }
  try {
    return Temporal.Instant.from(text).epochMilliseconds;
  } catch (cause) {
    throw new UsageError(
      `Cannot use "${text}" as a day or a time`,
      "a day is such as 2026-03-01, and a time such as 2026-03-01T06:00Z",
      { cause },
    );
  }
}

function dayOf(text: string): Temporal.PlainDate {
  try {
    if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) throw new RangeError("not a day");
    const day = Temporal.PlainDate.from(text, { overflow: "reject" });
    if (day.year < 1980 || day.year > 2200) throw new RangeError("too far away");
    return day;
  } catch (cause) {
    throw new UsageError(`Cannot use "${text}" as a day`, "a day is such as 2026-03-01", { cause });
  }
}
