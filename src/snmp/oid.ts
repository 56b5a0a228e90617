/** Object identifiers as dotted strings without a leading dot. */

/** Whether `oid` is `base` itself or below it. */
export function isUnder(oid: string, base: string): boolean {
  return oid.startsWith(base) && (oid.length === base.length || oid.charCodeAt(base.length) === 46);
}

/** The part of `oid` after `base`, such as "1.3", or undefined when it is not below `base`. */
export function maybeSuffix(oid: string, base: string): string | undefined {
  if (oid.length <= base.length || !isUnder(oid, base)) return undefined;
  return oid.slice(base.length + 1);
}

/**
 * Order of the MIB tree: negative when `a` comes before `b`. Arcs are compared as numbers. `same`: length of a beginning
 * that both are known to have.
 */
export function compareOids(a: string, b: string, same = 0): number {
  // Without splitting, as walks compare hundreds of OIDs per device: the first difference is within one arc, and the
  // arc with more digits is larger.
  const shared = Math.min(a.length, b.length);
  let at = same;
  while (at < shared && a.charCodeAt(at) === b.charCodeAt(at)) at++;
  const left = digitsFrom(a, at), right = digitsFrom(b, at);
  if (left !== right) return left - right;
  return left === 0 ? a.length - b.length : a.charCodeAt(at) - b.charCodeAt(at);
}

/** Digits between `at` and the next dot or the end. */
function digitsFrom(text: string, at: number): number {
  const dot = text.indexOf(".", at);
  return (dot < 0 ? text.length : dot) - at;
}
