/** Process edge: arguments in, exit code out. */
import { quickVersion } from "./src/host/quick_version.ts";

if (import.meta.main) {
  if (await quickVersion(Deno.args)) Deno.exit(0);
  const { runCli } = await import("./src/cli/run_cli.ts");
  const { denoHost } = await import("./src/host/deno_host.ts");
  Deno.exit(await runCli(Deno.args, denoHost()));
}
