/** `opendca unlock`: lifts the lock with a token of the platform. */
import type { Command } from "commander";
import { activationStore, likelyStateDirectory } from "../activation/store_options.ts";
import { unlock } from "../activation/unlock.ts";
import { builtInUnlockKeys } from "../activation/unlock_keys.ts";
import { configPath } from "../config/config_path.ts";
import type { Host } from "./host.ts";

const examples = `
The platform's operator makes the token for exactly this lock; opendca status shows its installation and number.

Examples:
  opendca status
  opendca unlock opendca-unlock-1.…

Exit codes: 0 unlocked, 64 no token, or not locked, 77 the token is for another lock,
has ended or is not signed by a known key.
`;

/** Adds the command to the program. It works without a valid configuration, which may be fixed after unlocking. */
export function addUnlockCommand(program: Command, host: Host): void {
  program.command("unlock").description("lift the lock after five refused activation codes")
    .argument("<token>", "the token of the platform for this installation and lock (see opendca status)")
    .option("--config <file>", "configuration file (default: $OPENDCA_CONFIG, /etc/opendca/agent.yaml)")
    .addHelpText("after", examples)
    .action(async (token: string, options: { config?: string }) => {
      const directory = await likelyStateDirectory(configPath(options.config, host.env), host);
      const store = activationStore(directory, host.env);
      unlock(token, { store, builtInUnlockKeys, now: host.clock.now() });
      await host.stdout.write("unlocked: five new attempts; next: opendca activate\n");
    });
}
