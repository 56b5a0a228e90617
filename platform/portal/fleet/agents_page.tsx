/** Agents of a customer, and what can be done with them. */
import { isLate, maybeAgentNote } from "../../agents/agent_health.ts";
import type { ListedAgent } from "../../agents/agents.ts";
import { listAgents } from "../../agents/manage_agents.ts";
import { chosenSite, customerPage, may, rootOf, SiteForm } from "../page/customer_page.tsx";
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
            { heading: t("agent"), cell: ({ hostname, agent_id }) => hostname || agent_id },
            { heading: t("site"), cell: ({ site_name }) => site_name },
            { heading: t("version"), cell: ({ version }) => version },
            { heading: t("state"), cell: ({ state }) => state },
            { heading: t("devices"), isNumber: true, cell: ({ devices }) => formats.number(devices) },
            {
              heading: t("lastSeen"),
              cell: ({ last_seen_at }) => last_seen_at === null ? t("never") : formats.time(last_seen_at),
            },
            { heading: t("note"), cell: (row) => <span class="warn">{maybeAgentNote(row, now) ?? ""}</span> },
            ...(may(request, "runTasks") || may(request, "manageAgents")
              ? [{ heading: t("action"), cell: (row: ListedAgent) => <AgentActions request={request} agent={row} /> }]
              : []),
          ]}
        />
      </>
    ),
  });
}

function AgentActions({ request, agent }: { request: CustomerRequest; agent: ListedAgent }) {
  const { t, customer } = request, { agent_id: id, state } = agent, name = agent.hostname || id;
  if (state !== "active") return null;
  const root = `${rootOf(customer)}/agents/${id}`;
  return (
    <>
      {may(request, "runTasks") && (
        <>
          <form method="post" action={`${root}/scan`}>
            <button class="plain" type="submit" aria-label={`${t("scanNow")}: ${name}`}>{t("scanNow")}</button>
          </form>
          <form method="post" action={`${root}/diagnostics`}>
            <button class="plain" type="submit" aria-label={`${t("diagnostics")}: ${name}`}>{t("diagnostics")}</button>
          </form>
        </>
      )}
      {may(request, "manageAgents") && (
        <details>
          <summary>{t("revoke")}</summary>
          <form method="post" action={`${root}/revoke`}>
            <label for={`reason-${id}`}>{t("reason")}</label>
            <input id={`reason-${id}`} name="reason" type="text" maxlength={200} required />
            <button class="plain" type="submit" aria-label={`${t("revoke")}: ${name}`}>{t("revoke")}</button>
          </form>
        </details>
      )}
    </>
  );
}
