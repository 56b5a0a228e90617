/**
 * What a statement's hash and signature cover: its head and its rows as lines of JSON, with the keys of each object in
 * order. Platform and agent share it, as the agent checks statements.
 */
import { createHash, type Hash } from "node:crypto";

/** JSON without blanks, with keys in the order of their code units. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const entries = Object.entries(value).filter(([, each]) => each !== undefined).sort(([a], [b]) => a < b ? -1 : 1);
  return `{${entries.map(([key, each]) => `${JSON.stringify(key)}:${canonicalJson(each)}`).join(",")}}`;
}

/** Adds the head first, then each row. */
export function createStatementHash(): { add(line: string): void; hex(): string } {
  const hash: Hash = createHash("sha256");
  return {
    add: (line) => void hash.update(line).update("\n"),
    hex: () => hash.digest("hex"),
  };
}

/** What the platform's key signs. */
export function signedHash(hash: string): Uint8Array {
  return new TextEncoder().encode(hash);
}
