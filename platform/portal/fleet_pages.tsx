/** Customers at a glance; devices, low supplies, alerts and agents of one customer. */
import { csvText } from "../../common/report/csv_text.ts";
import { isLate, maybeAgentNote } from "../agents/agent_health.ts";
import type { ListedAgent } from "../agents/agents.ts";
import { listAgents } from "../agents/manage_agents.ts";
import { levelText, lowestFirst, supplyName, words } from "../devices/device_view.ts";
import { type FleetCounts, fleetCounts } from "../devices/fleet_counts.ts";
import { listAlerts } from "../devices/alerts.ts";
import { type DeviceFilters, listDevices, type ListedDevice } from "../devices/list_devices.ts";
import { listSupplies } from "../devices/list_supplies.ts";
import type { Level } from "../../proto/gen/opendca/v1/reading.ts";
import { type ChosenSite, chosenSite, customerPage, may, rootOf, SiteForm, SiteSelect } from "./customer_page.tsx";
import { type ColumnOf, pageNumber, pageOf, Pager, pageSize, Table } from "./layout.tsx";
import type { CustomerRequest, Route, UserRequest, VisibleCustomer } from "./route.ts";
import type { Key, Translate } from "./words.ts";

interface Glance extends FleetCounts {
  customer: VisibleCustomer;
}

const noCounts: FleetCounts = { devices: 0, silent: 0, low: 0, agents: 0, silentAgents: 0 };

/** Of a customer of whom the viewer may see some sites only. */
async function glanceAtSites({ platform, by }: UserRequest, customer: VisibleCustomer): Promise<Glance> {
  const tenantBy = { ...by, tenant: customer.customerId }, now = platform.clock.now().getTime();
  const glance = { ...noCounts, customer };
  for (const site of customer.sites === "all" ? [] : customer.sites) {
    const { counts } = await listDevices(platform, tenantBy, { site, limit: 1 });
    const agents = (await listAgents(platform, tenantBy, { site })).filter(({ state }) => state === "active");
    glance.devices += counts.found;
    glance.silent += counts.silent;
    glance.low += counts.low;
    glance.agents += agents.length;
    glance.silentAgents += agents.filter((row) => isLate(row, now)).length;
  }
  return glance;
}

/** Those with silent agents first, as their devices are not seen either; then by what is low or silent. */
export function byAttention(a: Glance, b: Glance): number {
  return b.silentAgents - a.silentAgents || b.low - a.low || b.silent - a.silent ||
    (a.customer.name.toLowerCase() < b.customer.name.toLowerCase() ? -1 : 1);
}

async function overview(request: UserRequest) {
  const { t, formats, customers, platform, by, viewer } = request;
  const glances: Glance[] = [];
  const counts = customers.some(({ sites }) => sites === "all")
    ? await fleetCounts(platform, by, { dealerId: viewer.dealerId })
    : new Map<string, FleetCounts>();
  for (const customer of customers) {
    const ofAll = { ...noCounts, ...counts.get(customer.customerId), customer };
    glances.push(customer.sites === "all" ? ofAll : await glanceAtSites(request, customer));
  }
  glances.sort(byAttention);
  const sum = (of: (glance: Glance) => number) => formats.number(glances.reduce((all, one) => all + of(one), 0));
  const number = (heading: Key, of: (glance: Glance) => number, path: string, isBad = true): ColumnOf<Glance> => ({
    heading: t(heading),
    isNumber: true,
    cell: (glance) => {
      const value = of(glance);
      if (value === 0) return "0";
      return (
        <a class={isBad ? "warn" : undefined} href={`${rootOf(glance.customer)}/${path}`}>{formats.number(value)}</a>
      );
    },
  });
  return pageOf(request, {
    title: t("overview"),
    children: glances.length === 0 ? <p>{t("noCustomers")}</p> : (
      <>
        <ul class="cards">
          <li>
            <strong>{sum(({ devices }) => devices)}</strong> {t("devices")}
          </li>
          <li>
            <strong>{sum(({ low }) => low)}</strong> {t("lowDevices")}
          </li>
          <li>
            <strong>{sum(({ silent }) => silent)}</strong> {t("silentDevices")}
          </li>
          <li>
            <strong>{sum(({ silentAgents }) => silentAgents)}</strong> {t("silentAgents")}
          </li>
        </ul>
        <h2>{t("customers")}</h2>
        <Table
          rows={glances}
          empty={t("none")}
          caption={t("customers")}
          isTitled
          columns={[
            {
              heading: t("customer"),
              cell: ({ customer }) => <a href={`${rootOf(customer)}/devices`}>{customer.name}</a>,
            },
            number("devices", ({ devices }) => devices, "devices", false),
            number("lowDevices", ({ low }) => low, "supplies"),
            number("silentDevices", ({ silent }) => silent, "devices?silent=1"),
            number("agents", ({ agents }) => agents, "agents", false),
            number("silentAgents", ({ silentAgents }) => silentAgents, "agents?silent=1"),
          ]}
        />
      </>
    ),
  });
}

async function deviceFilters(request: CustomerRequest): Promise<{ chosen: ChosenSite; filters: DeviceFilters }> {
  const { c } = request, chosen = await chosenSite(request);
  return {
    chosen,
    filters: {
      site: chosen.site,
      model: c.req.query("model")?.trim().slice(0, 100) || undefined,
      low: c.req.query("low") === "1",
      silent: c.req.query("silent") === "1",
    },
  };
}

async function devices(request: CustomerRequest) {
  const { platform, by, customer, t, formats, c } = request;
  const { chosen, filters } = await deviceFilters(request), tenantBy = { ...by, tenant: customer.customerId };
  if (c.req.query("format") === "csv") return await deviceCsv(request, filters);
  const page = pageNumber(c);
  const list = await listDevices(platform, tenantBy, { ...filters, limit: pageSize, offset: page * pageSize });
  const { found } = list.counts;
  const query = new URLSearchParams(c.req.query());
  query.set("format", "csv");
  return customerPage(request, {
    title: `${customer.name}: ${t("devices")}`,
    tab: "devices",
    children: (
      <>
        <form class="filters" method="get">
          <SiteSelect request={request} chosen={chosen} />
          <div>
            <label for="model">{t("model")}</label>
            <input id="model" name="model" type="text" value={filters.model} />
          </div>
          <label class="check">
            <input type="checkbox" name="low" value="1" checked={filters.low === true} /> {t("onlyLow")}
          </label>
          <label class="check">
            <input type="checkbox" name="silent" value="1" checked={filters.silent === true} /> {t("onlySilent")}
          </label>
          <button type="submit">{t("filter")}</button>
          <a href={`${c.req.path}?${query}`}>{t("csv")}</a>
        </form>
        <Table
          rows={list.devices}
          empty={t("nothingFound")}
          caption={`${t("devices")}: ${formats.number(found)}`}
          columns={deviceColumns(request)}
        />
        <Pager
          request={request}
          page={page}
          shown={list.devices.length}
          all={found}
          hasMore={(page + 1) * pageSize < found}
        />
      </>
    ),
  });
}

function deviceColumns({ t, formats, customer }: CustomerRequest): ColumnOf<ListedDevice>[] {
  return [
    {
      heading: t("device"),
      cell: ({ row }) => <a href={`${rootOf(customer)}/devices/${row.device_id}`}>{modelOf(row) ?? row.address}</a>,
    },
    { heading: t("site"), cell: ({ row }) => row.site },
    { heading: t("address"), cell: ({ row }) => row.address },
    { heading: t("serial"), cell: ({ row }) => row.serial ?? "" },
    { heading: t("pages"), isNumber: true, cell: ({ row }) => row.total === null ? "" : formats.number(row.total) },
    {
      heading: t("lowSupplies"),
      cell: ({ low }) =>
        lowestFirst(low).map((supply) => <div class="warn">{supplyName(supply)} {shownLevel(supply.level, t)}</div>),
    },
    {
      heading: t("lastSeen"),
      cell: ({ row, isSilent }) => (
        <span class={isSilent ? "bad" : undefined}>
          {formats.time(row.last_seen_at)}
          {isSilent && ` (${t("silent")})`}
        </span>
      ),
    },
  ];
}

export function modelOf(
  { manufacturer, model }: { manufacturer: string | null; model: string | null },
): string | undefined {
  return [manufacturer, model].filter((part) => part !== null && part !== "").join(" ") || undefined;
}

/** The level as a person reads it: `62 %`, `empty`. */
export function shownLevel(level: Level | undefined, t: Translate): string {
  const text = levelText(level);
  const keys = { empty: "empty", some: "some", unlimited: "unlimited", "?": "unknown" } as const;
  return text in keys ? t(keys[text as keyof typeof keys]) : text;
}

async function deviceCsv({ platform, by, customer, c }: CustomerRequest, filters: DeviceFilters): Promise<Response> {
  const { devices } = await listDevices(platform, { ...by, tenant: customer.customerId }, filters);
  const time = (ms: number) => new Date(ms).toISOString();
  const text = csvText([
    [
      "device_id",
      "site",
      "manufacturer",
      "model",
      "serial",
      "address",
      "hostname",
      "location",
      "total",
      "low_supplies",
      "last_seen_at",
    ],
    ...devices.map(({ row, low }) => [
      row.device_id,
      row.site,
      row.manufacturer,
      row.model,
      row.serial,
      row.address,
      row.hostname,
      row.location,
      row.total,
      low.map(supplyName).join("; "),
      time(row.last_seen_at),
    ]),
  ], { bom: true });
  return c.body(text, 200, {
    "content-type": "text/csv; charset=utf-8",
    "content-disposition": 'attachment; filename="devices.csv"',
  });
}

async function supplies(request: CustomerRequest) {
  const { platform, by, customer, t, formats, c } = request;
  const { chosen } = await deviceFilters(request), page = pageNumber(c);
  const rows = await listSupplies(platform, { ...by, tenant: customer.customerId }, {
    site: chosen.site,
    low: true,
    limit: pageSize + 1,
    offset: page * pageSize,
  });
  const shown = rows.slice(0, pageSize);
  return customerPage(request, {
    title: `${customer.name}: ${t("lowSupplies")}`,
    tab: "supplies",
    children: (
      <>
        <SiteForm request={request} chosen={chosen} />
        <Table
          rows={shown}
          empty={t("allWell")}
          caption={t("lowSupplies")}
          isTitled
          columns={[
            {
              heading: t("device"),
              cell: ({ row }) => (
                <a href={`${rootOf(customer)}/devices/${row.device_id}`}>{modelOf(row) ?? row.address}</a>
              ),
            },
            { heading: t("site"), cell: ({ row }) => row.site },
            { heading: t("address"), cell: ({ row }) => row.address },
            { heading: t("supply"), cell: ({ supply }) => supplyName(supply) },
            { heading: t("level"), cell: ({ supply }) => <span class="warn">{shownLevel(supply.level, t)}</span> },
            { heading: t("partNumber"), cell: ({ supply }) => supply.partNumber ?? "" },
            { heading: t("readAt"), cell: ({ readAt }) => formats.time(readAt) },
          ]}
        />
        <Pager request={request} page={page} shown={shown.length} hasMore={rows.length > pageSize} />
      </>
    ),
  });
}

async function alerts(request: CustomerRequest) {
  const { platform, by, customer, t, formats, c } = request;
  const { chosen } = await deviceFilters(request), page = pageNumber(c);
  const rows = await listAlerts(platform, { ...by, tenant: customer.customerId }, {
    site: chosen.site,
    limit: pageSize + 1,
    offset: page * pageSize,
  });
  const shown = rows.slice(0, pageSize);
  return customerPage(request, {
    title: `${customer.name}: ${t("alerts")}`,
    tab: "alerts",
    children: (
      <>
        <SiteForm request={request} chosen={chosen} />
        <Table
          rows={shown}
          empty={t("allWell")}
          caption={t("alerts")}
          isTitled
          columns={[
            {
              heading: t("device"),
              cell: (row) => <a href={`${rootOf(customer)}/devices/${row.device_id}`}>{modelOf(row) ?? row.address}</a>,
            },
            { heading: t("site"), cell: ({ site }) => site },
            {
              heading: t("severity"),
              cell: ({ severity }) => <span class={severity === "critical" ? "bad" : undefined}>{severity}</span>,
            },
            { heading: t("alert"), cell: ({ description, alert_group }) => description || words(alert_group) },
            { heading: t("since"), cell: ({ first_seen_at }) => formats.time(first_seen_at) },
          ]}
        />
        <Pager request={request} page={page} shown={shown.length} hasMore={rows.length > pageSize} />
      </>
    ),
  });
}

async function agents(request: CustomerRequest) {
  const { platform, by, customer, t, formats, c } = request;
  const { chosen } = await deviceFilters(request), now = platform.clock.now().getTime();
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

export const fleetRoutes: Route[] = [
  { method: "GET", path: "/", access: "fleet", permission: "readFleet", handle: overview },
  { method: "GET", path: "/customers/:customer/devices", access: "customer", permission: "readFleet", handle: devices },
  {
    method: "GET",
    path: "/customers/:customer/supplies",
    access: "customer",
    permission: "readFleet",
    handle: supplies,
  },
  { method: "GET", path: "/customers/:customer/alerts", access: "customer", permission: "readFleet", handle: alerts },
  { method: "GET", path: "/customers/:customer/agents", access: "customer", permission: "readFleet", handle: agents },
];
