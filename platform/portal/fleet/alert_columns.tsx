/** Columns of lists of alerts, on the page and in CSV. */
import {
  type AlertGroup,
  type AlertState,
  type GroupOrder,
  type RaisedAlert,
  type RaisedOrder,
  stateOfAlert,
} from "../../alerts/list_alerts.ts";
import { severities, type Severity } from "../../alerts/alert_rules.ts";
import type { ListedAlert, ReportedOrder } from "../../devices/alerts.ts";
import { words } from "../../devices/device_view.ts";
import { rootOf } from "../page/customer_page.tsx";
import { Table } from "../page/layout.tsx";
import type { CustomerRequest } from "../page/route.ts";
import { alertText, kindKeys, severityKeys, stateKeys } from "./alert_texts.ts";
import { deviceColumn, factColumn, type ListColumn } from "./list_table.tsx";
import { modelOf } from "./shown.ts";

const iso = (ms: number | null) => ms === null ? null : new Date(ms).toISOString();

export function SeverityText({ request: { t }, severity }: { request: CustomerRequest; severity: Severity }) {
  return <span class={severity === "critical" ? "bad" : undefined}>{t(severityKeys[severity])}</span>;
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

/** A line of the list; `asked`: the state that the list is of. */
export type GroupRow = AlertGroup & { asked: AlertState | undefined };

function linkOf(root: string, { count, alert_id, kind, alert_group, site_id, asked }: GroupRow): string {
  if (count === 1) return `${root}/${alert_id}`;
  return `${root}?${new URLSearchParams({ kind, group: alert_group, site: site_id, state: asked ?? "" })}`;
}

export const groupColumns = {
  alert: {
    heading: "alert",
    sort: "alert",
    cell: (row, { customer, t }) => (
      <>
        <a href={linkOf(`${rootOf(customer)}/alerts`, row)}>
          {row.count === 1 || row.kind === "printer" ? alertText(row, t) : t(kindKeys[row.kind])}
        </a>
        {row.count > 1 && <span class="quiet">{` ${t("severalAlerts", { count: row.count })}`}</span>}
        {row.explains > 0 && <span class="quiet">{` ${t("explainsAlerts", { count: row.explains })}`}</span>}
      </>
    ),
    csv: { kind: ({ kind }) => kind, description: ({ description }) => description },
  },
  site: factColumn("site", (row: GroupRow) => row),
  severity: {
    heading: "severity",
    sort: "severity",
    cell: ({ severity }, request) => <SeverityText request={request} severity={severity} />,
    csv: { severity: ({ severity }) => severity },
  },
  raisedAt: {
    heading: "raisedAt",
    sort: "raisedAt",
    cell: ({ last_at }, { formats }) => formats.time(last_at),
    csv: { first_raised_at: ({ first_at }) => iso(first_at), last_raised_at: ({ last_at }) => iso(last_at) },
  },
  count: {
    heading: "alertCount",
    sort: "count",
    isNumber: true,
    cell: ({ count }, { formats }) => formats.number(count),
    csv: { alerts: ({ count }) => count },
  },
  state: {
    heading: "state",
    cell: ({ count, acknowledged, asked }, { t }) =>
      asked === "ended"
        ? t("alertEnded")
        : acknowledged === 0
        ? t("alertOpen")
        : acknowledged === count
        ? t("alertAcknowledged")
        : t("acknowledgedOf", { count: acknowledged }),
    csv: { acknowledged: ({ acknowledged }) => acknowledged },
  },
} satisfies Record<string, ListColumn<GroupRow> & { sort?: GroupOrder["by"] }>;

export const usualGroupColumns = ["alert", "site", "severity", "raisedAt", "state"] as const;

/** `now`: of the list, for its state. */
export type RaisedRow = RaisedAlert & { now?: number };

const ofRaised = (row: RaisedRow) => row;

export const raisedColumns = {
  alert: {
    heading: "alert",
    sort: "alert",
    cell: (row, { customer, t }) => <a href={`${rootOf(customer)}/alerts/${row.alert_id}`}>{alertText(row, t)}</a>,
    csv: {
      alert_id: ({ alert_id }) => alert_id,
      kind: ({ kind }) => kind,
      description: ({ description }) => description,
    },
  },
  device: {
    heading: "device",
    sort: "device",
    cell: (row, request) => <OfWhat request={request} row={row} />,
    csv: {
      device_id: ({ device_id }) => device_id,
      manufacturer: ({ manufacturer }) => manufacturer,
      model: ({ model }) => model,
      agent_id: ({ agent_id }) => agent_id,
    },
  },
  address: factColumn("address", ofRaised),
  serial: factColumn("serial", ofRaised),
  site: factColumn("site", ofRaised),
  severity: {
    heading: "severity",
    sort: "severity",
    cell: ({ severity }, request) => <SeverityText request={request} severity={severity} />,
    csv: { severity: ({ severity }) => severity },
  },
  beganAt: {
    heading: "beganAt",
    sort: "beganAt",
    cell: ({ began_at }, { formats }) => formats.time(began_at),
    csv: { began_at: ({ began_at }) => iso(began_at) },
  },
  raisedAt: {
    heading: "raisedAt",
    sort: "raisedAt",
    cell: ({ raised_at }, { formats }) => formats.time(raised_at),
    csv: { raised_at: ({ raised_at }) => iso(raised_at), ended_at: ({ ended_at }) => iso(ended_at) },
  },
  state: {
    heading: "state",
    sort: "state",
    cell: (row, { t }) => t(stateKeys[stateOfAlert(row, row.now ?? 0)]),
    csv: {
      state: (row) => stateOfAlert(row, row.now ?? 0),
      acknowledged_by: (row) => row.acknowledged_by,
      note: (row) => row.note,
    },
  },
} satisfies Record<string, ListColumn<RaisedRow> & { sort: RaisedOrder["by"] }>;

export const usualRaisedColumns = ["alert", "device", "site", "raisedAt", "state"] as const;

const ofReported = (row: ListedAlert) => row;

export const reportedColumns = {
  device: deviceColumn("device", ofReported),
  address: factColumn("address", ofReported),
  serial: factColumn("serial", ofReported),
  site: factColumn("site", ofReported),
  severity: {
    heading: "severity",
    sort: "severity",
    cell: ({ severity }, request) => (
      <SeverityText
        request={request}
        severity={severities.find((each) => each === severity) ?? "unknown"}
      />
    ),
    csv: { severity: ({ severity }) => severity },
  },
  alert: {
    heading: "alert",
    sort: "alert",
    cell: ({ description, alert_group }) => description || words(alert_group),
    csv: { description: ({ description }) => description, group: (row) => row.alert_group, code: (row) => row.code },
  },
  since: {
    heading: "since",
    sort: "since",
    cell: ({ first_seen_at }, { formats }) => formats.time(first_seen_at),
    csv: { first_seen_at: (row) => iso(row.first_seen_at), last_seen_at: (row) => iso(row.last_seen_at) },
  },
} satisfies Record<string, ListColumn<ListedAlert> & { sort: ReportedOrder["by"] }>;

export const usualReportedColumns = ["device", "site", "severity", "alert", "since"] as const;

/** Raised alerts of one thing, as part of another page. */
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
