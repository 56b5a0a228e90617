import type { Command } from "commander";
import { ConfigError, UsageError } from "../../src/core/errors.ts";
import { listAudit, verifyAudit } from "../store/audit_log.ts";
import { maybeCustomer } from "../store/customers.ts";
import { type CommandContext, type GlobalOptions, wholeNumber } from "./command_context.ts";
import { renderRows, timeText } from "./table.ts";

/** `audit list|verify`. */
export function addAuditCommands(program: Command, context: CommandContext): void {
  const audit = program.command("audit").description("who did what, in a chain that shows any change");
  audit.command("list").description("the latest entries, oldest first")
    .option("--customer <customer>", "only what concerns one customer")
    .option("--limit <number>", "at most so many", wholeNumber("--limit", { min: 1, max: 100_000 }), 50)
    .action((options: GlobalOptions & { limit: number }, command: Command) =>
      context.run(command, ({ store }) => {
        const { customer, limit } = options;
        const row = customer === undefined ? undefined : maybeCustomer(store, customer);
        if (customer !== undefined && row === undefined) {
          const hint = "opendca-platform customer list shows them";
          throw new UsageError(`Cannot find the customer "${customer}"`, hint);
        }
        const rows = listAudit(store, { limit, ...(row === undefined ? {} : { customerId: row.customer_id }) });
        const cells = rows.map(({ entry, at, actor, action, subject, detail }) => [
          entry,
          timeText(at),
          actor,
          action,
          subject,
          detail === "{}" ? null : detail,
        ]);
        return { json: rows, text: renderRows(["ENTRY", "WHEN", "WHO", "WHAT", "WHOM", "DETAIL"], cells) };
      })
    );
  audit.command("verify").description("check the whole chain; keep the digest: it shows later if the end was cut off")
    .action((_, command: Command) =>
      context.run(command, ({ store }) => {
        const verdict = verifyAudit(store);
        if (verdict.brokenAt !== undefined) {
          throw new ConfigError(
            `Cannot trust the audit log: entry ${verdict.brokenAt} is missing or was changed`,
            `the ${verdict.entries} entries before it are as they were written`,
          );
        }
        return { json: verdict, text: `${verdict.entries} entries, unbroken, up to ${verdict.lastDigest}\n` };
      })
    );
}
