import assert from "node:assert/strict";
import { type Condition, endAfterMs, type OpenAlert, raiseAfterMs, type Step, stepsOf } from "./alert_rules.ts";

const minute = 60_000, start = Date.parse("2026-03-02T08:00:00Z");

const condition = (parts: Partial<Condition> = {}): Condition => ({
  kind: "printer",
  device_id: "dev-1",
  agent_id: "agt-1",
  alert_key: "cover",
  alert_group: "cover",
  severity: "warning",
  description: "Door open",
  detail: {},
  began_at: start,
  ...parts,
});

const openOf = (parts: Partial<OpenAlert> = {}): OpenAlert => {
  const { detail: _, ...rest } = condition();
  return {
    ...rest,
    alert_id: "alr-1",
    raised_at: start,
    away_since: null,
    cause_id: null,
    acknowledged_at: null,
    acknowledged_until: null,
    ...parts,
  };
};

Deno.test("an alert is raised once its condition has lasted, a critical one at once, a repeated one at the third time", () => {
  const raised = (parts: Partial<Condition>, after: number) =>
    stepsOf({ conditions: [condition(parts)], open: [], now: start + after }).length === 1;
  assert.equal(raised({}, raiseAfterMs.warning - 1), false);
  assert.equal(raised({}, raiseAfterMs.warning), true);
  assert.equal(raised({ severity: "critical" }, 0), true);
  assert.equal(raised({ times: 2 }, 0), false);
  assert.equal(raised({ times: 3 }, 0), true);
  assert.equal(raised({ isSettled: true }, 0), true);
  assert.equal(raised({ isSettled: true, isFading: true, times: 9 }, 9 * minute), false);
});

Deno.test("an alert ends once its condition stayed away, and not while it comes back", () => {
  const now = start + 100 * minute;
  const [away] = stepsOf({ conditions: [], open: [openOf()], now, goneAt: () => now - minute });
  assert.deepEqual(away?.do === "set" && away.columns, { away_since: now - minute });
  const gone = openOf({ away_since: now - minute });
  assert.deepEqual(stepsOf({ conditions: [], open: [gone], now: now + 1 }), []);
  const [back] = stepsOf({ conditions: [condition()], open: [gone], now: now + 1 });
  assert.deepEqual(back?.do === "set" && back.columns, { away_since: null });
  const [end] = stepsOf({ conditions: [], open: [gone], now: now - minute + endAfterMs });
  assert.equal(end?.do, "end");
  // A printer's clock that is days behind ends nothing at once that was raised a minute ago.
  const [waits] = stepsOf({
    conditions: [],
    open: [openOf({ raised_at: now - minute })],
    now,
    goneAt: () => start - 9e9,
  });
  assert.deepEqual(waits?.do === "set" && waits.columns, { away_since: now - minute });
});

Deno.test("an acknowledgement lasts until its time is over or the alert is more severe, and not for less severe ones", () => {
  const acknowledged = openOf({ acknowledged_at: start, acknowledged_until: start + minute });
  const steps = (parts: Partial<Condition>, alert: OpenAlert, now: number) =>
    stepsOf({ conditions: [condition(parts)], open: [alert], now });
  assert.deepEqual(steps({}, acknowledged, start + minute - 1), []);
  const [over] = steps({}, acknowledged, start + minute);
  assert.equal(over?.do === "set" && over.event?.event, "released");
  assert.equal(over?.do === "set" && over.columns.acknowledged_at, null);
  const endless = openOf({ acknowledged_at: start });
  assert.deepEqual(steps({}, endless, start + 1e12), []);
  const [worse] = steps({ severity: "critical" }, endless, start + 1);
  assert.equal(worse?.do === "set" && worse.event?.event, "changed");
  assert.equal(worse?.do === "set" && worse.columns.acknowledged_at, null);
  const [better] = steps({ severity: "other" }, endless, start + 1);
  assert.equal(better?.do === "set" && "acknowledged_at" in better.columns, false);
  // Also while it is away.
  const [away] = stepsOf({
    conditions: [],
    open: [acknowledged],
    now: start + 2 * minute,
    goneAt: () => start + 2 * minute,
  });
  assert.equal(away?.do === "set" && away.columns.acknowledged_at, null);
});

/** Seeds of a generator that gives the same numbers on each machine. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 1_103_515_245 + 12_345) % 2_147_483_648) / 2_147_483_648;
}

Deno.test("whatever comes and goes, alerts are raised and ended in turns, never within the time of the rule, and twice the same look does nothing", () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = randomOf(seed);
    let open: OpenAlert[] = [], now = start, began = start, isThere = false, ended = -Infinity, awayFrom = start;
    for (let look = 0; look < 200; look++) {
      now += 1 + Math.floor(random() * 20 * minute);
      if (random() < 0.4) {
        isThere = !isThere;
        if (isThere) began = now;
        else awayFrom = now;
      }
      const conditions: Condition[] = isThere ? [condition({ began_at: began })] : [];
      const goneAt = () => awayFrom;
      const steps = stepsOf({ conditions, open, now, goneAt });
      open = applied(open, steps, now);
      for (const step of steps) {
        if (step.do === "raise") assert(now - began >= raiseAfterMs.warning && isThere, `seed ${seed}`);
        if (step.do === "end") {
          assert(now - awayFrom >= endAfterMs && !isThere, `seed ${seed}`);
          ended = now;
        }
      }
      assert(open.length <= 1);
      if (open.length === 0 && isThere) assert(now - began < raiseAfterMs.warning || ended === now, `seed ${seed}`);
      assert.deepEqual(stepsOf({ conditions, open, now, goneAt }), [], `seed ${seed}`);
    }
  }
});

function applied(open: OpenAlert[], steps: Step[], now: number): OpenAlert[] {
  let after = open;
  for (const step of steps) {
    if (step.do === "raise") after = [...after, openOf({ raised_at: now, began_at: step.condition.began_at })];
    else if (step.do === "end") after = after.filter((each) => each !== step.alert);
    else after = after.map((each) => each === step.alert ? { ...each, ...step.columns } : each);
  }
  return after;
}
