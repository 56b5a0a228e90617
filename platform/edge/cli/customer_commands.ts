import type { Command } from "commander";
import { createCustomer, createSite, listCustomers, listSites } from "../../customers/customers.ts";
import { checkedName, type CommandContext, customerOption } from "./command_context.ts";
import { renderTable, timeText } from "./table.ts";

/** `customer create|list` and `site create|list`. */
export function addCustomerCommands(program: Command, context: CommandContext): void {
  const customer = program.command("customer").description("customers, separated from each other");
  customer.command("create <name>").description("make a customer").action((name: string, _, command: Command) =>
    context.change(command, async (_, tx) => {
      const row = await createCustomer(tx, { name: checkedName(name), at: context.host.clock.now() });
      await context.audit(tx, {
        customerId: row.customer_id,
        action: "customerCreated",
        subject: row.customer_id,
        detail: { name: row.name },
      });
      return { json: row, text: `${row.customer_id}\n`, next: "opendca-platform site create NAME" };
    })
  );
  customer.command("list").description("all customers").action((_, command: Command) =>
    context.run(command, async (_, tx) => {
      const rows = await listCustomers(tx);
      const cells = rows.map((row) => [row.customer_id, row.name, row.sites, row.agents, row.devices]);
      const columns = ["CUSTOMER", { heading: "NAME", shrink: 16 }, "SITES", "AGENTS", "DEVICES"];
      return {
        json: rows,
        text: (screen) =>
          rows.length === 0
            ? "no customers yet: opendca-platform customer create NAME\n"
            : renderTable(columns, cells, screen),
      };
    })
  );

  const site = program.command("site").description("sites of a customer");
  site.command("create <name>").description("make a site").option(...customerOption)
    .action((name: string, _, command: Command) =>
      context.changeForCustomer(command, async (_, tenant) => {
        const row = await createSite(tenant, { name: checkedName(name), at: context.host.clock.now() });
        await context.audit(tenant.transaction, {
          customerId: tenant.customerId,
          action: "siteCreated",
          subject: row.site_id,
          detail: { name: row.name },
        });
        return { json: row, text: `${row.site_id}\n`, next: "opendca-platform code create" };
      })
    );
  site.command("list").description("all sites").option(...customerOption).action((_, command: Command) =>
    context.runForCustomer(command, async (_, tenant) => {
      const rows = await listSites(tenant);
      const cells = rows.map((row) => [row.site_id, row.name, timeText(row.created_at)]);
      return {
        json: rows,
        text: (screen) =>
          rows.length === 0
            ? "no sites yet: opendca-platform site create NAME\n"
            : renderTable(["SITE", { heading: "NAME", shrink: 16 }, "CREATED"], cells, screen),
      };
    })
  );
}
