/**
 * The one way in which state is written: a new file of a random name that nobody can have made before (`O_EXCL`), renamed
 * over the old one. Neither follows a symbolic link in the file's place, nor writes into what it is a hard link to, nor
 * waits for the other end of a pipe. `own_directory.ts` sees to the directories.
 */
import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import process from "node:process";
import { hasCode } from "./own_directory.ts";

const { O_CREAT, O_EXCL, O_RDONLY, O_WRONLY } = fs.constants;
/** Windows has neither. */
const notThrough = (fs.constants.O_NOFOLLOW ?? 0) | (fs.constants.O_NONBLOCK ?? 0);
const temporaryName = /\.[0-9a-f]{16}\.new$/;
const leftoverAgeMs = 3_600_000;
/** No file that is read as a whole is nearly as large. */
const maxReadBytes = 64 * 1024 * 1024;

/** Beside `path`; a crash may leave it behind, for `removeLeftovers`. */
export function temporaryPath(path: string): string {
  return `${path}.${randomBytes(8).toString("hex")}.new`;
}

/** The old text or the new one is there at any time; with `sync` also after a power cut. Mode 0600. */
export function replaceOwnFile(path: string, text: string, options: { sync?: boolean } = {}): void {
  const temporary = temporaryPath(path);
  try {
    writeNewFile(temporary, text, options);
    fs.renameSync(temporary, path);
  } catch (error) {
    fs.rmSync(temporary, { force: true }); // Half of a text is of no use to anybody.
    throw error;
  }
}

/** Makes a file of mode 0600; whatever has its name before is taken away, never written to. */
export function writeNewFile(path: string, content: string | Uint8Array, { sync = false } = {}): void {
  const fd = openNew(path);
  try {
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    for (let at = 0; at < bytes.length;) at += fs.writeSync(fd, bytes, at, bytes.length - at);
    if (sync) fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

/** A new empty file of mode 0600 in place of what is there, open for writing. */
export function openNew(path: string): number {
  const flags = O_WRONLY | O_CREAT | O_EXCL | notThrough;
  try {
    return fs.openSync(path, flags, 0o600);
  } catch (error) {
    if (!hasCode(error, "EEXIST")) throw error;
    fs.unlinkSync(path);
    return fs.openSync(path, flags, 0o600);
  }
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
    if (!facts.isFile()) throw fault("EISDIR", "it is something else than a file, or a link of another user's");
  }
}

/** Takes away what a crash has left; not what another process may be writing. */
export function removeLeftovers(directory: string, now: Date): void {
  for (const name of fs.readdirSync(directory)) {
    if (!temporaryName.test(name)) continue;
    const path = `${directory}/${name}`;
    const facts = fs.lstatSync(path, { throwIfNoEntry: false });
    if (facts?.isFile() && now.getTime() - facts.mtimeMs > leftoverAgeMs) fs.rmSync(path, { force: true });
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
  throw fault("EISDIR", "it is something else than a file");
}

function fault(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}
