/**
 * Files of releases in the store. They are stored in lots before the release is, each lot in a short transaction, so
 * that a server on the same database goes on; a file belongs to no release until all of it is there.
 */
import { createHash } from "node:crypto";
import { messageOf, NotPermittedError } from "../../common/core/errors.ts";
import { fileBytes, maybeKind } from "../../common/host/file_bytes.ts";
import type { ReleaseFile } from "../../common/release/release_manifest.ts";
import { decodeZstd, encodeZstd } from "../../common/release/zstd_parts.ts";
import { newId } from "../store/new_id.ts";
import type { Store, Transaction } from "../store/store.ts";
import { chunkBytes } from "./chunk_bytes.ts";

/** A file that is stored, but of no release yet. */
export interface StagedFile {
  fileId: string;
  target: string;
  chunks: number;
}

/* A tenth longer than at the level of releases, in a tenth of the time. */
const packingLevel = 12;
/* Of one transaction: 2 MiB. */
const chunksPerLot = 8;
/* What an interrupted command has left. */
const leftoverMs = 86_400_000;

/**
 * Stores the file as zstd: NAME.zst as it is, or NAME compressed. Undefined if there is neither. Throws
 * NotPermittedError if it is not what the manifest says.
 */
export async function stageFile(
  store: Store,
  { folder, file, at }: { folder: string; file: ReleaseFile; at: Date },
): Promise<StagedFile | undefined> {
  const plain = `${folder}${file.name}`, packed = `${plain}.zst`;
  const isPacked = maybeKind(packed) === "file";
  if (!isPacked && maybeKind(plain) !== "file") return undefined;
  const fileId = newId("fil");
  try {
    const encoded = isPacked ? await verifiedParts(packed, file) : packedParts(plain, file);
    const { bytes, chunks } = await storeChunks(store, { fileId, file, at, parts: encoded });
    await store.transaction((tx) =>
      tx.run("UPDATE release_files SET encoded_bytes = :bytes WHERE file_id = :file_id", { bytes, file_id: fileId })
    );
    return { fileId, target: file.target, chunks };
  } catch (error) {
    await store.transaction((tx) => dropFile(tx, fileId)).catch(() => {});
    throw error;
  }
}

/** Makes it the release's, unless the release has one for this target; returns whether it did. */
export async function takeFile(tx: Transaction, { fileId, target, chunks }: StagedFile, version: string) {
  const known = await tx.get("SELECT 1 FROM release_files WHERE version = :version AND target = :target", {
    version,
    target,
  });
  if (known !== undefined) {
    await dropFile(tx, fileId);
    return false;
  }
  const stored = await tx.get<{ chunks: number }>(
    "SELECT count(*) AS chunks FROM release_chunks WHERE file_id = :file_id",
    { file_id: fileId },
  );
  if (stored!.chunks !== chunks) throw new Error(`Cannot use the file for ${target} as parts of it are gone`);
  await tx.run("UPDATE release_files SET version = :version WHERE file_id = :file_id", { version, file_id: fileId });
  return true;
}

export async function dropFile(tx: Transaction, fileId: string): Promise<void> {
  await tx.run("DELETE FROM release_chunks WHERE file_id = :file_id", { file_id: fileId });
  await tx.run("DELETE FROM release_files WHERE file_id = :file_id", { file_id: fileId });
}

/** Removes files of commands that were interrupted a day ago or earlier. */
export async function dropLeftovers(tx: Transaction, at: Date): Promise<void> {
  const rows = await tx.all<{ file_id: string }>(
    "SELECT file_id FROM release_files WHERE version IS NULL AND added_at < :before",
    { before: at.getTime() - leftoverMs },
  );
  for (const { file_id } of rows) await dropFile(tx, file_id);
}

type Parts = AsyncIterable<Uint8Array>;

async function storeChunks(
  store: Store,
  { fileId, file, at, parts }: { fileId: string; file: ReleaseFile; at: Date; parts: Parts },
): Promise<{ bytes: number; chunks: number }> {
  const { target, sha256 } = file;
  let bytes = 0, chunks = 0, lot: Uint8Array[] = [];
  const storeLot = async () => {
    const first = chunks;
    await store.transaction(async (tx) => {
      if (first === 0) {
        await tx.run(
          `INSERT INTO release_files (file_id, version, target, sha256, encoded_bytes, added_at)
           VALUES (:file_id, NULL, :target, :sha256, 0, :at)`,
          { file_id: fileId, target, sha256, at: at.getTime() },
        );
      }
      for (const [i, chunk] of lot.entries()) {
        await tx.run("INSERT INTO release_chunks (file_id, number, bytes) VALUES (:file_id, :number, :bytes)", {
          file_id: fileId,
          number: first + i,
          bytes: chunk,
        });
      }
    });
    chunks += lot.length;
    lot = [];
  };
  for await (const chunk of chunksOf(parts)) {
    bytes += chunk.length;
    lot.push(chunk);
    if (lot.length === chunksPerLot) await storeLot();
  }
  if (lot.length > 0) await storeLot();
  return { bytes, chunks };
}

/** The same bytes in chunks that are all full but the last one. */
export async function* chunksOf(parts: Parts, size = chunkBytes): AsyncGenerator<Uint8Array> {
  let chunk = new Uint8Array(size), filled = 0;
  for await (let part of parts) {
    while (part.length > 0) {
      const taken = part.subarray(0, size - filled);
      chunk.set(taken, filled);
      filled += taken.length;
      part = part.subarray(taken.length);
      if (filled < size) continue;
      yield chunk;
      chunk = new Uint8Array(size);
      filled = 0;
    }
  }
  if (filled > 0) yield chunk.subarray(0, filled);
}

/** Compressed; it ends with an error if what was read is not the file of the manifest. */
async function* packedParts(path: string, file: ReleaseFile): Parts & AsyncGenerator<Uint8Array> {
  const digest = digester(path, file);
  const source = async function* () {
    for await (const part of fileBytes(path)) yield digest.add(part);
    digest.check();
  };
  yield* encodeZstd(source(), packingLevel);
}

/** The compressed file as it is, once what it decodes to was found to be the file of the manifest. */
async function verifiedParts(path: string, file: ReleaseFile): Promise<Parts> {
  const digest = digester(path, file);
  const before = createHash("sha256");
  const source = async function* () {
    for await (const part of fileBytes(path)) {
      before.update(part);
      yield part;
    }
  };
  try {
    await decodeZstd(source(), digest.add);
  } catch (error) {
    if (error instanceof NotPermittedError) throw error;
    throw refused(path, `it cannot be decompressed: ${messageOf(error)}`);
  }
  digest.check();
  const wanted = before.digest("hex");
  return (async function* () {
    const after = createHash("sha256");
    for await (const part of fileBytes(path)) {
      after.update(part);
      yield part;
    }
    if (after.digest("hex") !== wanted) throw refused(path, "it was changed meanwhile");
  })();
}

function digester(path: string, { size, sha256 }: ReleaseFile) {
  const hash = createHash("sha256");
  let bytes = 0;
  return {
    /** Throws NotPermittedError as soon as there is too much: a compressed file may decode to anything. */
    add(part: Uint8Array): Uint8Array {
      bytes += part.length;
      if (bytes > size) throw refused(path, `it has more than the ${size} bytes of the manifest`);
      hash.update(part);
      return part;
    },
    check(): void {
      if (bytes < size) throw refused(path, `it has ${bytes} bytes: the manifest says ${size}`);
      const found = hash.digest("hex");
      if (found !== sha256) throw refused(path, `its SHA-256 is ${found}: the manifest says ${sha256}`);
    },
  };
}

function refused(path: string, why: string): NotPermittedError {
  return new NotPermittedError(`Cannot use "${path}" as ${why}`, "get the file and its manifest again");
}
