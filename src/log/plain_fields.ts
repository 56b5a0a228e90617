/** Converts fields to plain JSON values: bounded, without secrets, and harmless on a terminal. */
import { Secret } from "../../common/core/secret.ts";
import type { LogFields, LogValue } from "./log_record.ts";

export type PlainValue = string | number | boolean | null | PlainValue[] | { [name: string]: PlainValue };
export type PlainFields = { [name: string]: PlainValue };

const maxDepth = 6;
const maxItems = 100;
const maxLength = 4_000;

/** A second protection besides the `Secret` type, for secrets in other types under such names. */
const secretName = /password|passphrase|secret|token|community|authorization|private_?key|activation_?code/i;

/* Cc: C0 and C1. Cf: bidirectional controls. They come from devices and could rewrite the terminal of who reads. */
const invisible = /[\p{Cc}\p{Cf}\u2028\u2029]/gu;

export function plainFields(fields: LogFields): PlainFields {
  return plainRecord(fields, 0);
}

function plainRecord(record: { readonly [name: string]: LogValue }, depth: number): PlainFields {
  const plain: PlainFields = {};
  for (const [name, value] of Object.entries(record)) {
    if (value === undefined) continue;
    plain[plainText(name)] =
      secretName.test(name) && typeof value !== "number" && typeof value !== "boolean" && value !== null
        ? "[redacted]"
        : plainValue(value, depth + 1);
  }
  return plain;
}

function plainValue(value: LogValue, depth: number): PlainValue {
  if (value === undefined || value === null) return null;
  if (typeof value === "string") return plainText(value);
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (typeof value === "boolean") return value;
  if (typeof value === "bigint" || value instanceof Secret) return String(value);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
  if (depth > maxDepth) return "…";
  if (value instanceof Error) return plainError(value, depth);
  if (Array.isArray(value)) return value.slice(0, maxItems).map((item) => plainValue(item, depth + 1));
  return plainRecord(value as { readonly [name: string]: LogValue }, depth);
}

function plainError(error: Error, depth: number): PlainFields {
  const plain: PlainFields = { name: error.name, message: plainText(error.message) };
  if ("hint" in error && typeof error.hint === "string") plain.hint = plainText(error.hint);
  if (error.cause instanceof Error) plain.cause = plainValue(error.cause, depth + 1);
  return plain;
}

/** Cuts a text to a maximum length and escapes invisible characters. */
export function plainText(text: string): string {
  const cut = text.length > maxLength ? `${text.slice(0, maxLength)}…` : text;
  return cut.toWellFormed().replace(
    invisible,
    (character) => `\\u${character.codePointAt(0)!.toString(16).padStart(4, "0")}`,
  );
}
