/** What has happened to a device: as readings showed it, by people, and alerts. */
import type { RaisedAlert } from "../../alerts/list_alerts.ts";
import type { DeviceDetails } from "../../devices/show_device.ts";
import { Table } from "../page/layout.tsx";
import type { CustomerRequest } from "../page/route.ts";
import type { Key, Translate } from "../words/words.ts";
import { alertText } from "./alert_texts.ts";

interface Event {
  at: number;
  text: string;
}

const most = 50;
const kinds: Record<string, Key> = {
  appeared: "happenedAppeared",
  merged: "happenedMerged",
  meterFell: "happenedMeterFell",
  supplyReplaced: "happenedSupplyReplaced",
};
const fields: Record<string, Key> = {
  serial: "serial",
  manufacturer: "maker",
  model: "model",
  hostname: "hostname",
  firmware: "firmware",
  location: "location",
  address: "address",
  network: "network",
  agent: "agent",
};

/** The latest first. */
export function eventsOf(
  { history, changes }: Pick<DeviceDetails, "history" | "changes">,
  { raised, device, t }: { raised: readonly RaisedAlert[]; device: string; t: Translate },
): Event[] {
  const events: Event[] = history.map(({ at, kind, before, after }) => ({
    at,
    text: historyText({ kind, before: before ?? "–", after: after ?? "–" }, t),
  }));
  for (const change of changes) {
    const other = change.device_id === device ? change.other_id : change.device_id, who = change.actor;
    events.push({
      at: change.at,
      text: t(change.kind === "merge" ? "happenedMergedBy" : "happenedSplitBy", { other, who }),
    });
    if (change.undone_at !== null) {
      events.push({ at: change.undone_at, text: t("happenedUndoneBy", { who: change.undone_by ?? "" }) });
    }
  }
  for (const alert of raised) {
    events.push({ at: alert.raised_at, text: t("happenedAlertRaised", { alert: alertText(alert, t) }) });
    if (alert.ended_at !== null) {
      events.push({ at: alert.ended_at, text: t("happenedAlertEnded", { alert: alertText(alert, t) }) });
    }
  }
  // Of one moment, what is known of people comes after what readings showed.
  return events.reverse().sort((a, b) => b.at - a.at).slice(0, most);
}

/* A kind of a later release is shown as it is called. */
function historyText(
  { kind, before, after }: { kind: string; before: string; after: string },
  t: Translate,
): string {
  const known = kinds[kind];
  if (known !== undefined) return t(known, { before, after });
  const name = kind.replace(/Changed$/, ""), field = fields[name];
  return t("happenedChanged", { what: field === undefined ? name : t(field), before, after });
}

export function DeviceEvents(
  { request: { t, formats }, details, raised }: {
    request: CustomerRequest;
    details: DeviceDetails;
    raised: readonly RaisedAlert[];
  },
) {
  return (
    <>
      <h2 id="events">{t("events")}</h2>
      <Table
        rows={eventsOf(details, { raised, device: details.view.row.device_id, t })}
        empty={t("noEvents")}
        caption={t("events")}
        isTitled
        columns={[
          { heading: t("time"), cell: ({ at }) => formats.time(at) },
          { heading: t("event"), cell: ({ text }) => text },
        ]}
      />
    </>
  );
}
