import assert from "node:assert/strict";
import fc from "fast-check";
import type { AllowedHours } from "./allowed_hours.ts";
import { byTime, formatWindows, isAllowedAt, parseDayWindows, parseTimeZone } from "./allowed_hours.ts";
import { ValueSyntaxError } from "./value_syntax_error.ts";

const good: [text: string, want: string[]][] = [
  ["mon-wed 07:00-19:00", ["mon 07:00-19:00", "tue 07:00-19:00", "wed 07:00-19:00"]],
  ["sat,sun 8:30-12:00", ["sat 08:30-12:00", "sun 08:30-12:00"]],
  ["Sunday", ["sun 00:00-24:00"]],
  ["sun-mon 10:00-11:00", ["mon 10:00-11:00", "sun 10:00-11:00"]],
  ["fri 22:00-06:00", ["fri 22:00-24:00", "sat 00:00-06:00"]],
  ["sun 22:00-06:00", ["mon 00:00-06:00", "sun 22:00-24:00"]],
  ["sun 22:00-00:00", ["sun 22:00-24:00"]],
  ["wed 00:00-24:00", ["wed 00:00-24:00"]],
  ["mon,mon 10:00-11:00", ["mon 10:00-11:00"]],
];
for (const [text, want] of good) {
  Deno.test(`parseDayWindows() reads "${text}"`, () => assert.deepEqual(formatWindows(parseDayWindows(text)), want));
}

Deno.test("parseDayWindows() means every day where none is named", () => {
  assert.deepEqual(parseDayWindows("07:00-19:00").map(({ weekday }) => weekday), [1, 2, 3, 4, 5, 6, 7]);
});

const bad = [
  "",
  "noon",
  "mo 07:00-19:00",
  "mon-fri-sun",
  "mon 7-19",
  "mon 07:00",
  "mon 07:60-08:00",
  "mon 24:01-08:00",
  "mon 24:00-08:00",
  "mon 07:00-07:00",
  "mon 07:00-08:00-09:00",
  "mon tue 07:00-08:00",
];
for (const text of bad) {
  Deno.test(`parseDayWindows() refuses "${text}" and says what to write`, () => {
    assert.throws(() => parseDayWindows(text), (error) => error instanceof ValueSyntaxError && !!error.hint);
  });
}

const berlin: AllowedHours = { timeZone: "Europe/Berlin", windows: parseDayWindows("mon-fri 07:00-19:00") };
const moments: [iso: string, want: boolean, why: string][] = [
  ["2026-01-05T05:59:59Z", false, "a second before, in winter"],
  ["2026-01-05T06:00:00Z", true, "at the start, in winter"],
  ["2026-07-06T05:00:00Z", true, "at the start, in summer"],
  ["2026-07-06T16:59:59Z", true, "a second before the end"],
  ["2026-07-06T17:00:00Z", false, "at the end"],
  ["2026-07-05T12:00:00Z", false, "on a Sunday"],
];
for (const [iso, want, why] of moments) {
  Deno.test(`isAllowedAt() is ${want} ${why}`, () => assert.equal(isAllowedAt([berlin], new Date(iso)), want));
}

Deno.test("isAllowedAt() asks all hours, and forbids nothing where there are none", () => {
  const noon = new Date("2026-07-06T10:00:00Z");
  assert.ok(isAllowedAt([], noon));
  assert.ok(!isAllowedAt([berlin, { timeZone: "UTC", windows: parseDayWindows("11:00-12:00") }], noon));
  assert.ok(!isAllowedAt([{ timeZone: "UTC", windows: [] }], noon));
});

Deno.test("isAllowedAt() takes the machine's time zone where none is named", () => {
  const date = new Date(2026, 6, 6, 7, 30);
  const hours = (text: string) => [{ timeZone: null, windows: parseDayWindows(text) }];
  assert.ok(isAllowedAt(hours("mon 07:30-07:31"), date));
  assert.ok(!isAllowedAt(hours("mon 07:31-07:32"), date));
});

Deno.test("parseTimeZone() knows zones and refuses others", () => {
  assert.equal(parseTimeZone("Europe/Berlin"), "Europe/Berlin");
  assert.throws(() => parseTimeZone("Europe/Berlni"), ValueSyntaxError);
});

Deno.test("formatWindows() is read back as the same windows", () => {
  const window = fc.tuple(fc.integer({ min: 1, max: 7 }), fc.nat(1438), fc.nat(1438)).map((
    [weekday, from, length],
  ) => ({
    weekday,
    fromMinute: from,
    untilMinute: Math.min(1440, from + 1 + length),
  }));
  fc.assert(fc.property(fc.array(window), (windows) => {
    const sorted = windows.toSorted(byTime);
    assert.deepEqual(formatWindows(sorted).flatMap(parseDayWindows), sorted);
  }));
});
