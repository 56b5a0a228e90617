/** Agents of a customer, and what can be done with them. */
import { isLate, maybeAgentNote } from "../../agents/agent_health.ts";
import { listAgents } from "../../agents/manage_agents.ts";
import { chosenSite, customerPage, rootOf, SiteForm } from "../page/customer_page.tsx";
import { Table } from "../page/layout.tsx";
import type { CustomerRequest } from "../page/route.ts";

export async function agents(request: CustomerRequest) {
  const { platform, by, customer, t, formats, c } = request;
  const chosen = await chosenSite(request), now = platform.clock.now().getTime();
  const all = await listAgents(platform, { ...by, tenant: customer.customerId }, { site: chosen.site });
  const rows = c.req.query("silent") === "1" ? all.filter((row) => isLate(row, now)) : all;
  return customerPage(request, {
    title: `${customer.name}: ${t("agents")}`,
    tab: "agents",
    children: (
      <>
        <SiteForm request={request} chosen={chosen} />
        <Table
          rows={rows}
          empty={t("none")}
          caption={`${t("agents")}: ${formats.number(rows.length)}`}
          columns={[
            {
              heading: t("agent"),
              cell: ({ hostname, agent_id }) => (
                <a href={`${rootOf(customer)}/agents/${agent_id}`}>{hostname || agent_id}</a>
              ),
            },
            { heading: t("site"), cell: ({ site_name }) => site_name },
            { heading: t("version"), cell: ({ version }) => version },
            { heading: t("state"), cell: ({ state }) => state },
            { heading: t("devices"), isNumber: true, cell: ({ devices }) => formats.number(devices) },
            {
              heading: t("lastSeen"),
              cell: ({ last_seen_at }) => last_seen_at === null ? t("never") : formats.time(last_seen_at),
            },
            { heading: t("note"), cell: (row) => <span class="warn">{maybeAgentNote(row, now) ?? ""}</span> },
          ]}
        />
      </>
    ),
  });
}
