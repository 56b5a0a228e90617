/**
 * Packages of Debian and RPM and images for containers, of programs for Linux that are in the folder of a release, with
 * the manifest that is beside them. `deno task release` makes them with throw-away manifests. Programs that have release
 * keys compiled in do not run with those: `deno task release:packages FOLDER` makes them when the holders have signed.
 */
import { parseArgs } from "node:util";
import { messageOf } from "../../common/core/errors.ts";
import type { ReleaseKeys } from "../../common/release/release_keys.ts";
import { verifyManifest } from "../../common/release/release_manifest.ts";
import { isSignatureOfSums, writeSums } from "./artefacts.ts";
import { keysFile, listedKeys } from "./listed_keys.ts";
import { endIfHelp } from "../program_options.ts";
import { ReleaseError } from "./release_error.ts";
import { runTool } from "./run_tool.ts";
import { type Target, targets } from "./verify_binary.ts";

export interface PackageOptions {
  /** Of the repository. */
  root: string;
  /** The folder of the release. */
  output: string;
  version: string;
  /** Seconds since 1970 of the files in the packages. */
  epoch: number;
  /** Compresses little. */
  quick: boolean;
}

interface Kind {
  name: string;
  /** Below the root. */
  script: string;
  /** What the script runs. */
  tools: readonly string[];
  file(program: string, version: string, processor: Target["processor"]): string;
}

const kinds: readonly Kind[] = [
  {
    name: ".deb",
    script: "install/linux/package_deb.sh",
    tools: ["dpkg-deb"],
    file: (program, version, processor) => `${program}_${version}_${processor === "x64" ? "amd64" : "arm64"}.deb`,
  },
  {
    name: ".rpm",
    script: "install/linux/package_rpm.sh",
    tools: ["dpkg-deb", "rpmbuild"],
    file: (program, version, processor) => `${program}-${version}-1.${processor === "x64" ? "x86_64" : "aarch64"}.rpm`,
  },
  {
    name: "image",
    script: "install/oci/build_image.sh",
    tools: ["buildah", "dpkg"],
    file: (program, version, processor) => `${program}-${version}-linux-${processor}.oci.tar`,
  },
];

/** Makes all that can be made here, and says with a reason each what was left out. */
export async function makePackages(
  { root, output: given, version, epoch, quick }: PackageOptions,
  made: { programs: readonly string[]; targets: readonly Target[] },
  keys: ReleaseKeys | null,
): Promise<{ names: string[]; left: string[] }> {
  const names: string[] = [], left: string[] = [], output = await Deno.realPath(given);
  const processors = made.targets.filter(({ system }) => system === "linux").map(({ processor }) => processor);
  if (processors.length === 0) return { names, left };
  for (const program of made.programs) {
    const reason = await whyNotSigned(`${output}/${program}-${version}.manifest`, keys);
    if (reason !== undefined) left.push(`packages of ${program} are left out: ${reason}`);
  }
  if (left.length > 0) return { names, left };
  await writeManual(root, output);
  const env = { SOURCE_DATE_EPOCH: String(epoch), ...(quick ? { ZSTD_LEVEL: "3" } : {}) };
  for (const { name, script, tools, file } of kinds) {
    const missing = await missingTool(tools);
    for (const program of made.programs) {
      for (const processor of processors) {
        const path = file(program, version, processor);
        // One of an earlier build is not of this release.
        await Deno.remove(`${output}/${path}`).catch(ignoreMissing);
        const reason = missing !== undefined
          ? `${missing} is not installed`
          : name === "image" && processor !== ownProcessor
          ? `the libraries of this machine are for ${ownProcessor}`
          : undefined;
        if (reason === undefined) {
          const to = `make ${path}`;
          await runTool(["sh", `${root}/${script}`, program, version, processor, output], { env, to });
          names.push(path);
        } else left.push(`${path} is left out: ${reason}`);
      }
    }
  }
  return { names, left };
}

const ownProcessor: Target["processor"] = Deno.build.arch === "aarch64" ? "arm64" : "x64";

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}

/** Why a program with these keys would not run with its manifest. */
async function whyNotSigned(path: string, keys: ReleaseKeys | null): Promise<string | undefined> {
  if (keys === null) return undefined;
  try {
    verifyManifest(await Deno.readTextFile(path), keys);
    return undefined;
  } catch (error) {
    const reason = error instanceof Deno.errors.NotFound ? "no release key has signed yet" : messageOf(error);
    return `${reason}; when enough have signed: deno task release:packages`;
  }
}

async function missingTool(tools: readonly string[]): Promise<string | undefined> {
  for (const tool of tools) {
    const found = await runTool([tool, "--version"], { to: "find the tools" }).then(() => true, () => false);
    if (!found) return tool;
  }
  return undefined;
}

/** Packages of Debian and RPM have manual pages. */
async function writeManual(root: string, output: string): Promise<void> {
  await runTool([
    ...[Deno.execPath(), "run", "--no-prompt", "--no-check", "--allow-read", "--allow-write", "--ignore-env"],
    ...["--allow-sys=uid", `${root}/tools/man.ts`, `${output}/man`],
  ], { cwd: root, to: "write the manual pages" });
}

/** `deno task release:packages`: the names of what was made, and sentences about what was not. */
async function packagesOf(output: string, keys: ReleaseKeys | null): Promise<{ names: string[]; left: string[] }> {
  const root = new URL("../../", import.meta.url).pathname.replace(/\/$/, "");
  const present = (await Array.fromAsync(Deno.readDir(output))).map(({ name }) => name);
  const found = present.flatMap((name) => {
    const match = /^(opendca(?:-platform)?)-(\d+\.\d+\.\d+)-(linux-\w+)$/.exec(name);
    return match === null ? [] : [{ program: match[1]!, version: match[2]!, target: match[3]! }];
  });
  const [first] = found;
  if (first === undefined) {
    throw new ReleaseError(`Cannot make packages as there is no program for Linux in "${output}"`);
  }
  const other = found.find(({ version }) => version !== first.version);
  if (other !== undefined) {
    throw new ReleaseError(`Cannot make packages as "${output}" has two versions: ${first.version}, ${other.version}`);
  }
  const time = await runTool(["git", "log", "-1", "--format=%ct"], { cwd: root, to: "read the time of the commit" });
  const given = Deno.env.get("SOURCE_DATE_EPOCH") ?? "";
  const result = await makePackages(
    { root, output, version: first.version, epoch: Number(given === "" ? time : given), quick: false },
    {
      programs: [...new Set(found.map(({ program }) => program))].sort(),
      targets: targets.filter(({ name }) => found.some(({ target }) => target === name)),
    },
    keys,
  );
  if (result.names.length === 0) return result;
  const listed = (await Deno.readTextFile(`${output}/SHA256SUMS`)).trim().split("\n").map((line) => line.slice(66));
  await writeSums(output, [...new Set([...listed, ...result.names])]);
  // Of the hashes before.
  for (const name of present.filter(isSignatureOfSums)) await Deno.remove(`${output}/${name}`);
  return result;
}

function parseArguments(args: string[]): { folder: string; keys: string } {
  const usage = "Cannot make packages: give the folder of a release";
  try {
    const options = { keys: { type: "string", default: keysFile } } as const;
    const { values, positionals: [folder, ...more] } = parseArgs({ args, options, allowPositionals: true });
    if (folder !== undefined && more.length === 0) return { folder, keys: values.keys };
  } catch (error) {
    throw new ReleaseError(`${usage}: ${messageOf(error)}`);
  }
  throw new ReleaseError(usage);
}

if (import.meta.main) {
  endIfHelp("deno task release:packages FOLDER [--keys FILE]");
  try {
    const { folder, keys } = parseArguments(Deno.args);
    const { names, left } = await packagesOf(folder, await listedKeys(keys));
    for (const name of names) console.log(name);
    for (const sentence of left) console.error(sentence);
    if (names.length > 0) console.error("SHA256SUMS is rewritten: sign it (deno task release:sign)");
    Deno.exitCode = left.length === 0 ? 0 : 75;
  } catch (error) {
    if (!(error instanceof ReleaseError || error instanceof Deno.errors.NotFound)) throw error;
    const isKnown = error instanceof ReleaseError;
    console.error(`error: ${isKnown ? error.message : `Cannot make packages: ${error.message}`}`);
    Deno.exitCode = 1;
  }
}
