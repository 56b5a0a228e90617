/**
 * Where a list goes on: opaque to the caller, and signed, so that nothing but what this platform gave is taken. It is
 * of one list with its filters and order, of one dealer. Pure.
 */
import { Buffer } from "node:buffer";
import { createHmac, hkdfSync, timingSafeEqual } from "node:crypto";
import type { Value } from "./filter.ts";

const macBytes = 16;

/** `of`: what the list is. */
export function writeCursor(position: readonly Value[], { pepper, of }: { pepper: Uint8Array; of: string }): string {
  const text = Buffer.from(JSON.stringify(position));
  return Buffer.concat([macOf(text, { pepper, of }), text]).toString("base64url");
}

/** Undefined for a text that is none, or one of another list. */
export function maybeReadCursor(
  text: string,
  { pepper, of }: { pepper: Uint8Array; of: string },
): Value[] | undefined {
  if (text.length > 4000 || !/^[\w-]+$/.test(text)) return undefined;
  const bytes = Buffer.from(text, "base64url");
  const mac = bytes.subarray(0, macBytes), position = bytes.subarray(macBytes);
  if (mac.length < macBytes || !timingSafeEqual(mac, macOf(position, { pepper, of }))) return undefined;
  return JSON.parse(position.toString());
}

function macOf(bytes: Uint8Array, { pepper, of }: { pepper: Uint8Array; of: string }): Buffer {
  const key = new Uint8Array(hkdfSync("sha256", pepper, "", "opendca.cursor.v1", 32));
  return createHmac("sha256", key).update(`${of}\0`).update(bytes).digest().subarray(0, macBytes);
}
