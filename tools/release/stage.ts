/**
 * The folder that a release is compiled in: a copy of the sources, and a cache of its own with the packages. `deno compile`
 * embeds times of files, and paths of the cache in what it could not parse. Here all times are the same, and of packages
 * there is only what runs, so that neither is left and the same commit makes the same bytes in any folder.
 */
import { encodeReleaseKeys, type ReleaseKeys } from "../../common/release/release_keys.ts";
import { ReleaseError } from "./release_error.ts";
import { runTool } from "./run_tool.ts";

export interface Stage {
  /** The sources. */
  source: string;
  /** DENO_DIR. */
  cache: string;
}

export interface StageOptions {
  root: string;
  folder: string;
  entries: readonly string[];
  /** Compiled in; null: none, as in the sources. */
  keys: ReleaseKeys | null;
  /** Copies the packages from this DENO_DIR; else they are downloaded, and checked against deno.lock. */
  offlineCache?: string;
}

const stagedFolders = /^(main\.ts|deno\.json|deno\.lock|(workers|src|common|platform|proto\/gen)\/.*)$/;
/** What a package may run. The rest (types, texts, tests, sources in C) is left out, and licences are kept elsewhere. */
const running = /\.([cm]?js|json|wasm)$/;
const idleFolder = /\/npm\/[^/]+\/(@[^/]+\/)?[^/]+\/[^/]+\/(tests?|examples?|docs?|bench(marks?)?|deps|ref|\.[^/]+)\//;
/** Bundles for browsers, beside the modules that run here; some name files that are not there. */
const browserBundle = /\/npm\/[^/]+\/(exceljs\/[^/]+\/dist\/|pdfmake\/[^/]+\/build\/pdfmake\.)/;
export const licenceName = /^(licen[cs]e|copying|notice)([.-].*)?$/i;

/** Files of the repository, also those that are not committed yet. */
export async function sourceFiles(root: string): Promise<string[]> {
  const listed = await runTool(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: root,
    to: "list the sources",
  });
  return listed.split("\0").filter((path) => stagedFolders.test(path) && !path.endsWith("_test.ts")).sort();
}

export async function makeStage({ root, folder, entries, keys, offlineCache }: StageOptions): Promise<Stage> {
  const stage = { source: `${folder}/source`, cache: `${folder}/cache` };
  for (const path of await sourceFiles(root)) {
    const to = `${stage.source}/${path}`;
    await Deno.mkdir(to.slice(0, to.lastIndexOf("/")), { recursive: true });
    try {
      await Deno.writeFile(to, await Deno.readFile(`${root}/${path}`), { mode: 0o644 });
    } catch (error) {
      // Removed, and not committed yet.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  if (keys !== null) {
    await Deno.writeTextFile(`${stage.source}/common/release/release_keys.json`, encodeReleaseKeys(keys));
  }
  if (offlineCache !== undefined) await copyPackages(`${offlineCache}/npm`, `${stage.cache}/npm`);
  await runTool([Deno.execPath(), "cache", "--quiet", "--frozen", "--no-check", ...entries], {
    cwd: stage.source,
    env: { DENO_DIR: stage.cache },
    to: "load the packages that deno.lock names",
  });
  return stage;
}

/** Gives the files of a stage one time, in seconds since 1970; the last step before `deno compile`. */
export async function freezeStage({ source, cache }: Stage, epoch: number): Promise<void> {
  await Promise.all([setTimes(source, epoch), setTimes(`${cache}/npm`, epoch)]);
}

async function copyPackages(from: string, to: string): Promise<void> {
  const found = await Deno.stat(from).then(() => true, () => false);
  if (!found) throw new ReleaseError(`Cannot copy packages from "${from}" as there are none`);
  await Deno.mkdir(to, { recursive: true });
  await runTool(["cp", "-r", `${from}/.`, to], { to: "copy the packages" });
}

/** Removes what does not run from the packages, and returns the licences by the folder of the package. */
export async function prunePackages(cache: string): Promise<Map<string, string>> {
  const licences = new Map<string, string>();
  for await (const { path, name } of filesBelow(`${cache}/npm`)) {
    if (licenceName.test(name)) {
      const folder = path.slice(0, path.lastIndexOf("/"));
      licences.set(folder, (licences.get(folder) ?? "") + await Deno.readTextFile(path));
    }
    // What cannot be parsed would be embedded with the failure, which has its path.
    const isIdle = idleFolder.test(path) || browserBundle.test(path);
    if (licenceName.test(name) || !running.test(name) || isIdle) await Deno.remove(path);
  }
  return licences;
}

async function* filesBelow(folder: string): AsyncIterable<{ path: string; name: string }> {
  for (const { name, isDirectory } of await Array.fromAsync(Deno.readDir(folder))) {
    if (isDirectory) yield* filesBelow(`${folder}/${name}`);
    else yield { path: `${folder}/${name}`, name };
  }
}

async function setTimes(folder: string, epoch: number): Promise<void> {
  for await (const { name, isDirectory, isSymlink } of Deno.readDir(folder)) {
    if (isDirectory) await setTimes(`${folder}/${name}`, epoch);
    else if (!isSymlink) await Deno.utime(`${folder}/${name}`, epoch, epoch);
  }
  await Deno.utime(folder, epoch, epoch);
}
