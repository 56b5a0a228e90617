/**
 * How far the sweep of a site has come, as JSON in the mark `sweepPosition:SITE` of the inventory. The order of a sweep is
 * a permutation by its seed, so that the slices of it that are done are all that has to be kept. It is of use only for the
 * same addresses and credentials, which `digest` stands for: for others the sweep starts over.
 */
import { createHash } from "node:crypto";
import type { WireCredentialPlan } from "../snmp/credential.ts";
import type { ScanPosition } from "../scan/shard_queue.ts";
import type { AddressSpace } from "../targets/address_space.ts";

export interface SweepPosition extends ScanPosition {
  digest: string;
  seed: number;
  /** Addresses altogether. */
  size: number;
  /** Start of its first part, RFC 3339. */
  begunAt: string;
  /** Of all parts together. */
  activeMs: number;
  answered: number;
  printers: number;
}

/** Too short to reveal a credential, long enough to detect a change. */
const digestDigits = 8;

export function digestOf(space: AddressSpace, credentials: WireCredentialPlan): string {
  const segments = space.segments.map(({ first, count, port }) => [first, count, port]);
  const text = JSON.stringify([segments, credentials], (key, value) => {
    // A credential without a name is named after its line.
    if (key === "name") return undefined;
    return typeof value === "bigint" ? String(value) : value;
  });
  return createHash("sha256").update(text).digest("hex").slice(0, digestDigits);
}

/** Undefined if invalid; the sweep then starts over. */
export function tryParsePosition(text: string): SweepPosition | undefined {
  let value: SweepPosition;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined; // Not JSON: not ours.
  }
  return isPosition(value) ? value : undefined;
}

function isPosition(value: SweepPosition): boolean {
  if (typeof value !== "object" || value === null) return false;
  const { digest, seed, size, begunAt, activeMs, answered, printers, done, begun } = value;
  if (typeof digest !== "string" || ![seed, size].every(isCount) || !Number.isFinite(Date.parse(begunAt))) return false;
  if (![activeMs, answered, printers].every(isCount) || !Array.isArray(done) || !Array.isArray(begun)) return false;
  const areTexts = begun.every((slice) =>
    Array.isArray(slice?.reported) && slice.reported.every((key: unknown) => typeof key === "string")
  );
  return areTexts &&
    areApart([...done, ...begun.map(({ from, to }): [number, number] => [from, to]), [size, Infinity]]);
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** With overlapping slices, addresses would be asked twice or never. */
function areApart(slices: [from: number, to: number][]): boolean {
  if (
    !slices.every((slice) =>
      Array.isArray(slice) && slice.length === 2 && slice.every((end) => isCount(end) || end === Infinity)
    )
  ) return false;
  const sorted = slices.toSorted((a, b) => a[0] - b[0]);
  return sorted.every(([from, to], i) => from < to && (i === 0 || sorted[i - 1]![1] <= from));
}

/** Addresses that are done. */
export function doneOf({ done, begun }: ScanPosition): number {
  const slices = done.reduce((sum, [from, to]) => sum + to - from, 0);
  return begun.reduce((sum, { reported }) => sum + reported.length, slices);
}

/** Estimated duration of the whole sweep from its progress; undefined if too little is done. */
export function wholeSweepMs(position: SweepPosition): number | undefined {
  const done = doneOf(position);
  return done < position.size * leastShare ? undefined : position.activeMs * position.size / done;
}

const leastShare = 0.05;
