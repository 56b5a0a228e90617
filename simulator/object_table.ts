/**
 * The objects of one device in MIB order, each kept as the octets of its whole variable binding from its first answer on,
 * so that an answer is mostly concatenation. Replicas of a device share one sorted table and differ only in an overlay of
 * replaced octets.
 */
import { BerWriter } from "../src/snmp/ber.ts";
import { Tag, type Varbind } from "../src/snmp/value.ts";

/** Positions of OIDs that were asked for; a scanner asks every replica for the same ones. */
const maxCachedPositions = 8192;

interface SharedTable {
  keys: string[];
  tags: Uint8Array;
  /** Those that nobody has asked for are not encoded yet: of a recording, that is nearly all. */
  varbinds: (Uint8Array | Varbind)[];
  /** Position of the object, or the complement (~) of where it would stand. */
  positions: Map<string, number>;
}

interface Row {
  key: string;
  tag: number;
  varbind: Uint8Array | Varbind;
}

export class ObjectTable {
  readonly #shared: SharedTable;
  readonly #overlay: ReadonlyMap<number, Uint8Array>;

  private constructor(shared: SharedTable, overlay: ReadonlyMap<number, Uint8Array>) {
    this.#shared = shared;
    this.#overlay = overlay;
  }

  /** Sorts the objects; of several values for one OID the last wins. */
  static from(objects: Iterable<Varbind>): ObjectTable {
    const rows = new Map<string, Row>();
    for (const object of objects) {
      const key = oidKey(object.oid);
      rows.set(key, { key, tag: object.tag, varbind: object });
    }
    return ObjectTable.#fromRows([...rows.values()]);
  }

  /** The same table with other values; throws `RangeError` for an OID that it does not hold. */
  withValues(objects: Iterable<Varbind>): ObjectTable {
    const overlay = new Map(this.#overlay);
    for (const object of objects) {
      const at = this.position(object.oid);
      if (at < 0 || this.tag(at) !== object.tag) {
        throw new RangeError(`Cannot overlay object ${object.oid}: current value is not an object of that type`);
      }
      overlay.set(at, encodeVarbind(object));
    }
    return new ObjectTable(this.#shared, overlay);
  }

  /** A table of its own without the objects that `keep` refuses. */
  filtered(keep: (oid: string) => boolean): ObjectTable {
    const positions = this.#shared.keys.map((_, position) => position).filter((position) => keep(this.oid(position)));
    return ObjectTable.#fromRows(positions.map((position) => this.#row(position)));
  }

  /** A table of its own with the objects of both; `other` wins. */
  merged(other: ObjectTable): ObjectTable {
    const rows = [this, other].flatMap((table) => table.#shared.keys.map((_, position) => table.#row(position)));
    return ObjectTable.#fromRows([...new Map(rows.map((row) => [row.key, row])).values()]);
  }

  static #fromRows(rows: Row[]): ObjectTable {
    const sorted = rows.toSorted((a, b) => compareKeys(a.key, b.key));
    const shared: SharedTable = {
      keys: sorted.map((row) => row.key),
      tags: Uint8Array.from(sorted, (row) => row.tag),
      varbinds: sorted.map((row) => row.varbind),
      positions: new Map(),
    };
    return new ObjectTable(shared, new Map());
  }

  #row(position: number): Row {
    return {
      key: this.#shared.keys[position]!,
      tag: this.tag(position),
      varbind: this.#overlay.get(position) ?? this.#shared.varbinds[position]!,
    };
  }

  get size(): number {
    return this.#shared.keys.length;
  }

  /** Position of the object, or the complement (~) of the position that it would take. */
  position(oid: string): number {
    const { keys, positions } = this.#shared;
    const known = positions.get(oid);
    if (known !== undefined) return known;
    const key = oidKey(oid);
    let low = 0, high = keys.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (keys[middle]! < key) low = middle + 1;
      else high = middle;
    }
    const position = keys[low] === key ? low : ~low;
    if (positions.size >= maxCachedPositions) positions.clear();
    positions.set(oid, position);
    return position;
  }

  /** Position of the lexicographic successor, which is `size` behind the last object. */
  successor(oid: string): number {
    const position = this.position(oid);
    return position >= 0 ? position + 1 : ~position;
  }

  oid(position: number): string {
    return dottedOid(this.#shared.keys[position]!);
  }

  tag(position: number): number {
    return this.#shared.tags[position]!;
  }

  /** Encoded variable binding; not to be written to. */
  varbind(position: number): Uint8Array {
    const overlaid = this.#overlay.get(position);
    if (overlaid !== undefined) return overlaid;
    const varbind = this.#shared.varbinds[position]!;
    return varbind instanceof Uint8Array ? varbind : this.#shared.varbinds[position] = encodeVarbind(varbind);
  }

  /** Whether an object at or below `oid` exists. */
  hasUnder(oid: string): boolean {
    const position = this.position(oid);
    if (position >= 0) return true;
    return this.#shared.keys[~position]?.startsWith(oidKey(oid)) ?? false;
  }
}

/** Octets of one VarBind of RFC 3416 section 3. */
export function encodeVarbind({ oid, tag, value }: Varbind): Uint8Array {
  const writer = new BerWriter(64);
  if (value === null) writer.wrap(tag, 0);
  else if (tag === Tag.oid) writer.writeOid(String(value));
  else if (typeof value === "number" || typeof value === "bigint") writer.writeInteger(value, tag);
  else writer.writeOctets(typeof value === "string" ? new TextEncoder().encode(value) : value, tag);
  writer.writeOid(oid);
  writer.wrap(Tag.sequence, 0);
  return writer.finish();
}

/**
 * Two UTF-16 units an arc: the built-in comparison of strings is then the order of the MIB tree, and a prefix of the
 * key is a prefix of the OID.
 */
function oidKey(oid: string): string {
  let key = "";
  let arc = 0;
  for (let i = 0; i <= oid.length; i++) {
    const digit = oid.charCodeAt(i) - 48;
    if (digit >= 0 && digit <= 9) {
      arc = arc * 10 + digit;
    } else {
      key += String.fromCharCode(arc >>> 16, arc & 0xffff);
      arc = 0;
    }
  }
  return key;
}

function dottedOid(key: string): string {
  const arcs: number[] = [];
  for (let i = 0; i < key.length; i += 2) arcs.push(key.charCodeAt(i) * 0x10000 + key.charCodeAt(i + 1));
  return arcs.join(".");
}

function compareKeys(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
