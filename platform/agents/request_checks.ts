/** Checks of data from agents, before it is stored. */

/** A UUID in lower case. */
export function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text);
}

/** Whether a text is not empty and only has characters of ids. */
export function isShortId(text: string): boolean {
  return /^[\w.:-]{1,64}$/.test(text);
}
