import type { Command } from "commander";
import {
  createCustomer,
  createSite,
  listCustomers,
  listSites,
  renameCustomer,
  renameSite,
} from "../../customers/customers.ts";
import { createDealer, listDealers, renameDealer } from "../../customers/dealers.ts";
import { checkedName, type CommandContext, customerOption } from "./command_context.ts";
import { type Column, renderTable, timeText } from "./table.ts";

const name: Column = { heading: "NAME", shrink: 16 };

/** `dealer`, `customer` and `site`: create, rename and list. */
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
      return { json: row, text: `${row.dealer_id}\n`, next: "opendca-platform customer create NAME --dealer DEALER" };
    })
  );
  dealer.command("rename <dealer> <name>").description("give a dealer, named by id or name, another name")
    .action((dealer: string, name: string, _, command: Command) =>
      context.run(command, async (platform, by) => {
        const row = await renameDealer(platform, by, { dealer, name: checkedName(name) });
        return { json: row, text: `${row.dealer_id} is called ${row.name} now\n` };
      })
    );
  dealer.command("list").description("all dealers").action((_, command: Command) =>
    context.run(command, async (platform, by) => {
      const rows = await listDealers(platform, by);
      const cells = rows.map((row) => [row.dealer_id, row.name, row.customers]);
      return {
        json: rows,
        text: (screen) =>
          rows.length === 0
            ? "no dealers yet: opendca-platform dealer create NAME, or the first customer makes one\n"
            : renderTable(["DEALER", name, "CUSTOMERS"], cells, screen),
      };
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
        return { json: row, text: `${row.customer_id}\n`, next: "opendca-platform site create NAME" };
      })
    );
  customer.command("rename <customer> <name>").description("give a customer, named by id or name, another name")
    .action((customer: string, name: string, _, command: Command) =>
      context.run(command, async (platform, by) => {
        const row = await renameCustomer(platform, by, { customer, name: checkedName(name) });
        return { json: row, text: `${row.customer_id} is called ${row.name} now\n` };
      })
    );
  customer.command("list").description("all customers")
    .option("--dealer <dealer>", "only those of one dealer")
    .action((options: { dealer?: string }, command: Command) =>
      context.run(command, async (platform, by) => {
        const rows = await listCustomers(platform, by, options);
        const dealers = new Set(rows.map((row) => row.dealer_id)).size;
        const cells = rows.map((row) => [row.customer_id, row.name, row.sites, row.agents, row.devices, row.dealer]);
        const columns = ["CUSTOMER", name, "SITES", "AGENTS", "DEVICES", {
          heading: "DEALER",
          optional: true as const,
        }];
        // The dealer is only shown if there are several.
        const shown = dealers > 1 ? columns.length : columns.length - 1;
        return {
          json: rows,
          text: (screen) =>
            rows.length === 0
              ? "no customers yet: opendca-platform customer create NAME\n"
              : renderTable(columns.slice(0, shown), cells.map((row) => row.slice(0, shown)), screen),
        };
      })
    );
}

function addSiteCommands(program: Command, context: CommandContext): void {
  const site = program.command("site").description("sites of a customer");
  site.command("create <name>").description("make a site").option(...customerOption)
    .action((name: string, _, command: Command) =>
      context.runForCustomer(command, async (platform, by) => {
        const row = await createSite(platform, by, { name: checkedName(name) });
        return { json: row, text: `${row.site_id}\n`, next: "opendca-platform code create" };
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
  site.command("list").description("all sites").option(...customerOption).action((_, command: Command) =>
    context.runForCustomer(command, async (platform, by) => {
      const rows = await listSites(platform, by);
      const cells = rows.map((row) => [row.site_id, row.name, timeText(row.created_at)]);
      return {
        json: rows,
        text: (screen) =>
          rows.length === 0
            ? "no sites yet: opendca-platform site create NAME\n"
            : renderTable(["SITE", name, "CREATED"], cells, screen),
      };
    })
  );
}
