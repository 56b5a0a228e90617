/** Alerts of a customer: raised ones, of which those of one kind at a site are one line, and what printers report now. */
import type { Child } from "hono/jsx";
import { type AlertKind, alertKinds, severities, type Severity } from "../../alerts/alert_rules.ts";
import {
  type AlertGroup,
  alertGroups,
  type AlertState,
  alertStates,
  exportAlertGroups,
  exportRaisedAlerts,
  groupSorts,
  pageOfRaisedAlerts,
  type RaisedAlert,
  raisedSorts,
} from "../../alerts/list_alerts.ts";
import { exportAlerts, listAlerts, reportedSorts } from "../../devices/alerts.ts";
import { csvResponse } from "../page/file_response.ts";
import { type ChosenSite, chosenSite, customerPage, may, rootOf, SiteSelect } from "../page/customer_page.tsx";
import type { CustomerRequest } from "../page/route.ts";
import { AcknowledgeForm } from "./acknowledge_page.tsx";
import {
  groupColumns,
  raisedColumns,
  reportedColumns,
  usualGroupColumns,
  usualRaisedColumns,
  usualReportedColumns,
} from "./alert_columns.tsx";
import { alertText, kindKeys, severityKeys, stateKeys } from "./alert_texts.ts";
import { listed, ListForm, lotsWith } from "./list_table.tsx";
import { ViewLinks, viewsOf } from "./views.tsx";

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
  if (c.req.query("format") === "csv") return csvResponse(request, "alerts.csv", list.csv());
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
    <ListForm request={request}>
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
    </ListForm>
  );
}

/* Those of one kind and group at a site are one line. */
function grouped(request: CustomerRequest, chosen: ChosenSite, asked: Asked) {
  const { platform, by, customer } = request, tenantBy = { ...by, tenant: customer.customerId };
  const filters = { ...asked, siteId: chosen.site, sites: customer.sites };
  const withAsked = (rows: readonly AlertGroup[]) => rows.map((row) => ({ ...row, asked: asked.state }));
  return listed(request, {
    columns: groupColumns,
    usual: usualGroupColumns,
    sorts: groupSorts,
    caption: "raisedAlerts",
    empty: "allWell",
    async page(wish) {
      const page = await alertGroups(platform, tenantBy, { ...filters, ...wish });
      return { ...page, rows: withAsked(page.rows) };
    },
    whole: (order) => lotsWith(exportAlertGroups(platform, tenantBy, { ...filters, order }), withAsked),
    form: (kept) => <Filters request={request} chosen={chosen} asked={asked}>{kept}</Filters>,
    views: "alerts",
  });
}

function oneGroup(request: CustomerRequest, chosen: ChosenSite, asked: Asked) {
  const { platform, by, customer, t } = request, { site } = chosen, tenantBy = { ...by, tenant: customer.customerId };
  const filters = { ...asked, siteId: site, sites: customer.sites }, now = platform.clock.now().getTime();
  const withNow = (rows: readonly RaisedAlert[]) => rows.map((row) => ({ ...row, now }));
  return listed(request, {
    columns: raisedColumns,
    usual: usualRaisedColumns,
    sorts: raisedSorts,
    caption: "raisedAlerts",
    empty: "allWell",
    async page(wish) {
      const page = await pageOfRaisedAlerts(platform, tenantBy, { ...filters, ...wish });
      return { ...page, rows: withNow(page.rows) };
    },
    whole: (order) => lotsWith(exportRaisedAlerts(platform, tenantBy, { ...filters, order }), withNow),
    form: (kept) => <Filters request={request} chosen={chosen} asked={asked}>{kept}</Filters>,
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
  });
}

/* What printers report. */
function reported(request: CustomerRequest, chosen: ChosenSite) {
  const { platform, by, customer } = request, { site } = chosen, tenantBy = { ...by, tenant: customer.customerId };
  return listed(request, {
    columns: reportedColumns,
    usual: usualReportedColumns,
    sorts: reportedSorts,
    caption: "reportedAlerts",
    empty: "allWell",
    page: (wish) => listAlerts(platform, tenantBy, { site, ...wish }),
    whole: (order) => exportAlerts(platform, tenantBy, { site, order }),
    form: (kept) => (
      <ListForm request={request}>
        <input type="hidden" name="view" value="reported" />
        <SiteSelect request={request} chosen={chosen} />
        {kept}
      </ListForm>
    ),
    views: "alerts",
  });
}
