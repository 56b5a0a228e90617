/** The file of an offer: fetched in parts that survive a restart, unpacked within limits, and kept only if it was signed. */
import { createHash } from "node:crypto";
import zlib, { createZstdDecompress } from "node:zlib";
import type { Clock } from "../../common/core/clock.ts";
import { NotPermittedError, UnavailableError } from "../../common/core/errors.ts";
import { isNoFile } from "../../common/core/system_error.ts";
import { replaceFile } from "../../common/host/disk.ts";
import { writeAllSync } from "../../common/host/own_file.ts";
import type { ReleaseFile } from "../../common/release/release_manifest.ts";
import { UpdateEncoding } from "../../proto/gen/opendca/v1/update.ts";
import type { AgentApi } from "../link/agent_api.ts";
import type { UpdateDisk } from "./update_disk.ts";

/** What the platform sent is not what the keys signed. */
export class GarbageError extends NotPermittedError {
  override readonly name = "GarbageError";
}

export interface DownloadOptions {
  api: Pick<AgentApi, "fetchUpdate">;
  clock: Pick<Clock, "sleep">;
  disk: UpdateDisk;
  folder: string;
  /** Text of the manifest, which is verified. */
  manifest: string;
  file: ReleaseFile;
  encoding: UpdateEncoding;
  /** As the platform says; not to be trusted. */
  encodedBytes: number;
  /** Bytes that must stay free, for the spool. */
  reserveBytes: number;
  signal: AbortSignal;
  progress(done: number, total: number): void;
}

/** Slow enough that polls and readings do not notice, on a line of 100 Mbit/s and on a small disk. */
const paceBytesPerSecond = 2_000_000;
/** Of one call, which lasts five minutes; less is as good as nothing. */
const leastBytes = 64 * 1024;
/** Twice what releases are made with; a larger window would only take memory. */
const windowLogMax = 24;

const programName = "opendca";

/** Whether a folder has the whole of what a manifest names; it was verified when it was written. */
export function isDownloaded(
  { disk, folder, manifest, file }: Pick<DownloadOptions, "disk" | "folder" | "manifest" | "file">,
): boolean {
  return disk.read(`${folder}/${programName}.manifest`) === manifest &&
    disk.size(`${folder}/${programName}`) === file.size;
}

/**
 * Ends with the program and its manifest in the folder, durably. Throws `GarbageError` after it has deleted what came,
 * `RejectedError` if the file is not offered any more, `UnavailableError` for what may be better later.
 */
export async function download(options: DownloadOptions): Promise<void> {
  const { disk, folder, manifest, file, encoding } = options;
  if (encoding !== UpdateEncoding.UNSPECIFIED && encoding !== UpdateEncoding.ZSTD) {
    throw new UnavailableError("Cannot download the update as the platform encodes it in a way that is not known here");
  }
  const part = `${folder}/${file.sha256}.${encoding}.part`;
  disk.makeDirectory(folder);
  // Of other offers, and of tries that a power cut ended.
  for (const name of disk.list(folder)) {
    if (name !== "polled" && `${folder}/${name}` !== part) disk.removeTree(`${folder}/${name}`);
  }
  await fetchPart(part, options);
  const unpacked = `${folder}/${programName}.new`;
  try {
    await unpack(part, unpacked, options);
  } catch (error) {
    disk.remove(unpacked);
    if (error instanceof GarbageError) disk.remove(part);
    throw error;
  }
  await disk.sync(unpacked);
  disk.rename(unpacked, `${folder}/${programName}`);
  replaceFile(`${folder}/${programName}.manifest`, manifest, { durable: true, disk });
  disk.remove(part);
}

async function fetchPart(path: string, options: DownloadOptions): Promise<void> {
  const { api, clock, disk, file, encoding, signal, progress } = options;
  const isPacked = encoding === UpdateEncoding.ZSTD;
  // What cannot be compressed becomes a little longer.
  const limit = isPacked ? file.size + Math.floor(file.size / 128) + 65_536 : file.size;
  const total = options.encodedBytes > 0 && options.encodedBytes <= limit ? options.encodedBytes : limit;
  if ((disk.size(path) ?? 0) > limit) disk.remove(path);
  const part = await disk.openPart(path).catch((error) => {
    // Whatever stands there, it is not ours.
    if (!isNoFile(error)) throw error;
    disk.removeTree(path);
    return disk.openPart(path);
  });
  try {
    refuseFullDisk(options, Math.max(0, total - part.size) + (isPacked ? file.size : 0));
    progress(part.size, total);
    for (let isWhole = false; !isWhole;) {
      const before = part.size;
      isWhole = await api.fetchUpdate({
        request: () => ({ sha256: file.sha256, encoding, offset: BigInt(part.size) }),
        async take(data) {
          if (part.size + data.length > limit) throw new GarbageError("the platform sends more than was signed");
          await part.write(data);
          progress(part.size, total);
          await clock.sleep(data.length / paceBytesPerSecond * 1000, signal);
        },
      }, signal);
      if (!isWhole && part.size - before < leastBytes) {
        throw new UnavailableError(
          `Cannot download the update as only ${part.size - before} bytes came in five minutes`,
        );
      }
    }
  } catch (error) {
    if (error instanceof GarbageError) disk.remove(path);
    throw error;
  } finally {
    part.close();
  }
}

function refuseFullDisk({ disk, folder, reserveBytes }: DownloadOptions, needed: number): void {
  const free = disk.freeBytes(folder);
  if (free >= needed + reserveBytes) return;
  const [has, wants] = [free, needed + reserveBytes].map((bytes) => `${Math.ceil(bytes / 1_000_000)} MB`);
  throw new UnavailableError(
    `Cannot download the update as the disk of "${folder}" has ${has} free: ${wants} are needed, with the spool's part`,
    "free space on it",
  );
}

/** Writes the decoded file, and throws `GarbageError` unless it is the one that was signed. */
async function unpack(from: string, to: string, { disk, file, encoding }: DownloadOptions): Promise<void> {
  const isPacked = encoding === UpdateEncoding.ZSTD;
  if (!isPacked) {
    requireSigned(disk.digest(from), file);
    return disk.rename(from, to);
  }
  const hash = createHash("sha256");
  const out = disk.create(to);
  let size = 0;
  try {
    for await (const bytes of decoded(disk.chunks(from))) {
      size += bytes.length;
      if (size > file.size) throw new GarbageError("the platform's file unpacks to more than was signed");
      hash.update(bytes);
      writeAllSync(out, bytes);
    }
  } finally {
    out.close();
  }
  requireSigned({ size, sha256: hash.digest("hex") }, file);
}

function requireSigned({ size, sha256 }: { size: number; sha256: string }, file: ReleaseFile): void {
  if (size === file.size && sha256 === file.sha256) return;
  throw new GarbageError(`the platform sent another file than was signed: ${size} bytes with the SHA-256 ${sha256}`);
}

async function* decoded(source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const stream = createZstdDecompress({
    chunkSize: 256 * 1024,
    params: { [zlib.constants.ZSTD_d_windowLogMax]: windowLogMax },
  });
  let isOver = false;
  let next = Promise.withResolvers<void>();
  for (const event of ["drain", "close", "error"]) stream.on(event, () => next.resolve());
  const feed = async () => {
    for await (const bytes of source) {
      if (isOver || stream.destroyed) return;
      next = Promise.withResolvers();
      if (!stream.write(bytes)) await next.promise;
    }
    stream.end();
  };
  const feeding = feed();
  feeding.catch((error) => stream.destroy(error));
  try {
    for await (const bytes of stream) yield bytes;
  } catch (error) {
    await feeding;
    throw new GarbageError("the platform's file cannot be unpacked", undefined, { cause: error });
  } finally {
    isOver = true;
    stream.destroy();
    await feeding.catch(() => {});
  }
}
