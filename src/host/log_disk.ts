import { dirname, resolve } from "node:path";
import { NotPermittedError } from "../../common/core/errors.ts";
import { isOthersLink, refuseOthersDirectory } from "../../common/host/own_directory.ts";
import type { LogDisk } from "../log/file_sink.ts";

const lineFeed = 10;

/** The machine's files for the log. Log files are readable by the group, but not by others. */
export const denoLogDisk: LogDisk = {
  open(path) {
    refuseOthersDirectory(dirname(resolve(path)), { shared: true });
    if (isOthersLink(path)) throw new NotPermittedError(`"${path}" is a link of another user's`);
    const file = Deno.openSync(path, { append: true, create: true, read: true, mode: 0o640 });
    const { size } = file.statSync();
    return {
      size,
      isTorn: size > 0 && lastByte(file, size) !== lineFeed,
      write: (bytes) => file.writeSync(bytes),
      close: () => file.close(),
    };
  },
  rename(from, to) {
    try {
      Deno.renameSync(from, to);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  },
};

/** Undefined for files without random access, such as a pipe. */
function lastByte(file: Deno.FsFile, size: number): number | undefined {
  const byte = new Uint8Array(1);
  file.seekSync(size - 1, Deno.SeekMode.Start);
  return file.readSync(byte) === 1 ? byte[0] : undefined;
}
