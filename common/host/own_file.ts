/**
 * Opens the process's own files so that no other user can redirect it: a new file cannot exist before (`O_EXCL`), and
 * an old one is opened neither through a symbolic link nor with a wait for the other end of a pipe. `own_directory.ts`
 * checks the directories.
 */
import * as fs from "node:fs";
import process from "node:process";
import { hasCode } from "../core/system_error.ts";

const { O_CREAT, O_EXCL, O_RDONLY, O_WRONLY } = fs.constants;
/** Windows has neither flag. */
const notThrough = (fs.constants.O_NOFOLLOW ?? 0) | (fs.constants.O_NONBLOCK ?? 0);
/** Limit for files that are read as a whole; far above their normal size. */
const maxReadBytes = 64 * 1024 * 1024;

/** The operations of a new file. */
export type NewFile = Pick<Deno.FsFile, "write" | "writeSync" | "syncSync" | "close">;

/** A new empty file, open for writing; an existing entry of this name is removed, never written to. */
export function createOwnFile(path: string, { mode = 0o600 }: { mode?: number } = {}): NewFile {
  const options = { write: true, createNew: true, mode };
  try {
    return Deno.openSync(path, options);
  } catch (error) {
    if (!hasCode(error, "EEXIST")) throw error;
    Deno.removeSync(path);
    return Deno.openSync(path, options);
  }
}

/** Writes all bytes, even if the system accepts only a part at a time. */
export function writeAllSync(file: Pick<NewFile, "writeSync">, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
}

/** Overwrites a file in place and pads it with blanks; the file must be at least as long as the text. */
export function overwriteOwnFile(path: string, text: string): void {
  const fd = openRegular(path, O_WRONLY);
  try {
    const { size } = fs.fstatSync(fd);
    const bytes = new TextEncoder().encode(text);
    if (bytes.length > size) throw new RangeError(`Cannot overwrite "${path}" as it has only ${size} bytes`);
    const whole = new Uint8Array(size).fill(0x20);
    whole.set(bytes);
    for (let at = 0; at < size;) at += fs.writeSync(fd, whole, at, size - at, at);
  } finally {
    fs.closeSync(fd);
  }
}

/** Throws ELOOP for a symbolic link, EISDIR for anything else that is not a file. */
export function readOwnFile(path: string): string {
  const fd = openRegular(path, O_RDONLY);
  try {
    if (fs.fstatSync(fd).size > maxReadBytes) throw fault("EISDIR", "it is too large");
    return fs.readFileSync(fd, "utf8");
  } finally {
    fs.closeSync(fd);
  }
}

/** Creates an empty file if there is none; throws if the name is not a file, or is a link of another user. */
export function ensureOwnFile(path: string): void {
  try {
    fs.closeSync(fs.openSync(path, O_WRONLY | O_CREAT | O_EXCL | notThrough, 0o600));
  } catch (error) {
    if (!hasCode(error, "EEXIST")) throw error;
    const { uid } = fs.lstatSync(path);
    const isOurs = uid === 0 || uid === process.getuid?.();
    const facts = isOurs ? fs.statSync(path, { throwIfNoEntry: false }) : fs.lstatSync(path);
    if (facts === undefined) throw fault("ELOOP", "it is a symbolic link to nothing");
    if (!facts.isFile()) throw fault("EISDIR", "it is not a regular file, or a link of another user");
  }
}

function openRegular(path: string, access: number): number {
  try {
    const fd = fs.openSync(path, access | notThrough);
    if (fs.fstatSync(fd).isFile()) return fd;
    fs.closeSync(fd);
  } catch (error) {
    // A pipe without a reader.
    if (!hasCode(error, "ENXIO")) throw error;
  }
  throw fault("EISDIR", "it is not a regular file");
}

function fault(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}
