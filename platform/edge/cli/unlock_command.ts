import { Buffer } from "node:buffer";
import { type Command, Option } from "commander";
import { UsageError } from "../../../common/core/errors.ts";
import { isUuid } from "../../agents/request_checks.ts";
import { createUnlockToken } from "../../../common/protocol/unlock_token.ts";
import { forgetFailedAttempts } from "../../agents/failed_keys.ts";
import { type CommandContext, timeOption, wholeNumber } from "./command_context.ts";

/**
 * `unlock INSTALLATION`: a token for `opendca unlock`, and five more attempts on the platform's side; `unlock-key`: what
 * an agent checks the token with.
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
      context.change(command, async (platform, tx) => {
        const installationId = installation.toLowerCase();
        if (!isUuid(installationId)) {
          const hint = "opendca status shows it on the machine that is locked";
          throw new UsageError(`Cannot use "${installation}" as an installation id: it is not a UUID`, hint);
        }
        const issuedAt = context.host.clock.now();
        const expiresAt = new Date(issuedAt.getTime() + options.validHours);
        const lockCount = options.lock;
        const token = createUnlockToken(platform.signingKey, { installationId, lockCount, issuedAt, expiresAt });
        await forgetFailedAttempts(tx, installationId);
        await context.audit(tx, {
          customerId: null,
          action: "unlockTokenCreated",
          subject: installationId,
          detail: { lock: lockCount, expiresAt: expiresAt.toISOString() },
        });
        return { json: { token, installationId, lockCount, expiresAt }, text: `${token}\n` };
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
