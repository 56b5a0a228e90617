/**
 * `deno task release`: the programs for each target, in dist/. Exit code 0: all targets; 75: some were left out, as their
 * base cannot be had here; 1: a file is not what it is to be, and there is no release.
 */
import { parseArgs } from "node:util";
import { messageOf } from "../../common/core/errors.ts";
import type { ReleaseKeys } from "../../common/release/release_keys.ts";
import type { ReleaseManifest } from "../../common/release/release_manifest.ts";
import { isVersion } from "../../common/release/version_order.ts";
import { pinnedRuntime } from "../../common/core/pinned_runtime.ts";
import {
  type Built,
  createThrowAwayKeys,
  describe,
  manifestOf,
  signSums,
  writeInstallers,
  writeManifests,
  writeSums,
} from "./artefacts.ts";
import { authenticodeKey, signPe } from "./authenticode.ts";
import { type Base, NoBaseError, prepareBase, readBase, sha256 } from "./base.ts";
import { keysFile, listedKeys } from "./listed_keys.ts";
import { makePackages } from "./packages.ts";
import { buildFacts, buildFile, compileArguments, type Program, programs, version } from "./programs.ts";
import { endIfHelp } from "../program_options.ts";
import { ReleaseError } from "./release_error.ts";
import { runTool } from "./run_tool.ts";
import { ownCache, root, type Source, sourceOf } from "./source.ts";
import { freezeStage, makeStage, prunePackages, type Stage } from "./stage.ts";
import { binaryProblems, fileEnd, formatOf, megabytes, type Target, targets } from "./verify_binary.ts";

/* The agent goes over lines of branch offices; the platform has libraries of sign-in and documents, and is fetched once. */
const maxBytes: Record<Program["name"], number> = { opendca: 110_000_000, "opendca-platform": 150_000_000 };
const maxShippedBytes: Record<Program["name"], number> = { opendca: 30_000_000, "opendca-platform": 40_000_000 };

const options = {
  target: { type: "string", multiple: true },
  program: { type: "string", multiple: true },
  output: { type: "string", default: `${root}/dist` },
  keys: { type: "string", default: keysFile },
  "allow-other-runtime": { type: "boolean", default: false },
  offline: { type: "boolean", default: false },
  uncompressed: { type: "boolean", default: false },
  "no-packages": { type: "boolean", default: false },
  "minimum-version": { type: "string", default: "0.0.0" },
  "expires-days": { type: "string", default: "180" },
  rollout: { type: "string", default: "100" },
} as const;

export interface ReleaseOptions {
  targets: readonly Target[];
  programs: readonly Program[];
  output: string;
  /** File of the public keys that are compiled in. */
  keys: string;
  /** Takes another base than that of the pinned runtime: such a file is not released. */
  allowOtherRuntime: boolean;
  /** Copies the packages from the DENO_DIR of this user. */
  offline: boolean;
  /** Leaves out the compressed files, and compresses packages little. */
  uncompressed: boolean;
  /** With packages of Debian and RPM and images, for Linux. */
  packages: boolean;
  /** Of the manifest. */
  minimumVersion: string;
  expiresDays: number;
  /** Percent. */
  rollout: number;
}

/** Reads the arguments of the command line. Throws `ReleaseError`. */
export function parseReleaseOptions(args: readonly string[]): ReleaseOptions {
  let values;
  try {
    values = parseArgs({ args: [...args], options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw new ReleaseError(`Cannot release: ${messageOf(error)}`);
  }
  const minimumVersion = values["minimum-version"];
  if (!isVersion(minimumVersion)) {
    throw new ReleaseError(`Cannot release: --minimum-version takes a version: current value is "${minimumVersion}"`);
  }
  return {
    minimumVersion,
    expiresDays: numberOf("--expires-days", values["expires-days"], 3_650),
    rollout: numberOf("--rollout", values.rollout, 100),
    targets: chosen("target", targets, values.target),
    programs: chosen("program", programs, values.program),
    output: values.output,
    keys: values.keys,
    allowOtherRuntime: values["allow-other-runtime"],
    offline: values.offline,
    uncompressed: values.uncompressed,
    packages: !values["no-packages"],
  };
}

function numberOf(option: string, text: string, max: number): number {
  if (/^\d{1,4}$/.test(text) && Number(text) <= max && (Number(text) > 0 || max === 100)) return Number(text);
  throw new ReleaseError(`Cannot release: ${option} takes a whole number up to ${max}: current value is "${text}"`);
}

function chosen<T extends { name: string }>(
  what: string,
  all: readonly T[],
  names: string[] | undefined,
): readonly T[] {
  for (const name of names ?? []) {
    if (all.some((each) => each.name === name)) continue;
    const known = all.map((each) => each.name).join(", ");
    throw new ReleaseError(`Cannot release as the ${what} is not known: current value is "${name}", of ${known}`);
  }
  return names === undefined ? all : all.filter(({ name }) => names.includes(name));
}

/** Makes the release, and returns the targets and packages that were left out with the reason. */
export async function build(wanted: ReleaseOptions): Promise<string[]> {
  const source = await sourceOf(), keys = await listedKeys(wanted.keys);
  const folder = await Deno.makeTempDir({ prefix: "opendca-release-" });
  try {
    const { bases, left } = await findBases(wanted.targets, folder);
    if (bases.length === 0) return left;
    const { stage, licences } = await prepareStage(folder, wanted, keys);
    const { output, programs } = wanted;
    await Deno.mkdir(output, { recursive: true });
    const names: string[] = [], manifests: ReleaseManifest[] = [];
    for (const program of programs) {
      const built: Built[] = [];
      for (const { target, base } of bases) {
        built.push(await compile({ program, target, base }, { stage, source, wanted, folder }));
      }
      names.push(...built.flatMap(({ file }) => wanted.uncompressed ? [file] : [file, `${file}.zst`]));
      names.push(...await describe({ program, source, stage, licences, built, output }));
      const { expiresDays, minimumVersion, rollout: percent } = wanted;
      manifests.push(manifestOf(built, { source, now: new Date(), expiresDays, minimumVersion, percent }));
    }
    const systems = new Set(bases.map(({ target }) => target.system));
    names.push(...await writeInstallers(root, output, { systems, keys }));
    const throwAway = createThrowAwayKeys();
    await writeManifests(output, manifests, throwAway);
    if (wanted.packages) {
      const made = await makePackages({ root, output, version, quick: wanted.uncompressed, ...source }, {
        programs: programs.map(({ name }) => name),
        targets: bases.map(({ target }) => target),
      }, keys);
      names.push(...made.names);
      left.push(...made.left);
    }
    await writeSums(output, names);
    await signSums(output, throwAway);
    return left;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function findBases(
  wanted: readonly Target[],
  folder: string,
): Promise<{ bases: { target: Target; base: Base }[]; left: string[] }> {
  const given = await givenBase(wanted);
  const bases: { target: Target; base: Base }[] = [], left: string[] = [];
  for (const target of wanted) {
    try {
      bases.push({ target, base: await prepareBase(target, folder, given(target)) });
    } catch (error) {
      if (!(error instanceof NoBaseError)) throw error;
      left.push(`${target.name} is left out: ${error.message}`);
    }
  }
  return { bases, left };
}

/**
 * DENORT_BIN, which `deno compile` would take for every target, is for those of its own machine; with one target it must be
 * for that.
 */
async function givenBase(wanted: readonly Target[]): Promise<(target: Target) => string | undefined> {
  const path = Deno.env.get("DENORT_BIN") ?? "";
  if (path === "") return () => undefined;
  if (wanted.length === 1) return () => path;
  const format = formatOf(await readBase(path));
  return ({ system, processor }) => format?.system === system && format.processor === processor ? path : undefined;
}

async function prepareStage(
  folder: string,
  { offline, programs }: ReleaseOptions,
  keys: ReleaseKeys | null,
): Promise<{ stage: Stage; licences: Map<string, string> }> {
  const entries = programs.flatMap(({ entry, workers }) => [entry, ...workers]);
  const stage = await makeStage({
    root,
    folder,
    entries,
    keys,
    ...(offline ? { offlineCache: await ownCache() } : {}),
  });
  return { stage, licences: await prunePackages(stage.cache) };
}

async function compile(
  { program, target, base }: { program: Program; target: Target; base: Base },
  { stage, source, wanted, folder }: { stage: Stage; source: Source; wanted: ReleaseOptions; folder: string },
): Promise<Built> {
  const file = `${program.name}-${version}-${fileEnd(target)}`;
  const facts = buildFacts(program, source.commit);
  await Deno.mkdir(`${stage.source}/dist`, { recursive: true });
  await Deno.writeTextFile(`${stage.source}/${buildFile}`, facts);
  await freezeStage(stage, source.epoch);
  // Appears in the output only when it is known to be right.
  const unchecked = `${folder}/${file}`;
  const printed = await runTool([
    Deno.execPath(),
    ...compileArguments(program, { triple: target.triple, output: unchecked }),
  ], {
    cwd: stage.source,
    env: { DENO_DIR: stage.cache, DENORT_BIN: base.path },
    to: `compile ${file}`,
    withErrors: true,
  });
  const authenticode = target.system === "windows" ? authenticodeKey((name) => Deno.env.get(name)) : undefined;
  if (authenticode !== undefined) await signPe(unchecked, authenticode);
  if (target.system === "macos" && Deno.env.get("OPENDCA_MACOS_SIGN") === "1") {
    await runTool(["sh", `${root}/tools/release/macos/sign.sh`, unchecked], { to: `sign ${file} for macOS` });
  }
  const bytes = await Deno.readFile(unchecked);
  const problems = binaryProblems(bytes, {
    target,
    marker: facts,
    runtime: wanted.allowOtherRuntime ? undefined : pinnedRuntime,
    forbidden: [folder, root],
    maxBytes: maxBytes[program.name],
  });
  if (target.triple === Deno.build.target && problems.length === 0) {
    problems.push(...await runProblems(unchecked, `${program.name} ${version}`));
  }
  if (problems.length > 0) throw new ReleaseError(`Cannot release ${file}: ${problems.join("; ")}`);
  await Deno.copyFile(unchecked, `${wanted.output}/${file}`);
  await Deno.chmod(`${wanted.output}/${file}`, 0o755);
  const shipped = wanted.uncompressed ? "" : `, ${await compress(`${wanted.output}/${file}`, program)} as shipped`;
  console.log(`${file}: ${megabytes(bytes.length)}${shipped}`);
  return { program, target, file, size: bytes.length, sha256: await sha256(bytes), base, printed };
}

/** What a file that can be run says of itself. */
async function runProblems(path: string, wanted: string): Promise<string[]> {
  const said = (await runTool([path, "--version"], { to: `run ${path}` })).trim();
  // An agent on another runtime says so in brackets.
  return said.replace(/ \(on Deno .*\)$/, "") === wanted ? [] : [`it says "${said}" where "${wanted}" is wanted`];
}

async function compress(path: string, { name }: Program): Promise<string> {
  await runTool(["zstd", "-19", "-T0", "--quiet", "--force", path, "-o", `${path}.zst`], { to: "compress the file" });
  const { size } = await Deno.stat(`${path}.zst`);
  if (size <= maxShippedBytes[name]) return megabytes(size);
  throw new ReleaseError(
    `Cannot release ${path}.zst as it has ${megabytes(size)}: ${megabytes(maxShippedBytes[name])} is the limit`,
  );
}

async function release(args: readonly string[]): Promise<number> {
  const left = await build(parseReleaseOptions(args));
  for (const sentence of left) console.error(sentence);
  return left.length === 0 ? 0 : 75;
}

if (import.meta.main) {
  endIfHelp(
    "deno task release [--target TARGET]… [--program PROGRAM]… [--output FOLDER] [--keys FILE] " +
      "[--minimum-version VERSION] [--expires-days N] [--rollout PERCENT] [--no-packages] [--uncompressed] [--offline] " +
      "[--allow-other-runtime]",
  );
  try {
    Deno.exitCode = await release(Deno.args);
  } catch (error) {
    if (!(error instanceof ReleaseError)) throw error;
    console.error(`error: ${error.message}`);
    Deno.exitCode = 1;
  }
}
