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

const times: [string, number | undefined, string | null, upTime?: number][] = [
  ["no time", undefined, null],
  ["time 0 as none", 0, null],
  ["a time long after sysUpTime as none", 106_001, null],
  ["a time during the reading as now", 106_000, "2026-01-01T00:10:00.000Z"],
  ["now", 100_000, "2026-01-01T00:10:00.000Z"],
  ["a time before sysUpTime began again", 2 ** 32 - 30_000, "2026-01-01T00:00:00.000Z", 30_000],
  ["a time of the first half of the range as none", 2 ** 31 - 1, null, 30_000],
  ["a time of more than half the range ago as none", 2 ** 31 + 5, null, 30_000],
  ["seconds since 1970 as none", 1_767_225_600, null],
  ["a negative time as none", -5, null],
];
for (const [name, time, want, upTime] of times) {
  Deno.test(`readAlerts() dates ${name}`, () => {
    const row = { severity: 3, group: 8, description: "x", ...time === undefined ? {} : { time } };
    const [alert] = alerts(row, upTime);
    assert.equal(alert!.since, want);
    assert.equal(alert!.severity, "critical");
  });
}

const severities: [TestValue, string][] = [
  [1, "other"],
  [3, "critical"],
  [4, "warning"],
  [5, "warning"],
  [-1, "other"],
  [99, "other"],
  ["constructor", "other"],
];
for (const [severity, want] of severities) {
  Deno.test(`readAlerts() reads severity ${severity} as ${want}`, () => {
    assert.equal(alerts({ severity, group: 8, description: "x" })[0]!.severity, want);
  });
}

const codes: [TestValue, number | null][] = [[1, 1], [2, 2], [503, 503], [0, null], [-1, null], [-2, null], [
  "x",
  null,
]];
for (const [code, want] of codes) {
  Deno.test(`readAlerts() reads code ${code} as ${want}`, () => {
    assert.equal(alerts({ severity: 3, code, description: "x" })[0]!.code, want);
  });
}

Deno.test("readAlerts() names a group that it does not know other", () => {
  assert.equal(alerts({ severity: 3, group: 77, description: "x" })[0]!.group, "other");
});

Deno.test("readAlerts() passes over rows that were emptied", () => {
  assert.deepEqual(alerts({ severity: 0, group: 0, code: 0, description: "" }), []);
});
