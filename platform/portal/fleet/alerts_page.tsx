/** Alerts of a customer: raised ones, of which those of one kind at a site are one line, and what printers report now. */
import { acknowledgeAlerts, releaseAlerts } from "../../alerts/acknowledge_alerts.ts";
import { type AlertKind, alertKinds, severities, type Severity } from "../../alerts/alert_rules.ts";
import {
  type AlertGroup,
  alertGroups,
  type AlertState,
  alertStates,
  listRaisedAlerts,
} from "../../alerts/list_alerts.ts";
import type { RaisedAlert } from "../../alerts/list_alerts.ts";
import { listAlerts } from "../../devices/alerts.ts";
import { words } from "../../devices/device_view.ts";
import {
  type ChosenSite,
  chosenSite,
  customerPage,
  may,
  rootOf,
  SiteForm,
  SiteSelect,
} from "../page/customer_page.tsx";
import { field } from "../page/form.ts";
import { pageNumber, Pager, pageSize, Table } from "../page/layout.tsx";
import type { CustomerRequest } from "../page/route.ts";
import { alertText, kindKeys, severityKeys, stateKeys } from "./alert_texts.ts";
import { modelOf } from "./shown.ts";

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
  const chosen = await chosenSite(request), root = `${rootOf(customer)}/alerts`;
  const isReported = c.req.query("view") === "reported", asked = askedOf(request);
  return await customerPage(request, {
    title: `${customer.name}: ${t("alerts")}`,
    tab: "alerts",
    children: (
      <>
        <p class="switch">
          <a href={root} aria-current={isReported ? undefined : "page"}>{t("raisedAlerts")}</a>{" "}
          <a href={`${root}?view=reported`} aria-current={isReported ? "page" : undefined}>{t("reportedAlerts")}</a>
        </p>
        {isReported ? await reported(request, chosen) : (
          <>
            <Filters request={request} chosen={chosen} asked={asked} />
            {asked.group === undefined ? await grouped(request, chosen, asked) : await oneGroup(request, chosen, asked)}
          </>
        )}
      </>
    ),
  });
}

function Filters({ request, chosen, asked }: { request: CustomerRequest; chosen: ChosenSite; asked: Asked }) {
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
      <button type="submit">{t("filter")}</button>
    </form>
  );
}

async function grouped(request: CustomerRequest, { site }: ChosenSite, asked: Asked) {
  const { platform, by, customer, t, formats, c } = request, page = pageNumber(c), root = `${rootOf(customer)}/alerts`;
  const rows = await alertGroups(platform, { ...by, tenant: customer.customerId }, {
    ...asked,
    siteId: site,
    sites: customer.sites,
    limit: pageSize + 1,
    offset: page * pageSize,
  });
  const shown = rows.slice(0, pageSize);
  const linkOf = ({ count, alert_id, kind, alert_group, site_id }: AlertGroup) =>
    count === 1
      ? `${root}/${alert_id}`
      : `${root}?${new URLSearchParams({ kind, group: alert_group, site: site_id, state: asked.state ?? "" })}`;
  return (
    <>
      <Table
        rows={shown}
        empty={t("allWell")}
        caption={t("raisedAlerts")}
        columns={[
          {
            heading: t("alert"),
            cell: (row) => (
              <>
                <a href={linkOf(row)}>
                  {row.count === 1 || row.kind === "printer" ? alertText(row, t) : t(kindKeys[row.kind])}
                </a>
                {row.count > 1 && <span class="quiet">{` ${t("severalAlerts", { count: row.count })}`}</span>}
                {row.explains > 0 && <span class="quiet">{` ${t("explainsAlerts", { count: row.explains })}`}</span>}
              </>
            ),
          },
          { heading: t("site"), cell: (row) => row.site },
          { heading: t("severity"), cell: ({ severity }) => <SeverityText request={request} severity={severity} /> },
          { heading: t("raisedAt"), cell: ({ last_at }) => formats.time(last_at) },
          {
            heading: t("state"),
            cell: ({ count, acknowledged }) =>
              asked.state === "ended"
                ? t("alertEnded")
                : acknowledged === 0
                ? t("alertOpen")
                : acknowledged === count
                ? t("alertAcknowledged")
                : t("acknowledgedOf", { count: acknowledged }),
          },
        ]}
      />
      <Pager request={request} page={page} shown={shown.length} hasMore={rows.length > pageSize} />
    </>
  );
}

export function SeverityText({ request: { t }, severity }: { request: CustomerRequest; severity: Severity }) {
  return <span class={severity === "critical" ? "bad" : undefined}>{t(severityKeys[severity])}</span>;
}

async function oneGroup(request: CustomerRequest, { site }: ChosenSite, asked: Asked) {
  const { platform, by, customer, t, c } = request, page = pageNumber(c);
  const rows = await listRaisedAlerts(platform, { ...by, tenant: customer.customerId }, {
    ...asked,
    siteId: site,
    sites: customer.sites,
    limit: pageSize + 1,
    offset: page * pageSize,
  });
  const shown = rows.slice(0, pageSize);
  return (
    <>
      <h2>{asked.kind === "printer" && shown[0] !== undefined ? alertText(shown[0], t) : t(kindKeys[asked.kind!])}</h2>
      {asked.state !== "ended" && shown.length > 0 && may(request, "handleAlerts") && (
        <AcknowledgeForm
          request={request}
          action={`${rootOf(customer)}/alerts/acknowledge`}
          label={t("acknowledgeAll")}
          hidden={{ kind: asked.kind!, group: asked.group!, site: site ?? "" }}
        />
      )}
      <AlertTable request={request} rows={shown} />
      <Pager request={request} page={page} shown={shown.length} hasMore={rows.length > pageSize} />
    </>
  );
}

export function AlertTable({ request, rows }: { request: CustomerRequest; rows: readonly RaisedAlert[] }) {
  const { t, formats, customer } = request;
  return (
    <Table
      rows={rows}
      empty={t("allWell")}
      caption={t("raisedAlerts")}
      isTitled
      columns={[
        {
          heading: t("alert"),
          cell: (row) => <a href={`${rootOf(customer)}/alerts/${row.alert_id}`}>{alertText(row, t)}</a>,
        },
        { heading: t("device"), cell: (row) => <OfWhat request={request} row={row} /> },
        { heading: t("site"), cell: ({ site }) => site },
        { heading: t("raisedAt"), cell: ({ raised_at }) => formats.time(raised_at) },
        {
          heading: t("state"),
          cell: ({ ended_at, acknowledged_by }) =>
            ended_at !== null ? t("alertEnded") : acknowledged_by === null ? t("alertOpen") : t("alertAcknowledged"),
        },
      ]}
    />
  );
}

/** The device, or the agent where it is of the agent alone. */
export function OfWhat({ request: { customer }, row }: { request: CustomerRequest; row: RaisedAlert }) {
  if (row.device_id === "") {
    return <a href={`${rootOf(customer)}/agents/${row.agent_id}`}>{row.hostname || row.agent_id}</a>;
  }
  const name = modelOf(row) ?? row.address ?? row.device_id;
  return (
    <>
      <a href={`${rootOf(customer)}/devices/${row.device_id}`}>{name}</a> <span class="quiet">{row.address ?? ""}</span>
    </>
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

async function reported(request: CustomerRequest, chosen: ChosenSite) {
  const { platform, by, customer, t, formats, c } = request, page = pageNumber(c);
  const rows = await listAlerts(platform, { ...by, tenant: customer.customerId }, {
    site: chosen.site,
    limit: pageSize + 1,
    offset: page * pageSize,
  });
  const shown = rows.slice(0, pageSize);
  return (
    <>
      <SiteForm request={request} chosen={chosen} fixed={{ view: "reported" }} />
      <Table
        rows={shown}
        empty={t("allWell")}
        caption={t("reportedAlerts")}
        columns={[
          {
            heading: t("device"),
            cell: (row) => <a href={`${rootOf(customer)}/devices/${row.device_id}`}>{modelOf(row) ?? row.address}</a>,
          },
          { heading: t("site"), cell: ({ site }) => site },
          {
            heading: t("severity"),
            cell: ({ severity }) => (
              <SeverityText
                request={request}
                severity={severities.find((each) => each === severity) ?? "unknown"}
              />
            ),
          },
          { heading: t("alert"), cell: ({ description, alert_group }) => description || words(alert_group) },
          { heading: t("since"), cell: ({ first_seen_at }) => formats.time(first_seen_at) },
        ]}
      />
      <Pager request={request} page={page} shown={shown.length} hasMore={rows.length > pageSize} />
    </>
  );
}
