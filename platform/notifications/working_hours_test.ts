import assert from "node:assert/strict";
import { nextAt, nextWorking, type WorkingHours } from "./working_hours.ts";

const office: WorkingHours = { days: [1, 2, 3, 4, 5], from: "08:00", to: "17:00" };
const next = (at: string, hours: WorkingHours | undefined, zone: string) =>
  new Date(nextWorking(Date.parse(at), { hours, zone })).toISOString().slice(0, 16);

Deno.test("within working hours it is now; before, after and at the weekend it is when they begin", () => {
  const berlin = "Europe/Berlin";
  assert.equal(next("2026-01-07T12:00:00Z", office, berlin), "2026-01-07T12:00");
  assert.equal(next("2026-01-07T07:00:00Z", office, berlin), "2026-01-07T07:00");
  assert.equal(next("2026-01-07T06:59:00Z", office, berlin), "2026-01-07T07:00");
  assert.equal(next("2026-01-07T15:59:00Z", office, berlin), "2026-01-07T15:59");
  assert.equal(next("2026-01-07T16:00:00Z", office, berlin), "2026-01-08T07:00");
  assert.equal(next("2026-01-09T16:00:00Z", office, berlin), "2026-01-12T07:00");
  assert.equal(next("2026-01-10T12:00:00Z", undefined, berlin), "2026-01-10T12:00");
});

Deno.test("working hours are those of the clock on the wall: over the changes of Berlin, and in zones with parts of hours", () => {
  // On 2026-03-29 at 02:00 the clock is put forward, on 2026-10-25 at 03:00 back.
  assert.equal(next("2026-03-27T20:00:00Z", office, "Europe/Berlin"), "2026-03-30T06:00");
  assert.equal(next("2026-10-23T20:00:00Z", office, "Europe/Berlin"), "2026-10-26T07:00");
  const night = { days: [7], from: "02:30", to: "04:00" };
  // 02:30 is not there: people begin when it would have been.
  assert.equal(next("2026-03-28T12:00:00Z", night, "Europe/Berlin"), "2026-03-29T01:30");
  // 02:30 is there twice: they begin at the first.
  assert.equal(next("2026-10-24T12:00:00Z", night, "Europe/Berlin"), "2026-10-25T00:30");
  assert.equal(next("2026-10-25T01:45:00Z", night, "Europe/Berlin"), "2026-10-25T01:45");
  // Hours that are left out as a whole.
  const gap = { days: [7], from: "02:00", to: "03:00" };
  assert.equal(next("2026-03-28T12:00:00Z", gap, "Europe/Berlin"), "2026-04-05T00:00");
  assert.equal(next("2026-01-07T20:00:00Z", office, "Asia/Kolkata"), "2026-01-08T02:30");
  assert.equal(next("2026-01-07T20:00:00Z", office, "Asia/Kathmandu"), "2026-01-08T02:15");
  // Half an hour of summer time.
  assert.equal(next("2026-01-07T12:00:00Z", office, "Australia/Lord_Howe"), "2026-01-07T21:00");
  assert.equal(next("2026-07-07T12:00:00Z", office, "Australia/Lord_Howe"), "2026-07-07T21:30");
});

Deno.test("hours may go over midnight, and all day", () => {
  const night = { days: [5], from: "22:00", to: "06:00" };
  assert.equal(next("2026-01-09T23:00:00Z", night, "UTC"), "2026-01-09T23:00");
  assert.equal(next("2026-01-10T05:59:00Z", night, "UTC"), "2026-01-10T05:59");
  assert.equal(next("2026-01-10T06:00:00Z", night, "UTC"), "2026-01-16T22:00");
  const day = { days: [1, 2, 3, 4, 5, 6, 7], from: "00:00", to: "24:00" };
  for (const at of ["2026-03-29T01:30", "2026-10-25T00:30", "2026-10-25T01:30", "2026-10-24T22:00"]) {
    assert.equal(next(`${at}:00Z`, day, "Europe/Berlin"), at);
  }
});

Deno.test("a digest comes once a day at its time, also where the time is there twice or not at all", () => {
  const after = (at: string, time: string, zone: string) =>
    new Date(nextAt(Date.parse(at), { time, zone })).toISOString().slice(0, 16);
  assert.equal(after("2026-01-07T06:29:59Z", "07:30", "Europe/Berlin"), "2026-01-07T06:30");
  assert.equal(after("2026-01-07T06:30:00Z", "07:30", "Europe/Berlin"), "2026-01-08T06:30");
  assert.equal(after("2026-03-28T12:00:00Z", "02:30", "Europe/Berlin"), "2026-03-29T01:30");
  assert.equal(after("2026-03-29T01:30:00Z", "02:30", "Europe/Berlin"), "2026-03-30T00:30");
  assert.equal(after("2026-10-24T12:00:00Z", "02:30", "Europe/Berlin"), "2026-10-25T00:30");
  assert.equal(after("2026-10-25T00:30:00Z", "02:30", "Europe/Berlin"), "2026-10-26T01:30");
  assert.equal(after("2026-01-07T12:00:00Z", "07:30", "Asia/Kolkata"), "2026-01-08T02:00");
  // Samoa had no 30 December 2011.
  assert.equal(after("2011-12-29T20:00:00Z", "07:30", "Pacific/Apia"), "2011-12-30T17:30");
});

Deno.test("whatever the hours and the zone, the next working moment is in them, and none before it is", () => {
  const zones = [
    "Europe/Berlin",
    "Asia/Kolkata",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "UTC",
    "Africa/Casablanca",
  ];
  const minute = 60_000;
  let seed = 4711;
  const random = (below: number) => (seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648) % below;
  const clock = (minutes: number) =>
    `${String(Math.floor(minutes / 60)).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`;
  for (let run = 0; run < 300; run++) {
    const zone = zones[random(zones.length)]!, from = random(1440), to = (from + 1 + random(1439)) % 1440;
    const days = [1, 2, 3, 4, 5, 6, 7].filter(() => random(2) === 0);
    const hours = { days: days.length === 0 ? [3] : days, from: clock(from), to: clock(to) };
    const at = Date.UTC(2026, 0, 1) + random(365 * 1440) * minute;
    const found = nextWorking(at, { hours, zone });
    assert(found >= at, JSON.stringify({ hours, zone, at, found }));
    assert.equal(nextWorking(found, { hours, zone }), found, "it is itself a working moment");
    if (found > at) assert.equal(nextWorking(found - 1, { hours, zone }), found, "the moment before waits for it");
    const between = at + Math.floor((found - at) / 2);
    assert.equal(nextWorking(between, { hours, zone }), found, "nothing between is one");
  }
});
