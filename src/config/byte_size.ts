import { ValueSyntaxError } from "../../common/core/value_syntax_error.ts";

const units: readonly [unit: string, bytes: number][] = [
  ["TB", 1e12],
  ["GB", 1e9],
  ["MB", 1e6],
  ["kB", 1e3],
  ["GiB", 2 ** 30],
  ["MiB", 2 ** 20],
  ["KiB", 2 ** 10],
  ["B", 1],
];
const hint = "write a number with kB, MB, GB (powers of 1000) or KiB, MiB, GiB (powers of 1024), such as 256MB";

/** Bytes of "256MB" or "64 KiB"; letter case does not matter. Throws `ValueSyntaxError`. */
export function parseByteSize(text: string, bounds: { min?: string; max?: string } = {}): number {
  const bytes = bytesOf(text);
  if (bounds.min !== undefined && bytes < bytesOf(bounds.min)) {
    throw new ValueSyntaxError(`is smaller than ${bounds.min}`, `write ${bounds.min} or more`);
  }
  if (bounds.max !== undefined && bytes > bytesOf(bounds.max)) {
    throw new ValueSyntaxError(`is larger than ${bounds.max}`, `write ${bounds.max} or less`);
  }
  return bytes;
}

function bytesOf(text: string): number {
  const [, count, name = ""] = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim()) ?? [];
  if (count !== undefined && name === "") throw new ValueSyntaxError("has no unit", `did you mean ${count}MB? ${hint}`);
  const unit = units.find(([known]) => known.toLowerCase() === name.toLowerCase());
  const bytes = unit === undefined ? NaN : Math.round(Number(count) * unit[1]);
  if (!Number.isSafeInteger(bytes)) throw new ValueSyntaxError("is not a size", hint);
  return bytes;
}

/** The shortest text that `parseByteSize` reads as `bytes`. */
export function formatByteSize(bytes: number): string {
  const [unit, size] = units.find(([, size]) => bytes >= size && bytes % size === 0) ?? ["B", 1];
  return `${bytes / size}${unit}`;
}
