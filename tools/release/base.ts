/** The base of compiled programs: Deno's own `denort` for a target, without symbols. */
import { Buffer } from "node:buffer";
import { inflateRawSync } from "node:zlib";
import { messageOf } from "../../common/core/errors.ts";
import { pinnedRuntime } from "../../common/core/pinned_runtime.ts";
import { ReleaseError } from "./release_error.ts";
import { runTool } from "./run_tool.ts";
import { baseProblems, runtimeOf, type Target } from "./verify_binary.ts";

export interface Base {
  path: string;
  /** Where it is from. */
  origin: string;
  /** SHA-256 in hexadecimal before symbols were removed. */
  sha256: string;
  /** Version of Deno. */
  runtime: string;
}

/** Deno's release server cannot be reached: the target is left out. */
export class NoBaseError extends ReleaseError {}

/**
 * The base in a folder, stripped if it is for Linux: after `deno compile` that would break the file. `given` is the path of
 * one for this target, in place of the one of Deno's release server.
 */
export async function prepareBase(target: Target, folder: string, given: string | undefined): Promise<Base> {
  const { bytes, origin } = given === undefined
    ? await download(target)
    : { bytes: await readBase(given), origin: `file:${given.slice(given.lastIndexOf("/") + 1)}` };
  const problems = baseProblems(bytes, target);
  if (problems.length > 0) {
    throw new ReleaseError(`Cannot use ${given ?? origin} as the base for ${target.name}: ${problems.join("; ")}`);
  }
  const path = `${folder}/denort-${target.name}`;
  await Deno.writeFile(path, bytes, { mode: 0o755 });
  if (target.system === "linux") {
    const strip = target.processor === "arm64" && Deno.build.arch !== "aarch64" ? "aarch64-linux-gnu-strip" : "strip";
    await runTool([strip, path], { to: `remove the symbols of the base for ${target.name}` });
  }
  return { path, origin, sha256: await sha256(bytes), runtime: runtimeOf(bytes)! };
}

export async function readBase(path: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await Deno.readFile(path);
  } catch (error) {
    throw new ReleaseError(`Cannot read the base "${path}", which DENORT_BIN names: ${messageOf(error)}`);
  }
}

export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

async function download(target: Target): Promise<{ bytes: Uint8Array<ArrayBuffer>; origin: string }> {
  const url = `https://dl.deno.land/release/v${pinnedRuntime}/denort-${target.triple}.zip`;
  let response: Response;
  try {
    response = await fetch(url, { signal: AbortSignal.timeout(300_000) });
  } catch {
    throw new NoBaseError("Deno's release server cannot be reached");
  }
  if (!response.ok) throw new NoBaseError(`Deno's release server answered ${response.status} for ${url}`);
  return { bytes: onlyFileOf(await response.bytes()), origin: url };
}

/** The first file of a ZIP archive, by its central directory. Throws `ReleaseError` for other bytes. */
export function onlyFileOf(zip: Uint8Array): Uint8Array<ArrayBuffer> {
  const data = Buffer.from(zip.buffer, zip.byteOffset, zip.byteLength);
  try {
    const end = data.lastIndexOf(Buffer.from("PK\x05\x06", "latin1"));
    const entry = data.readUInt32LE(end + 16);
    if (end < 0 || end + 22 > data.length || data.readUInt32LE(entry) !== 0x02014b50) {
      throw new RangeError("no directory");
    }
    const method = data.readUInt16LE(entry + 10);
    const [packed, size] = [data.readUInt32LE(entry + 20), data.readUInt32LE(entry + 24)];
    const local = data.readUInt32LE(entry + 42);
    const start = local + 30 + data.readUInt16LE(local + 26) + data.readUInt16LE(local + 28);
    const content = data.subarray(start, start + packed);
    const file = method === 8 ? inflateRawSync(content) : content;
    if (file.length !== size) throw new RangeError("incomplete");
    return new Uint8Array(file);
  } catch (cause) {
    throw new ReleaseError("Cannot unpack what Deno's release server sent as it is not a complete ZIP file", { cause });
  }
}
