/** What a release has beside the programs: licences, bill of materials, provenance, hashes, manifests and signatures. */
import { createSigningKeyPem, loadSigningKey } from "../../common/protocol/signature.ts";
import { encodeReleaseKeys, publicKeyText, type ReleaseKeys } from "../../common/release/release_keys.ts";
import { addSignature, encodeManifest, type ReleaseManifest, timeText } from "../../common/release/release_manifest.ts";
import { type Base, sha256 } from "./base.ts";
import { minisignature } from "./minisign.ts";
import { type Program, version } from "./programs.ts";
import { provenanceText } from "./provenance.ts";
import { ReleaseError } from "./release_error.ts";
import { runTool } from "./run_tool.ts";
import type { Source } from "./source.ts";
import { embeddedIds, type EmbeddedPackage, listedNames, type ModuleGraph, sbomText } from "./sbom.ts";
import type { Stage } from "./stage.ts";
import type { Target } from "./verify_binary.ts";

/** A compiled program with its name, and what it was made of. */
export interface Built {
  program: Program;
  target: Target;
  file: string;
  size: number;
  sha256: string;
  base: Base;
  /** What `deno compile` said of what is in it. */
  printed: string;
}

/** The packages that a program imports, with all that those need. `source` has deno.lock, and `cache` is a DENO_DIR. */
export async function importedPackages(
  { entry, workers }: Program,
  { source, cache }: Stage,
): Promise<(EmbeddedPackage & { folder: string })[]> {
  const graphs = await Promise.all([entry, ...workers].map(async (file) =>
    JSON.parse(
      await runTool([Deno.execPath(), "info", "--json", file], {
        cwd: source,
        env: { DENO_DIR: cache },
        to: `read the packages of ${file}`,
      }),
    ) as ModuleGraph
  ));
  const all = Object.assign({}, ...graphs.map(({ npmPackages }) => npmPackages)) as ModuleGraph["npmPackages"];
  const { npm: locked } = JSON.parse(await Deno.readTextFile(`${source}/deno.lock`)) as {
    npm: Record<string, { integrity: string }>;
  };
  return await Promise.all(
    embeddedIds(graphs).map(async (id) => {
      const { name, version, dependencies } = all[id]!;
      const folder = `${cache}/npm/registry.npmjs.org/${name}/${version}`;
      const licence = licenceOf(JSON.parse(await Deno.readTextFile(`${folder}/package.json`)));
      return { id, name, version, licence, integrity: locked[id]!.integrity, dependencies, folder };
    }),
  );
}

/** The packages that are in a program. Throws if `deno compile` has embedded others than the program imports. */
export async function embeddedPackages(
  program: Program,
  { stage, printed }: { stage: Stage; printed: string },
): Promise<(EmbeddedPackage & { folder: string })[]> {
  const packages = await importedPackages(program, stage);
  const names = [...new Set(packages.map(({ name }) => name))].sort();
  const listed = listedNames(printed);
  const odd = [...names.filter((name) => !listed.includes(name)), ...listed.filter((name) => !names.includes(name))];
  if (odd.length > 0) {
    throw new ReleaseError(
      `Cannot list the packages in ${program.entry} as it is not known whether these are: ${odd.join(", ")}`,
    );
  }
  return packages;
}

/** Old packages have `licenses: [{ type }]`. */
function licenceOf({ license, licenses }: { license?: unknown; licenses?: unknown }): string | undefined {
  const types = [license, ...(Array.isArray(licenses) ? licenses : [])]
    .map((each) => typeof each === "object" && each !== null && "type" in each ? each.type : each)
    .filter((each) => typeof each === "string");
  return types.length > 1 ? `(${types.join(" OR ")})` : types[0];
}

export interface DescribeOptions {
  program: Program;
  source: Source;
  stage: Stage;
  licences: ReadonlyMap<string, string>;
  built: readonly Built[];
  output: string;
}

/** Writes licences, bill of materials and provenance of one program; returns the names. */
export async function describe(options: DescribeOptions): Promise<string[]> {
  const { program, source, stage, licences, built, output } = options;
  const packages = await embeddedPackages(program, { stage, printed: built[0]!.printed });
  const name = `${program.name}-${version}`;
  const texts = {
    [`${name}.licenses.txt`]: packages.map(({ name, version, licence, folder }) =>
      `${"=".repeat(80)}\n${name} ${version} (${licence ?? "no licence named"})\n\n${licences.get(folder) ?? ""}\n`
    ).join("\n"),
    [`${name}.cdx.json`]: sbomText({
      ...source,
      program: program.name,
      version,
      runtime: built[0]!.base.runtime,
      packages: packages.map(({ folder: _, ...each }) => each),
    }),
    [`${name}.provenance.json`]: provenanceText({
      ...source,
      runtime: Deno.version.deno,
      lock: await sha256(await Deno.readFile(`${stage.source}/deno.lock`)),
      subjects: built.map(({ file, sha256 }) => ({ name: file, sha256 })),
      bases: built.map(({ target, base }) => ({ target: target.name, origin: base.origin, sha256: base.sha256 })),
      tools: { strip: (await runTool(["strip", "--version"], { to: "name the version of strip" })).split("\n")[0]! },
    }),
  };
  for (const [file, text] of Object.entries(texts)) await Deno.writeTextFile(`${output}/${file}`, text);
  return Object.keys(texts);
}

export interface ManifestOptions {
  source: Source;
  now: Date;
  expiresDays: number;
  minimumVersion: string;
  percent: number;
}

export function manifestOf(built: readonly Built[], options: ManifestOptions): ReleaseManifest {
  const { source, now, expiresDays, minimumVersion, percent } = options;
  return {
    schema: "opendca.release/1",
    product: built[0]!.program.name,
    version,
    commit: source.commit,
    issuedAt: timeText(now),
    expiresAt: timeText(new Date(now.getTime() + expiresDays * 86_400_000)),
    minimumVersion,
    rollout: { percent },
    files: built.map(({ target, file, size, sha256 }) => ({ target: target.name, name: file, size, sha256 })),
  };
}

/** Writes the scripts that install on these systems, each as one file with the release keys; returns the names. */
export async function writeInstallers(
  root: string,
  output: string,
  { systems, keys: listed }: { systems: ReadonlySet<Target["system"]>; keys: ReleaseKeys | null },
): Promise<string[]> {
  const keys = [...listed?.keys.values() ?? []].map(publicKeyText);
  const names: string[] = [];
  for (const [system, name] of [["linux", "install.sh"], ["macos", "install-macos.sh"]] as const) {
    if (!systems.has(system)) continue;
    const command = ["sh", `${root}/install/linux/assemble.sh`, ...keys];
    const script = await runTool(command, { env: { SYSTEM: system }, to: `make ${name}` });
    await Deno.writeTextFile(`${output}/${name}`, script, { mode: 0o755 });
    names.push(name);
  }
  if (systems.has("windows")) {
    await Deno.writeTextFile(`${output}/install.ps1`, await windowsInstaller(`${root}/install/windows`, keys));
    names.push("install.ps1");
  }
  return names;
}

/** install.ps1 as one file, with its part and with keys of minisign. */
export async function windowsInstaller(folder: string, keys: readonly string[]): Promise<string> {
  const part = (await Deno.readTextFile(`${folder}/check_release.ps1`)).replace(/^#.*\n\n/, "");
  const replaced: [string, string][] = [
    ["$ReleaseKeys = @()\n", `$ReleaseKeys = @(${keys.map((key) => `'${key}'`).join(", ")})\n`],
    [
      "# Part of this script. The release puts it in here.\n. (Join-Path $PSScriptRoot 'check_release.ps1')\n",
      part,
    ],
  ];
  return replaced.reduce((text, [line, instead]) => {
    if (!text.includes(line)) throw new ReleaseError(`Cannot make install.ps1 as it lacks the line ${line.trim()}`);
    return text.replace(line, () => instead);
  }, await Deno.readTextFile(`${folder}/install.ps1`));
}

/** Writes the hashes of these files, as `sha256sum --check` reads them. */
export async function writeSums(output: string, names: readonly string[]): Promise<void> {
  const lines = await Promise.all(
    [...names].sort().map(async (name) => `${await sha256(await Deno.readFile(`${output}/${name}`))}  ${name}\n`),
  );
  await Deno.writeTextFile(`${output}/SHA256SUMS`, lines.join(""));
}

/** New keys, whose private half is thrown away. The holders of the release keys replace their signatures (sign.ts). */
export function createThrowAwayKeys(): readonly string[] {
  return [1, 2, 3].map(createSigningKeyPem);
}

/** Writes manifests with the signatures of two of these keys, and their public half beside them. */
export async function writeManifests(
  output: string,
  manifests: readonly ReleaseManifest[],
  pems: readonly string[],
): Promise<void> {
  for (const { name } of await Array.fromAsync(Deno.readDir(output))) {
    const isOfRelease = manifests.some(({ product, version }) => name === `${product}-${version}.manifest`);
    // Of other files with the same names.
    if (isOfRelease || isSignatureOfSums(name)) await Deno.remove(`${output}/${name}`);
  }
  const keys = pems.map(loadSigningKey);
  const trusted = { threshold: 2, keys: new Map(keys.map(({ keyId, publicKey }) => [keyId, publicKey])) };
  for (const manifest of manifests) {
    const name = `${output}/${manifest.product}-${manifest.version}.throw-away`;
    const signed = keys.slice(0, 2).reduce(addSignature, encodeManifest(manifest));
    await Deno.writeTextFile(`${name}.manifest`, signed);
    await Deno.writeTextFile(`${name}.keys`, encodeReleaseKeys(trusted));
  }
}

export function isSignatureOfSums(name: string): boolean {
  return /^SHA256SUMS\..*minisig$/.test(name);
}

/** Signs SHA256SUMS with the first of these keys. */
export async function signSums(output: string, pems: readonly string[]): Promise<void> {
  const sums = await Deno.readFile(`${output}/SHA256SUMS`);
  const signature = minisignature(sums, pems[0]!, "throw-away key: proves nothing about who signed");
  await Deno.writeTextFile(`${output}/SHA256SUMS.throw-away.minisig`, signature);
}
