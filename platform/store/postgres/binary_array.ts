/**
 * Arrays in PostgreSQL's binary form, for parameters of many rows: bytes take half of the text form, and nothing is
 * escaped or parsed. Layout (arrayfuncs.c, array_recv): five 32-bit numbers (dimensions, whether there are nulls, type
 * of the elements, their number, first index), then each element with its length, -1 for null.
 */
import { Buffer } from "node:buffer";
import type { SqlValue } from "../store.ts";

/* Numbers of pg_type.dat. */
const typeNumbers: Readonly<Record<string, number>> = { bytea: 17, bigint: 20, text: 25, "double precision": 701 };
const headerBytes = 20, two32 = 2 ** 32;

/** Undefined for a type that has to be sent as text. Throws TypeError for a value that the type does not have. */
export function maybeBinaryArray(type: string, values: readonly SqlValue[]): Buffer | undefined {
  const typeNumber = typeNumbers[type];
  if (typeNumber === undefined) return undefined;
  const array = new ArrayWriter(capacityOf(values));
  array.header(typeNumber, { length: values.length, hasNull: values.includes(null) });
  for (const value of values) {
    if (value === null) array.int32(-1);
    else if (type === "bytea" && value instanceof Uint8Array) array.bytes(value);
    else if (type === "text" && typeof value === "string") array.text(value);
    else if (type === "bigint" && typeof value === "bigint") array.bigint(value);
    else if (type === "bigint" && Number.isSafeInteger(value)) array.integer(value as number);
    else if (type === "double precision" && typeof value === "number") array.double(value);
    else throw new TypeError(`Cannot send ${typeof value === "number" ? value : typeof value} as ${type}`);
  }
  return array.written();
}

/* As long as all texts are ASCII. */
function capacityOf(values: readonly SqlValue[]): number {
  let bytes = headerBytes;
  for (const value of values) {
    bytes += 4 + (typeof value === "string" || value instanceof Uint8Array ? value.length : 8);
  }
  return bytes;
}

class ArrayWriter {
  #buffer: Buffer;
  #length = 0;
  /* Beyond what the remaining values take as ASCII. */
  #spare = 0;

  constructor(capacity: number) {
    this.#buffer = Buffer.allocUnsafe(capacity);
  }

  header(typeNumber: number, { length, hasNull }: { length: number; hasNull: boolean }): void {
    for (const number of [length === 0 ? 0 : 1, Number(hasNull), typeNumber]) this.int32(number);
    if (length > 0) { for (const number of [length, 1]) this.int32(number); }
  }

  int32(value: number): void {
    this.#length = this.#buffer.writeInt32BE(value, this.#length);
  }

  integer(value: number): void {
    const high = Math.floor(value / two32);
    this.int32(8);
    this.int32(high);
    this.#length = this.#buffer.writeUInt32BE(value - high * two32, this.#length);
  }

  bigint(value: bigint): void {
    this.int32(8);
    this.#length = this.#buffer.writeBigInt64BE(value, this.#length);
  }

  double(value: number): void {
    this.int32(8);
    // Zero without a sign, as in text form.
    this.#length = this.#buffer.writeDoubleBE(value + 0, this.#length);
  }

  bytes(value: Uint8Array): void {
    this.int32(value.length);
    this.#buffer.set(value, this.#length);
    this.#length += value.length;
  }

  text(value: string): void {
    const begin = this.#length + 4, { length } = value;
    for (let i = 0; i < length; i++) {
      const unit = value.charCodeAt(i);
      if (unit > 0x7f) return this.#otherText(value);
      this.#buffer[begin + i] = unit;
    }
    this.int32(length);
    this.#length += length;
  }

  written(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  #otherText(value: string): void {
    const encoded = Buffer.from(value, "utf8"), more = encoded.length - value.length;
    if (more > this.#spare) this.#grow(more + this.#buffer.length);
    this.#spare -= more;
    this.bytes(encoded);
  }

  #grow(bytes: number): void {
    const larger = Buffer.allocUnsafe(this.#buffer.length + bytes);
    larger.set(this.written());
    this.#buffer = larger;
    this.#spare += bytes;
  }
}
