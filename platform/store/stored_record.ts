/**
 * Records at rest are compressed where that makes them shorter. What was stored before is as it was uploaded; the two are
 * told apart by gzip's first byte, which no protobuf message begins with (wire type 7 does not exist).
 */
import { gunzipSync, gzipSync } from "node:zlib";

const gzipMagic = 0x1f;

export function packRecord(bytes: Uint8Array): Uint8Array {
  const packed = gzipSync(bytes, { level: 3 });
  return packed.length < bytes.length ? new Uint8Array(packed) : bytes;
}

/** The record as it was uploaded. */
export function unpackRecord(stored: Uint8Array): Uint8Array {
  return stored[0] === gzipMagic ? new Uint8Array(gunzipSync(stored)) : stored;
}
