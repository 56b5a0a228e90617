/** The software bill of materials of a program, CycloneDX 1.6: the packages that are embedded, and the runtime. */
import { Buffer } from "node:buffer";

export interface GraphModule {
  specifier: string;
  kind?: string;
  npmPackage?: string;
  /** Without `code` an import is of types alone. */
  dependencies?: { specifier: string; code?: { specifier?: string } }[];
}

/** What `deno info --json` prints. */
export interface ModuleGraph {
  modules: GraphModule[];
  redirects: Record<string, string>;
  npmPackages: Record<string, { name: string; version: string; dependencies: string[]; localPath?: string }>;
}

export interface EmbeddedPackage {
  /** As Deno names it: `name@version`, and what it was resolved with. */
  id: string;
  name: string;
  version: string;
  /** As its package.json has it; undefined if it says none. */
  licence: string | undefined;
  /** Of deno.lock: `sha512-BASE64`. */
  integrity: string;
  /** Ids of the packages that it needs. */
  dependencies: string[];
}

/** Ids of the packages that the modules of these graphs import, and of all that those need. */
export function embeddedIds(graphs: readonly ModuleGraph[]): string[] {
  const found = new Set<string>();
  for (const { modules, redirects, npmPackages } of graphs) {
    const run = new Set(
      modules.flatMap(({ dependencies = [] }) => dependencies.flatMap(({ code }) => code?.specifier ?? []))
        .map((specifier) => redirects[specifier] ?? specifier),
    );
    const waiting = modules.flatMap(({ specifier, npmPackage }) => run.has(specifier) ? npmPackage ?? [] : []);
    for (let id; (id = waiting.pop()) !== undefined;) {
      if (found.has(id)) continue;
      found.add(id);
      waiting.push(...npmPackages[id]?.dependencies ?? []);
    }
  }
  return [...found].sort();
}

/** Names of the packages in the list that `deno compile` prints of what it has embedded. */
export function listedNames(printed: string): string[] {
  // deno-lint-ignore no-control-regex
  const lines = printed.replace(/\x1b\[[0-9;]*m/g, "").split("\n");
  const start = lines.findIndex((line) => /[─┬] localhost\b/.test(line));
  const names: string[] = [];
  let scope = "";
  for (const line of lines.slice(start + 1)) {
    const [, indent, name] = /^([│ ]*)[├└]─[─┬] (\S+)/.exec(line) ?? [];
    if (indent === undefined || indent.length < 4) break;
    if (indent.length === 4) {
      const folder = name!.replace(/\/\*$/, "");
      scope = folder.startsWith("@") && !folder.includes("/") ? folder : "";
      if (scope === "") names.push(nameIn(folder));
    } else if (indent.length === 6 && scope !== "") names.push(nameIn(`${scope}/${name!.replace(/\/\*$/, "")}`));
  }
  return [...new Set(names)].sort();
}

/** `@grpc/grpc-js` of `@grpc/grpc-js/1.14.7`. */
function nameIn(path: string): string {
  return path.split("/").slice(0, path.startsWith("@") ? 2 : 1).join("/");
}

export interface SbomOptions {
  program: string;
  version: string;
  commit: string;
  runtime: string;
  /** Seconds since 1970. */
  epoch: number;
  packages: readonly EmbeddedPackage[];
}

/** The same input gives the same text: no random serial number, and the time of the commit. */
export function sbomText({ program, version, commit, runtime, epoch, packages }: SbomOptions): string {
  const root = `pkg:generic/${program}@${version}`;
  const deno = `pkg:github/denoland/deno@v${runtime}`;
  const components = [
    { type: "framework", "bom-ref": deno, name: "deno", version: runtime, purl: deno, licenses: licences("MIT") },
    ...packages.map(({ name, version, licence, integrity }) => ({
      type: "library",
      "bom-ref": purlOf({ name, version }),
      name,
      version,
      purl: purlOf({ name, version }),
      ...(licence === undefined ? {} : { licenses: licences(licence) }),
      hashes: hashesOf(integrity),
    })),
  ];
  const refs = new Map(packages.map((each) => [each.id, purlOf(each)]));
  return JSON.stringify(
    {
      bomFormat: "CycloneDX",
      specVersion: "1.6",
      version: 1,
      metadata: {
        timestamp: new Date(epoch * 1000).toISOString(),
        component: {
          type: "application",
          "bom-ref": root,
          name: program,
          version,
          purl: root,
          licenses: licences("Apache-2.0"),
          properties: [{ name: "git:commit", value: commit }],
        },
      },
      components,
      dependencies: [
        { ref: root, dependsOn: [deno, ...packages.map(purlOf)] },
        { ref: deno, dependsOn: [] },
        ...packages.map((each) => ({
          ref: purlOf(each),
          dependsOn: each.dependencies.flatMap((id) => refs.get(id) ?? []).sort(),
        })),
      ],
    },
    undefined,
    2,
  ) + "\n";
}

function purlOf({ name, version }: { name: string; version: string }): string {
  return `pkg:npm/${name.replace("@", "%40")}@${version}`;
}

function licences(text: string): unknown[] {
  return /^[A-Za-z0-9.+-]+$/.test(text) ? [{ license: { id: text } }] : [{ expression: text }];
}

function hashesOf(integrity: string): unknown[] {
  const [, name, encoded] = /^(sha\d+)-(.+)$/.exec(integrity) ?? [];
  if (name === undefined) throw new TypeError(`Cannot read an integrity hash: current value is "${integrity}"`);
  return [{ alg: name.replace("sha", "SHA-"), content: Buffer.from(encoded!, "base64").toString("hex") }];
}
