/** What is the case with devices and agents of a customer, as conditions of alerts. */
import { lowPercent } from "../../common/reading/low_supply.ts";
import { LevelKind, type Supply } from "../../proto/gen/opendca/v1/reading.ts";
import { isLate } from "../agents/agent_health.ts";
import type { AgentRow } from "../agents/agents.ts";
import { isLow, suppliesOf } from "../devices/device_state.ts";
import { supplyName } from "../devices/device_view.ts";
import { emptyingRows } from "../devices/kept_forecasts.ts";
import type { Tenant } from "../store/store.ts";
import {
  type Condition,
  emptySoonMs,
  lowMargin,
  repeats,
  severities,
  silentDeviceMs,
  tellOnceMs,
} from "./alert_rules.ts";
import type { AgentCause } from "./raised_alerts.ts";

const dayMs = 86_400_000;

/** Devices whose ids are behind `from`, up to `to`. */
export interface DeviceRange {
  from: string;
  to: string;
}

/* At sites that are not closed. */
const ofSite = `JOIN agents g ON g.customer_id = d.customer_id AND g.agent_id = d.agent_id
     JOIN sites l ON l.customer_id = g.customer_id AND l.site_id = g.site_id AND l.closed_at IS NULL`;
const inRange = "d.customer_id = :customer AND d.device_id > :from AND d.device_id <= :to";

/** What printers report at present. */
export async function printerConditions(tenant: Tenant, range: DeviceRange, now: number): Promise<Condition[]> {
  const rows = await tenant.all<{
    device_id: string;
    agent_id: string;
    alert_key: string;
    severity: string;
    code: number | null;
    alert_group: string;
    description: string;
    first_seen_at: number;
    times: number;
  }>(
    `SELECT d.device_id, d.agent_id, a.alert_key, a.severity, a.code, a.alert_group, a.description, a.first_seen_at,
       (SELECT count(*) FROM alerts b WHERE b.customer_id = a.customer_id AND b.device_id = a.device_id
          AND b.alert_key = a.alert_key AND b.first_seen_at > :since) AS times
     FROM alerts a JOIN devices d ON d.customer_id = a.customer_id AND d.device_id = a.device_id ${ofSite}
     WHERE a.customer_id = :customer AND ${inRange} AND a.ended_at IS NULL ORDER BY a.first_seen_at`,
    { ...range, since: now - repeats.withinMs },
  );
  return rows.map(({ first_seen_at, severity, code, alert_group, ...row }) => ({
    ...row,
    kind: "printer",
    severity: severities.find((each) => each === severity) ?? "unknown",
    description: row.description || alert_group,
    alert_group: row.alert_key,
    began_at: first_seen_at,
    detail: { group: alert_group, code },
  }));
}

/** When printers last reported what they do not report any more: by device and key. */
export async function printerEnds(tenant: Tenant, range: DeviceRange): Promise<Map<string, number>> {
  const rows = await tenant.all<{ device_id: string; alert_key: string; ended_at: number }>(
    `SELECT r.device_id, r.alert_key, max(a.ended_at) AS ended_at
     FROM raised_alerts r
     JOIN alerts a ON a.customer_id = r.customer_id AND a.device_id = r.device_id AND a.alert_key = r.alert_key
     WHERE r.customer_id = :customer AND r.ended_at IS NULL AND r.kind = 'printer' AND r.device_id > :from
       AND r.device_id <= :to AND a.ended_at IS NOT NULL GROUP BY r.device_id, r.alert_key`,
    { ...range },
  );
  return new Map(rows.map(({ device_id, alert_key, ended_at }) => [`${device_id} ${alert_key}`, ended_at]));
}

/** Supplies that are low, were low until now, or will soon be empty. */
export async function supplyConditions(tenant: Tenant, range: DeviceRange, now: number): Promise<Condition[]> {
  const rows = await tenant.all<{
    device_id: string;
    agent_id: string;
    supplies: Uint8Array | null;
    supplies_at: number | null;
  }>(
    `SELECT d.device_id, d.agent_id, s.supplies, s.supplies_at
     FROM device_state s JOIN devices d ON d.customer_id = s.customer_id AND d.device_id = s.device_id ${ofSite}
     WHERE s.customer_id = :customer AND ${inRange} AND (s.low > 0 OR s.device_id IN (
       SELECT r.device_id FROM raised_alerts r WHERE r.customer_id = :customer AND r.ended_at IS NULL
         AND r.kind = 'supplyLow' AND r.device_id > :from AND r.device_id <= :to))`,
    { ...range },
  );
  const conditions: Condition[] = [];
  for (const row of rows) {
    for (const supply of suppliesOf(row)) {
      const isFading = !isLow(supply);
      if (isFading && !isNearlyLow(supply)) continue;
      const ofSupply = supplyCondition(row, supply, row.supplies_at ?? now);
      conditions.push({ ...ofSupply, kind: "supplyLow", isFading });
    }
  }
  const low = new Set(conditions.map(({ device_id, alert_key }) => `${device_id} ${alert_key}`));
  for (const row of await emptyingRows(tenant, { ...range, until: now + emptySoonMs.end })) {
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
      isFading: row.empties_at > now + emptySoonMs.raise,
    });
  }
  return conditions;
}

function isNearlyLow({ level }: Supply): boolean {
  return level?.kind === LevelKind.EXACT && level.percent !== undefined && level.percent <= lowPercent + lowMargin;
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
  { now, causes }: { now: number; causes: ReadonlyMap<string, AgentCause> },
): Promise<Condition[]> {
  const rows = await tenant.all<{ device_id: string; agent_id: string; last_seen_at: number }>(
    `SELECT d.device_id, d.agent_id, d.last_seen_at FROM devices d ${ofSite}
     WHERE ${inRange} AND d.last_seen_at <= :since`,
    { ...range, since: now - silentDeviceMs },
  );
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
  const rows = await tenant.all<{
    device_id: string;
    agent_id: string;
    at: number;
    kind: "meterFell" | "firmwareChanged";
    before: string | null;
    after: string | null;
  }>(
    `SELECT d.device_id, d.agent_id, h.at, h.kind, h.before, h.after
     FROM device_history h JOIN devices d ON d.customer_id = h.customer_id AND d.device_id = h.device_id ${ofSite}
     WHERE h.customer_id = :customer AND ${inRange} AND h.at > :since AND h.kind IN ('meterFell', 'firmwareChanged')
       AND h.before IS NOT NULL ORDER BY h.at`,
    { ...range, since: now - tellOnceMs },
  );
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
export async function agentConditions(tenant: Tenant, now: number): Promise<Condition[]> {
  const rows = await tenant.all<AgentRow>(
    `SELECT g.* FROM agents g
     JOIN sites l ON l.customer_id = g.customer_id AND l.site_id = g.site_id AND l.closed_at IS NULL
     WHERE g.customer_id = :customer AND g.state = 'active'`,
  );
  return rows.filter((row) => isLate(row, now)).map(({ agent_id, hostname, last_seen_at, created_at }) => ({
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
