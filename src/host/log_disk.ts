import type { LogDisk } from "../log/file_sink.ts";

/** The machine's files for the log. Its own group may read a log file, the world may not. */
export const denoLogDisk: LogDisk = {
  open(path) {
    const file = Deno.openSync(path, { append: true, create: true, mode: 0o640 });
    return {
      size: file.statSync().size,
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
