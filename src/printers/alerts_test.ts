import assert from "node:assert/strict";
import { readAlerts } from "./alerts.ts";
import { openInquiry } from "./inquiry.ts";
import { oids } from "./printer_mib.ts";
import { generic } from "./profiles/generic.ts";
import { storeOf, type TestValue } from "./store_of.ts";

const observedAt = new Date("2026-01-01T00:10:00Z");

function alerts(
  row: Partial<Record<"severity" | "group" | "code" | "description" | "time", TestValue>>,
  upTime = 100_000,
) {
  const columns = {
    severity: oids.prtAlertSeverityLevel,
    group: oids.prtAlertGroup,
    code: oids.prtAlertCode,
    description: oids.prtAlertDescription,
    time: oids.prtAlertTime,
  };
  const objects: Record<string, TestValue> = { [oids.sysUpTime]: upTime };
  for (const [name, value] of Object.entries(row)) objects[`${columns[name as keyof typeof columns]}.1.9`] = value;
  return readAlerts(openInquiry(storeOf(objects), generic, []), observedAt);
}

Deno.test("readAlerts() reads severity, group, code and when the alert began", () => {
  assert.deepEqual(alerts({ severity: 4, group: 11, code: 1104, description: "Toner low", time: 40_000 }), [{
    severity: "warning",
    code: 1104,
    group: "markerSupplies",
    description: "Toner low",
    since: "2026-01-01T00:00:00.000Z",
  }]);
});

const times: [string, number | undefined, string | null][] = [
  ["no time", undefined, null],
  ["time 0 as none", 0, null],
  ["a time after sysUpTime as none", 100_001, null],
  ["now", 100_000, "2026-01-01T00:10:00.000Z"],
];
for (const [name, time, want] of times) {
  Deno.test(`readAlerts() dates ${name}`, () => {
    const [alert] = alerts({ severity: 3, group: 8, description: "x", ...time === undefined ? {} : { time } });
    assert.equal(alert!.since, want);
    assert.equal(alert!.severity, "critical");
  });
}

Deno.test("readAlerts() passes over rows that were emptied", () => {
  assert.deepEqual(alerts({ severity: 0, group: 0, code: 0, description: "" }), []);
});
