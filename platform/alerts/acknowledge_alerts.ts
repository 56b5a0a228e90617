/** Acknowledging alerts: somebody has them in hand, until they end, become more severe, or a time is over. */
import { UsageError } from "../../common/core/errors.ts";
import type { Platform } from "../agents/platform.ts";
import { actorText } from "../audit/audit_log.ts";
import { changeTenant, type TenantBy } from "../audit/use_case.ts";
import { shortText } from "../store/storable.ts";
import type { Tenant } from "../store/store.ts";
import { addAlertEvents, lockAlerts } from "./alert_events.ts";
import { notAcknowledged } from "./alert_rules.ts";
import { type RaisedAlert, type RaisedFilters, raisedRows, stateOfAlert } from "./list_alerts.ts";
import { setAlert } from "./raised_alerts.ts";

/** One alert, or all open ones that the filters find, with those that they explain. */
export type Chosen =
  | { alertId: string; sites?: "all" | readonly string[] }
  | Omit<RaisedFilters, "state" | "explained">;

const mostNote = 500;

/** Returns how many were acknowledged. Throws UsageError if there is none, or the time is over already. */
export function acknowledgeAlerts(
  platform: Platform,
  by: TenantBy,
  { note, until, ...chosen }: { note?: string | undefined; until?: Date | undefined } & Chosen,
): Promise<number> {
  return changeTenant(platform, by, async (tenant, at) => {
    await lockAlerts(tenant);
    const now = at.getTime();
    if (until !== undefined && !(until.getTime() > now)) {
      throw new UsageError(
        "Cannot acknowledge an alert until a time that is over",
        "leave the time out, or take a later one",
      );
    }
    const alerts = await chosenAlerts(tenant, chosen, now), actor = actorText(by.actor);
    const columns = {
      acknowledged_at: now,
      acknowledged_by: actor,
      acknowledged_until: until?.getTime() ?? null,
      note: note === undefined || note.trim() === "" ? null : shortText(note.trim(), mostNote),
    };
    for (const { alert_id } of alerts) await setAlert(tenant, alert_id, columns);
    const detail = { note: columns.note, until: columns.acknowledged_until };
    await addAlertEvents(
      tenant,
      alerts.map(({ alert_id }) => ({ at: now, alert_id, event: "acknowledged", actor, detail })),
    );
    return { answer: alerts.length, audit: auditOf("alertsAcknowledged", alerts, columns.note) };
  });
}

/** Takes acknowledgements back. Returns of how many. Throws UsageError if none of them is acknowledged. */
export function releaseAlerts(platform: Platform, by: TenantBy, chosen: Chosen): Promise<number> {
  return changeTenant(platform, by, async (tenant, at) => {
    await lockAlerts(tenant);
    const now = at.getTime(), actor = actorText(by.actor);
    const alerts = (await chosenAlerts(tenant, chosen, now)).filter((alert) =>
      stateOfAlert(alert, now) === "acknowledged"
    );
    if (alerts.length === 0) throw new UsageError("Cannot take the acknowledgement back as there is none");
    for (const { alert_id } of alerts) await setAlert(tenant, alert_id, notAcknowledged);
    await addAlertEvents(
      tenant,
      alerts.map(({ alert_id }) => ({ at: now, alert_id, event: "released", actor, detail: {} })),
    );
    return { answer: alerts.length, audit: auditOf("alertsReleased", alerts, null) };
  });
}

function auditOf(action: string, alerts: readonly RaisedAlert[], note: string | null) {
  const [first] = alerts;
  const detail = { alerts: alerts.length, kind: first!.kind, ...(note === null ? {} : { note }) };
  return { action, subject: first!.alert_id, detail };
}

async function chosenAlerts(tenant: Tenant, chosen: Chosen, now: number): Promise<RaisedAlert[]> {
  const open = await raisedRows(tenant, {
    ...("alertId" in chosen ? { sites: chosen.sites } : chosen),
    explained: true,
    now,
  });
  const own = open.filter(({ alert_id, cause_id }) =>
    "alertId" in chosen ? alert_id === chosen.alertId : cause_id === null
  );
  if (own.length === 0) {
    const what = "alertId" in chosen ? `the alert "${chosen.alertId}"` : "these alerts";
    throw new UsageError(
      `Cannot change ${what} as it is not open`,
      "opendca-platform alert raised shows those that are",
    );
  }
  const ids = new Set(own.map(({ alert_id }) => alert_id));
  const explained = (await raisedRows(tenant, { explained: true, now }))
    .filter(({ alert_id, cause_id }) => cause_id !== null && ids.has(cause_id) && !ids.has(alert_id));
  return [...own, ...explained];
}
