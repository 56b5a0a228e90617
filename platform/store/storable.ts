/** Converts values to those that the store can hold and return unchanged. */

/** At most `most` UTF-16 units, without lone surrogates, and without NUL, which would end the text in SQLite. */
export function shortText(text: string, most: number): string {
  return text.slice(0, most).toWellFormed().replaceAll("\0", "");
}

/** Undefined for a timestamp outside the range of Date, which could neither be encoded again nor shown. */
export function validTime(time: Date | undefined): Date | undefined {
  return time === undefined || Number.isNaN(time.getTime()) ? undefined : time;
}
