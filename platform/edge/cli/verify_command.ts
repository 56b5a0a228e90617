/** `opendca-platform verify`: whether a file is what the release keys signed. */
import type { Command } from "commander";
import { UsageError } from "../../../common/core/errors.ts";
import { verifiedText, verifyFile, verifyOwnFile } from "../../../common/release/verify_file.ts";
import project from "../../../deno.json" with { type: "json" };
import type { CommandContext } from "./command_context.ts";
import type { PlatformMachine } from "./host.ts";

/** Adds the command to the program. */
export function addVerifyCommand(program: Command, { host }: CommandContext): void {
  program.command("verify").description("verify that a file is what the release keys signed")
    .argument("[file]", "default: this program")
    .option("--manifest <file>", "manifest of the release (default: beside the file)")
    .option("--keys <file>", "release keys that you trust, in place of those of this program")
    .action(async (path: string | undefined, options: { manifest?: string; keys?: string }) => {
      const own = host.executable?.();
      if (path === undefined && own === undefined) {
        throw new UsageError(
          "Cannot verify the program as it runs from source",
          "name a file: opendca-platform verify FILE",
        );
      }
      await host.stdout(verifiedText(verifyFile(path ?? own!, options), { now: host.clock.now() }));
    });
}

/** Throws unless this file is what the release keys signed; a development build only says what it is. */
export async function refuseAltered(host: PlatformMachine): Promise<void> {
  const { kind } = verifyOwnFile({
    path: host.executable?.(),
    product: "opendca-platform",
    version: project.version,
  });
  if (kind === "development") await host.stderr("note: this is a development build, which is not signed\n");
}
