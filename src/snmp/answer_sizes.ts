/**
 * Estimates the size of answers from earlier ones of the device and of others of its kind: answers that need more than
 * one packet are lost more often, and on some paths always, as fragments are dropped.
 */
import { arcOctets } from "./ber.ts";
import { isUnder } from "./oid.ts";
import { isException, type Varbind } from "./value.ts";

/** Octets that an answer should not exceed: one Ethernet frame, with room for a tunnel around it. */
export const maxAnswerOctets = 1400;

/** Sizes for one device, in octets of encoded variable bindings. */
export interface AnswerSizes {
  /** Expected octets of an object. */
  expected(oid: string): number;
  /** The same for a row of a column, which may have no further row, so that the answer has the objects after it. */
  expectedRow(column: string): number;
  /** Rows that the column is likely to have; undefined if none of its kind was read. */
  expectedRows(column: string): number | undefined;
  /** Records an object that was answered to `base`; returns its octets. */
  learn(base: string, varbind: Varbind): number;
  /** Records the number of rows of a column that was read to its end. */
  learnRows(column: string, rows: number): void;
  /** From now on it learns from, and for, all devices of a kind. */
  share(kind: KindSizes): void;
  /** Maximum octets for the next answer. */
  room(): number;
  /** Records an answer of this size. */
  arrived(octets: number): void;
  /** Records that an answer of this expected size was refused, or did not arrive although the device answers others. */
  failed(octets: number, how: "refused" | "lost"): void;
}

/** What is shared by devices of one kind, which answer alike. */
export interface KindSizes {
  /** By column or object. */
  octets: Map<string, Average>;
  /** By column. */
  rows: Map<string, number>;
}

export function createKindSizes(): KindSizes {
  return { octets: new Map(), rows: new Map() };
}

/** Lower limit of the size, so that one varbind is always possible. */
const smallestRoom = 32;

/**
 * `overheadOctets`: octets of a message around its varbinds. `guesses`: octets of values that are known to be long,
 * such as texts, by column or object; other values are assumed to be numbers.
 */
export function createAnswerSizes(
  overheadOctets: number,
  guesses: Readonly<Record<string, number>> = {},
): AnswerSizes {
  let kind = createKindSizes();
  /** Size of objects after the requested ones, which an answer has if a table is short. */
  let stray: Average | undefined;
  let ceiling = maxAnswerOctets - overheadOctets;
  let room = ceiling;
  let largestArrived = 0;
  const guess = (base: string) =>
    // An index of two arcs, as in the tables of the Printer-MIB.
    varbindOctets(oidOctets(base) + 2, guesses[base] ?? numberOctets);
  return {
    expected: (oid) => expectedOf(kind.octets.get(oid)) ?? guess(oid),
    expectedRow(column) {
      const seen = expectedOf(kind.octets.get(column));
      if (seen !== undefined) return seen;
      // The answer to a column without rows is what follows it.
      if (kind.rows.get(column) === 0) return expectedOf(stray) ?? varbindOctets(oidOctets(column) + 2, numberOctets);
      const row = guess(column);
      return Math.max(row, Math.ceil((row + 2 * (expectedOf(stray) ?? 0)) / 3));
    },
    expectedRows: (column) => kind.rows.get(column),
    learn(base, varbind) {
      const octets = octetsOf(varbind);
      if (isException(varbind)) return octets;
      const isOwn = isUnder(varbind.oid, base);
      const average = isOwn ? kind.octets.get(base) : stray;
      if (average !== undefined) include(average, octets);
      else if (isOwn) kind.octets.set(base, { octets, deviation: 0 });
      else stray = { octets, deviation: 0 };
      return octets;
    },
    learnRows(column, rows) {
      const before = kind.rows.get(column) ?? 0;
      // One row too few costs a further request, one too many only its octets: so the number falls slowly.
      kind.rows.set(column, rows >= before ? rows : before - Math.ceil((before - rows) / 4));
    },
    share(others) {
      for (const [base, own] of kind.octets) if (!others.octets.has(base)) others.octets.set(base, own);
      kind = others;
    },
    room: () => room,
    arrived(octets) {
      largestArrived = Math.max(largestArrived, octets);
      room = Math.min(ceiling, room * 2);
    },
    failed(octets, how) {
      // If an answer of this size has arrived before, this loss was random. Otherwise it may be too large for the path.
      if (how === "refused" || octets > largestArrived) {
        ceiling = Math.max(smallestRoom, Math.min(ceiling, Math.floor(octets * 0.9)));
      }
      room = Math.max(smallestRoom, Math.min(ceiling, Math.floor(octets / 2)));
    },
  };
}

/** Moving average of sizes, and their deviation. */
export interface Average {
  octets: number;
  deviation: number;
}

function include(average: Average, octets: number): void {
  average.deviation += (Math.abs(octets - average.octets) - average.deviation) / 4;
  average.octets += (octets - average.octets) / 4;
}

/** Expected size: single sizes differ, but the sum of many is near the average. */
function expectedOf(average: Average | undefined): number | undefined {
  return average === undefined ? undefined : Math.ceil(average.octets + average.deviation);
}

/** Octets of a 32-bit number, the most frequent value. */
const numberOctets = 4;

/** Octets of an encoded variable binding. */
export function octetsOf({ oid, value }: Varbind): number {
  return varbindOctets(oidOctets(oid), valueOctets(value));
}

/** Octets of all variable bindings. */
export function octetsOfAll(varbinds: readonly Varbind[]): number {
  return varbinds.reduce((sum, varbind) => sum + octetsOf(varbind), 0);
}

/** Octets including tags and lengths of sequence, name and value. */
function varbindOctets(oid: number, value: number): number {
  const content = 2 + oid + lengthOctets(value) + 1 + value;
  return 1 + lengthOctets(content) + content;
}

function lengthOctets(content: number): number {
  return content < 0x80 ? 1 : content < 0x100 ? 2 : 3;
}

function valueOctets(value: Varbind["value"]): number {
  if (value === null) return 0;
  if (typeof value === "string") return oidOctets(value);
  if (typeof value === "bigint") return 9;
  if (typeof value !== "number") return value.length;
  let octets = 1;
  for (let rest = value < 0 ? -value - 1 : value; rest >= 0x80; rest = Math.floor(rest / 256)) octets++;
  return octets;
}

/** Cache of encoded lengths of identifiers. */
const lengths = new Map<string, number>();
const maxLengths = 4096;

/** Octets of an encoded OID's content. */
function oidOctets(oid: string): number {
  const known = lengths.get(oid);
  if (known !== undefined) return known;
  const octets = countOctets(oid);
  if (lengths.size >= maxLengths) lengths.clear();
  lengths.set(oid, octets);
  return octets;
}

function countOctets(oid: string): number {
  // The first two arcs share an octet.
  let octets = -1, arc = 0;
  for (let at = 0; at <= oid.length; at++) {
    const code = at < oid.length ? oid.charCodeAt(at) : dot;
    if (code !== dot) {
      arc = arc * 10 + code - 48;
      continue;
    }
    octets += arcOctets(arc);
    arc = 0;
  }
  return octets;
}

const dot = 46;
