/**
 * How large the answer to a request will be, learned from what this device has answered: answers that need more than one
 * packet are lost more often, and on some paths always, as fragments are dropped.
 */
import { arcOctets } from "./ber.ts";
import { isUnder } from "./oid.ts";
import { isException, type Varbind } from "./value.ts";

/** Octets that an answer should not exceed: one Ethernet frame, with room for a tunnel around it. */
export const maxAnswerOctets = 1400;

/** Of one device. Sizes are octets of encoded variable bindings. */
export interface AnswerSizes {
  /** Octets that an object is expected to take. */
  expected(oid: string): number;
  /** The same for a row of a column, when it may have no row left and the answer runs on behind it. */
  expectedRow(column: string): number;
  /** Takes note of an object that was asked for by `base`. */
  learn(base: string, varbind: Varbind): void;
  /** Octets that the next answer may have. */
  room(): number;
  /** An answer of so many octets has arrived. */
  arrived(octets: number): void;
  /** An answer that was expected to have so many octets was refused, or never came though the device answers others. */
  failed(octets: number, how: "refused" | "lost"): void;
}

/** What one more varbind must always be allowed to take. */
const smallestRoom = 32;

/**
 * `overheadOctets`: of a message around its varbinds. `guesses`: octets of values that are known to be long, such as
 * texts, by column or object; other values are taken for numbers.
 */
export function createAnswerSizes(
  overheadOctets: number,
  guesses: Readonly<Record<string, number>> = {},
): AnswerSizes {
  const known = new Map<string, Average>();
  /** Of objects that stand behind those that were asked for: where a table is short, an answer runs on into them. */
  let stray: Average | undefined;
  let ceiling = maxAnswerOctets - overheadOctets;
  let room = ceiling;
  let largestArrived = 0;
  const guess = (base: string) =>
    // An index of two arcs, as Printer-MIB's tables have.
    varbindOctets(oidOctets(base) + 2, guesses[base] ?? numberOctets);
  return {
    expected: (oid) => expectedOf(known.get(oid)) ?? guess(oid),
    expectedRow(column) {
      const seen = expectedOf(known.get(column));
      if (seen !== undefined) return seen;
      const row = guess(column);
      return Math.max(row, Math.ceil((row + 2 * (expectedOf(stray) ?? 0)) / 3));
    },
    learn(base, varbind) {
      if (isException(varbind)) return;
      const octets = octetsOf(varbind);
      const isOwn = isUnder(varbind.oid, base);
      const average = isOwn ? known.get(base) : stray;
      if (average !== undefined) include(average, octets);
      else if (isOwn) known.set(base, { octets, deviation: 0 });
      else stray = { octets, deviation: 0 };
    },
    room: () => room,
    arrived(octets) {
      largestArrived = Math.max(largestArrived, octets);
      room = Math.min(ceiling, room * 2);
    },
    failed(octets, how) {
      // Where as much has arrived before, this one was lost as any other may be. Else it may be too large for the path.
      if (how === "refused" || octets > largestArrived) {
        ceiling = Math.max(smallestRoom, Math.min(ceiling, Math.floor(octets * 0.9)));
      }
      room = Math.max(smallestRoom, Math.min(ceiling, Math.floor(octets / 2)));
    },
  };
}

/** Of sizes, the latest ones most, and how far they are from it. */
interface Average {
  octets: number;
  deviation: number;
}

function include(average: Average, octets: number): void {
  average.deviation += (Math.abs(octets - average.octets) - average.deviation) / 4;
  average.octets += (octets - average.octets) / 4;
}

/** Sizes of many objects differ, but their sum is near that of as many average ones. */
function expectedOf(average: Average | undefined): number | undefined {
  return average === undefined ? undefined : Math.ceil(average.octets + average.deviation);
}

/** Octets of a 32-bit number, the most frequent value. */
const numberOctets = 4;

/** Octets of an encoded variable binding. */
export function octetsOf({ oid, value }: Varbind): number {
  return varbindOctets(oidOctets(oid), valueOctets(value));
}

/** Octets of all of them. */
export function octetsOfAll(varbinds: readonly Varbind[]): number {
  return varbinds.reduce((sum, varbind) => sum + octetsOf(varbind), 0);
}

/** With tag and length of sequence, name and value. */
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

/** Lengths of identifiers that were seen lately. */
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
