import { type Inquiry, maybeText } from "./inquiry.ts";
import { knownText } from "./known_text.ts";
import { alertGroups, oids } from "./printer_mib.ts";
import { maybeInteger, rawOf } from "./raw_value.ts";
import type { Alert } from "../../common/reading/reading.ts";
import { ofPrinter, rowsOf } from "./table_rows.ts";
import { firstValid } from "./trace.ts";

/** PrtAlertSeverityLevelTC; a binary change event warning (5) is a warning. */
const severities: Readonly<Record<number, Alert["severity"]>> = { 3: "critical", 4: "warning", 5: "warning" };

/** Rows of prtAlertTable with content. Some devices keep emptied rows, with group 0 and no text. */
export function readAlerts(inquiry: Inquiry, observedAt: Date): Alert[] {
  const upTime = maybeInteger(inquiry.store.get(oids.sysUpTime));
  const columns = {
    severity: oids.prtAlertSeverityLevel,
    group: oids.prtAlertGroup,
    code: oids.prtAlertCode,
    description: oids.prtAlertDescription,
    time: oids.prtAlertTime,
  };
  const alerts: Alert[] = [];
  for (const { index, values } of ofPrinter(rowsOf(inquiry.store, columns), inquiry.device)) {
    const group = maybeInteger(values.group);
    const description = knownText(maybeText(values.description, inquiry.charset)) ?? "";
    if (description === "" && (group === undefined || group <= 0)) continue;
    // An alert has no index in the reading, so it is traced by its place in the list.
    firstValid(inquiry.trace, `alerts.${alerts.length}`, [{
      oid: `${oids.prtAlertDescription}.${index}`,
      rule: "rfc3805.alert",
      answered: values.description,
      raw: Object.fromEntries(Object.entries(values).map(([name, value]) => [name, rawOf(value)])),
      value: description,
    }]);
    alerts.push({
      severity: severities[maybeInteger(values.severity) ?? 0] ?? "other",
      code: codeOf(maybeInteger(values.code)),
      group: alertGroups[group ?? 0] ?? "other",
      description,
      since: since(observedAt, { upTime, alertTime: maybeInteger(values.time) }),
    });
  }
  return alerts;
}

/** PrtAlertCodeTC begins at 1; agents without a code send lower numbers. */
function codeOf(number: number | undefined): number | null {
  return number !== undefined && number > 0 ? number : null;
}

/** Hundredths of a second in a minute: an alert may begin while the device is being read. */
const readTicks = 6000;
/** sysUpTime wraps around after 497 days. */
const wrapTicks = 2 ** 32;

/**
 * prtAlertTime is sysUpTime when the alert began, in hundredths of a second; devices that do not record it send 0. A
 * time after the present sysUpTime is from before the counter wrapped, if it is in the second half of the range and
 * less than half the range ago; otherwise it is not a valid time.
 */
function since(observedAt: Date, ticks: { upTime: number | undefined; alertTime: number | undefined }): string | null {
  const { upTime, alertTime } = ticks;
  if (upTime === undefined || alertTime === undefined || alertTime <= 0 || alertTime >= wrapTicks || upTime < 0) {
    return null;
  }
  let age = upTime - alertTime;
  if (age < 0) {
    if (age >= -readTicks) age = 0;
    else if (alertTime >= wrapTicks / 2 && age + wrapTicks < wrapTicks / 2) age += wrapTicks;
    else return null;
  }
  const began = observedAt.getTime() - age * 10;
  return Number.isFinite(began) ? new Date(began).toISOString() : null;
}
