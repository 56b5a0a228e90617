import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import fc from "fast-check";
import { decodeZstd, encodeZstd } from "./zstd_parts.ts";

async function* partsOf(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size));
}

async function decoded(bytes: Uint8Array, size: number): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  await decodeZstd(partsOf(bytes, size), (part) => parts.push(part));
  return Buffer.concat(parts);
}

async function encoded(bytes: Uint8Array, size: number): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of encodeZstd(partsOf(bytes, size), 3)) parts.push(part);
  return Buffer.concat(parts);
}

Deno.test("decodeZstd() and encodeZstd() have every byte, in parts of any size", () =>
  fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 2000 }), fc.integer({ min: 1, max: 500 }), async (bytes, size) => {
      assert(Buffer.from(bytes).equals(await decoded(zstdCompressSync(bytes), size)));
      assert(Buffer.from(bytes).equals(zstdDecompressSync(await encoded(bytes, size))));
    }),
    { numRuns: 200 },
  ));

const large = Buffer.alloc(8 * 1024 * 1024);
for (let at = 0; at < large.length; at += 65_536) crypto.getRandomValues(large.subarray(at, at + 65_536));

Deno.test("a large file is decoded and encoded whole each time", async () => {
  const packed = zstdCompressSync(large);
  for (let n = 0; n < 10; n++) assert(large.equals(await decoded(packed, 262_144)));
  for (let n = 0; n < 3; n++) assert(large.equals(zstdDecompressSync(await encoded(large, 262_144))));
});

Deno.test("decodeZstd() rejects what is cut off, altered or no zstd, and ends with what `take` throws", async () => {
  const packed = zstdCompressSync(large.subarray(0, 100_000));
  for (const bad of [packed.subarray(0, 50_000), Buffer.from("not zstd"), Buffer.concat([packed, Buffer.from("x")])]) {
    await decoded(bad, 1000).then((bytes) =>
      assert(!bytes.equals(large.subarray(0, 100_000)) || bad.length > packed.length)
    )
      .catch((error) => assert(error instanceof Error));
  }
  // A gigabyte of zeros in a few kilobytes.
  const part = zstdCompressSync(Buffer.alloc(16 * 1024 * 1024));
  const bomb = Buffer.concat(Array(64).fill(part));
  let bytes = 0;
  await assert.rejects(
    decodeZstd(partsOf(bomb, 262_144), (part) => {
      bytes += part.length;
      if (bytes > 1_000_000) throw new RangeError("too much");
    }),
    RangeError,
  );
  assert(bytes < 20_000_000, String(bytes));
});

Deno.test("encodeZstd() ends with what its source throws", async () => {
  const failing = async function* () {
    yield await Promise.resolve(large.subarray(0, 1000));
    throw new RangeError("the file is gone");
  };
  await assert.rejects(async () => {
    for await (const _ of encodeZstd(failing(), 3));
  }, RangeError);
  await assert.rejects(decodeZstd(failing(), () => {}), Error);
});
