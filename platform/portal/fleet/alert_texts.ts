/** What pages call alerts. Pure. */
import type { AlertEventKind } from "../../alerts/alert_events.ts";
import type { AlertKind, Severity } from "../../alerts/alert_rules.ts";
import type { AlertState } from "../../alerts/list_alerts.ts";
import { words } from "../../devices/device_view.ts";
import { supplyText } from "../../devices/supply_text.ts";
import type { Key, Translate } from "../words/words.ts";

export const kindKeys: Record<AlertKind, Key> = {
  printer: "kindPrinter",
  supplyLow: "kindSupplyLow",
  supplyEmptySoon: "kindSupplyEmptySoon",
  deviceSilent: "kindDeviceSilent",
  agentSilent: "kindAgentSilent",
  meterFell: "kindMeterFell",
  firmwareChanged: "kindFirmwareChanged",
};

export const severityKeys: Record<Severity, Key> = {
  critical: "severityCritical",
  warning: "severityWarning",
  other: "severityOther",
  unknown: "severityUnknown",
};

export const stateKeys: Record<AlertState, Key> = {
  open: "alertOpen",
  acknowledged: "alertAcknowledged",
  ended: "alertEnded",
};

export const eventKeys: Record<AlertEventKind, Key> = {
  raised: "eventRaised",
  changed: "eventChanged",
  acknowledged: "eventAcknowledged",
  released: "eventReleased",
  ended: "eventEnded",
};

/** What a printer says as it says it; of the others, the kind and what it is of. */
export function alertText({ kind, description }: { kind: AlertKind; description: string }, t: Translate): string {
  const text = /^[a-z]+([A-Z][a-z]+)+$/.test(description) ? words(description) : description;
  if (kind === "printer") return text || t(kindKeys.printer);
  return description === "" ? t(kindKeys[kind]) : `${t(kindKeys[kind])}: ${supplyText(description, t)}`;
}
