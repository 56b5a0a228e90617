import { createHash } from "node:crypto";

/** Size and SHA-256, in hexadecimal, of a file of any size; system errors are thrown unchanged. */
export function fileDigest(path: string): { size: number; sha256: string } {
  using file = Deno.openSync(path);
  const hash = createHash("sha256");
  const buffer = new Uint8Array(1 << 20);
  let size = 0;
  for (let read; (read = file.readSync(buffer)) !== null;) {
    hash.update(buffer.subarray(0, read));
    size += read;
  }
  return { size, sha256: hash.digest("hex") };
}

/** The file of this program, links followed; undefined if it is run from source. */
export function ownExecutable(): string | undefined {
  return Deno.build.standalone ? Deno.realPathSync(Deno.execPath()) : undefined;
}
