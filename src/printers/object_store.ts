import { compareOids, isUnder, maybeSuffix } from "../snmp/oid.ts";
import { isException, type SnmpValue, type Varbind } from "../snmp/value.ts";

/** Rows in MIB order. */
export type Column = readonly (readonly [index: string, value: SnmpValue])[];

/**
 * What one device answered, by object identifier. The meaning of a device is computed from this alone, so that a
 * recording, a live device and a test are read by the same code.
 */
export class ObjectStore {
  readonly #values = new Map<string, SnmpValue>();
  #sorted: string[] = [];
  /** Identifiers that came since. */
  #unsorted: string[] = [];
  /** Columns that were looked at since the last value came: a reading looks at most of them several times. */
  readonly #columns = new Map<string, Column>();

  /** Keeps a value; "no such object" answers are not values. */
  add(varbind: Varbind): void {
    if (isException(varbind)) return;
    if (!this.#values.has(varbind.oid)) this.#unsorted.push(varbind.oid);
    this.#values.set(varbind.oid, { tag: varbind.tag, value: varbind.value });
    if (this.#columns.size > 0) this.#columns.clear();
  }

  get size(): number {
    return this.#values.size;
  }

  get(oid: string): SnmpValue | undefined {
    return this.#values.get(oid);
  }

  /** Rows of one column in MIB order: index suffix ("1.4") and value. */
  column(base: string): Column {
    const known = this.#columns.get(base);
    if (known !== undefined) return known;
    const sorted = this.#inOrder();
    const rows: [string, SnmpValue][] = [];
    for (let i = firstAtOrAfter(sorted, base); i < sorted.length; i++) {
      const oid = sorted[i]!;
      if (!isUnder(oid, base)) break;
      const index = maybeSuffix(oid, base);
      if (index !== undefined) rows.push([index, this.#values.get(oid)!]);
    }
    this.#columns.set(base, rows);
    return rows;
  }

  /** Whether anything at or below `base` was answered. */
  has(base: string): boolean {
    const sorted = this.#inOrder();
    const oid = sorted[firstAtOrAfter(sorted, base)];
    return oid !== undefined && isUnder(oid, base);
  }

  /** Every object in MIB order. */
  *[Symbol.iterator](): IterableIterator<[oid: string, value: SnmpValue]> {
    for (const oid of this.#inOrder()) yield [oid, this.#values.get(oid)!];
  }

  #inOrder(): string[] {
    if (this.#unsorted.length > 0) {
      this.#sorted = merged(this.#sorted, this.#unsorted.sort(compareOids));
      this.#unsorted = [];
    }
    return this.#sorted;
  }
}

/** Both sorted lists as one. */
function merged(left: string[], right: string[]): string[] {
  if (left.length === 0) return right;
  const all: string[] = [];
  let at = 0;
  for (const oid of right) {
    while (at < left.length && compareOids(left[at]!, oid) < 0) all.push(left[at++]!);
    all.push(oid);
  }
  while (at < left.length) all.push(left[at++]!);
  return all;
}

function firstAtOrAfter(sorted: string[], base: string): number {
  let low = 0, high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareOids(sorted[middle]!, base) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
