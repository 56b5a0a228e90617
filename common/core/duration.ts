import { ValueSyntaxError } from "./value_syntax_error.ts";

const units: readonly [unit: string, ms: number][] = [
  ["w", 604_800_000],
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
  ["ms", 1],
];
const msOf = new Map(units);
const hint = "write a number with ms, s, m, h, d or w, such as 30s or 1h30m";

export type DurationUnit = "ms" | "s" | "m" | "h" | "d" | "w";

export interface DurationBounds {
  min?: string;
  max?: string;
  /** The unit of a number without one; without it such a number is a mistake. */
  bareUnit?: DurationUnit;
}

/** Milliseconds of "500ms", "5m" or "1h30m", within bounds in the same format. Throws `ValueSyntaxError`. */
export function parseDuration(text: string, bounds: DurationBounds = {}): number {
  const isBare = bounds.bareUnit !== undefined && /^\s*\d+\s*$/.test(text);
  const ms = durationOf(isBare ? `${text.trim()}${bounds.bareUnit}` : text);
  if (bounds.min !== undefined && ms < durationOf(bounds.min)) {
    throw new ValueSyntaxError(`is shorter than ${bounds.min}`, `write ${bounds.min} or more`);
  }
  if (bounds.max !== undefined && ms > durationOf(bounds.max)) {
    throw new ValueSyntaxError(`is longer than ${bounds.max}`, `write ${bounds.max} or less`);
  }
  return ms;
}

function durationOf(text: string): number {
  const compact = text.trim().toLowerCase();
  if (/^\d+$/.test(compact)) throw new ValueSyntaxError("has no unit", `did you mean ${compact}s? ${hint}`);
  const parts = [...compact.matchAll(/(\d+(?:\.\d+)?)\s*(ms|[wdhms])\s*/gy)];
  const length = parts.reduce((sum, [part]) => sum + part.length, 0);
  if (parts.length === 0 || length !== compact.length) throw new ValueSyntaxError("is not a duration", hint);
  const ms = parts.reduce((sum, [, count, unit]) => sum + Number(count) * msOf.get(unit!)!, 0);
  if (!Number.isSafeInteger(Math.round(ms))) throw new ValueSyntaxError("is not a duration", hint);
  return Math.round(ms);
}

/** The shortest text that `parseDuration` reads as `ms`; days from two upwards, so that one day is "24h". */
export function formatDuration(ms: number): string {
  const found = units.find(([unit, size]) => unit !== "w" && ms % size === 0 && (unit !== "d" || ms >= 2 * size));
  const [unit, size] = ms === 0 ? ["s", 1000] as const : found ?? ["ms", 1] as const;
  return `${ms / size}${unit}`;
}

/** For a person, rounded: "45 s", "7 min", "3 h", "9 days". */
export function roundDuration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}
