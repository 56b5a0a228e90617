import assert from "node:assert/strict";
import { dueAt, planOf, type WaitingItem } from "./plan.ts";
import { checkedSettings, defaultRule, type RuleSettings } from "./settings.ts";
import { UsageError } from "../../common/core/errors.ts";

const minute = 60_000, hour = 60 * minute;
const monday = Date.parse("2026-01-05T10:00:00Z"), saturday = Date.parse("2026-01-10T10:00:00Z");
const nextMonday = Date.parse("2026-01-12T08:00:00Z");
const times: RuleSettings = { ...defaultRule, zone: "UTC", groupMinutes: 10 };
const item = (id: string, parts: Partial<WaitingItem> = {}): WaitingItem => ({
  item_id: id,
  about: id,
  event: "raised",
  severity: "warning",
  due_at: monday,
  isOver: false,
  ...parts,
});
const plan = (waiting: WaitingItem[], now: number, parts: Partial<RuleSettings> = {}, sent: number[] = []) =>
  planOf({ waiting, now, sent, times: { ...times, ...parts } });

Deno.test("what happens is due after the time to group, within hours, and at the digest", () => {
  const of = { severity: "warning", event: "raised" }, urgent = { severity: "critical", event: "raised" };
  assert.equal(dueAt(monday, of, times), monday + 10 * minute);
  assert.equal(dueAt(saturday, of, times), nextMonday);
  assert.equal(dueAt(saturday, urgent, times), nextMonday);
  assert.equal(dueAt(saturday, urgent, { ...times, urgent: true }), saturday + 10 * minute);
  assert.equal(dueAt(saturday, { ...urgent, event: "ended" }, { ...times, urgent: true }), nextMonday);
  assert.equal(dueAt(monday, of, { ...times, digest: "07:30" }), Date.parse("2026-01-06T08:00:00Z"));
  assert.equal(dueAt(monday, of, { ...times, digest: "16:30" }), Date.parse("2026-01-05T16:30:00Z"));
  assert.equal(
    dueAt(saturday, of, { ...times, hours: undefined, digest: "16:30" }),
    Date.parse("2026-01-10T16:30:00Z"),
  );
});

Deno.test("the first that is due takes all others along; before that nothing is told", () => {
  const waiting = [item("a"), item("b", { due_at: monday + 9 * minute })];
  assert.deepEqual(plan(waiting, monday - 1).tell, []);
  assert.deepEqual(plan(waiting, monday).tell, ["a", "b"]);
});

Deno.test("what is over is not told, but in a digest; of one alert, the last word is told", () => {
  const over = item("a", { isOver: true });
  assert.deepEqual(plan([over], monday), { tell: [], drop: ["a"], hold: [] });
  assert.deepEqual(plan([over], monday, { digest: "10:00" }).tell, ["a"]);
  const twice = [item("a", { about: "x" }), item("b", { about: "x", severity: "critical" })];
  assert.deepEqual(plan(twice, monday), { tell: ["b"], drop: ["a"], hold: [] });
  assert.deepEqual(plan([item("e", { event: "ended", isOver: true })], monday).tell, ["e"]);
});

Deno.test("outside the hours, only what is urgent passes, and alone", () => {
  const waiting = [item("a", { due_at: saturday }), item("b", { due_at: saturday, severity: "critical" })];
  assert.deepEqual(plan(waiting, saturday), {
    tell: [],
    drop: [],
    hold: [{ item_id: "a", due_at: nextMonday }, { item_id: "b", due_at: nextMonday }],
  });
  const passed = plan(waiting, saturday, { urgent: true });
  assert.deepEqual(passed, { tell: ["b"], drop: [], hold: [{ item_id: "a", due_at: nextMonday }] });
  // Before a digest as well.
  const digest = [item("a", { due_at: monday + hour }), item("b", { severity: "critical" })];
  assert.deepEqual(plan(digest, monday, { urgent: true, digest: "11:00" }).tell, ["b"]);
  assert.deepEqual(plan(digest, monday + hour, { urgent: true, digest: "11:00" }).tell, ["a", "b"]);
});

Deno.test("more than the most per hour waits until one of them is an hour old", () => {
  const sent = [monday - 50 * minute, monday - 20 * minute, monday - 61 * minute];
  assert.deepEqual(plan([item("a")], monday, { mostPerHour: 3 }, sent).tell, ["a"]);
  assert.deepEqual(plan([item("a")], monday, { mostPerHour: 2 }, sent), {
    tell: [],
    drop: [],
    hold: [{ item_id: "a", due_at: monday + 10 * minute }],
  });
  assert.deepEqual(plan([item("a")], monday + 10 * minute, { mostPerHour: 2 }, sent).tell, ["a"]);
});

Deno.test("a rule that makes no sense is refused", () => {
  assert.deepEqual(checkedSettings(defaultRule), defaultRule);
  const wrong: Partial<Record<keyof RuleSettings, unknown>>[] = [
    { events: [] },
    { events: ["toString"] },
    { severity: "worst" },
    { percent: 51 },
    { percent: 1.5 },
    { days: 0 },
    { groupMinutes: -1 },
    { groupMinutes: NaN },
    { mostPerHour: 0 },
    { digest: "24:00" },
    { digest: "7" },
    { zone: "Mars/Olympus" },
    { zone: "+02:00" },
    { language: "fr" },
    { hours: { days: [], from: "08:00", to: "17:00" } },
    { hours: { days: [0], from: "08:00", to: "17:00" } },
    { hours: { days: [1], from: "25:00", to: "17:00" } },
    { hours: { days: [1], from: "08:00", to: "24:01" } },
    { hours: { days: [1], from: "08:00", to: "8:00" } },
  ];
  for (const parts of wrong) {
    assert.throws(
      () => checkedSettings({ ...defaultRule, ...parts } as RuleSettings),
      UsageError,
      JSON.stringify(parts),
    );
  }
});
