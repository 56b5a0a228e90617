import type { Command } from "commander";
import {
  closeCustomer,
  closeDealer,
  closeSite,
  type Closing,
  type Ended,
  reopenCustomer,
  reopenDealer,
  reopenSite,
} from "../../customers/close.ts";
import {
  createCustomer,
  createSite,
  listCustomers,
  listSites,
  renameCustomer,
  renameSite,
} from "../../customers/customers.ts";
import { createDealer, listDealers, renameDealer } from "../../customers/dealers.ts";
import type { Page } from "../../store/page.ts";
import { addPaging, partAnswer, partOf } from "./list_part.ts";
import { addQuotaCommand } from "./quota_command.ts";
import { addUpdateCommand } from "./update_command.ts";
import { addDealerLimitsCommand } from "./alert_limit_commands.ts";
import { addSignInCommand } from "./user_commands.ts";
import { checkedName, checkedReason, type CommandContext, customerOption } from "./command_context.ts";
import { type Column, minuteText, renderTable, type Screen, timeText } from "./table.ts";

const name: Column = { heading: "NAME", shrink: 16 };

/** `dealer`, `customer` and `site`: create, rename, close, reopen and list; `customer quota`, `customer|site update`. */
export function addCustomerCommands(program: Command, context: CommandContext): void {
  addDealerCommands(program, context);
  addCustomers(program, context);
  addSiteCommands(program, context);
}

function addDealerCommands(program: Command, context: CommandContext): void {
  const dealer = program.command("dealer").description("dealers, who own customers");
  dealer.command("create <name>").description("make a dealer").action((name: string, _, command: Command) =>
    context.run(command, async (platform, by) => {
      const row = await createDealer(platform, by, { name: checkedName(name) });
      return {
        json: row,
        text: `${row.dealer_id}\n`,
        next: `opendca-platform customer create NAME --dealer ${row.dealer_id}`,
      };
    })
  );
  dealer.command("rename <dealer> <name>").description("give a dealer, named by id or name, another name")
    .action((dealer: string, name: string, _, command: Command) =>
      context.run(command, async (platform, by) => {
        const row = await renameDealer(platform, by, { dealer, name: checkedName(name) });
        return { json: row, text: `${row.dealer_id} is called ${row.name} now\n` };
      })
    );
  closeCommand(dealer.command("close <dealer>"), "end all work for a dealer and its customers")
    .action((dealer: string, options: Closing, command: Command) =>
      context.run(command, async (platform, by) => {
        const ended = await closeDealer(platform, by, { dealer, ...options });
        return { json: ended, text: closedText(ended, ended.customers) };
      })
    );
  dealer.command("reopen <dealer>").description("take back that a dealer was closed, with its customers")
    .action((dealer: string, _, command: Command) =>
      context.run(command, async (platform, by) => {
        const row = await reopenDealer(platform, by, { dealer });
        return { json: row, text: `${row.name} is open again\n`, next: reopenedNext };
      })
    );
  addSignInCommand(dealer, context);
  addDealerLimitsCommand(dealer, context);
  addPaging(dealer.command("list").description("all dealers")).action((page: Page, command: Command) =>
    context.run(command, async (platform, by) => {
      const part = partOf(await listDealers(platform, by), page, "dealers"), { rows } = part;
      const cells = rows.map((row) => [row.dealer_id, row.name, row.customers]);
      return partAnswer(part, {
        json: rows,
        empty: "no dealers yet: opendca-platform dealer create NAME, or the first customer makes one",
        table: (screen) => closable(["DEALER", name, "CUSTOMERS"], cells, { rows, screen }),
      });
    })
  );
}

function addCustomers(program: Command, context: CommandContext): void {
  const customer = program.command("customer").description("customers, separated from each other");
  customer.command("create <name>").description("make a customer")
    .option("--dealer <dealer>", "id or name of its dealer; not needed where there is only one")
    .action((name: string, options: { dealer?: string }, command: Command) =>
      context.run(command, async (platform, by) => {
        const row = await createCustomer(platform, by, { name: checkedName(name), dealer: options.dealer });
        return {
          json: row,
          text: `${row.customer_id}\n`,
          next: `opendca-platform site create NAME --customer ${row.customer_id}`,
        };
      })
    );
  customer.command("rename <customer> <name>").description("give a customer, named by id or name, another name")
    .action((customer: string, name: string, _, command: Command) =>
      context.run(command, async (platform, by) => {
        const row = await renameCustomer(platform, by, { customer, name: checkedName(name) });
        return { json: row, text: `${row.customer_id} is called ${row.name} now\n` };
      })
    );
  closeCommand(customer.command("close <customer>"), "end all work for a customer")
    .action((customer: string, options: Closing, command: Command) =>
      context.run(command, async (platform, by) => {
        const ended = await closeCustomer(platform, by, { customer, ...options });
        return { json: ended, text: closedText(ended) };
      })
    );
  customer.command("reopen <customer>").description("take back that a customer was closed")
    .action((customer: string, _, command: Command) =>
      context.run(command, async (platform, by) => {
        const answer = await reopenCustomer(platform, by, { customer });
        return { json: answer, text: `${answer.name} is open again\n`, next: reopenedNext };
      })
    );
  addQuotaCommand(customer, context, "customer");
  addUpdateCommand(customer, context, "customer");
  addPaging(
    customer.command("list").description("all customers").option("--dealer <dealer>", "only those of one dealer"),
  )
    .action((options: { dealer?: string } & Page, command: Command) =>
      context.run(command, async (platform, by) => {
        const all = await listCustomers(platform, by, options), part = partOf(all, options, "customers");
        const { rows } = part, dealers = new Set(all.map((row) => row.dealer_id)).size;
        const cells = rows.map((row) => [row.customer_id, row.name, row.sites, row.agents, row.devices, row.dealer]);
        const columns = ["CUSTOMER", name, "SITES", "AGENTS", "DEVICES", {
          heading: "DEALER",
          optional: true as const,
        }];
        // The dealer is only shown if there are several.
        const shown = dealers > 1 ? columns.length : columns.length - 1;
        const shownCells = cells.map((row) => row.slice(0, shown));
        return partAnswer(part, {
          json: rows,
          empty: "no customers yet: opendca-platform customer create NAME",
          table: (screen) => closable(columns.slice(0, shown), shownCells, { rows, screen }),
        });
      })
    );
}

function addSiteCommands(program: Command, context: CommandContext): void {
  const site = program.command("site").description("sites of a customer");
  site.command("create <name>").description("make a site").option(...customerOption)
    .action((name: string, _, command: Command) =>
      context.runForCustomer(command, async (platform, by) => {
        const row = await createSite(platform, by, { name: checkedName(name) });
        return {
          json: row,
          text: `${row.site_id}\n`,
          next: `opendca-platform code create --customer ${row.customer_id} --site ${row.site_id}`,
        };
      })
    );
  site.command("rename <site> <name>").description("give a site, named by id or name, another name")
    .option(...customerOption)
    .action((site: string, name: string, _, command: Command) =>
      context.runForCustomer(command, async (platform, by) => {
        const row = await renameSite(platform, by, { site, name: checkedName(name) });
        return { json: row, text: `${row.site_id} is called ${row.name} now\n` };
      })
    );
  closeCommand(site.command("close <site>"), "end all work at a site").option(...customerOption)
    .action((site: string, options: Closing, command: Command) =>
      context.runForCustomer(command, async (platform, by) => {
        const ended = await closeSite(platform, by, { site, ...options });
        return { json: ended, text: closedText(ended) };
      })
    );
  site.command("reopen <site>").description("take back that a site was closed").option(...customerOption)
    .action((site: string, _, command: Command) =>
      context.runForCustomer(command, async (platform, by) => {
        const row = await reopenSite(platform, by, { site });
        return { json: row, text: `${row.name} is open again\n`, next: reopenedNext };
      })
    );
  addUpdateCommand(site, context, "site");
  addPaging(site.command("list").description("all sites").option(...customerOption))
    .action((page: Page, command: Command) =>
      context.runForCustomer(command, async (platform, by) => {
        const part = partOf(await listSites(platform, by), page, "sites"), { rows } = part;
        const cells = rows.map((row) => [row.site_id, row.name, timeText(row.created_at)]);
        return partAnswer(part, {
          json: rows,
          empty: "no sites yet: opendca-platform site create NAME",
          table: (screen) => closable(["SITE", name, "CREATED"], cells, { rows, screen }),
        });
      })
    );
}

const reopenedNext = "its agents stay revoked: opendca-platform code create makes a new code for each machine";

function closeCommand(command: Command, description: string): Command {
  return command
    .description(`${description}: none of its agents, codes, tasks and sessions works any longer; its data stays`)
    .requiredOption("--reason <text>", "why, for the audit log", checkedReason)
    .option("--revoke-agents", "also if it has active agents, each of which then needs a new code to come back");
}

function closedText({ name, agents, codes, tasks, sessions }: Ended & { name: string }, customers?: number): string {
  const counts = [
    [customers ?? 0, "customer", "closed"],
    [agents, "agent", "revoked"],
    [codes, "code", "withdrawn"],
    [tasks, "task", "cancelled"],
    [sessions, "session", "ended"],
  ] as const;
  const told = counts.filter(([count]) => count > 0)
    .map(([count, what, how]) => `${count} ${what}${count === 1 ? "" : "s"} ${how}`);
  return `${name} is closed${told.length === 0 ? "" : `: ${told.join(", ")}`}\n`;
}

/** With a column for what is closed, if anything is. */
function closable(
  columns: (string | Column)[],
  cells: (string | number | null)[][],
  { rows, screen }: { rows: readonly { closed_at: number | null }[]; screen: Screen },
): string {
  if (rows.every(({ closed_at }) => closed_at === null)) return renderTable(columns, cells, screen);
  const all = cells.map((row, i) => [...row, minuteText(rows[i]!.closed_at)]);
  return renderTable([...columns, "CLOSED"], all, screen);
}
