/** `deno task man`: dist/man/opendca.1 and a page for each command. */
import { version } from "../src/cli/version.ts";
import { allCommands } from "../src/cli/run_cli.ts";
import { denoHost } from "../src/host/deno_host.ts";
import { manualPages } from "./manual_pages.ts";

const folder = new URL("../dist/man/", import.meta.url);
await Deno.mkdir(folder, { recursive: true });
for (const { file, text } of manualPages(await allCommands(denoHost()), version)) {
  await Deno.writeTextFile(new URL(file, folder), text);
}
console.log("dist/man is written; man -l dist/man/opendca.1 shows it");
