import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import fc from "fast-check";
import { createFramer, createUnframer } from "./raw_frames.ts";

const none = () => {};

async function framed(pieces: Uint8Array[]): Promise<Buffer> {
  const framer = createFramer(none), parts: Buffer[] = [];
  framer.on("data", (part) => parts.push(part));
  for (const piece of pieces) framer.write(piece);
  framer.end();
  await once(framer, "end");
  return Buffer.concat(parts);
}

Deno.test("createUnframer() gives what createFramer() was given, however it is cut, and its end", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 6 }),
      fc.integer({ min: 1, max: 9 }),
      async (pieces, size) => {
        const wire = await framed(pieces);
        let counted = 0;
        const unframer = createUnframer((bytes) => counted += bytes), parts: Buffer[] = [];
        unframer.on("data", (part) => parts.push(part));
        for (let at = 0; at < wire.length; at += size) unframer.write(wire.subarray(at, at + size));
        // Without an end of the stream: the frame is the end.
        await once(unframer, "end");
        assert.deepEqual(Buffer.concat(parts), Buffer.concat(pieces));
        assert.equal(counted, Buffer.concat(pieces).length);
      },
    ),
    { numRuns: 300 },
  );
});

Deno.test("createUnframer() fails where the stream ends before its end", async () => {
  const wire = await framed([new Uint8Array(10)]);
  for (const length of [0, 2, 4, 9, 14, 16]) {
    const unframer = createUnframer(none);
    unframer.resume().end(wire.subarray(0, length));
    await assert.rejects(once(unframer, "end"), /closed in the middle/, String(length));
  }
});
