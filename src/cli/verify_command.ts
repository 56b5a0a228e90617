/** `opendca verify`: whether a file is what the release keys signed. */
import type { Command } from "commander";
import { verifiedText, verifyFile } from "../../common/release/verify_file.ts";
import { UsageError } from "../../common/core/errors.ts";
import type { Host } from "./host.ts";

const help = `
Without FILE it verifies the program itself; what that can and cannot prove is in docs/signing.md. The manifest is the one
beside the file: FILE.manifest, or in the folder of a release opendca-VERSION.manifest.

Examples:
  opendca verify
  opendca verify opendca-0.2.0-linux-x64
  opendca verify opendca-0.2.0-linux-x64 --keys trusted.keys

Exit codes: 0 verified, 64 there is no such file or no manifest, 77 not signed by enough keys, or altered.
`;

/** Adds the command to the program. */
export function addVerifyCommand(program: Command, host: Host): void {
  program.command("verify").description("verify that a file is what the release keys signed")
    .argument("[file]", "default: this program")
    .option("--manifest <file>", "manifest of the release (default: beside the file)")
    .option("--keys <file>", "release keys that you trust, in place of those of this program")
    .addHelpText("after", help)
    .action(async (path: string | undefined, options: { manifest?: string; keys?: string }) => {
      const own = host.executable?.();
      if (path === undefined && own === undefined) {
        throw new UsageError("Cannot verify the program as it runs from source", "name a file: opendca verify FILE");
      }
      await host.stdout.write(verifiedText(verifyFile(path ?? own!, options), { now: host.clock.now() }));
    });
}
