/**
 * JSON lines in a file that is rotated when it is full: `agent.log` becomes `agent.log.1`, which becomes `agent.log.2`,
 * and so on up to `keep`; the oldest is overwritten. A crash between two renames leaves a gap in the numbers, but loses
 * nothing. A line is written immediately and in one piece; after a failure within a line, the next one begins on a new
 * line, so at most that line is not JSON. While the disk is full or the file cannot be opened, lines are counted, and
 * the first line after it is `logLinesLost` with their number.
 */
import type { Clock } from "../../common/core/clock.ts";
import { messageOf } from "../../common/core/errors.ts";
import { formatJsonLine } from "./format_line.ts";
import type { LogRecord, LogSink } from "./log_record.ts";

/** File operations of the sink; all of them may throw. */
export interface LogDisk {
  /** Opens for appending; creates the file if it does not exist. */
  open(path: string): LogFile;
  /** Replaces `to`. A missing `from` is not an error. */
  rename(from: string, to: string): void;
}

export interface LogFile {
  /** Present size in octets. */
  size: number;
  /** Whether its last line has no line end, as after a power failure or on a full disk. */
  isTorn: boolean;
  /** Returns the number of written octets, which may be lower than given. */
  write(bytes: Uint8Array): number;
  close(): void;
}

const lineFeed = 10;

export interface FileSinkOptions {
  disk: LogDisk;
  path: string;
  /** Maximum size of a file; only a single longer line may exceed it. */
  maxBytes: number;
  /** Number of rotated files that are kept; at least 1. */
  keep: number;
  clock: Clock;
  /** Called with the reason when lines begin to be lost. */
  onProblem?: (reason: string) => void;
}

export function createFileSink(options: FileSinkOptions): LogSink {
  const { disk, path, maxBytes, keep, clock } = options;
  let file: LogFile | undefined;
  let size = 0;
  let isTorn = false;
  let lost = 0;
  let reason = "";

  function append(record: LogRecord): void {
    const text = new TextEncoder().encode(formatJsonLine(record));
    let open = file ?? openFile();
    if (size > 0 && size + text.length > maxBytes) open = rotate();
    const line = isTorn ? new Uint8Array([lineFeed, ...text]) : text;
    for (let at = 0; at < line.length;) {
      const written = writeRest(open, line.subarray(at));
      if (written === 0) return;
      at += written;
      size += written;
      isTorn = at < line.length;
    }
  }

  /** Number of written octets; 0 if only the line feed was not written, as the line itself is complete then. */
  function writeRest(open: LogFile, rest: Uint8Array): number {
    try {
      const written = open.write(rest);
      if (written > 0) return written;
    } catch (error) {
      if (rest.length > 1) throw error;
      return 0;
    }
    if (rest.length > 1) throw new Error("the write failed as the disk is full");
    return 0;
  }

  function openFile(): LogFile {
    file = disk.open(path);
    size = file.size;
    isTorn = file.isTorn;
    return file;
  }

  function rotate(): LogFile {
    closeFile();
    for (let number = keep - 1; number >= 1; number--) disk.rename(`${path}.${number}`, `${path}.${number + 1}`);
    disk.rename(path, `${path}.1`);
    return openFile();
  }

  function closeFile(): void {
    try {
      file?.close();
    } catch {
      // What was written stays; nothing can be done about the rest.
    }
    file = undefined;
  }

  return {
    write(record) {
      try {
        if (lost > 0) {
          append({ time: clock.now(), level: "error", event: "logLinesLost", fields: { count: lost, reason } });
          lost = 0;
        }
        append(record);
      } catch (error) {
        reason = messageOf(error);
        if (lost === 0) options.onProblem?.(reason);
        lost++;
        // Opened again for the next line: the directory may have been mounted or repaired meanwhile.
        closeFile();
      }
    },
    close() {
      closeFile();
      return Promise.resolve();
    },
  };
}
