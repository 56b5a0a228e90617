/** `deno task man`: dist/man/opendca.1, dist/man/opendca-platform.1 and a page for each of their commands. */
import { version } from "../src/cli/version.ts";
import { allCommands } from "../src/cli/run_cli.ts";
import { denoHost } from "../src/host/deno_host.ts";
import { denoMachine } from "../platform/edge/cli/deno_host.ts";
import { allCommands as platformCommands } from "../platform/edge/cli/run_platform.ts";
import { manualPages } from "./manual_pages.ts";

const folder = new URL("../dist/man/", import.meta.url);
await Deno.mkdir(folder, { recursive: true });
const programs = [await allCommands(denoHost()), platformCommands(denoMachine())];
for (const { file, text } of programs.flatMap((program) => manualPages(program, version))) {
  await Deno.writeTextFile(new URL(file, folder), text);
}
console.log("dist/man is written; man -l dist/man/opendca.1 shows it");
