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

/** Order of the MIB tree: negative when `a` comes before `b`. Arcs are compared as numbers. */
export function compareOids(a: string, b: string): number {
  const left = a.split("."), right = b.split(".");
  const shared = Math.min(left.length, right.length);
  for (let i = 0; i < shared; i++) {
    const difference = Number(left[i]) - Number(right[i]);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}
