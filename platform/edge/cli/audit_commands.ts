import type { Command } from "commander";
import { ConfigError } from "../../../common/core/errors.ts";
import { listAudit, verifyAudit } from "../../audit/read_audit.ts";
import { findCustomer } from "../../customers/customers.ts";
import type { Page } from "../../store/page.ts";
import type { CommandContext, GlobalOptions } from "./command_context.ts";
import { addPaging, oneMore } from "./list_part.ts";
import { type Column, renderTable, timeText } from "./table.ts";

const columns: Column[] = [
  { heading: "ENTRY" },
  { heading: "WHEN" },
  { heading: "WHO", shrink: 12 },
  { heading: "WHAT" },
  { heading: "WHOM" },
  { heading: "DETAIL", note: true },
];

/** `audit list|verify`. */
export function addAuditCommands(program: Command, context: CommandContext): void {
  const audit = program.command("audit").description("who changed what, hash-chained");
  addPaging(
    audit.command("list").description("the latest entries, oldest first; --offset leaves out the very latest")
      .option("--customer <customer>", "only what concerns one customer"),
    50,
  )
    .action((options: GlobalOptions & Page, command: Command) =>
      context.run(command, async (platform, by) => {
        const { customer, limit, offset = 0 } = options;
        const row = customer === undefined ? undefined : await findCustomer(platform, by, { customer });
        const found = await listAudit(platform, by, { ...oneMore({ limit, offset }), customerId: row?.customer_id });
        const hasMore = limit !== undefined && found.length > limit, rows = hasMore ? found.slice(1) : found;
        const next = hasMore ? `--offset ${offset + rows.length} shows what came before them` : undefined;
        const cells = rows.map(({ entry, at, actor, action, subject, detail }) => [
          entry,
          timeText(at),
          actor,
          action,
          subject,
          detailText(detail),
        ]);
        return {
          json: rows,
          ...(next === undefined ? {} : { next }),
          text: (screen) =>
            rows.length === 0
              ? offset > 0 ? "there are not so many entries\n" : "no entries yet: every change makes one\n"
              : renderTable(columns, cells, screen),
        };
      })
    );
  audit.command("verify").description("check the whole chain; keep the digest to detect a cut-off end later")
    .action((_, command: Command) =>
      context.run(command, async (platform, by) => {
        const verdict = await verifyAudit(platform, by);
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

/** JSON as `site=sit-… expiresAt=2026-03-16T08:00:00.000Z`; null if empty. */
function detailText(detail: string): string | null {
  const fields: Record<string, unknown> = JSON.parse(detail);
  const texts = Object.entries(fields).map(([name, value]) => {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    return `${name}=${/^[^\s"=]+$/.test(text) ? text : JSON.stringify(text)}`;
  });
  return texts.length === 0 ? null : texts.join(" ");
}
