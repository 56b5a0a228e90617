/**
 * `deno task assessment`: what an assessor of security needs, in dist/assessment. Exit code 1: something that belongs to
 * it is missing, and the folder stays as it was.
 */
import { pinnedRuntime } from "../common/core/pinned_runtime.ts";
import { programOptions } from "./program_options.ts";
import { importedPackages, writeSums } from "./release/artefacts.ts";
import { programs, version } from "./release/programs.ts";
import { ReleaseError } from "./release/release_error.ts";
import { runTool } from "./release/run_tool.ts";
import { sbomText } from "./release/sbom.ts";
import { ownCache, root, sourceOf } from "./release/source.ts";

/** The documents of the pack; what they link to in docs/ goes with them. */
const documents = ["threat-model.md", "controls.md", "permissions.md", "dependencies.md"];
const sheets = ["security-sheet.md", "security-sheet.de.md"];
/** Those whose evidence is checked. */
const withEvidence = ["threat-model.md", "controls.md"];

export interface AssessmentDocuments {
  /** Names in docs/, sorted. */
  names: string[];
  /** Sheets that are not there. */
  without: string[];
}

/** Throws `ReleaseError` if a document is missing, or names a file that is not there. */
export function findDocuments(folder: string): AssessmentDocuments {
  const absent = documents.filter((name) => !isThere(`${folder}/docs/${name}`));
  if (absent.length > 0) {
    throw new ReleaseError(`Cannot make the pack without ${absent.map((name) => `docs/${name}`).join(", ")}`);
  }
  for (const name of withEvidence) {
    const missing = missingEvidence(folder, name);
    if (missing.length > 0) {
      throw new ReleaseError(
        `Cannot make the pack as docs/${name} names what is not there: ${missing.join(", ")} (correct the document)`,
      );
    }
  }
  const without = sheets.filter((name) => !isThere(`${folder}/docs/${name}`));
  const names = new Set([...documents, ...sheets.filter((name) => !without.includes(name))]);
  // A set goes on with what is added meanwhile.
  for (const name of names) {
    if (!name.endsWith(".md")) continue;
    for (const { path } of linksOf(Deno.readTextFileSync(`${folder}/docs/${name}`))) {
      if (/^[\w.-]+$/.test(path) && isThere(`${folder}/docs/${path}`)) names.add(path);
    }
  }
  return { names: [...names].sort(), without };
}

/** Links, headings and files of the repository that a document in docs/ names and that are not there. */
export function missingEvidence(folder: string, name: string): string[] {
  const text = Deno.readTextFileSync(`${folder}/docs/${name}`);
  const missing = linksOf(text).filter(({ path, heading }) => {
    const file = path === "" ? `${folder}/docs/${name}` : `${folder}/docs/${path}`;
    if (!isThere(file)) return true;
    return heading !== undefined && !headingsOf(Deno.readTextFileSync(file)).includes(heading);
  }).map(({ path, heading }) => heading === undefined ? path : `${path}#${heading}`);
  const named = [
    ...text.matchAll(/`((?:common|src|tests|tools|platform|simulator|demo|docs|proto|workers|install)\/[\w./-]+)`/g),
  ].map(([, path]) => path!);
  return [...new Set([...missing, ...named.filter((path) => !isThere(`${folder}/${path}`))])];
}

function linksOf(text: string): { path: string; heading: string | undefined }[] {
  return [...text.matchAll(/\]\(([^)#:]*)(?:#([^)]*))?\)/g)].map(([, path, heading]) => ({ path: path!, heading }));
}

/** As links name them. */
function headingsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
    title!.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-")
  );
}

function isThere(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

export interface AssessmentOptions {
  output: string;
  commit: string;
  /** Names and texts of the bills of materials. */
  boms: Readonly<Record<string, string>>;
}

/** Rewrites the folder, and returns the sheets that it is without. */
export async function writeAssessment(folder: string, { output, commit, boms }: AssessmentOptions): Promise<string[]> {
  const { names, without } = findDocuments(folder);
  await Deno.remove(output, { recursive: true }).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
  await Deno.mkdir(`${output}/docs`, { recursive: true });
  const texts: Record<string, string> = { ...boms, "README.md": readmeText({ commit, without }) };
  for (const [name, text] of Object.entries(texts)) await Deno.writeTextFile(`${output}/${name}`, text);
  for (const name of names) {
    await Deno.writeFile(`${output}/docs/${name}`, await Deno.readFile(`${folder}/docs/${name}`));
  }
  await writeSums(output, [...Object.keys(texts), ...names.map((name) => `docs/${name}`)]);
  return without;
}

function readmeText({ commit, without }: { commit: string; without: readonly string[] }): string {
  const sheetRow = without.length === sheets.length
    ? ""
    : `| ${sheets.filter((name) => !without.includes(name)).map((name) => `\`docs/${name}\``).join(", ")} | \
each sentence that an installation signs, with the tests that prove it and their result |\n`;
  return `# OpenDCA ${version}: the assessor's pack

Made by \`deno task assessment\` of commit ${commit}. Paths such as \`tests/e2e\` are those of this commit.

| File | What it is |
| --- | --- |
| \`docs/threat-model.md\` | assets, actors, boundaries, threats, what is done against each and the test of it, remaining risks |
| \`docs/controls.md\` | ISO/IEC 27001 Annex A, SOC 2, CSA CAIQ: what the product gives, and what the operator must bring |
${sheetRow}| \`docs/permissions.md\` | what the programs may do |
| \`docs/dependencies.md\` | each library and tool, with what it is for |
| \`*.cdx.json\` | bills of materials, CycloneDX 1.6: packages with version, licence and hash |
| \`docs/\` | the documents that these link to |
| \`SHA256SUMS\` | hashes of all files: \`sha256sum --check SHA256SUMS\` |

## A running test installation

In the repository, with Node.js (Deno ${pinnedRuntime} comes from npm):

\`\`\`
npx -y deno@${pinnedRuntime} task demo --keep
\`\`\`

With Deno ${pinnedRuntime} installed: \`deno task demo --keep\`. It simulates printers, starts a platform with its portal,
activates an agent, and makes ten weeks of history. It uses loopback addresses alone (127.0.0.0/8), and makes its files in
a temporary folder. It prints a link by which you become the first administrator of the portal, and commands for another
window. Ctrl-C ends all of it and removes the files.

## What to try with it

| Question | How |
| --- | --- |
| What listens? | \`ss -lntp\`: the platform and the pages of the simulated printers, and no socket of the agent |
| What did the agent send? | \`deno task opendca ledger --all\`, \`deno task opendca ledger --verify\` |
| What would it send? | \`deno task opendca scan --preview-upload\` |
| Does it ask an address that was not configured? | \`deno task platform task ping AGENT 192.0.2.1\`, then \`deno task platform task list\` |
| Who may do what? | invite users with other roles in the portal, and try the same pages |
| Is a user locked out? | five wrong passwords of a second user; then \`deno task platform user list\` |
| What is in the audit log, and is it whole? | \`deno task platform audit list\`, \`deno task platform audit verify\` |
| Which TLS does it take? | \`openssl s_client -tls1_1 -cipher DEFAULT@SECLEVEL=0 -connect\` with the address that the demo prints |
| Is a session of web access refused? | set \`webAccess: false\` in the printed \`agent.yaml\`; the agent takes it at once |
| Interfaces | make a token under "Your account"; \`/api/v1/openapi.json\` at the portal describes all routes |

The tests that the documents name run one by one: \`deno test --no-prompt --allow-all tests/platform/tenant_test.ts\`. All of
them: \`deno task test\` and \`deno task test:slow\`; docs/dependencies.md has the programs of Debian that they need. The tests of
packets and namespaces need root.

Not in this pack, as it is not software: certificates, reports of auditors, contracts, places. \`docs/controls.md\` says who
brings them.
`;
}

async function billsOfMaterials(commit: string, epoch: number): Promise<Record<string, string>> {
  const stage = { source: root, cache: await ownCache() };
  const entries = programs.flatMap(({ entry, workers }) => [entry, ...workers]);
  await runTool([Deno.execPath(), "cache", "--quiet", "--frozen", "--no-check", ...entries], {
    cwd: root,
    to: "load the packages that deno.lock names",
  });
  const texts: Record<string, string> = {};
  for (const program of programs) {
    const packages = (await importedPackages(program, stage)).map(({ folder: _, ...each }) => each);
    const options = { program: program.name, version, commit, runtime: pinnedRuntime, epoch, packages };
    texts[`${program.name}-${version}.cdx.json`] = sbomText(options);
  }
  return texts;
}

/** Returns the exit code. */
export async function runAssessment(folder: string, print: (line: string) => void): Promise<number> {
  try {
    findDocuments(folder);
    const { commit, epoch } = await sourceOf();
    const output = `${folder}/dist/assessment`;
    const without = await writeAssessment(folder, { output, commit, boms: await billsOfMaterials(commit, epoch) });
    print(`made dist/assessment of commit ${commit}`);
    for (const name of without) print(`it is without docs/${name}, which is not there: deno task sheet makes it`);
    return 0;
  } catch (error) {
    if (!(error instanceof ReleaseError)) throw error;
    print(`error: ${error.message}`);
    return 1;
  }
}

if (import.meta.main) {
  programOptions("deno task assessment", {});
  Deno.exitCode = await runAssessment(root, console.error);
}
