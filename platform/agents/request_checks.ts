/** What agents send is checked before it is kept. */

/** A UUID in lower case. */
export function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text);
}

/** Not empty, and nothing but what an id is made of. */
export function isShortId(text: string): boolean {
  return /^[\w.:-]{1,64}$/.test(text);
}
