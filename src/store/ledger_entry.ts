/**
 * An entry of the egress ledger and the chain that holds the entries together. The hash of an entry is SHA-256 over the
 * canonical JSON of all its fields with the hash of the entry before it, so that no entry can be changed, removed or put
 * in between without breaking every hash behind it. The first entry of all follows 64 zeros.
 */
import { createHash } from "node:crypto";
import { canonicalJson, type JsonValue } from "./canonical_json.ts";

/** `poll`: the agent's status, and nothing else that left with it. */
export type LedgerKind = "upload" | "task" | "session" | "config" | "activation" | "poll" | "update";

export interface LedgerEntry {
  /** From 1, without gaps. */
  number: number;
  /** RFC 3339, UTC. */
  at: string;
  /** `checkpoint` stands for entries that were pruned: `details` has their last number, its hash and their count. */
  kind: LedgerKind | "checkpoint";
  /** One sentence for a person. */
  summary: string;
  /** SHA-256 of the exact bytes that were sent or received, in hexadecimal. */
  sha256: string;
  /** Number of these bytes. */
  size: number;
  details: JsonValue;
  previous: string;
  hash: string;
}

export const noHash = "0".repeat(64);

/** Computes the hash of an entry, ignoring its field `hash`. */
export function hashOfEntry({ hash: _, ...entry }: LedgerEntry): string {
  return sha256Hex(canonicalJson({ ...entry }));
}

export function sha256Hex(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}
