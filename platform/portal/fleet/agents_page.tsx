/** Agents of a customer, as a page and as CSV. */
import type { Child } from "hono/jsx";
import { maybeAgentReport } from "../../agents/agent_report.ts";
import { maybeSilence } from "../../agents/agent_health.ts";
import {
  type AgentFilters,
  type AgentOrder,
  agentSorts,
  exportAgents,
  pageOfAgents,
} from "../../agents/list_agents.ts";
import type { ListedAgent } from "../../agents/agents.ts";
import { csvResponse } from "../page/file_response.ts";
import { type ChosenSite, chosenSite, customerPage, rootOf, SiteSelect } from "../page/customer_page.tsx";
import type { CustomerRequest } from "../page/route.ts";
import { maybeSilenceText } from "../page/silence_text.ts";
import { type ListColumn, listed, ListForm, lotsWith } from "./list_table.tsx";
import { ViewLinks, viewsOf } from "./views.tsx";

const iso = (ms: number | null) => ms === null ? null : new Date(ms).toISOString();
const states = ["active", "revoked"] as const;
const stateKeys = { active: "agent_active", revoked: "agent_revoked" } as const;

type Row = ListedAgent & { now: number };

const agentColumns = {
  agent: {
    heading: "agent",
    sort: "agent",
    cell: ({ hostname, agent_id }, { customer }) => (
      <a href={`${rootOf(customer)}/agents/${agent_id}`}>{hostname || agent_id}</a>
    ),
    csv: { agent_id: ({ agent_id }) => agent_id, hostname: ({ hostname }) => hostname },
  },
  site: {
    heading: "site",
    sort: "site",
    cell: ({ site_name }) => site_name,
    csv: { site: ({ site_name }) => site_name },
  },
  version: {
    heading: "version",
    sort: "version",
    cell: ({ version, update_offered }, { t }) =>
      update_offered === null || update_offered === version ? version : (
        <>
          {version} <span class="quiet">{`${t("offeredVersion")}: ${update_offered}`}</span>
        </>
      ),
    csv: { version: ({ version }) => version, offered_version: ({ update_offered }) => update_offered },
  },
  state: {
    heading: "state",
    sort: "state",
    cell: ({ state }, { t }) => t(stateKeys[state]),
    csv: { state: ({ state }) => state },
  },
  devices: {
    heading: "devices",
    isNumber: true,
    cell: ({ devices }, { formats }) => formats.number(devices),
    csv: { devices: ({ devices }) => devices },
  },
  lastSeen: {
    heading: "lastSeen",
    sort: "lastSeen",
    cell: ({ last_seen_at }, { t, formats }) => last_seen_at === null ? t("never") : formats.time(last_seen_at),
    csv: { last_seen_at: ({ last_seen_at }) => iso(last_seen_at) },
  },
  faults: {
    heading: "faults",
    isNumber: true,
    cell: (row, { formats }) => {
      const faults = maybeAgentReport(row)?.faults.length ?? 0;
      return faults === 0 ? "0" : <span class="warn">{formats.number(faults)}</span>;
    },
    csv: { faults: (row) => maybeAgentReport(row)?.faults.length ?? 0 },
  },
  backlog: {
    heading: "backlog",
    isNumber: true,
    cell: (row, { formats }) => formats.number(maybeAgentReport(row)?.spooledRecords ?? 0),
    csv: { spooled_records: (row) => maybeAgentReport(row)?.spooledRecords ?? 0 },
  },
  note: {
    heading: "note",
    cell: (row, request) => <span class="warn">{maybeSilenceText(request, row) ?? ""}</span>,
    csv: { silence: (row) => maybeSilence(row, row.now)?.kind ?? null },
  },
  activated: {
    heading: "activatedAt",
    sort: "activated",
    cell: ({ created_at }, { formats }) => formats.time(created_at),
    csv: { activated_at: ({ created_at }) => iso(created_at) },
  },
} satisfies Record<string, ListColumn<Row> & { sort?: AgentOrder["by"] }>;

const usualColumns = ["agent", "site", "version", "state", "devices", "lastSeen", "faults", "backlog", "note"] as const;

export async function agents(request: CustomerRequest): Promise<Response> {
  const { platform, by, customer, t, c } = request, tenantBy = { ...by, tenant: customer.customerId };
  const { views, first } = await viewsOf(request, "agents");
  if (first !== undefined) return c.redirect(first, 303);
  const chosen = await chosenSite(request), now = platform.clock.now().getTime();
  const filters: AgentFilters = {
    siteId: chosen.site,
    sites: customer.sites,
    state: states.find((state) => state === c.req.query("state")),
    silent: c.req.query("silent") === "1",
    search: c.req.query("q")?.trim().slice(0, 100) || undefined,
  };
  const withNow = (rows: readonly ListedAgent[]): Row[] => rows.map((row) => ({ ...row, now }));
  const list = listed(request, {
    columns: agentColumns,
    usual: usualColumns,
    sorts: agentSorts,
    caption: "agents",
    empty: Object.values({ ...filters, sites: undefined }).some((value) => value) ? "nothingFound" : "none",
    async page(wish) {
      const { rows, ...page } = await pageOfAgents(platform, tenantBy, { ...filters, ...wish });
      return { ...page, rows: withNow(rows) };
    },
    whole: (order) => lotsWith(exportAgents(platform, tenantBy, { ...filters, order }), withNow),
    form: (kept) => <Filters request={request} chosen={chosen} filters={filters}>{kept}</Filters>,
    views: "agents",
  });
  if (c.req.query("format") === "csv") return csvResponse(request, "agents.csv", list.csv());
  return await customerPage(request, {
    title: `${customer.name}: ${t("agents")}`,
    tab: "agents",
    children: (
      <>
        <ViewLinks request={request} views={views} all={t("allAgents")} />
        {await list.page()}
      </>
    ),
  });
}

function Filters({ request, chosen, filters, children }: {
  request: CustomerRequest;
  chosen: ChosenSite;
  filters: AgentFilters;
  children: Child;
}) {
  const { t } = request;
  return (
    <ListForm request={request}>
      <div>
        <label for="q">{t("search")}</label>
        <input id="q" name="q" type="search" value={filters.search} maxlength={100} />
      </div>
      <SiteSelect request={request} chosen={chosen} />
      <div>
        <label for="state">{t("state")}</label>
        <select id="state" name="state">
          <option value="">{t("allStates")}</option>
          {states.map((state) => <option value={state} selected={state === filters.state}>{t(stateKeys[state])}
          </option>)}
        </select>
      </div>
      <label class="check">
        <input type="checkbox" name="silent" value="1" checked={filters.silent} /> {t("onlySilent")}
      </label>
      {children}
    </ListForm>
  );
}
