/**
 * zstd of a file in parts. `pipeline()` into a stream of node:zlib that is read by an asynchronous iteration ends at
 * random with "The operation was aborted" in Deno 2.9.3: 11 of 40 files of 10 MiB. Written and read by events, none did.
 */
import type { Transform } from "node:stream";
import { constants, createZstdCompress, createZstdDecompress } from "node:zlib";

/** Twice what releases are made with: agents decode no larger window, which would only take memory. */
const windowLogMax = 24;

type Parts = AsyncIterable<Uint8Array>;

/** Calls `take` with each decoded part; what it throws ends the work, however much is still to come. */
export async function decodeZstd(parts: Parts, take: (part: Uint8Array) => void): Promise<void> {
  const decoder = createZstdDecompress({ params: { [constants.ZSTD_d_windowLogMax]: windowLogMax } });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  decoder.on("data", (part: Uint8Array) => {
    try {
      take(part);
    } catch (error) {
      reject(error);
      decoder.destroy();
    }
  });
  decoder.on("end", resolve);
  decoder.on("error", reject);
  try {
    // A failure ends the wait for the stream to take more.
    await Promise.all([promise, feed(decoder, parts, promise)]);
  } finally {
    decoder.destroy();
  }
}

/** The encoded file. */
export async function* encodeZstd(parts: Parts, level: number): AsyncGenerator<Uint8Array> {
  const encoder = createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: level } });
  let ready: Uint8Array[] = [];
  const taken = () => {
    const parts = ready;
    ready = [];
    return parts;
  };
  const { promise: ended, resolve, reject } = Promise.withResolvers<void>();
  ended.catch(() => {});
  encoder.on("data", (part: Uint8Array) => ready.push(part));
  encoder.on("end", resolve);
  encoder.on("error", reject);
  try {
    for await (const part of parts) {
      await Promise.race([written(encoder, part), ended]);
      yield* taken();
    }
    encoder.end();
    await ended;
    yield* taken();
  } finally {
    encoder.destroy();
  }
}

async function feed(stream: Transform, parts: Parts, over: Promise<void>): Promise<void> {
  for await (const part of parts) await Promise.race([written(stream, part), over]);
  stream.end();
}

function written(stream: Transform, part: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) =>
    stream.write(part, (error) => error === null || error === undefined ? resolve() : reject(error))
  );
}
