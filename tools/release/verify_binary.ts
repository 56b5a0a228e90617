/**
 * Is a compiled file what it is to be? `deno compile` takes any base without a look at it: with `deno` itself as the base it
 * makes a plain `deno`, and with a base of another machine a file for that machine.
 */
import { Buffer } from "node:buffer";

export type System = "linux" | "macos" | "windows";
export type Processor = "x64" | "arm64";

export interface Target {
  /** The end of the file's name. */
  name: string;
  /** What Deno calls it. */
  triple: string;
  system: System;
  processor: Processor;
}

export const targets: readonly Target[] = [
  { name: "linux-x64", triple: "x86_64-unknown-linux-gnu", system: "linux", processor: "x64" },
  { name: "linux-arm64", triple: "aarch64-unknown-linux-gnu", system: "linux", processor: "arm64" },
  { name: "macos-x64", triple: "x86_64-apple-darwin", system: "macos", processor: "x64" },
  { name: "macos-arm64", triple: "aarch64-apple-darwin", system: "macos", processor: "arm64" },
  { name: "windows-x64", triple: "x86_64-pc-windows-msvc", system: "windows", processor: "x64" },
];

/** The end of a file's name for a target: `linux-x64`, `windows-x64.exe`. */
export function fileEnd({ name, system }: Target): string {
  return system === "windows" ? `${name}.exe` : name;
}

/** System and processor by the first bytes: ELF, Mach-O of 64 bits or PE; undefined for other files. */
export function formatOf(bytes: Uint8Array): { system: System; processor: Processor | "other" } | undefined {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (data.length < 64) return undefined;
  if (data.readUInt32BE(0) === 0x7f454c46) {
    // EI_CLASS 64 bits, EI_DATA little-endian; e_machine stands at 18.
    const machine = data[4] === 2 && data[5] === 1 ? data.readUInt16LE(18) : 0;
    return { system: "linux", processor: machine === 0x3e ? "x64" : machine === 0xb7 ? "arm64" : "other" };
  }
  if (data.readUInt32LE(0) === 0xfeedfacf) {
    const processor = data.readUInt32LE(4);
    return {
      system: "macos",
      processor: processor === 0x01000007 ? "x64" : processor === 0x0100000c ? "arm64" : "other",
    };
  }
  if (data.readUInt16BE(0) === 0x4d5a) {
    const header = data.readUInt32LE(0x3c);
    if (header + 6 > data.length || data.readUInt32BE(header) !== 0x50450000) return undefined;
    const machine = data.readUInt16LE(header + 4);
    return { system: "windows", processor: machine === 0x8664 ? "x64" : machine === 0xaa64 ? "arm64" : "other" };
  }
  return undefined;
}

/** The version of Deno that the bytes of a base or of a compiled file name; undefined if none. */
export function runtimeOf(bytes: Uint8Array): string | undefined {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = data.indexOf("Deno/"); at >= 0; at = data.indexOf("Deno/", at + 1)) {
    const version = /^Deno\/(\d+\.\d+\.\d+)/.exec(data.toString("latin1", at, at + 24))?.[1];
    if (version !== undefined) return version;
  }
  return undefined;
}

/** What is wrong with the base of a target, as sentences. */
export function baseProblems(bytes: Uint8Array, target: Target): string[] {
  const problems = formatProblems(bytes, target);
  // Only the whole program has the language server.
  if (Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes("textDocument/hover")) {
    problems.push("it is deno itself and not its base for compiled programs, denort");
  }
  if (runtimeOf(bytes) === undefined) problems.push("it names no version of Deno");
  return problems;
}

export interface Expected {
  target: Target;
  /** What the file has only with our payload. */
  marker: string;
  /** Undefined: any version. */
  runtime: string | undefined;
  /** Paths of the machine that built it, which may not be in it. */
  forbidden: readonly string[];
  maxBytes: number;
}

/** What is wrong with a compiled file, as sentences. */
export function binaryProblems(bytes: Uint8Array, expected: Expected): string[] {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const problems = baseProblems(bytes, expected.target);
  if (!data.includes(expected.marker)) problems.push("it does not contain the program");
  const runtime = runtimeOf(bytes);
  if (runtime !== undefined && expected.runtime !== undefined && runtime !== expected.runtime) {
    problems.push(`it runs on Deno ${runtime}, and ${expected.runtime} is the tested version`);
  }
  for (const path of expected.forbidden) {
    if (data.includes(path)) problems.push(`it names the folder ${path} of the machine that built it`);
  }
  // Deno puts a file beside such a package whose name depends on the folder of the project.
  if (data.includes('"n":".scripts-warned-')) {
    problems.push("a package in it has an install script that allowScripts of deno.json does not name");
  }
  if (data.length > expected.maxBytes) {
    problems.push(`it has ${megabytes(data.length)}, and ${megabytes(expected.maxBytes)} is the limit`);
  }
  return problems;
}

/** "106.6 MB"; 1 MB is 1,000,000 bytes. */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function formatProblems(bytes: Uint8Array, { name, system, processor }: Target): string[] {
  const found = formatOf(bytes);
  if (found === undefined) return [`it is not an executable for ${name}`];
  if (found.system === system && found.processor === processor) return [];
  return [`it is an executable for ${found.system}-${found.processor}, and not for ${name}`];
}
