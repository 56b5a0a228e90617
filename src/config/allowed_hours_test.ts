import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type AllowedHours,
  byTime,
  formatWindows,
  isAllowedAt,
  parseDayWindows,
  parseTimeZone,
  periodAt,
  sendWindowAt,
} from "./allowed_hours.ts";
import { ValueSyntaxError } from "../../common/core/value_syntax_error.ts";

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

const hoursOf = (text: string, timeZone = "Europe/Berlin"): AllowedHours => ({
  timeZone,
  windows: text.split(";").flatMap(parseDayWindows).sort(byTime),
});
const stretchCases: [why: string, hours: AllowedHours[], at: string, allowed: boolean, from: string, until: string][] =
  [
    ["within", [berlin], "2026-01-05T12:00:00Z", true, "2026-01-05T06:00:00Z", "2026-01-05T18:00:00Z"],
    ["at its first moment", [berlin], "2026-01-05T06:00:00Z", true, "2026-01-05T06:00:00Z", "2026-01-05T18:00:00Z"],
    ["over the weekend", [berlin], "2026-01-10T12:00:00Z", false, "2026-01-09T18:00:00Z", "2026-01-12T06:00:00Z"],
    [
      "over midnight and the end of the week",
      [hoursOf("sun 22:00-06:00")],
      "2026-01-04T23:30:00Z",
      true,
      "2026-01-04T21:00:00Z",
      "2026-01-05T05:00:00Z",
    ],
    [
      "with windows that touch and overlap",
      [hoursOf("mon 07:00-12:00;mon 11:00-15:00;mon 15:00-16:00")],
      "2026-01-05T10:00:00Z",
      true,
      "2026-01-05T06:00:00Z",
      "2026-01-05T15:00:00Z",
    ],
    [
      "where two lists agree",
      [berlin, hoursOf("mon 17:00-20:00", "UTC")],
      "2026-01-05T17:30:00Z",
      true,
      "2026-01-05T17:00:00Z",
      "2026-01-05T18:00:00Z",
    ],
    // Clocks go from 02:00 to 03:00 on 2026-03-29, and from 03:00 to 02:00 on 2026-10-25.
    [
      "an hour shorter when the clock is put forward",
      [hoursOf("sat 22:00-06:00")],
      "2026-03-29T00:30:00Z",
      true,
      "2026-03-28T21:00:00Z",
      "2026-03-29T04:00:00Z",
    ],
    [
      "that would end in the hour that is left out",
      [hoursOf("sun 00:00-02:30")],
      "2026-03-29T00:30:00Z",
      true,
      "2026-03-28T23:00:00Z",
      "2026-03-29T01:00:00Z",
    ],
    [
      "that would begin in the hour that is left out",
      [hoursOf("sun 02:30-04:00")],
      "2026-03-29T00:30:00Z",
      false,
      "2026-03-22T03:00:00Z",
      "2026-03-29T01:00:00Z",
    ],
    [
      "of the hour that comes twice",
      [hoursOf("sun 02:00-03:00")],
      "2026-10-25T00:30:00Z",
      true,
      "2026-10-25T00:00:00Z",
      "2026-10-25T02:00:00Z",
    ],
    [
      "whose end comes twice",
      [hoursOf("sun 01:00-02:30")],
      "2026-10-25T00:10:00Z",
      true,
      "2026-10-24T23:00:00Z",
      "2026-10-25T00:30:00Z",
    ],
    [
      "in a zone with half an hour of summer time",
      [hoursOf("sun 01:00-03:00", "Australia/Lord_Howe")],
      "2026-10-03T15:00:00Z",
      true,
      "2026-10-03T14:30:00Z",
      "2026-10-03T16:00:00Z",
    ],
  ];
for (const [why, hours, at, allowed, from, until] of stretchCases) {
  Deno.test(`periodAt() finds the period ${why}`, () => {
    assert.deepEqual(periodAt(hours, Date.parse(at)), {
      allowed,
      fromMs: Date.parse(from),
      untilMs: Date.parse(until),
    });
  });
}

Deno.test("periodAt() has no end where nothing ever changes", () => {
  const at = Date.parse("2026-03-28T12:00:00Z");
  const always = { allowed: true, fromMs: -Infinity, untilMs: Infinity };
  assert.deepEqual(periodAt([], at), always);
  assert.deepEqual(periodAt([hoursOf("mon-sun 00:00-24:00")], at), always);
  assert.deepEqual(periodAt([{ timeZone: null, windows: [] }], at), { ...always, allowed: false });
});

Deno.test("periodAt() finds again what was further away than a week", () => {
  // Kolkata keeps its time; in Berlin 18:00 is 22:30 there in winter, and 21:30 in summer.
  const hours = [hoursOf("mon 18:00-18:30"), hoursOf("mon 21:30-22:00", "Asia/Kolkata")];
  assert.equal(periodAt(hours, Date.parse("2026-01-05T12:00:00Z")).untilMs, Infinity);
  assert.ok(periodAt(hours, Date.parse("2026-07-06T16:10:00Z")).allowed);
});

Deno.test("periodAt() agrees with isAllowedAt() at each minute of a year, in every order", () => {
  const zones = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "Africa/Casablanca",
    "UTC",
  ];
  const window = fc.tuple(fc.integer({ min: 1, max: 7 }), fc.nat(1439), fc.integer({ min: 1, max: 1440 }))
    .map(([weekday, fromMinute, length]) => ({
      weekday,
      fromMinute,
      untilMinute: Math.min(1440, fromMinute + length),
    }));
  const list = fc.record({ timeZone: fc.constantFrom(...zones), windows: fc.array(window, { maxLength: 5 }) });
  const minutes = fc.array(fc.nat(365 * 1440), { minLength: 1, maxLength: 5 });
  fc.assert(fc.property(fc.array(list, { maxLength: 2 }), minutes, (hours, ats) => {
    for (const minute of ats) {
      const at = Date.UTC(2026, 0, 1) + minute * 60_000 + 17;
      const { allowed, fromMs, untilMs } = periodAt(hours, at);
      assert.ok(fromMs <= at && at < untilMs);
      const until = Math.min(untilMs, at + 6 * 86_400_000), from = Math.max(fromMs, at - 6 * 86_400_000);
      for (let ms = from; ms < until; ms += (until - from) / 50) {
        assert.equal(isAllowedAt(hours, new Date(ms)), allowed, new Date(ms).toISOString());
      }
      if (untilMs < Infinity) assert.equal(isAllowedAt(hours, new Date(untilMs)), !allowed);
      if (fromMs > -Infinity) assert.equal(isAllowedAt(hours, new Date(fromMs - 1)), !allowed);
    }
  }));
});

Deno.test("sendWindowAt() ends a second before the hours do", () => {
  const until = Date.parse("2026-01-05T18:00:00Z");
  const window = { fromMs: Date.parse("2026-01-05T06:00:00Z"), untilMs: until - 1000 };
  assert.deepEqual(sendWindowAt([berlin], until - 1001), window);
  assert.equal(sendWindowAt([berlin], until - 1000), undefined);
  assert.equal(sendWindowAt([berlin], until), undefined);
  assert.deepEqual(sendWindowAt([], until), { fromMs: -Infinity, untilMs: Infinity });
});
