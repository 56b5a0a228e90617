/** Agents of a customer, and what can be done with them. */
import { isLate } from "../../agents/agent_health.ts";
import { maybeAgentReport } from "../../agents/agent_report.ts";
import { listAgents } from "../../agents/manage_agents.ts";
import { chosenSite, customerPage, rootOf, SiteSelect } from "../page/customer_page.tsx";
import { Table } from "../page/layout.tsx";
import type { CustomerRequest } from "../page/route.ts";
import { maybeSilenceText } from "../page/silence_text.ts";

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
        <form class="filters" method="get">
          <SiteSelect request={request} chosen={chosen} />
          <label class="check">
            <input type="checkbox" name="silent" value="1" checked={c.req.query("silent") === "1"} /> {t("onlySilent")}
          </label>
          <button type="submit">{t("filter")}</button>
        </form>
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
            {
              heading: t("version"),
              cell: ({ version, update_offered }) =>
                update_offered === null || update_offered === version ? version : (
                  <>
                    {version} <span class="quiet">{`${t("offeredVersion")}: ${update_offered}`}</span>
                  </>
                ),
            },
            { heading: t("state"), cell: ({ state }) => t(state === "active" ? "agent_active" : "agent_revoked") },
            { heading: t("devices"), isNumber: true, cell: ({ devices }) => formats.number(devices) },
            {
              heading: t("lastSeen"),
              cell: ({ last_seen_at }) => last_seen_at === null ? t("never") : formats.time(last_seen_at),
            },
            {
              heading: t("faults"),
              isNumber: true,
              cell: (row) => {
                const faults = maybeAgentReport(row)?.faults.length ?? 0;
                return faults === 0 ? "0" : <span class="warn">{formats.number(faults)}</span>;
              },
            },
            {
              heading: t("backlog"),
              isNumber: true,
              cell: (row) => formats.number(maybeAgentReport(row)?.spooledRecords ?? 0),
            },
            { heading: t("note"), cell: (row) => <span class="warn">{maybeSilenceText(request, row) ?? ""}</span> },
          ]}
        />
      </>
    ),
  });
}
