/**
 * `deno task man [FOLDER]`: opendca.1, opendca-platform.1 and a page for each of their commands, in dist/man or the folder.
 */
import { version } from "../src/cli/version.ts";
import { allCommands } from "../src/cli/run_cli.ts";
import { denoHost } from "../src/host/deno_host.ts";
import { denoMachine } from "../platform/edge/cli/deno_host.ts";
import { allCommands as platformCommands } from "../platform/edge/cli/run_platform.ts";
import { manualPages } from "./manual_pages.ts";
import { programOptions } from "./program_options.ts";

const { words } = programOptions("deno task man [FOLDER]", {}, { mostWords: 1 });
const folder = words[0] ?? new URL("../dist/man", import.meta.url).pathname;
await Deno.mkdir(folder, { recursive: true });
const programs = [await allCommands(denoHost()), platformCommands(denoMachine())];
for (const { file, text } of programs.flatMap((program) => manualPages(program, version))) {
  await Deno.writeTextFile(`${folder}/${file}`, text);
}
console.log(`${folder} is written; man -l ${folder}/opendca.1 shows it`);
