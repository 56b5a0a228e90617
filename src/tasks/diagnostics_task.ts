/**
 * The task "diagnostics": a bundle of a few texts, at most 2 MiB. None of them can contain a secret: each is shown or
 * logged by the agent anyway.
 */
import { Buffer } from "node:buffer";
import { gzipSync } from "node:zlib";
import type { Diagnostics, DiagnosticsOutput } from "../../proto/gen/opendca/v1/task.ts";
import type { AgentConfig } from "../config/agent_config.ts";
import { renderConfigText } from "../config/render_config.ts";
import { maxBundleBytes } from "../../common/protocol/limits.ts";
import type { Clock } from "../../common/core/clock.ts";

export interface DiagnosticsTaskParts {
  config(): AgentConfig;
  clock: Pick<Clock, "now">;
  /** The agent's status as JSON. */
  status(): unknown;
  readTextFile(path: string): Promise<string>;
  /** The text without masked parts. */
  cleanText(text: string): string;
}

interface DiagnosticsFile {
  /** File name without a folder. */
  name: string;
  /** If it is too long, its beginning is left out. */
  text: string;
}

const blockBytes = 512;

export async function runDiagnosticsTask(
  { logHours }: Diagnostics,
  parts: DiagnosticsTaskParts,
): Promise<DiagnosticsOutput> {
  const files = await diagnosticsFiles(logHours === 0 ? 24 : Math.min(logHours, 24 * 31), parts);
  return { bundle: packDiagnostics(files.map(({ name, text }) => ({ name, text: parts.cleanText(text) }))) };
}

/** Includes the log if it is a file, but not the system's journal. */
async function diagnosticsFiles(logHours: number, parts: DiagnosticsTaskParts): Promise<DiagnosticsFile[]> {
  const config = parts.config();
  const files = [
    { name: "status.json", text: JSON.stringify(parts.status(), null, 2) + "\n" },
    { name: "config.txt", text: renderConfigText(config) },
  ];
  const { file } = config.log;
  if (file === null) {
    return [...files, { name: "log.txt", text: "The log goes to standard output, and not to a file\n" }];
  }
  const since = new Date(parts.clock.now().getTime() - logHours * 3_600_000).toISOString();
  const names = [...Array(file.keep).keys()].map((i) => `${file.path}.${file.keep - i}`).concat(file.path);
  const texts = await Promise.all(names.map((name) => parts.readTextFile(name).catch(() => ""))); // Not there yet.
  return [...files, { name: "agent.jsonl", text: linesSince(texts.join(""), since) }];
}

/** Lines since a time; they begin with their time, so texts can be compared. */
function linesSince(text: string, since: string): string {
  const kept = text.split("\n").filter((line) => (/"time":"([^"]+)"/.exec(line)?.[1] ?? "") >= since);
  return kept.length === 0 ? "" : kept.join("\n") + "\n";
}

/**
 * A gzip-compressed tar archive (POSIX.1-1988 ustar). The same files give the same bytes. Long texts lose their first
 * half until it is small enough.
 */
function packDiagnostics(files: readonly DiagnosticsFile[]): Buffer {
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
  // In the checksum its own field counts as spaces.
  block.fill(" ", 148, 156);
  block.write("0", 156);
  block.write("ustar\x0000", 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}
