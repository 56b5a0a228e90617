/** The diagnostics bundle: a gzip-compressed tar archive (POSIX.1-1988 ustar) of a few text files, at most 2 MiB. */
import { Buffer } from "node:buffer";
import { gzipSync } from "node:zlib";
import { maxBundleBytes } from "../../common/protocol/limits.ts";

export interface DiagnosticsFile {
  /** Without a folder. */
  name: string;
  /** Where it is too long, its beginning is left out. */
  text: string;
}

const blockBytes = 512;

/** The same files give the same bytes. Long texts lose their first half until the bundle is small enough. */
export function packDiagnostics(files: readonly DiagnosticsFile[]): Buffer {
  let kept = files.map(({ name, text }) => ({ name, bytes: new TextEncoder().encode(text) }));
  for (;;) {
    const bundle = gzipSync(tar(kept));
    if (bundle.length <= maxBundleBytes) return bundle;
    const longest = kept.reduce((a, b) => b.bytes.length > a.bytes.length ? b : a);
    kept = kept.map((file) => file === longest ? { ...file, bytes: secondHalf(file.bytes) } : file);
  }
}

function secondHalf(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const half = bytes.subarray(Math.ceil(bytes.length / 2));
  const line = half.indexOf(0x0a);
  return new Uint8Array(line < 0 ? half : half.subarray(line + 1));
}

function tar(files: readonly { name: string; bytes: Uint8Array }[]): Uint8Array {
  const blocks = files.flatMap(({ name, bytes }) => {
    const padding = new Uint8Array((blockBytes - bytes.length % blockBytes) % blockBytes);
    return [header(name, bytes.length), bytes, padding];
  });
  return Buffer.concat([...blocks, new Uint8Array(2 * blockBytes)]);
}

function header(name: string, size: number): Uint8Array {
  const block = Buffer.alloc(blockBytes);
  block.write(name.slice(0, 99), 0, "latin1");
  block.write("0000600\0", 100);
  block.write("0000000\0", 108);
  block.write("0000000\0", 116);
  block.write(`${size.toString(8).padStart(11, "0")}\0`, 124);
  block.write(`${"0".repeat(11)}\0`, 136);
  // The checksum counts itself as spaces.
  block.fill(" ", 148, 156);
  block.write("0", 156);
  block.write("ustar\x0000", 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}
