/**
 * Alerts that were raised, by rules that let none of them flap (alert_rules.ts): what printers report, and what the
 * platform finds out itself. One row from raising to ending; `alerts` in platform/devices is what printers report,
 * reading by reading.
 */
import { newId } from "../store/new_id.ts";
import type { RowsOf, Tenant } from "../store/store.ts";
import { shortText } from "../store/storable.ts";
import { addAlertEvents, type AlertEvent } from "./alert_events.ts";
import type { AlertColumns, OpenAlert, Step } from "./alert_rules.ts";

const openColumns = `alert_id, kind, device_id, agent_id, alert_key, alert_group, severity, description, began_at,
  raised_at, away_since, cause_id, acknowledged_at, acknowledged_until`;

export const raisedTable: RowsOf = {
  table: "raised_alerts",
  key: ["alert_id"],
  columns: [
    ...["alert_id", "kind", "device_id", "agent_id", "alert_key", "alert_group", "severity", "description", "detail"],
    ...["began_at", "raised_at", "cause_id"],
  ],
};

/** Open alerts of these kinds, of devices behind `from` and up to `to`; those of agents alone have no device. */
export function openRaised(
  tenant: Tenant,
  { from, to, kinds }: { from: string; to: string; kinds: readonly string[] },
): Promise<OpenAlert[]> {
  const names = kinds.map((_, i) => `:kind_${i}`).join(", ");
  return tenant.all(
    `SELECT ${openColumns} FROM raised_alerts
     WHERE customer_id = :customer AND ended_at IS NULL AND device_id > :from AND device_id <= :to AND kind IN (${names})`,
    { from, to, ...Object.fromEntries(kinds.map((kind, i) => [`kind_${i}`, kind])) },
  );
}

export function openAgentAlerts(tenant: Tenant): Promise<OpenAlert[]> {
  return tenant.all(
    `SELECT ${openColumns} FROM raised_alerts
     WHERE customer_id = :customer AND ended_at IS NULL AND device_id = '' AND kind = 'agentSilent'`,
  );
}

export interface AgentCause {
  agent_id: string;
  alert_id: string;
  /** When the agent was last heard of. */
  began_at: number;
}

/** Of agents with an open alert, or one that ended since then, the latest. */
export async function agentCauses(tenant: Tenant, endedSince: number): Promise<Map<string, AgentCause>> {
  const rows = await tenant.all<AgentCause>(
    `SELECT agent_id, alert_id, began_at FROM raised_alerts WHERE customer_id = :customer AND device_id = '' AND kind = 'agentSilent'
       AND (ended_at IS NULL OR ended_at > :since) ORDER BY raised_at`,
    { since: endedSince },
  );
  return new Map(rows.map((row) => [row.agent_id, row]));
}

/** Does what the steps say, with an event for each. The caller holds the lock: see lockAlerts(). */
export async function takeSteps(tenant: Tenant, steps: readonly Step[], now: number): Promise<void> {
  const events: AlertEvent[] = [], raised: object[] = [];
  const note = (alert_id: string, event: AlertEvent["event"], detail: AlertEvent["detail"]) =>
    events.push({ at: now, alert_id, event, actor: "platform", detail });
  for (const step of steps) {
    if (step.do === "raise") {
      const { times: _, isFading: __, isSettled: ___, cause_id = null, detail, ...condition } = step.condition;
      const alert_id = newId("alr"), { kind, severity, device_id, agent_id } = condition;
      const description = shortText(condition.description, 500);
      raised.push({ ...condition, alert_id, description, detail: JSON.stringify(detail), raised_at: now, cause_id });
      note(alert_id, "raised", { kind, severity, deviceId: device_id || null, agentId: agent_id, description });
    } else if (step.do === "end") {
      await setAlert(tenant, step.alert.alert_id, { ended_at: step.at });
      note(step.alert.alert_id, "ended", { reason: step.reason });
    } else {
      await setAlert(tenant, step.alert.alert_id, step.columns);
      if (step.event !== undefined) note(step.alert.alert_id, step.event.event, step.event.detail);
    }
  }
  if (raised.length > 0) await tenant.insertMany(raisedTable, raised);
  await addAlertEvents(tenant, events);
}

export async function setAlert(
  tenant: Tenant,
  alertId: string,
  columns: Partial<AlertColumns> & { ended_at?: number },
): Promise<void> {
  const names = Object.keys(columns);
  await tenant.run(
    `UPDATE raised_alerts SET ${names.map((name) => `${name} = :${name}`).join(", ")}
     WHERE customer_id = :customer AND alert_id = :alert_id`,
    { alert_id: alertId, ...columns },
  );
}
