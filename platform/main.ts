/** Process edge: arguments in, exit code out. */
import { standardOutput } from "../common/host/terminal.ts";
import project from "../deno.json" with { type: "json" };

/** `--version` at once, without what the commands need; if the write fails, the command line tries again, and says why. */
async function quickVersion([option = "", ...more]: readonly string[]): Promise<boolean> {
  if (more.length > 0 || !/^(-V|--version)$/.test(option)) return false;
  return await standardOutput().write(`opendca-platform ${project.version}\n`).then(() => true, () => false);
}

if (import.meta.main) {
  if (await quickVersion(Deno.args)) Deno.exit(0);
  const { denoPlatformHost } = await import("./compose.ts");
  const { runPlatform } = await import("./edge/cli/run_platform.ts");
  Deno.exit(await runPlatform(Deno.args, denoPlatformHost()));
}
