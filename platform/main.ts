/** Process edge: arguments in, exit code out. */
import { denoPlatformHost } from "./compose.ts";
import { runPlatform } from "./edge/cli/run_platform.ts";

if (import.meta.main) Deno.exit(await runPlatform(Deno.args, denoPlatformHost()));
