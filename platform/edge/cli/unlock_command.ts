import { Buffer } from "node:buffer";
import { type Command, Option } from "commander";
import { createUnlockToken } from "../../agents/failed_keys.ts";
import { type CommandContext, timeOption, wholeNumber } from "./command_context.ts";

/**
 * `unlock INSTALLATION`: a token for `opendca unlock`, and five more attempts on the platform; `unlock-key`: the public
 * key to verify tokens.
 */
export function addUnlockCommand(program: Command, context: CommandContext): void {
  program.command("unlock <installation>")
    .description("make the token that unlocks an agent after five wrong activation codes")
    .option(
      "--lock <number>",
      "number of the lock, as `opendca status` shows it",
      wholeNumber("--lock", { min: 1, max: 1_000_000 }),
      1,
    )
    .addOption(
      new Option("--valid-hours <time>", "until it expires: 30m, 2d; a bare number is hours")
        .argParser(timeOption("--valid-hours", { min: "5m", max: "30d", bareUnit: "h" })).default(86_400_000, "24h"),
    )
    .action((installation: string, options: { lock: number; validHours: number }, command: Command) =>
      context.run(command, async (platform, by) => {
        const issued = await createUnlockToken(platform, by, {
          installation,
          lockCount: options.lock,
          validMs: options.validHours,
        });
        return { json: issued, text: `${issued.token}\n` };
      })
    );
  program.command("unlock-key")
    .description("print the key for platform.unlockKey in agent.yaml, which must be there before the first activation")
    .action((_, command: Command) =>
      context.run(command, ({ signingKey }) => {
        const unlockKey = Buffer.from(signingKey.publicKey).toString("base64");
        return { json: { unlockKey }, text: `${unlockKey}\n` };
      })
    );
}
