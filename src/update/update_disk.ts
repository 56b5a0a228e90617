import type { Disk } from "../../common/host/disk.ts";

/** The disk as updates use it: large files, links and folders of versions; `src/host/update_disk.ts` is the real one. */
export interface UpdateDisk extends Disk {
  /** Opens a file at its end, or a new one; not through a link. */
  openPart(path: string): Promise<PartFile>;
  chunks(path: string): AsyncIterable<Uint8Array>;
  digest(path: string): { size: number; sha256: string };
  /** Bytes that this user may still write to the disk of a folder. */
  freeBytes(folder: string): number;
  /** Waits until a file is on the disk. */
  sync(path: string): Promise<void>;
  chmod(path: string, mode: number): void;
  /** Text of a symbolic link; undefined if there is none. */
  readLink(path: string): string | undefined;
  /** A symbolic link that is never absent, durably. */
  replaceLink(path: string, text: string): void;
  /** With all that is in it; a missing one is not an error. */
  removeTree(path: string): void;
}

export interface PartFile {
  /** Bytes that it has. */
  size: number;
  write(bytes: Uint8Array): Promise<void>;
  close(): void;
}
