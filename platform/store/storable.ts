/** What the store can hold and give back as it was. */

/** At most `most` UTF-16 units, without half characters and without NUL, at which SQLite would end the text. */
export function shortText(text: string, most: number): string {
  return text.slice(0, most).toWellFormed().replaceAll("\0", "");
}

/** Undefined for a timestamp beyond what a date can hold, which could be neither encoded again nor shown. */
export function validTime(time: Date | undefined): Date | undefined {
  return time === undefined || Number.isNaN(time.getTime()) ? undefined : time;
}
