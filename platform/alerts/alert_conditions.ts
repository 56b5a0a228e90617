/** What is the case with devices and agents of a customer, as conditions of alerts. */
import { lowPercent as usualLowPercent } from "../../common/reading/low_supply.ts";
import { LevelKind, type Supply } from "../../proto/gen/opendca/v1/reading.ts";
import { isLate } from "../agents/agent_health.ts";
import type { AgentRow } from "../agents/agents.ts";
import { suppliesOf } from "../devices/device_state.ts";
import { supplyName } from "../devices/device_view.ts";
import { emptyingIn } from "../devices/kept_forecasts.ts";
import type { Tenant } from "../store/store.ts";
import type { AlertLimits } from "./alert_limits.ts";
import {
  type Condition,
  emptyMarginMs,
  lowMargin,
  raiseAfterMs,
  repeats,
  severities,
  tellOnceMs,
} from "./alert_rules.ts";
import type { AgentCause } from "./raised_alerts.ts";

const hourMs = 3_600_000, dayMs = 24 * hourMs;

/** Devices whose ids are behind `from`, up to `to`. */
export interface DeviceRange {
  from: string;
  to: string;
}

const inRange = "customer_id = :customer AND device_id > :from AND device_id <= :to";

/*
 * Each table is asked by itself: PostgreSQL expects hardly a row of a range while it has no statistics, and would compare
 * each row with each one of the other table.
 */

/** The agent of each of these devices that is at a site that is not closed. */
async function openAgentsOf(
  tenant: Tenant,
  devices: readonly { device_id: string }[],
): Promise<ReadonlyMap<string, string>> {
  const ids = [...new Set(devices.map(({ device_id }) => device_id))];
  if (ids.length === 0) return new Map();
  const rows = await tenant.allOf<{ device_id: string; agent_id: string }>(
    "SELECT device_id, agent_id FROM devices WHERE customer_id = :customer AND device_id = :device_id",
    ids.map((device_id) => ({ device_id })),
  );
  const open = await openAgentIds(tenant);
  return new Map(rows.flatMap(({ device_id, agent_id }) => open.has(agent_id) ? [[device_id, agent_id]] : []));
}

async function openAgentIds(tenant: Tenant): Promise<ReadonlySet<string>> {
  const rows = await tenant.all<{ agent_id: string }>(
    `SELECT g.agent_id FROM agents g
     JOIN sites l ON l.customer_id = g.customer_id AND l.site_id = g.site_id AND l.closed_at IS NULL
     WHERE g.customer_id = :customer`,
  );
  return new Set(rows.map(({ agent_id }) => agent_id));
}

/** With the agent; without those of closed sites. */
async function withAgents<Row extends { device_id: string }>(
  tenant: Tenant,
  rows: readonly Row[],
): Promise<(Row & { agent_id: string })[]> {
  const agents = await openAgentsOf(tenant, rows);
  return rows.flatMap((row) => {
    const agent_id = agents.get(row.device_id);
    return agent_id === undefined ? [] : [{ ...row, agent_id }];
  });
}

/** What printers report at present. */
export async function printerConditions(tenant: Tenant, range: DeviceRange, now: number): Promise<Condition[]> {
  const all = await tenant.all<{
    device_id: string;
    alert_key: string;
    severity: string;
    code: number | null;
    alert_group: string;
    description: string;
    first_seen_at: number;
  }>(
    `SELECT device_id, alert_key, severity, code, alert_group, description, first_seen_at
     FROM alerts WHERE ${inRange} AND ended_at IS NULL ORDER BY first_seen_at`,
    { ...range },
  );
  const rows = await withAgents(tenant, all);
  const conditions = rows.map(({ first_seen_at, severity, code, alert_group, ...row }): Condition => ({
    ...row,
    kind: "printer",
    severity: severities.find((each) => each === severity) ?? "unknown",
    description: row.description || alert_group,
    alert_group: row.alert_key,
    began_at: first_seen_at,
    detail: { group: alert_group, code },
  }));
  const young = conditions.filter(({ severity, began_at }) => now - began_at < raiseAfterMs[severity]);
  const times = await timesOf(tenant, young, now - repeats.withinMs);
  for (const condition of young) condition.times = times.get(keyOf(condition)) ?? 1;
  return conditions;
}

const keyOf = ({ device_id, alert_key }: { device_id: string; alert_key: string }) => `${device_id} ${alert_key}`;
const keysOf = (each: readonly { device_id: string; alert_key: string }[]) =>
  each.map(({ device_id, alert_key }) => ({ device_id, alert_key }));

/** How often each began since then. */
async function timesOf(tenant: Tenant, conditions: readonly Condition[], since: number): Promise<Map<string, number>> {
  const rows = await tenant.allOf<{ device_id: string; alert_key: string }>(
    `SELECT device_id, alert_key FROM alerts
     WHERE customer_id = :customer AND device_id = :device_id AND alert_key = :alert_key AND first_seen_at > :since`,
    keysOf(conditions).map((keys) => ({ ...keys, since })),
  );
  return new Map([...Map.groupBy(rows, keyOf)].map(([key, { length }]) => [key, length]));
}

/** When printers last reported what they do not report any more: by device and key. */
export async function printerEnds(
  tenant: Tenant,
  gone: readonly { device_id: string; alert_key: string }[],
): Promise<Map<string, number>> {
  const rows = await tenant.allOf<{ device_id: string; alert_key: string; ended_at: number }>(
    `SELECT device_id, alert_key, ended_at FROM alerts
     WHERE customer_id = :customer AND device_id = :device_id AND alert_key = :alert_key AND ended_at IS NOT NULL
     ORDER BY ended_at DESC LIMIT 1`,
    keysOf(gone),
  );
  return new Map(rows.map((row) => [keyOf(row), row.ended_at]));
}

/** Supplies that are low, were low until now, or will soon be empty. */
export async function supplyConditions(
  tenant: Tenant,
  range: DeviceRange,
  { now, limits: { lowPercent, emptyDays } }: { now: number; limits: AlertLimits },
): Promise<Condition[]> {
  type Row = { device_id: string; supplies: Uint8Array | null; supplies_at: number | null };
  // Above what every list calls low, no index knows them.
  const mayBeLow = lowPercent <= usualLowPercent ? "low > 0" : "supplies IS NOT NULL";
  const lowOnes = await tenant.all<Row>(
    `SELECT device_id, supplies, supplies_at FROM device_state WHERE ${inRange} AND ${mayBeLow}`,
    { ...range },
  );
  const raised = await tenant.all<{ device_id: string }>(
    `SELECT DISTINCT device_id FROM raised_alerts WHERE ${inRange} AND ended_at IS NULL AND kind = 'supplyLow'`,
    { ...range },
  );
  const known = new Set(lowOnes.map(({ device_id }) => device_id));
  const others = await tenant.allOf<Row>(
    "SELECT device_id, supplies, supplies_at FROM device_state WHERE customer_id = :customer AND device_id = :device_id",
    raised.flatMap(({ device_id }) => known.has(device_id) ? [] : [{ device_id }]),
  );
  const rows = await withAgents(tenant, [...lowOnes, ...others]);
  const conditions: Condition[] = [];
  for (const row of rows) {
    for (const supply of suppliesOf(row)) {
      const isFading = !isAtMost(supply, lowPercent);
      if (isFading && !isAtMost(supply, lowPercent + lowMargin)) continue;
      const ofSupply = supplyCondition(row, supply, row.supplies_at ?? now);
      conditions.push({ ...ofSupply, kind: "supplyLow", isFading });
    }
  }
  const low = new Set(conditions.map(({ device_id, alert_key }) => `${device_id} ${alert_key}`));
  const soon = now + emptyDays * dayMs;
  for (const row of await withAgents(tenant, await emptyingIn(tenant, { ...range, until: soon + emptyMarginMs }))) {
    if (low.has(`${row.device_id} ${row.supply}`)) continue;
    conditions.push({
      kind: "supplyEmptySoon",
      device_id: row.device_id,
      agent_id: row.agent_id,
      alert_key: row.supply,
      alert_group: "",
      severity: "warning",
      description: row.name,
      detail: { supply: row.supply, partNumber: row.part_number, emptiesAt: row.empties_at },
      began_at: now,
      isSettled: true,
      isFading: row.empties_at > soon,
    });
  }
  return conditions;
}

function isAtMost({ level }: Supply, percent: number): boolean {
  if (level?.kind === LevelKind.EMPTY) return true;
  return level?.kind === LevelKind.EXACT && level.percent !== undefined && level.percent <= percent;
}

function supplyCondition(
  { device_id, agent_id }: { device_id: string; agent_id: string },
  supply: Supply,
  at: number,
): Condition {
  const isEmpty = supply.level?.kind === LevelKind.EMPTY;
  return {
    kind: "supplyLow",
    device_id,
    agent_id,
    alert_key: supply.index,
    alert_group: "",
    severity: isEmpty ? "critical" : "warning",
    description: supplyName(supply),
    detail: {
      supply: supply.index,
      partNumber: supply.partNumber ?? null,
      percent: isEmpty ? 0 : supply.level?.percent ?? null,
    },
    began_at: at,
    isSettled: true,
  };
}

/**
 * `causes`: open alerts of agents, and those that ended less than a day ago, by the agent. They explain no device that
 * was silent for a day before.
 */
export async function silenceConditions(
  tenant: Tenant,
  range: DeviceRange,
  { now, causes, limits }: { now: number; causes: ReadonlyMap<string, AgentCause>; limits: AlertLimits },
): Promise<Condition[]> {
  const all = await tenant.all<{ device_id: string; agent_id: string; last_seen_at: number }>(
    `SELECT device_id, agent_id, last_seen_at FROM devices WHERE ${inRange} AND last_seen_at <= :since`,
    { ...range, since: now - limits.silentDeviceDays * dayMs },
  );
  const open = all.length === 0 ? new Set() : await openAgentIds(tenant);
  const rows = all.filter(({ agent_id }) => open.has(agent_id));
  return rows.map(({ last_seen_at, ...row }) => ({
    ...row,
    kind: "deviceSilent",
    alert_key: "",
    alert_group: "",
    severity: "warning",
    description: "",
    detail: { lastSeenAt: last_seen_at },
    began_at: last_seen_at,
    isSettled: true,
    cause_id: causeOf(causes.get(row.agent_id), last_seen_at),
  }));
}

function causeOf(cause: AgentCause | undefined, lastSeenAt: number): string | null {
  return cause !== undefined && lastSeenAt > cause.began_at - dayMs ? cause.alert_id : null;
}

/** What happened to devices once, of late. */
export async function onceConditions(tenant: Tenant, range: DeviceRange, now: number): Promise<Condition[]> {
  const all = await tenant.all<{
    device_id: string;
    at: number;
    kind: "meterFell" | "firmwareChanged";
    before: string | null;
    after: string | null;
  }>(
    `SELECT device_id, at, kind, before, after FROM device_history
     WHERE ${inRange} AND at > :since AND kind IN ('meterFell', 'firmwareChanged') AND before IS NOT NULL ORDER BY at`,
    { ...range, since: now - tellOnceMs },
  );
  const rows = await withAgents(tenant, all);
  return rows.map(({ device_id, agent_id, at, kind, before, after }) => ({
    kind,
    device_id,
    agent_id,
    alert_key: String(at),
    alert_group: "",
    severity: kind === "meterFell" ? "warning" : "other",
    description: `${before ?? ""} → ${after ?? ""}`,
    detail: { before, after },
    began_at: at,
    isSettled: true,
  }));
}

/** Agents that should have reported and did not. */
export async function agentConditions(
  tenant: Tenant,
  { now, limits }: { now: number; limits: AlertLimits },
): Promise<Condition[]> {
  const since = now - limits.silentAgentHours * hourMs;
  const rows = await tenant.all<AgentRow>(
    `SELECT g.* FROM agents g
     JOIN sites l ON l.customer_id = g.customer_id AND l.site_id = g.site_id AND l.closed_at IS NULL
     WHERE g.customer_id = :customer AND g.state = 'active'`,
  );
  const silent = rows.filter((row) => isLate(row, now) && (row.last_seen_at ?? row.created_at) <= since);
  return silent.map(({ agent_id, hostname, last_seen_at, created_at }) => ({
    kind: "agentSilent",
    device_id: "",
    agent_id,
    alert_key: "",
    alert_group: "",
    severity: "critical",
    description: hostname ?? "",
    detail: { lastSeenAt: last_seen_at },
    began_at: last_seen_at ?? created_at,
    isSettled: true,
  }));
}
