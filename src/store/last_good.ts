/**
 * The last good reading as it lies in the inventory: CRC-32 of the JSON in hexadecimal, a space, the JSON. A sleeping device
 * is reported with these values, so that a changed bit on disk would be sent as a page counter.
 */
import { Buffer } from "node:buffer";
import { crc32 } from "node:zlib";
import type { Reading } from "../../common/reading/reading.ts";

export function encodeLastGood(reading: Reading): string {
  const json = JSON.stringify(reading);
  return `${checksumOf(json)} ${json}`;
}

/** Null if never written or damaged: the next reading starts over. */
export function decodeLastGood(text: string): Reading | null {
  const json = text.slice(9);
  return text.slice(0, 9) === `${checksumOf(json)} ` ? JSON.parse(json) : null;
}

function checksumOf(json: string): string {
  return crc32(Buffer.from(json)).toString(16).padStart(8, "0");
}
