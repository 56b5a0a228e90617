import * as fs from "node:fs";
import { dirname } from "node:path";
import { hasCode } from "../../common/core/system_error.ts";
import { denoDisk } from "../../common/host/disk.ts";
import { fileDigest } from "../../common/host/file_digest.ts";
import type { UpdateDisk } from "../update/update_disk.ts";

const { O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_WRONLY } = fs.constants;

/** The machine's disk, for updates. Neither parts nor links exist on Windows. */
export const denoUpdateDisk: UpdateDisk = {
  ...denoDisk,
  // deno-lint-ignore require-await -- What it throws comes as a rejection.
  async openPart(path) {
    const fd = fs.openSync(path, O_WRONLY | O_CREAT | O_APPEND | (O_NOFOLLOW ?? 0) | (O_NONBLOCK ?? 0), 0o600);
    const part = {
      size: fs.fstatSync(fd).size,
      async write(bytes: Uint8Array) {
        for (let at = 0; at < bytes.length;) {
          at += await new Promise<number>((resolve, reject) =>
            fs.write(
              fd,
              bytes,
              at,
              bytes.length - at,
              null,
              (error, written) => error ? reject(error) : resolve(written),
            )
          );
        }
        part.size += bytes.length;
      },
      close: () => fs.closeSync(fd),
    };
    return part;
  },
  async *chunks(path) {
    using file = await Deno.open(path);
    const buffer = new Uint8Array(256 * 1024);
    for (let read; (read = await file.read(buffer)) !== null;) yield buffer.slice(0, read);
  },
  digest: fileDigest,
  freeBytes(folder) {
    const { bavail, bsize } = fs.statfsSync(folder);
    return bavail * bsize;
  },
  async sync(path) {
    using file = await Deno.open(path, { read: true, write: true });
    await file.sync();
  },
  chmod: fs.chmodSync,
  readLink(path) {
    try {
      return fs.readlinkSync(path);
    } catch (error) {
      if (hasCode(error, "ENOENT") || hasCode(error, "EINVAL")) return undefined;
      throw error;
    }
  },
  replaceLink(path, text) {
    const next = `${path}.new`;
    denoDisk.remove(next);
    fs.symlinkSync(text, next);
    fs.renameSync(next, path);
    denoDisk.syncDirectory(dirname(path));
  },
  removeTree: (path) => fs.rmSync(path, { recursive: true, force: true }),
};
