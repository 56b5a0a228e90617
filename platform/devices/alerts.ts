/**
 * Alerts of devices over time. It is the same alert while readings show it with the same group, code and text; an
 * incomplete reading ends no alert.
 */
import { createHash } from "node:crypto";
import { isLost } from "../../common/reading/lost_codes.ts";
import { type Alert, AlertSeverity, alertSeverityToJSON } from "../../proto/gen/opendca/v1/reading.ts";
import type { Platform } from "../agents/platform.ts";
import { readTenant, type TenantBy } from "../audit/use_case.ts";
import {
  type NamedQuery,
  orderKeys,
  type OrderOf,
  type PageOf,
  pageOf,
  type PageWish,
  queriedInLots,
} from "../store/page.ts";
import type { RowsOf, Tenant } from "../store/store.ts";
import type { ArrivedReading } from "./device_state.ts";
import { partsTable } from "./device_groups.ts";
import type { KnownDevices } from "./known_devices.ts";
import { type DeviceFilters, rowFilters } from "./list_devices.ts";
import { conditionsOf, type RowFilters } from "./listed_devices.ts";

export interface AlertRow {
  device_id: string;
  alert_key: string;
  /** `critical`, `warning`, `other` or `unknown`. */
  severity: string;
  /** PrtAlertCodeTC. */
  code: number | null;
  /** PrtAlertGroupTC by name. */
  alert_group: string;
  description: string;
  /** When it began, as reported by the device; null if not reported. */
  since: number | null;
  first_seen_at: number;
  last_seen_at: number;
  /** Null while it is open. */
  ended_at: number | null;
}

export function severityOf({ severity }: Alert): string {
  if (severity === AlertSeverity.UNSPECIFIED || AlertSeverity[severity] === undefined) return "unknown";
  return alertSeverityToJSON(severity).replace(/^ALERT_SEVERITY_/, "").toLowerCase();
}

const columns = `device_id, alert_key, severity, code, alert_group, description, since, first_seen_at, last_seen_at,
  ended_at`;

/** A row with its device before a merge: see device/samples of schema. */
export type KnownAlert = AlertRow & { origin: string };

export const alertTable: RowsOf = {
  table: "alerts",
  key: ["device_id", "alert_key", "first_seen_at", "origin"],
  columns: [...columns.split(/,\s+/), "origin"],
};

/** Reopens an alert that ended and is shown again within one millisecond. */
export const shownAgain = `ON CONFLICT (customer_id, ${alertTable.key.join(", ")}) DO UPDATE SET ${
  alertTable.columns.filter((name) => !alertTable.key.includes(name)).map((name) => `${name} = excluded.${name}`)
    .join(", ")
}`;

/** Applies the alerts of a reading, which must not be older than the known state of the device. */
export function noteAlerts(known: KnownDevices, { deviceId, reading, observedAt }: ArrivedReading): void {
  const at = observedAt.getTime();
  const open = known.alerts(deviceId).filter(({ ended_at }) => ended_at === null);
  const shown = new Map(reading.alerts.map((alert) => [alertKey(alert), alert]));
  for (const [alert_key, alert] of shown) {
    if (open.some((row) => row.alert_key === alert_key)) continue;
    known.setAlert({
      device_id: deviceId,
      alert_key,
      severity: severityOf(alert),
      code: alert.code ?? null,
      alert_group: alert.group,
      description: alert.description,
      since: alert.since?.getTime() ?? null,
      first_seen_at: at,
      last_seen_at: at,
      ended_at: null,
      origin: "",
    });
  }
  const isWhole = !reading.problems.some(({ code }) => isLost(code));
  for (const row of open) {
    const isShown = shown.has(row.alert_key);
    // While it is open, its last sight is updated once an hour.
    if (isShown && at - row.last_seen_at >= lookMs) known.setAlert({ ...row, last_seen_at: at });
    else if (!isShown && isWhole) known.setAlert({ ...row, ended_at: at });
  }
}

const lookMs = 3_600_000;

/** Short, as it is part of a key of a table. */
export function alertKey({ group, code, description }: Alert): string {
  return createHash("sha256").update(JSON.stringify([group, code ?? null, description])).digest("base64url");
}

/** Open alerts of a device. */
export function openAlerts(tenant: Tenant, deviceId: string): Promise<AlertRow[]> {
  return tenant.all(
    `SELECT ${columns} FROM alerts WHERE customer_id = :customer AND device_id = :device_id AND ended_at IS NULL
     ORDER BY first_seen_at, alert_key`,
    { device_id: deviceId },
  );
}

export interface ListedAlert extends AlertRow {
  site: string;
  network: string;
  address: string;
  manufacturer: string | null;
  model: string | null;
  serial: string | null;
}

const reportedKeys = {
  device: "lower(coalesce(d.manufacturer, '') || ' ' || coalesce(d.model, ''))",
  site: "lower(l.name)",
  address: "d.address_order",
  serial: "lower(d.serial)",
  severity: "CASE a.severity WHEN 'critical' THEN 0 WHEN 'warning' THEN 1 ELSE 2 END",
  alert: "lower(a.description)",
  since: "a.first_seen_at",
} as const;

export type ReportedOrder = OrderOf<keyof typeof reportedKeys>;
export const reportedSorts = Object.keys(reportedKeys) as ReportedOrder["by"][];

interface ReportedWish {
  filters: RowFilters;
  order?: ReportedOrder | undefined;
  severity?: string | undefined;
  ended: boolean;
}

/* Alerts of all devices; by default open ones first, then by severity, latest first. */
function reportedQuery({ filters, severity, ended, order }: ReportedWish): NamedQuery {
  const { where, parameters } = conditionsOf(filters), parts = partsTable(filters.groups);
  // Alerts of a part that is no longer seen are not open.
  const join = parts === undefined
    ? "JOIN devices d ON d.customer_id = a.customer_id AND d.device_id = a.device_id"
    : `LEFT JOIN parts p ON p.part = a.device_id AND (p.front = p.part OR a.ended_at IS NOT NULL)
     JOIN devices d ON d.customer_id = a.customer_id AND d.device_id = coalesce(p.front, a.device_id)`;
  return {
    with: parts?.sql,
    columns:
      `coalesce(d.merged_into, d.device_id) AS device_id, a.alert_key, a.severity, a.code, a.alert_group, a.description, a.since, a.first_seen_at,
       a.last_seen_at, a.ended_at, l.name AS site, d.network, d.address, d.manufacturer, d.model, d.serial`,
    from: `alerts a
     ${join}
     JOIN agents g ON g.customer_id = d.customer_id AND g.agent_id = d.agent_id
     JOIN sites l ON l.customer_id = g.customer_id AND l.site_id = g.site_id
     LEFT JOIN device_state s ON s.customer_id = d.customer_id AND s.device_id = d.device_id`,
    where: `a.customer_id = :customer${ended ? "" : " AND a.ended_at IS NULL"}${
      severity === undefined ? "" : " AND a.severity = :severity"
    }${where}`,
    keys: [
      ...orderKeys(reportedKeys, order),
      { sql: "CASE WHEN a.ended_at IS NULL THEN 0 ELSE 1 END" },
      { sql: reportedKeys.severity },
      { sql: "a.first_seen_at", isDescending: true },
      ...["d.device_id", "a.alert_key", "a.device_id", "a.origin"].map((sql) => ({ sql })),
    ],
    id: { "a.device_id": "TEXT", "a.alert_key": "TEXT", "a.first_seen_at": "BIGINT", "a.origin": "TEXT" },
    parameters: { ...parameters, ...parts?.parameters, ...(severity === undefined ? {} : { severity }) },
  };
}

export function alertRows(
  tenant: Tenant,
  { place, limit, offset, ...wish }: ReportedWish & PageWish,
): Promise<PageOf<ListedAlert>> {
  return pageOf(tenant, reportedQuery(wish), { place, limit, offset });
}

export interface AlertFilters extends DeviceFilters {
  severity?: string | undefined;
  /** Also alerts that have ended. */
  ended?: boolean | undefined;
  order?: ReportedOrder | undefined;
}

async function wishOf(tenant: Tenant, filters: AlertFilters, now: Date): Promise<ReportedWish> {
  const { severity, ended = false, order } = filters;
  return { filters: await rowFilters(tenant, filters, now.getTime()), severity, ended, order };
}

export function listAlerts(
  platform: Platform,
  by: TenantBy,
  { place, limit, offset, ...filters }: AlertFilters & PageWish,
): Promise<PageOf<ListedAlert>> {
  return readTenant(
    platform,
    by,
    async (tenant) =>
      await alertRows(tenant, { ...await wishOf(tenant, filters, platform.clock.now()), place, limit, offset }),
  );
}

/** All of them in lots: see `queriedInLots()`. */
export function exportAlerts(platform: Platform, by: TenantBy, filters: AlertFilters): AsyncGenerator<ListedAlert[]> {
  const now = platform.clock.now();
  return queriedInLots(
    (work) => readTenant(platform, by, work),
    async (tenant: Tenant) => reportedQuery(await wishOf(tenant, filters, now)),
  );
}
