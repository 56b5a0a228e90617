import { escapeInvisible } from "../../../common/core/escape_invisible.ts";

/**
 * JSON of an answer: invisible characters as escapes, keys of the store in camelCase, its times (`at`, `…_at`) as RFC
 * 3339.
 */
export function jsonText(answer: unknown): string {
  return `${escapeInvisible(JSON.stringify(shown(answer), null, 2))}\n`;
}

/** The same conversion, but to values, for other output formats. */
export function shown(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shown);
  if (value instanceof Date || typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
      typeof inner === "number" && /(^at|_at|At)$/.test(key) ? new Date(inner).toISOString() : shown(inner),
    ]),
  );
}
