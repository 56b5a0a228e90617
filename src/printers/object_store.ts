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
/** How often all were forgotten. */
let forgotten = 0;
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
  /** `forgotten` then. */
  #forgotten = 0;
  /** Objects that are not in `#columns` yet. */
  #added: string[] = [];

  /** Stores a value, without a copy; "no such object" answers are ignored. */
  add(varbind: Varbind): void {
    if (isException(varbind)) return;
    const before = this.#values.size;
    this.#values.set(varbind.oid, varbind);
    if (this.#values.size === before) this.#columns = undefined;
    else this.#added.push(varbind.oid);
  }

  get size(): number {
    return this.#values.size;
  }

  get(oid: string): SnmpValue | undefined {
    return this.#values.get(oid);
  }

  /** Rows of one column in MIB order: index suffix ("1.4") and value. */
  column(base: string): Column {
    if (this.#columns === undefined || this.#forgotten !== forgotten) {
      this.#columns = new Map();
      this.#learned = learned;
      this.#forgotten = forgotten;
      this.#added = [...this.#values.keys()];
    }
    if (this.#added.length > 0) this.#addRows(this.#columns);
    const known = this.#columns.get(base);
    if (known !== undefined) return known;
    const isIndexed = (bases.get(base) ?? Infinity) < this.#learned;
    const rows = isIndexed ? [] : rowsUnder(this.#values, base);
    learnBase(base);
    this.#columns.set(base, rows);
    return rows;
  }

  /** Adds the rows of `#added`. Columns that were returned before stay as they are. */
  #addRows(columns: Map<string, Column>): void {
    const changed = new Map<string, Rows>();
    const unsorted = new Set<Rows>();
    for (const oid of this.#added) {
      const value = this.#values.get(oid)!;
      for (const { base, index } of placesOf(oid)) {
        let rows = changed.get(base);
        if (rows === undefined) {
          const before = columns.get(base);
          // Learned later and not requested from this store: its rows are found when it is.
          if (before === undefined && bases.get(base)! >= this.#learned) continue;
          changed.set(base, rows = before === undefined ? [] : [...before]);
          columns.set(base, rows);
        }
        // Walks deliver rows in order.
        if (rows.length > 0 && compareOids(rows.at(-1)![0], index) > 0) unsorted.add(rows);
        rows.push([index, value]);
      }
    }
    for (const rows of unsorted) sort(rows);
    this.#added = [];
  }

  /** Whether anything at or below `base` was answered. Not a reason to learn a column, such as a whole table. */
  has(base: string): boolean {
    if (this.#values.has(base)) return true;
    if (bases.has(base)) return this.column(base).length > 0;
    for (const oid of this.#values.keys()) if (isUnder(oid, base)) return true;
    return false;
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

type Rows = (readonly [index: string, value: SnmpValue])[];

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
  if (bases.size >= mostBases) {
    bases.clear();
    forgotten++;
  }
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
