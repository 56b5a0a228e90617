import { type Command, Option } from "commander";
import { createCode, listCodes, mostCodeUses, usesLeft, withdrawCode } from "../../agents/activation_codes.ts";
import { type CommandContext, customerOption, timeOption } from "./command_context.ts";
import type { Page } from "../../store/page.ts";
import { addPaging, partAnswer, partOf } from "./list_part.ts";
import { type Column, minuteText, renderTable } from "./table.ts";

const dayMs = 86_400_000;

const columns: Column[] = [
  { heading: "ID" },
  { heading: "CODE" },
  { heading: "STATE" },
  { heading: "LEFT" },
  { heading: "FAILED", optional: true },
  { heading: "SITE", shrink: 8 },
  { heading: "AGENT" },
  { heading: "EXPIRES" },
];

/** `code create|list|withdraw`. */
export function addCodeCommands(program: Command, context: CommandContext): void {
  const code = program.command("code").description("activation codes: each makes one agent, or as many as it is for");
  code.command("create").description("make a code; it is shown once, and only its digest is stored")
    .option(...customerOption)
    .option("--site <site>", "id or name; not needed where there is only one")
    .addOption(
      new Option("--valid-days <time>", "until it expires: 12h, 14d; a bare number is days")
        .argParser(timeOption("--valid-days", { min: "1h", max: "365d", bareUnit: "d" })).default(14 * dayMs, "14d"),
    )
    .addOption(
      new Option("--uses <count>", `how many agents it activates, 1 to ${mostCodeUses}, such as those of a roll-out`)
        .argParser(Number).default(1),
    )
    .action((options: { site?: string; validDays: number; uses: number }, command: Command) =>
      context.runForCustomer(command, async (platform, by) => {
        const { site, validDays: validMs, uses } = options;
        const { code, codeId, siteId, expiresAt } = await createCode(platform, by, { site, validMs, uses });
        const next =
          `opendca activate, on the machine of the agent, before ${minuteText(expiresAt.getTime())}; the code is ` +
          "not shown again";
        return { json: { code, codeId, siteId, expiresAt, uses }, text: `${code}\n`, next };
      })
    );
  addPaging(code.command("list").description("all codes, newest first").option(...customerOption))
    .option("--site <site>", "only those of one site: its id or name")
    .action((options: { site?: string } & Page, command: Command) =>
      context.runForCustomer(command, async (platform, by) => {
        const part = partOf(await listCodes(platform, by, options), options, "codes"), { rows } = part;
        const cells = rows.map((row) => [
          row.code_id,
          `${row.locator}-…`,
          row.state,
          `${usesLeft(row)}/${row.most_uses}`,
          row.failed_attempts,
          row.site,
          row.agent_id,
          minuteText(row.expires_at),
        ]);
        return partAnswer(part, {
          json: rows.map(shownCode),
          empty: options.site === undefined
            ? "no codes yet: opendca-platform code create"
            : `no codes of this site: opendca-platform code create --site ${options.site}`,
          table: (screen) => renderTable(columns, cells, screen),
        });
      })
    );
  code.command("withdraw <code-id>").description("withdraw an open code: agents that it has activated stay").option(
    ...customerOption,
  )
    .action((codeId: string, _, command: Command) =>
      context.runForCustomer(command, async (platform, by) => {
        await withdrawCode(platform, by, { codeId });
        return { json: { codeId, state: "withdrawn" }, text: `${codeId} withdrawn\n` };
      })
    );
}

function shownCode(row: Awaited<ReturnType<typeof listCodes>>[number]) {
  return {
    codeId: row.code_id,
    begins: `${row.locator}-…`,
    state: row.state,
    mostUses: row.most_uses,
    usesLeft: usesLeft(row),
    failedAttempts: row.failed_attempts,
    siteId: row.site_id,
    agentId: row.agent_id,
    expiresAt: row.expires_at,
  };
}
