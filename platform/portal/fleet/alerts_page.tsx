/** Alerts of a customer: raised ones, of which those of one kind at a site are one line, and what printers report now. */
import type { Child } from "hono/jsx";
import { acknowledgeAlerts, releaseAlerts } from "../../alerts/acknowledge_alerts.ts";
import { type AlertKind, alertKinds, severities, type Severity } from "../../alerts/alert_rules.ts";
import {
  alertGroups,
  type AlertState,
  alertStates,
  groupSorts,
  listRaisedAlerts,
  type RaisedAlert,
  raisedSorts,
} from "../../alerts/list_alerts.ts";
import { listAlerts, type ListedAlert, reportedSorts } from "../../devices/alerts.ts";
import { type ChosenSite, chosenSite, customerPage, may, rootOf, SiteSelect } from "../page/customer_page.tsx";
import { field } from "../page/form.ts";
import { pageNumber, Pager, pageSize, Table } from "../page/layout.tsx";
import type { CustomerRequest } from "../page/route.ts";
import type { Key } from "../words/words.ts";
import {
  groupColumns,
  type GroupRow,
  raisedColumns,
  type RaisedRow,
  reportedColumns,
  usualGroupColumns,
  usualRaisedColumns,
  usualReportedColumns,
} from "./alert_columns.tsx";
import { alertText, kindKeys, severityKeys, stateKeys } from "./alert_texts.ts";
import { csvResponse } from "./csv_response.ts";
import { type ListQuery, listQuery } from "./list_query.ts";
import { ColumnChoice, CsvLink, csvOf, KeptOrder, type ListColumn, lotsOf, tableColumns } from "./list_table.tsx";
import { ViewForm, ViewLinks, viewsOf } from "./views.tsx";

interface Asked {
  state: AlertState | undefined;
  kind: AlertKind | undefined;
  severity: Severity | undefined;
  /** One group, alert by alert. */
  group: string | undefined;
}

function askedOf({ c }: CustomerRequest): Asked {
  const one = <T extends string>(name: string, of: readonly T[]) => of.find((each) => each === c.req.query(name));
  const kind = one("kind", alertKinds), group = c.req.query("group");
  return {
    state: one("state", alertStates),
    kind,
    severity: one("severity", severities),
    group: kind !== undefined && group !== undefined ? group : undefined,
  };
}

export async function alerts(request: CustomerRequest): Promise<Response> {
  const { customer, t, c } = request;
  const { views, first } = await viewsOf(request, "alerts");
  if (first !== undefined) return c.redirect(first, 303);
  const chosen = await chosenSite(request), root = `${rootOf(customer)}/alerts`;
  const isReported = c.req.query("view") === "reported", asked = askedOf(request);
  const list = isReported
    ? reported(request, chosen)
    : asked.group === undefined
    ? grouped(request, chosen, asked)
    : oneGroup(request, chosen, asked);
  if (c.req.query("format") === "csv") return csvResponse(c, "alerts.csv", list.csv());
  return await customerPage(request, {
    title: `${customer.name}: ${t("alerts")}`,
    tab: "alerts",
    children: (
      <>
        <ViewLinks request={request} views={views} all={t("allAlerts")} />
        <p class="switch">
          <a href={`${root}?all=1`} aria-current={isReported ? undefined : "page"}>{t("raisedAlerts")}</a>{" "}
          <a href={`${root}?view=reported`} aria-current={isReported ? "page" : undefined}>{t("reportedAlerts")}</a>
        </p>
        {await list.page()}
        {may(request, "manageAlerts") && (
          <p>
            <a href={`${rootOf(customer)}/alert-limits`}>{t("alertLimits")}</a>
          </p>
        )}
        {asked.group === undefined && <ViewForm request={request} list="alerts" />}
      </>
    ),
  });
}

function Filters(
  { request, chosen, asked, children }: { request: CustomerRequest; chosen: ChosenSite; asked: Asked; children: Child },
) {
  const { t } = request;
  const select = <T extends string>(
    { name, label, none, of, keys, value }: {
      name: string;
      label: string;
      none: string;
      of: readonly T[];
      keys: Record<T, Parameters<typeof t>[0]>;
      value: T | undefined;
    },
  ) => (
    <div>
      <label for={name}>{label}</label>
      <select id={name} name={name}>
        <option value="">{none}</option>
        {of.map((each) => <option value={each} selected={each === value}>{t(keys[each])}</option>)}
      </select>
    </div>
  );
  return (
    <form class="filters" method="get">
      <SiteSelect request={request} chosen={chosen} />
      {select({
        name: "state",
        label: t("state"),
        none: t("alertStateAll"),
        of: alertStates,
        keys: stateKeys,
        value: asked.state,
      })}
      {select({
        name: "kind",
        label: t("kind"),
        none: t("allKinds"),
        of: alertKinds,
        keys: kindKeys,
        value: asked.kind,
      })}
      {select({
        name: "severity",
        label: t("severity"),
        none: t("allSeverities"),
        of: severities,
        keys: severityKeys,
        value: asked.severity,
      })}
      {asked.group !== undefined && <input type="hidden" name="group" value={asked.group} />}
      {children}
      <button type="submit">{t("filter")}</button>
    </form>
  );
}

interface Part {
  limit?: number;
  offset?: number;
}

function grouped(request: CustomerRequest, chosen: ChosenSite, asked: Asked) {
  const { platform, by, customer, c } = request, { sites } = customer;
  const keys = Object.keys(groupColumns) as (keyof typeof groupColumns)[];
  const { columns, order } = listQuery(c, { all: keys, usual: usualGroupColumns, sorts: groupSorts });
  const find = async (part: Part): Promise<GroupRow[]> => {
    const filters = { ...asked, siteId: chosen.site, sites, order, ...part };
    const rows = await alertGroups(platform, { ...by, tenant: customer.customerId }, filters);
    return rows.map((row) => ({ ...row, asked: asked.state }));
  };
  const shown = columns.map((key): ListColumn<GroupRow> => groupColumns[key]);
  return {
    csv: () => csvOf(lotsOf(find({})), shown),
    page: () =>
      listPage(request, {
        find,
        shown,
        order,
        caption: "raisedAlerts",
        filters: (
          <Filters request={request} chosen={chosen} asked={asked}>
            <KeptOrder request={request} order={order} />
            <ColumnChoice request={request} all={groupColumns} shown={columns} />
          </Filters>
        ),
      }),
  };
}

/* The form of the list, and a page of it. `above`: what is made of the rows that are seen. */
async function listPage<Row>(
  request: CustomerRequest,
  { find, shown, order, caption, filters, above }: {
    find(part: Part): Promise<Row[]>;
    shown: readonly ListColumn<Row>[];
    order: ListQuery<string, string>["order"];
    caption: Key;
    filters: Child;
    above?: (rows: readonly Row[]) => Child;
  },
) {
  const { t, c } = request, page = pageNumber(c);
  const rows = await find({ limit: pageSize + 1, offset: page * pageSize }), seen = rows.slice(0, pageSize);
  return (
    <>
      {filters}
      {above?.(seen)}
      <CsvLink request={request} />
      <Table
        rows={seen}
        empty={t("allWell")}
        caption={t(caption)}
        isTitled
        columns={tableColumns(request, shown, order)}
      />
      <Pager request={request} page={page} shown={seen.length} hasMore={rows.length > pageSize} />
    </>
  );
}

function oneGroup(request: CustomerRequest, chosen: ChosenSite, asked: Asked) {
  const { platform, by, customer, t, c } = request, { site } = chosen, { sites } = customer;
  const keys = Object.keys(raisedColumns) as (keyof typeof raisedColumns)[];
  const { columns, order } = listQuery(c, { all: keys, usual: usualRaisedColumns, sorts: raisedSorts });
  const now = platform.clock.now().getTime();
  const find = async (part: Part): Promise<RaisedRow[]> => {
    const filters = { ...asked, siteId: site, sites, order, ...part };
    const rows = await listRaisedAlerts(platform, { ...by, tenant: customer.customerId }, filters);
    return rows.map((row) => ({ ...row, now }));
  };
  const shown = columns.map((key): ListColumn<RaisedRow> => raisedColumns[key]);
  return {
    csv: () => csvOf(lotsOf(find({})), shown),
    page: () =>
      listPage(request, {
        find,
        shown,
        order,
        caption: "raisedAlerts",
        filters: (
          <Filters request={request} chosen={chosen} asked={asked}>
            <KeptOrder request={request} order={order} />
            <ColumnChoice request={request} all={raisedColumns} shown={columns} />
          </Filters>
        ),
        above: ([first]) => (
          <>
            <h2>{asked.kind === "printer" && first !== undefined ? alertText(first, t) : t(kindKeys[asked.kind!])}</h2>
            {asked.state !== "ended" && first !== undefined && may(request, "handleAlerts") && (
              <AcknowledgeForm
                request={request}
                action={`${rootOf(customer)}/alerts/acknowledge`}
                label={t("acknowledgeAll")}
                hidden={{ kind: asked.kind!, group: asked.group!, site: site ?? "" }}
              />
            )}
          </>
        ),
      }),
  };
}

export function AlertTable({ request, rows }: { request: CustomerRequest; rows: readonly RaisedAlert[] }) {
  const { t, platform } = request, now = platform.clock.now().getTime();
  const columns = usualRaisedColumns.map((key): ListColumn<RaisedRow> => raisedColumns[key]);
  return (
    <Table
      rows={rows.map((row) => ({ ...row, now }))}
      empty={t("allWell")}
      caption={t("raisedAlerts")}
      isTitled
      columns={columns.map(({ heading, cell }) => ({
        heading: t(heading),
        cell: (row: RaisedRow) => cell(row, request),
      }))}
    />
  );
}

export function AcknowledgeForm(
  { request: { t }, action, label, hidden = {} }: {
    request: CustomerRequest;
    action: string;
    label: string;
    hidden?: Record<string, string>;
  },
) {
  return (
    <form class="filters" method="post" action={action}>
      {Object.entries(hidden).map(([name, value]) => <input type="hidden" name={name} value={value} />)}
      <div>
        <label for="note">{t("alertNote")}</label>
        <input id="note" name="note" type="text" maxlength={500} />
      </div>
      <div>
        <label for="until">{t("acknowledgedUntil")}</label>
        <select id="until" name="until">
          <option value="">{t("untilEnd")}</option>
          <option value="1">{t("untilDay")}</option>
          <option value="7">{t("untilWeek")}</option>
        </select>
      </div>
      <button type="submit">{label}</button>
    </form>
  );
}

const dayMs = 86_400_000;

/** The note and the time of the form. */
async function acknowledgement({ platform, c }: CustomerRequest): Promise<{ note: string; until: Date | undefined }> {
  const days = Number(await field(c, "until")), now = platform.clock.now().getTime();
  return { note: await field(c, "note"), until: days === 1 || days === 7 ? new Date(now + days * dayMs) : undefined };
}

export async function acknowledgeOne(request: CustomerRequest): Promise<Response> {
  const { platform, by, customer, c } = request, alertId = c.req.param("alert")!;
  await acknowledgeAlerts(platform, { ...by, tenant: customer.customerId }, {
    ...await acknowledgement(request),
    alertId,
    sites: customer.sites,
  });
  return c.redirect(`${rootOf(customer)}/alerts/${encodeURIComponent(alertId)}`, 303);
}

export async function releaseOne(request: CustomerRequest): Promise<Response> {
  const { platform, by, customer, c } = request, alertId = c.req.param("alert")!;
  await releaseAlerts(platform, { ...by, tenant: customer.customerId }, { alertId, sites: customer.sites });
  return c.redirect(`${rootOf(customer)}/alerts/${encodeURIComponent(alertId)}`, 303);
}

export async function acknowledgeGroup(request: CustomerRequest): Promise<Response> {
  const { platform, by, customer, c } = request;
  const kind = await field(c, "kind"), site = await field(c, "site"), group = await field(c, "group");
  await acknowledgeAlerts(platform, { ...by, tenant: customer.customerId }, {
    ...await acknowledgement(request),
    // Another kind than those that there are finds nothing.
    kind: kind as AlertKind,
    group,
    siteId: site === "" ? undefined : site,
    sites: customer.sites,
  });
  return c.redirect(`${rootOf(customer)}/alerts`, 303);
}

function reported(request: CustomerRequest, chosen: ChosenSite) {
  const { platform, by, customer, t, c } = request;
  const keys = Object.keys(reportedColumns) as (keyof typeof reportedColumns)[];
  const { columns, order } = listQuery(c, { all: keys, usual: usualReportedColumns, sorts: reportedSorts });
  const find = (part: Part) =>
    listAlerts(platform, { ...by, tenant: customer.customerId }, { site: chosen.site, order, ...part });
  const shown = columns.map((key): ListColumn<ListedAlert> => reportedColumns[key]);
  return {
    csv: () => csvOf(lotsOf(find({})), shown),
    page: () =>
      listPage(request, {
        find,
        shown,
        order,
        caption: "reportedAlerts",
        filters: (
          <form class="filters" method="get">
            <input type="hidden" name="view" value="reported" />
            <SiteSelect request={request} chosen={chosen} />
            <KeptOrder request={request} order={order} />
            <ColumnChoice request={request} all={reportedColumns} shown={columns} />
            <button type="submit">{t("filter")}</button>
          </form>
        ),
      }),
  };
}
