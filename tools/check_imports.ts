/**
 * Import directions: which folder may know which (see CONTRIBUTING.md). Run by `deno task imports`. It prints and fails on
 * each import along an arrow that is not listed, each folder that is not listed, each listed arrow that no import uses,
 * and each circle of folders.
 */
import { allowed } from "./import_arrows.ts";
import { programOptions } from "./program_options.ts";

const root = new URL("../", import.meta.url);
/** Also of a module that is loaded when it is needed. */
const importPattern = /(?:^\s*(?:import|export)\b[^;]*?from\s+|\bimport\()"(\.[^"]+\.tsx?)"/gm;

/** The part of the house that a file belongs to. */
function folderOf(path: string): string {
  const folder = path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : ".";
  const depth = /^platform\/(?:edge|portal)\//.test(folder) ? 3 : /^(?:src|common|platform)\//.test(folder) ? 2 : 1;
  return folder.split("/").slice(0, depth).join("/");
}

interface Arrow {
  from: string;
  to: string;
  path: string;
  target: string;
}

function arrowsOf(path: string, text: string): Arrow[] {
  const from = folderOf(path);
  return [...text.matchAll(importPattern)]
    .map(([, target]) => ({
      from,
      to: folderOf(new URL(target!, new URL(path, "file:///")).pathname.slice(1)),
      path,
      target: target!,
    }))
    .filter((arrow) => arrow.to !== from);
}

/** What is wrong with the arrows of the house, as sentences. */
export function wrongArrows(arrows: readonly Arrow[], table: Record<string, readonly string[]>): string[] {
  const wrong: string[] = [];
  const folders = Object.keys(table);
  const used = new Set<string>();
  for (const { from, to, path, target } of arrows) {
    used.add(`${from} → ${to}`);
    const may = table[from];
    if (may === undefined) wrong.push(`${path}: the folder ${from} is not known to tools/check_imports.ts`);
    else if (!may.includes(to)) wrong.push(`${path} imports ${target}: ${from} may not know ${to}`);
  }
  for (const [index, from] of folders.entries()) {
    for (const to of table[from]!) {
      if (!used.has(`${from} → ${to}`)) wrong.push(`tools/check_imports.ts: nothing in ${from} imports ${to}`);
      // What stands before cannot know what comes after, so that there is no circle.
      if (folders.indexOf(to) >= index) {
        wrong.push(`tools/check_imports.ts: ${from} stands before ${to}, which it knows`);
      }
    }
  }
  return [...new Set(wrong)];
}

function* sourceFiles(folder: URL, prefix: string): Iterable<string> {
  for (const entry of Deno.readDirSync(folder)) {
    if (entry.isDirectory) {
      // Tests, benchmarks and tools may know everything, and nothing else knows them.
      if (!/^(\.|node_modules$|dist$|tests$|bench$|docs$|tools$)/.test(entry.name)) {
        yield* sourceFiles(new URL(`${entry.name}/`, folder), `${prefix}${entry.name}/`);
      }
    } else if (/\.tsx?$/.test(entry.name) && !/_test\.tsx?$/.test(entry.name)) yield `${prefix}${entry.name}`;
  }
}

if (import.meta.main) {
  programOptions("deno task imports", {});
  const paths = [...sourceFiles(root, "")];
  const unknown = new Set(paths.map(folderOf).filter((folder) => allowed[folder] === undefined));
  const wrong = [
    ...[...unknown].map((folder) => `tools/check_imports.ts does not know the folder ${folder}`),
    ...wrongArrows(paths.flatMap((path) => arrowsOf(path, Deno.readTextFileSync(new URL(path, root)))), allowed),
  ];
  for (const line of wrong) console.error(line);
  if (wrong.length > 0) {
    console.error(`error: ${wrong.length} folders or imports are where they may not be`);
    Deno.exitCode = 1;
  }
}
