/** Lists of raised alerts: one by one, and grouped. */
import { newConditions } from "../store/conditions.ts";
import type { Platform } from "../agents/platform.ts";
import { readTenant, type TenantBy } from "../audit/use_case.ts";
import {
  type NamedQuery,
  orderKeys,
  type OrderOf,
  type Page,
  type PageOf,
  pageOf,
  type PageWish,
  queriedInLots,
} from "../store/page.ts";
import type { Parameters, Tenant, Transaction } from "../store/store.ts";
import { eventsOfAlert, type NumberedEvent } from "./alert_events.ts";
import type { AlertKind, Severity } from "./alert_rules.ts";

export const alertStates = ["open", "acknowledged", "ended"] as const;
export type AlertState = (typeof alertStates)[number];

export interface RaisedFilters {
  /** `open`: nobody has acknowledged it. Undefined: all that have not ended. */
  state?: AlertState | undefined;
  kind?: AlertKind | undefined;
  severity?: Severity | undefined;
  /** Id of a site of the customer. */
  siteId?: string | undefined;
  /** Ids of those that may be seen. */
  sites?: "all" | readonly string[] | undefined;
  deviceId?: string | undefined;
  /** What groups alerts of one kind. */
  group?: string | undefined;
  /** Also those that another one explains. */
  explained?: boolean | undefined;
}

export interface RaisedAlert {
  alert_id: string;
  kind: AlertKind;
  severity: Severity;
  /** Empty for an alert of an agent alone. */
  device_id: string;
  agent_id: string;
  alert_group: string;
  description: string;
  /** JSON. */
  detail: string;
  began_at: number;
  raised_at: number;
  ended_at: number | null;
  cause_id: string | null;
  acknowledged_at: number | null;
  acknowledged_by: string | null;
  acknowledged_until: number | null;
  note: string | null;
  site_id: string;
  site: string;
  hostname: string | null;
  address: string | null;
  manufacturer: string | null;
  model: string | null;
  serial: string | null;
}

const source = `raised_alerts r
     LEFT JOIN devices d ON d.customer_id = r.customer_id AND d.device_id = r.device_id
     JOIN agents g ON g.customer_id = r.customer_id AND g.agent_id = coalesce(d.agent_id, r.agent_id)
     JOIN sites l ON l.customer_id = g.customer_id AND l.site_id = g.site_id`;
const rank = "CASE r.severity WHEN 'critical' THEN 0 WHEN 'warning' THEN 1 ELSE 2 END";
const isAcknowledged =
  "r.acknowledged_at IS NOT NULL AND (r.acknowledged_until IS NULL OR r.acknowledged_until > :now)";

function conditionsOf(filters: RaisedFilters, now: number): { where: string; parameters: Parameters } {
  const { state, kind, severity, siteId, sites = "all", deviceId, group, explained } = filters;
  const { where, parameters, add } = newConditions([
    state === "ended" ? "r.ended_at IS NOT NULL" : "r.ended_at IS NULL",
  ]);
  if (state === "open") add(`NOT (${isAcknowledged})`, { now });
  if (state === "acknowledged") add(isAcknowledged, { now });
  if (kind !== undefined) add("r.kind = :kind", { kind });
  if (severity !== undefined) add("r.severity = :severity", { severity });
  if (siteId !== undefined) add("l.site_id = :site_id", { site_id: siteId });
  if (sites !== "all") {
    const names = sites.map((_, i) => `:seen_${i}`);
    add(`l.site_id IN (${names.join(", ") || "NULL"})`, Object.fromEntries(sites.map((id, i) => [`seen_${i}`, id])));
  }
  if (deviceId !== undefined) add("(r.device_id = :device_id OR d.merged_into = :device_id)", { device_id: deviceId });
  if (group !== undefined) add("r.alert_group = :alert_group", { alert_group: group });
  if (explained !== true) where.push("r.cause_id IS NULL");
  return { where: where.map((text) => ` AND ${text}`).join(""), parameters };
}

const raisedKeys = {
  alert: "r.kind || ' ' || lower(r.description)",
  device: "lower(coalesce(d.manufacturer, '') || ' ' || coalesce(d.model, ''))",
  address: "d.address_order",
  serial: "lower(d.serial)",
  site: "lower(l.name)",
  severity: rank,
  beganAt: "r.began_at",
  raisedAt: "r.raised_at",
  state: "CASE WHEN r.ended_at IS NOT NULL THEN 2 WHEN r.acknowledged_at IS NOT NULL THEN 1 ELSE 0 END",
} as const;

export type RaisedOrder = OrderOf<keyof typeof raisedKeys>;
export const raisedSorts = Object.keys(raisedKeys) as RaisedOrder["by"][];

/* By default, the most severe and the latest first. */
function raisedQuery(
  { now, order, ...filters }: RaisedFilters & { now: number; order?: RaisedOrder | undefined },
): NamedQuery {
  const { where, parameters } = conditionsOf(filters, now);
  return {
    columns:
      `r.alert_id, r.kind, r.severity, r.device_id, r.agent_id, r.alert_group, r.description, r.detail, r.began_at,
       r.raised_at, r.ended_at, r.cause_id, r.acknowledged_at, r.acknowledged_by, r.acknowledged_until, r.note,
       l.site_id, l.name AS site, g.hostname, d.address, d.manufacturer, d.model, d.serial`,
    from: source,
    where: `r.customer_id = :customer${where}`,
    keys: [
      ...orderKeys(raisedKeys, order),
      ...(filters.state === "ended"
        ? [{ sql: "r.ended_at", isDescending: true }]
        : [{ sql: rank }, { sql: "r.raised_at", isDescending: true }]),
      { sql: "r.alert_id" },
    ],
    id: { "r.alert_id": "TEXT" },
    parameters,
  };
}

type RaisedWish = RaisedFilters & { order?: RaisedOrder | undefined };

export async function raisedRows(
  tenant: Tenant,
  { limit, offset, ...wish }: RaisedWish & Page & { now: number },
): Promise<RaisedAlert[]> {
  return (await pageOf<RaisedAlert>(tenant, raisedQuery(wish), { limit, offset })).rows;
}

export function listRaisedAlerts(platform: Platform, by: TenantBy, wish: RaisedWish & Page): Promise<RaisedAlert[]> {
  return readTenant(platform, by, (tenant) => raisedRows(tenant, { ...wish, now: platform.clock.now().getTime() }));
}

export function pageOfRaisedAlerts(
  platform: Platform,
  by: TenantBy,
  { place, limit, ...wish }: RaisedWish & PageWish,
): Promise<PageOf<RaisedAlert>> {
  const query = raisedQuery({ ...wish, now: platform.clock.now().getTime() });
  return readTenant(platform, by, (tenant) => pageOf(tenant, query, { place, limit }));
}

/** All of them in lots: see `queriedInLots()`. */
export function exportRaisedAlerts(platform: Platform, by: TenantBy, wish: RaisedWish): AsyncGenerator<RaisedAlert[]> {
  const query = raisedQuery({ ...wish, now: platform.clock.now().getTime() });
  return queriedInLots((work) => readTenant(platform, by, work), () => query);
}

/** Alerts of one kind and group at one site. */
export interface AlertGroup {
  site_id: string;
  site: string;
  kind: AlertKind;
  alert_group: string;
  count: number;
  /** How many of them somebody has acknowledged. */
  acknowledged: number;
  /** Of the most severe one. */
  severity: Severity;
  /** Of the latest one. */
  description: string;
  first_at: number;
  last_at: number;
  /** How many alerts they explain, such as of the devices of a silent agent. */
  explains: number;
  /** One of them: the only one where `count` is 1. */
  alert_id: string;
}

const groupKeys = {
  alert: "r.kind || ' ' || r.alert_group",
  site: "lower(l.name)",
  severity: `min(${rank})`,
  count: "count(*)",
  raisedAt: "max(r.raised_at)",
} as const;

export type GroupOrder = OrderOf<keyof typeof groupKeys>;
export const groupSorts = Object.keys(groupKeys) as GroupOrder["by"][];

type GroupWish = RaisedFilters & { order?: GroupOrder | undefined };

const explained = `(SELECT count(*) FROM raised_alerts e
       WHERE e.customer_id = r.customer_id AND e.cause_id = r.alert_id AND e.ended_at IS NULL)`;

/* By default, the most severe and the latest first. */
function groupQuery(
  { now, order, ...filters }: GroupWish & { now: number },
  engine: Transaction["engine"],
): NamedQuery {
  const indexed = source.replace("raised_alerts r", "$& INDEXED BY raised_alerts_by_group");
  const { where, parameters } = conditionsOf(filters, now);
  return {
    columns: `l.site_id, l.name AS site, r.kind, r.alert_group, count(*) AS count,
       sum(CASE WHEN ${isAcknowledged} THEN 1 ELSE 0 END) AS acknowledged,
       min(${rank}) AS worst, max(r.description) AS description, min(r.raised_at) AS first_at,
       max(r.raised_at) AS last_at, coalesce(sum(${explained}), 0) AS explains, min(r.alert_id) AS alert_id`,
    from: source,
    fromNamed: engine === "sqlite" ? indexed : source,
    where: `r.customer_id = :customer${where}`,
    groupBy: "l.site_id, l.name, r.kind, r.alert_group",
    keys: [
      ...orderKeys(groupKeys, order),
      { sql: `min(${rank})` },
      { sql: "max(r.raised_at)", isDescending: true },
      ...["l.site_id", "r.kind", "r.alert_group"].map((sql) => ({ sql })),
    ],
    id: { "l.site_id": "TEXT", "r.kind": "TEXT", "r.alert_group": "TEXT" },
    parameters: { ...parameters, now },
  };
}

const rankedSeverities = ["critical", "warning", "other"] as const;

type GroupRow = Omit<AlertGroup, "severity"> & { worst: number };

function groupOf({ worst, ...row }: GroupRow): AlertGroup {
  return {
    ...row,
    severity: rankedSeverities[worst]!,
    count: Number(row.count),
    acknowledged: Number(row.acknowledged),
    explains: Number(row.explains),
  };
}

export async function alertGroups(
  platform: Platform,
  by: TenantBy,
  { place, limit, ...wish }: GroupWish & PageWish,
): Promise<PageOf<AlertGroup>> {
  const now = platform.clock.now().getTime();
  const page = await readTenant(
    platform,
    by,
    (tenant) => pageOf<GroupRow>(tenant, groupQuery({ ...wish, now }, tenant.transaction.engine), { place, limit }),
  );
  return { ...page, rows: page.rows.map(groupOf) };
}

/** All of them in lots: see `queriedInLots()`. */
export async function* exportAlertGroups(
  platform: Platform,
  by: TenantBy,
  wish: GroupWish,
): AsyncGenerator<AlertGroup[]> {
  const now = platform.clock.now().getTime();
  const lots = queriedInLots<GroupRow, Tenant>(
    (work) => readTenant(platform, by, work),
    (tenant) => groupQuery({ ...wish, now }, tenant.transaction.engine),
  );
  for await (const lot of lots) yield lot.map(groupOf);
}

/** With what became of it; undefined if the customer has no such alert, or none at these sites. */
export function maybeRaisedAlert(
  platform: Platform,
  by: TenantBy,
  { alertId, sites = "all" }: { alertId: string; sites?: "all" | readonly string[] },
): Promise<{ alert: RaisedAlert; events: NumberedEvent[]; explains: RaisedAlert[] } | undefined> {
  return readTenant(platform, by, async (tenant) => {
    const alert = await tenant.get<RaisedAlert>(
      `SELECT r.*, l.site_id, l.name AS site, g.hostname, d.address, d.manufacturer, d.model, d.serial
       FROM ${source} WHERE r.customer_id = :customer AND r.alert_id = :alert_id`,
      { alert_id: alertId },
    );
    if (alert === undefined || (sites !== "all" && !sites.includes(alert.site_id))) return undefined;
    const explains = await tenant.all<RaisedAlert>(
      `SELECT r.*, l.site_id, l.name AS site, g.hostname, d.address, d.manufacturer, d.model, d.serial
       FROM ${source} WHERE r.customer_id = :customer AND r.cause_id = :alert_id ORDER BY r.raised_at LIMIT 1000`,
      { alert_id: alertId },
    );
    return { alert, events: await eventsOfAlert(tenant, alertId), explains };
  });
}

export function stateOfAlert(
  { ended_at, acknowledged_at, acknowledged_until }: Pick<
    RaisedAlert,
    "ended_at" | "acknowledged_at" | "acknowledged_until"
  >,
  now: number,
): AlertState {
  if (ended_at !== null) return "ended";
  return acknowledged_at !== null && (acknowledged_until === null || acknowledged_until > now)
    ? "acknowledged"
    : "open";
}
