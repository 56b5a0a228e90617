import { compareOids, isUnder, maybeSuffix } from "../snmp/oid.ts";
import { isException, type SnmpValue, type Varbind } from "../snmp/value.ts";

/** Rows in MIB order. */
export type Column = readonly (readonly [index: string, value: SnmpValue])[];

/** A column that contains an object, and its index there. */
interface Place {
  base: string;
  index: string;
}

/**
 * Columns that were requested from any store, numbered in the order in which they were learned: the rules of all makers
 * have a few hundred. If there are too many, as with columns that a device itself numbers, all are forgotten and
 * learned again.
 */
const bases = new Map<string, number>();
const mostBases = 2048;
let learned = 0;
/** Cache of the places of objects in these columns: the devices of a fleet answer the same objects. */
const places = new Map<string, readonly Place[]>();
const mostPlaces = 8192;

/**
 * The answers of one device by object identifier. Readings are computed from this only, so that a recording, a live
 * device and a test are interpreted by the same code.
 */
export class ObjectStore {
  readonly #values = new Map<string, SnmpValue>();
  /** Columns of the present values; undefined until the first one is requested. */
  #columns: Map<string, Column> | undefined;
  /** Number of learned columns that `#columns` was built with. */
  #learned = 0;

  /** Stores a value, without a copy; "no such object" answers are ignored. */
  add(varbind: Varbind): void {
    if (isException(varbind)) return;
    this.#values.set(varbind.oid, varbind);
    this.#columns = undefined;
  }

  get size(): number {
    return this.#values.size;
  }

  get(oid: string): SnmpValue | undefined {
    return this.#values.get(oid);
  }

  /** Rows of one column in MIB order: index suffix ("1.4") and value. */
  column(base: string): Column {
    if (this.#columns === undefined) {
      this.#columns = columnsOf(this.#values);
      this.#learned = learned;
    }
    const known = this.#columns.get(base);
    if (known !== undefined) return known;
    const isIndexed = (bases.get(base) ?? Infinity) < this.#learned;
    const rows = isIndexed ? [] : rowsUnder(this.#values, base);
    learnBase(base);
    this.#columns.set(base, rows);
    return rows;
  }

  /** Whether anything at or below `base` was answered. */
  has(base: string): boolean {
    return this.#values.has(base) || this.column(base).length > 0;
  }

  /** Identifiers in no particular order. */
  oids(): IterableIterator<string> {
    return this.#values.keys();
  }

  /** Every object in MIB order. */
  *[Symbol.iterator](): IterableIterator<[oid: string, value: SnmpValue]> {
    for (const oid of [...this.#values.keys()].sort(compareOids)) yield [oid, this.#values.get(oid)!];
  }
}

type Rows = [index: string, value: SnmpValue][];

/** Builds all learned columns. */
function columnsOf(values: ReadonlyMap<string, SnmpValue>): Map<string, Column> {
  const columns = new Map<string, Rows>();
  const unsorted = new Set<Rows>();
  for (const [oid, value] of values) {
    for (const { base, index } of placesOf(oid)) {
      const rows = columns.get(base);
      if (rows === undefined) {
        columns.set(base, [[index, value]]);
        continue;
      }
      // Walks deliver rows in order.
      if (compareOids(rows.at(-1)![0], index) > 0) unsorted.add(rows);
      rows.push([index, value]);
    }
  }
  for (const rows of unsorted) sort(rows);
  return columns;
}

function rowsUnder(values: ReadonlyMap<string, SnmpValue>, base: string): Rows {
  const rows: Rows = [];
  for (const [oid, value] of values) {
    const index = isUnder(oid, base) ? maybeSuffix(oid, base) : undefined;
    if (index !== undefined) rows.push([index, value]);
  }
  return sort(rows);
}

function sort(rows: Rows): Rows {
  return rows.sort(([a], [b]) => compareOids(a, b));
}

function learnBase(base: string): void {
  if (bases.has(base)) return;
  if (bases.size >= mostBases) bases.clear();
  bases.set(base, learned++);
  places.clear();
}

function placesOf(oid: string): readonly Place[] {
  const known = places.get(oid);
  if (known !== undefined) return known;
  const found: Place[] = [];
  for (let dot = oid.indexOf("."); dot >= 0; dot = oid.indexOf(".", dot + 1)) {
    const base = oid.slice(0, dot);
    if (bases.has(base)) found.push({ base, index: oid.slice(dot + 1) });
  }
  if (places.size >= mostPlaces) places.clear();
  places.set(oid, found);
  return found;
}
