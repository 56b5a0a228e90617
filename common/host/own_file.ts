/**
 * Files of one's own, opened so that nobody leads the process elsewhere: a new file is one that nobody can have made before
 * (`O_EXCL`), and an old one is opened neither through a symbolic link nor with a wait for the other end of a pipe.
 * `own_directory.ts` looks at the directories.
 */
import * as fs from "node:fs";
import process from "node:process";
import { hasCode } from "../core/system_error.ts";

const { O_CREAT, O_EXCL, O_RDONLY, O_WRONLY } = fs.constants;
/** Windows has neither. */
const notThrough = (fs.constants.O_NOFOLLOW ?? 0) | (fs.constants.O_NONBLOCK ?? 0);
/** No file that is read as a whole is nearly as large. */
const maxReadBytes = 64 * 1024 * 1024;

/** What a new file is good for. */
export type NewFile = Pick<Deno.FsFile, "write" | "writeSync" | "syncSync" | "close">;

/** A new empty file, open for writing; whatever has its name before is removed, never written to. */
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

/** Writes all of it, however little the system takes at once. */
export function writeAllSync(file: Pick<NewFile, "writeSync">, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
}

/** Writes over a file where it lies, with blanks behind the text; it must be at least as long. */
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

/** Throws ELOOP for a symbolic link, EISDIR for anything else that is no file. */
export function readOwnFile(path: string): string {
  const fd = openRegular(path, O_RDONLY);
  try {
    if (fs.fstatSync(fd).size > maxReadBytes) throw fault("EISDIR", "it is too large");
    return fs.readFileSync(fd, "utf8");
  } finally {
    fs.closeSync(fd);
  }
}

/** Makes an empty file where there is none, and throws where something else has the name, or a link of another user's. */
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
