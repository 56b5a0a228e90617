/** When people work, in their time zone, and when something is told to them. Pure. */

export interface WorkingHours {
  /** 1 is Monday, 7 Sunday. */
  days: readonly number[];
  /** `08:00`; on the days given. */
  from: string;
  /** `17:00`, or `24:00`; a time that is not after `from` is one of the next day. */
  to: string;
}

/** Minutes since midnight of `08:00`; undefined for another text. `24:00` is the end of a day. */
export function maybeMinutes(text: string): number | undefined {
  const match = /^([01]?\d|2[0-4]):([0-5]\d)$/.exec(text);
  if (match === null) return undefined;
  const minutes = Number(match[1]) * 60 + Number(match[2]);
  return minutes <= 24 * 60 ? minutes : undefined;
}

function minutesOf(text: string): number {
  const minutes = maybeMinutes(text);
  if (minutes === undefined) throw new RangeError(`"${text}" is not a time of day`);
  return minutes;
}

/*
 * A time that the clock leaves out in spring is the moment at which it is put forward, or shortly after; one that comes
 * twice in autumn is the first of both where something begins.
 */
function momentOf(day: Temporal.PlainDate, minutes: number, zone: string): number {
  const date = minutes === 24 * 60 ? day.add({ days: 1 }) : day, ofDay = minutes % (24 * 60);
  return date.toZonedDateTime({
    timeZone: zone,
    plainTime: { hour: Math.floor(ofDay / 60), minute: ofDay % 60 },
  }).epochMilliseconds;
}

function dayOf(ms: number, zone: string): Temporal.PlainDate {
  return Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(zone).toPlainDate();
}

/** The moment itself if people work then, or else when they begin again. Without hours, people always work. */
export function nextWorking(ms: number, { hours, zone }: { hours?: WorkingHours | undefined; zone: string }): number {
  if (hours === undefined || hours.days.length === 0) return ms;
  const from = minutesOf(hours.from), to = minutesOf(hours.to), today = dayOf(ms, zone);
  // Hours of the day before may reach into this one, and a day may be left out as a whole by a change of the zone.
  for (let offset = -1; offset <= 15; offset++) {
    const day = today.add({ days: offset });
    if (!hours.days.includes(day.dayOfWeek)) continue;
    const begins = momentOf(day, from, zone);
    const ends = momentOf(to > from ? day : day.add({ days: 1 }), to, zone);
    if (ends > ms && ends > begins) return Math.max(ms, begins);
  }
  return ms;
}

/** When it is `time` (`07:30`) in the zone for the first time after the moment. */
export function nextAt(ms: number, { time, zone }: { time: string; zone: string }): number {
  const minutes = minutesOf(time), today = dayOf(ms, zone);
  for (let offset = -1;; offset++) {
    const at = momentOf(today.add({ days: offset }), minutes, zone);
    if (at > ms) return at;
  }
}
