/** Process edge: arguments in, exit code out. */
import { denoPlatformHost } from "./edge/cli/deno_host.ts";
import { runPlatform } from "./edge/cli/run_platform.ts";

if (import.meta.main) Deno.exit(await runPlatform(Deno.args, denoPlatformHost()));
