import { type Command, Option } from "commander";
import { UsageError } from "../../../common/core/errors.ts";
import { type CodeRow, createActivationCode, listCodes, withdrawCode } from "../../agents/activation_codes.ts";
import { listSites, maybeSite, type SiteRow } from "../../customers/customers.ts";
import type { Tenant } from "../../store/store.ts";
import { type CommandContext, customerOption, timeOption } from "./command_context.ts";
import { type Column, minuteText, renderTable } from "./table.ts";

const dayMs = 86_400_000;

const columns: Column[] = [
  { heading: "ID" },
  { heading: "CODE" },
  { heading: "STATE" },
  { heading: "FAILED", optional: true },
  { heading: "SITE", shrink: 8 },
  { heading: "AGENT" },
  { heading: "EXPIRES" },
];

/** `code create|list|withdraw`. */
export function addCodeCommands(program: Command, context: CommandContext): void {
  const code = program.command("code").description("activation codes: each makes one agent, once");
  code.command("create").description("make a code; it is shown once, and only its digest is stored")
    .option(...customerOption)
    .option("--site <site>", "id or name; not needed where there is only one")
    .addOption(
      new Option("--valid-days <time>", "until it expires: 12h, 14d; a bare number is days")
        .argParser(timeOption("--valid-days", { min: "1h", max: "365d", bareUnit: "d" })).default(14 * dayMs, "14d"),
    )
    .action((options: { site?: string; validDays: number }, command: Command) =>
      context.changeForCustomer(command, async (platform, tenant) => {
        const { site_id: siteId } = await siteOf(tenant, options.site);
        const at = context.host.clock.now();
        const expiresAt = new Date(at.getTime() + options.validDays);
        const { code, codeId } = await createActivationCode(tenant, { siteId, at, expiresAt, pepper: platform.pepper });
        await context.audit(tenant.transaction, {
          customerId: tenant.customerId,
          action: "activationCodeCreated",
          subject: codeId,
          detail: { site: siteId, expiresAt: expiresAt.toISOString() },
        });
        const next =
          `opendca activate, on the machine of the agent, before ${minuteText(expiresAt.getTime())}; the code is ` +
          "not shown again";
        return { json: { code, codeId, siteId, expiresAt }, text: `${code}\n`, next };
      })
    );
  code.command("list").description("all codes, newest first").option(...customerOption)
    .action((_, command: Command) =>
      context.runForCustomer(command, async (_, tenant) => {
        const now = context.host.clock.now().getTime();
        const rows = (await listCodes(tenant)).map((row) => shownCode(row, now));
        const siteNames = new Map((await listSites(tenant)).map(({ site_id, name }) => [site_id, name]));
        const cells = rows.map((row) => [
          row.codeId,
          row.begins,
          row.state,
          row.failedAttempts,
          siteNames.get(row.siteId) ?? row.siteId,
          row.agentId,
          minuteText(row.expiresAt),
        ]);
        return {
          json: rows,
          text: (screen) =>
            rows.length === 0 ? "no codes yet: opendca-platform code create\n" : renderTable(columns, cells, screen),
        };
      })
    );
  code.command("withdraw <code-id>").description("withdraw an unused code").option(...customerOption)
    .action((codeId: string, _, command: Command) =>
      context.changeForCustomer(command, async (_, tenant) => {
        if (!await withdrawCode(tenant, codeId)) {
          throw new UsageError(
            `Cannot withdraw "${codeId}" as no open code has that id`,
            "opendca-platform code list shows them",
          );
        }
        await context.audit(tenant.transaction, {
          customerId: tenant.customerId,
          action: "activationCodeWithdrawn",
          subject: codeId,
        });
        return { json: { codeId, state: "withdrawn" }, text: `${codeId} withdrawn\n` };
      })
    );
}

function shownCode(row: CodeRow, now: number) {
  return {
    codeId: row.code_id,
    begins: `${row.locator}-…`,
    state: row.state === "open" && row.expires_at <= now ? "expired" : row.state,
    failedAttempts: row.failed_attempts,
    siteId: row.site_id,
    agentId: row.agent_id,
    expiresAt: row.expires_at,
  };
}

async function siteOf(tenant: Tenant, site: string | undefined): Promise<SiteRow> {
  const sites = await listSites(tenant);
  const found = site === undefined ? (sites.length === 1 ? sites[0] : undefined) : await maybeSite(tenant, site);
  if (found !== undefined) return found;
  if (site === undefined) {
    if (sites.length === 0) {
      throw new UsageError("Cannot make a code as there is no site yet", "opendca-platform site create NAME");
    }
    const hint = "name one with --site; opendca-platform site list shows them";
    throw new UsageError(`Cannot tell which site is meant as there are ${sites.length}`, hint);
  }
  throw new UsageError(`Cannot find the site "${site}"`, "opendca-platform site list shows them");
}
