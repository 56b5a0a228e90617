import assert from "node:assert/strict";
import { type AllowedHours, byTime, parseDayWindows } from "../config/allowed_hours.ts";
import { judgeCapacity, type SiteLoad } from "./capacity.ts";

const minute = 60_000, hour = 60 * minute, day = 24 * hour;
const monday = Date.parse("2026-01-05T12:00:00Z");
const hoursOf = (...texts: string[]): AllowedHours => ({
  timeZone: "UTC",
  windows: texts.flatMap(parseDayWindows).sort(byTime),
});

type Change = Partial<Omit<SiteLoad, "schedule">> & Partial<SiteLoad["schedule"]>;

function messagesOf(change: Change, isFound = false): string[] {
  const { sweepMs = minute, devices = 10, readsPerMinute = 100, ...schedule } = change;
  const load: SiteLoad = {
    name: "hq",
    schedule: {
      fullSweepEveryMs: day,
      statusEveryMs: 30 * minute,
      metersEveryMs: 4 * hour,
      jitter: 0,
      allowedHours: [],
      ...schedule,
    },
    sweepMs: "sweepMs" in change ? change.sweepMs : sweepMs,
    devices,
    readsPerMinute,
  };
  return judgeCapacity(load, { nowMs: monday, isFound: () => isFound }).map(({ message }) => message);
}

const short = 'The allowed hours are too short for the site "hq": a discovery scan needs about';
const goesOn = "it continues in the next one and is complete after";
const slow = 'The rate of the site "hq" is too low for its intervals:';
const cases: [name: string, change: Change, want: string[]][] = [
  ["what is well", {}, []],
  ["a sweep that just fits", { allowedHours: [hoursOf("02:00-02:08")], sweepMs: 8 * minute - 1000 }, []],
  ["a sweep that is a moment too long", { allowedHours: [hoursOf("02:00-02:08")], sweepMs: 8 * minute - 999 }, [
    `${short} 8 min, the longest window has 8 min; ${goesOn} 2 windows in 24 h, and fullSweepEvery is 24h`,
  ]],
  [
    "a window of a minute",
    { allowedHours: [hoursOf("02:00-02:01")], sweepMs: 7 * minute, fullSweepEveryMs: 14 * day },
    [
      `${short} 7 min, the longest window has 60 s; ${goesOn} 8 windows in 7 days`,
    ],
  ],
  ["windows over midnight as one", { allowedHours: [hoursOf("fri 22:00-06:00")], sweepMs: 7.9 * hour }, []],
  [
    "the longest of several windows",
    { allowedHours: [hoursOf("mon 02:00-02:01", "tue 02:00-02:30")], sweepMs: hour, fullSweepEveryMs: 31 * day },
    [`${short} 60 min, the longest window has 30 min; ${goesOn} 3 windows in 7 days`],
  ],
  ["no hours, and a sweep that takes longer than its interval", { sweepMs: 3 * day }, [
    'The site "hq" is too large for its rate: a discovery scan needs about 3 days, and fullSweepEvery is 24h',
  ]],
  ["a sweep of which nothing is known", { sweepMs: undefined, allowedHours: [hoursOf("02:00-02:01")] }, []],
  ["a rate that is too low", { devices: 5000, readsPerMinute: 75 }, [
    `${slow} 5,000 devices at 75 reads a minute take 67 min, statusEvery is 30m`,
  ]],
  ["a rate that is just enough", { devices: 2250, readsPerMinute: 75 }, []],
  ["reads that do not fit into the hours", {
    devices: 900,
    readsPerMinute: 75,
    allowedHours: [hoursOf("02:00-02:10")],
  }, [
    `${slow} 900 devices at 75 reads a minute take 12 min, the longest window of the allowed hours has 10 min`,
  ]],
  ["hours that have no time in common", { allowedHours: [hoursOf("08:00-12:00"), hoursOf("22:00-23:00")] }, [
    'Nothing is ever sent to the site "hq" as its allowed hours, those of the file and of the platform together, have ' +
    "no time in common",
  ]],
  ["hours of the platform that are none", { allowedHours: [hoursOf("08:00-12:00"), { timeZone: null, windows: [] }] }, [
    'Nothing is ever sent to the site "hq" as its allowed hours, those of the file and of the platform together, have ' +
    "no time in common",
  ]],
];
for (const [name, change, want] of cases) {
  Deno.test(`judgeCapacity() judges ${name}`, () => assert.deepEqual(messagesOf(change), want));
}

Deno.test("judgeCapacity() holds on to a finding until there is a tenth of room", () => {
  const sweep = (sweepMs: number) => messagesOf({ allowedHours: [hoursOf("02:00-03:00")], sweepMs }, true).length;
  assert.deepEqual([sweep(55 * minute), sweep(53 * minute)], [1, 0]);
  const reads = (devices: number) => messagesOf({ devices, readsPerMinute: 100 }, true).length;
  assert.deepEqual([reads(2701), reads(2700)], [1, 0]);
});
