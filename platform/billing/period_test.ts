import assert from "node:assert/strict";
import { UsageError } from "../../common/core/errors.ts";
import { checkedZone } from "../../common/core/time_zone.ts";
import { daysOfMonth, monthBefore, periodText, timeOf, timesOf } from "./period.ts";

const iso = (period: { from: number; until: number }) => [
  new Date(period.from).toISOString(),
  new Date(period.until).toISOString(),
];

Deno.test("a period has the local days of its zone, with daylight saving time at both ends", () => {
  const of = (month: string, zone: string) => iso(timesOf(daysOfMonth(month), zone));
  assert.deepEqual(of("2026-03", "Europe/Berlin"), ["2026-02-28T23:00:00.000Z", "2026-03-31T22:00:00.000Z"]);
  assert.deepEqual(of("2026-10", "Europe/Berlin"), ["2026-09-30T22:00:00.000Z", "2026-10-31T23:00:00.000Z"]);
  assert.deepEqual(of("2026-03", "UTC"), ["2026-03-01T00:00:00.000Z", "2026-04-01T00:00:00.000Z"]);
  assert.deepEqual(of("2026-03", "America/New_York"), ["2026-03-01T05:00:00.000Z", "2026-04-01T04:00:00.000Z"]);
  // Midnight does not exist on the day when the clocks go forward there.
  assert.deepEqual(iso(timesOf({ fromDay: "2026-03-29", toDay: "2026-03-29" }, "Asia/Beirut")), [
    "2026-03-28T22:00:00.000Z",
    "2026-03-29T21:00:00.000Z",
  ]);
  // Midnight comes twice on the day when they go back.
  assert.deepEqual(iso(timesOf({ fromDay: "2026-11-01", toDay: "2026-11-01" }, "America/Havana")), [
    "2026-11-01T04:00:00.000Z",
    "2026-11-02T05:00:00.000Z",
  ]);
});

Deno.test("periods that follow one another leave no moment out", () => {
  for (const zone of ["Europe/Rome", "Asia/Beirut", "America/Havana", "Australia/Lord_Howe", "Pacific/Apia"]) {
    for (let month = 1; month < 12; month++) {
      const [a, b] = [month, month + 1].map((each) => `2026-${String(each).padStart(2, "0")}`);
      assert.equal(timesOf(daysOfMonth(a!), zone).until, timesOf(daysOfMonth(b!), zone).from, `${zone} ${a}`);
    }
  }
});

Deno.test("what is no month, no day and no zone is refused", () => {
  for (const month of ["2026-13", "2026", "March", "2026-3", ""]) assert.throws(() => daysOfMonth(month), UsageError);
  for (const zone of ["Mars/Olympus", "+02:00", "", "UTC;DROP", "europe"]) {
    assert.throws(() => checkedZone(zone), UsageError);
  }
  assert.throws(() => timesOf({ fromDay: "2026-02-30", toDay: "2026-03-01" }, "UTC"), UsageError);
  assert.throws(() => timesOf({ fromDay: "2026-03-02", toDay: "2026-03-01" }, "UTC"), UsageError);
  assert.throws(() => timesOf({ fromDay: "0001-01-01", toDay: "2026-03-01" }, "UTC"), UsageError);
  assert.throws(() => timeOf("yesterday", "UTC"), UsageError);
});

Deno.test("a period is told as its month, its day, or both days", () => {
  assert.equal(periodText(daysOfMonth("2026-02")), "2026-02");
  assert.equal(periodText({ fromDay: "2026-03-01", toDay: "2026-03-30" }), "2026-03-01 to 2026-03-30");
  assert.equal(periodText({ fromDay: "2026-03-05", toDay: "2026-03-05" }), "2026-03-05");
  assert.equal(monthBefore(new Date("2026-03-31T22:30:00Z"), "Europe/Berlin"), "2026-03");
  assert.equal(monthBefore(new Date("2026-03-31T22:30:00Z"), "UTC"), "2026-02");
});
