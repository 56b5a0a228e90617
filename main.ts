/** Process edge: arguments in, exit code out. */
import { runCli } from "./src/cli/run_cli.ts";
import { denoHost } from "./src/host/deno_host.ts";

if (import.meta.main) Deno.exit(await runCli(Deno.args, denoHost()));
