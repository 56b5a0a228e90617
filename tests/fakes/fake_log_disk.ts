import type { LogDisk } from "../../src/log/file_sink.ts";

/** A disk in memory that can be full: `room` is what it still takes. */
export interface FakeLogDisk extends LogDisk {
  files: Map<string, string>;
  room: number;
  /** Thrown by every `open` while it is set. */
  broken: Error | undefined;
  /** Octets that one write takes at most. */
  atOnce: number;
  open: LogDisk["open"];
}

export function fakeLogDisk(): FakeLogDisk {
  const disk: FakeLogDisk = {
    files: new Map(),
    room: Infinity,
    broken: undefined,
    atOnce: Infinity,
    open(path) {
      if (disk.broken !== undefined) throw disk.broken;
      if (!disk.files.has(path)) disk.files.set(path, "");
      return {
        size: disk.files.get(path)!.length,
        isTorn: /[^\n]$/.test(disk.files.get(path)!),
        write(bytes) {
          const count = Math.min(bytes.length, disk.room, disk.atOnce);
          if (count === 0) throw new Error("No space left on device");
          disk.room -= count;
          disk.files.set(path, disk.files.get(path)! + new TextDecoder().decode(bytes.subarray(0, count)));
          return count;
        },
        close: () => {},
      };
    },
    rename(from, to) {
      const text = disk.files.get(from);
      if (text === undefined) return;
      disk.files.delete(from);
      disk.files.set(to, text);
    },
  };
  return disk;
}
