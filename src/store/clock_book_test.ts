import assert from "node:assert/strict";
import fc from "fast-check";
import { type ClockBook, openClockBook, type UptimeMark } from "./clock_book.ts";

const hour = 3_600_000, day = 24 * hour;
const start = Date.parse("2026-06-01T00:00:00Z");

interface Noted {
  trueMs: number;
  wall: Date;
  mark: UptimeMark;
}

/** A machine in a world where time is known. */
class Machine {
  trueMs = start;
  bootedMs = start - hour;
  /** By how much the wall clock is ahead. */
  offMs = 0;
  kept: string | undefined;
  steps = 0;
  book!: ClockBook;

  constructor() {
    this.restart();
  }

  wall(): Date {
    return new Date(this.trueMs + this.offMs);
  }

  /** Restarts the program. */
  restart(): void {
    this.book = openClockBook({
      now: () => this.wall(),
      uptimeMs: () => this.trueMs - this.bootedMs,
      kept: this.kept,
      save: (text) => void (this.kept = text),
      since: new Date(start - day),
      onStep: () => void this.steps++,
    });
  }

  pass(ms: number): void {
    this.trueMs += ms;
  }

  /** The machine is off for a while, and the wall clock as it is set then. */
  reboot(downMs: number): void {
    this.trueMs += downMs;
    this.bootedMs = this.trueMs;
    this.trueMs += 20_000;
    this.restart();
  }

  note(): Noted {
    return { trueMs: this.trueMs, wall: this.wall(), mark: this.book.mark() };
  }

  /** An answer of the platform, whose clock is right. */
  contact(roundTripMs = 100): number | null {
    const measure = this.book.beginMeasure();
    this.pass(roundTripMs / 2);
    const platformTime = new Date(this.trueMs);
    this.pass(roundTripMs / 2);
    return measure(platformTime);
  }

  /** What would be stored of it. */
  stored({ wall, mark }: Noted): number {
    return (this.book.correct(wall, mark)?.at ?? wall).getTime();
  }

  assertRight(noted: readonly Noted[], toleranceMs = 3100): void {
    for (const each of noted) {
      const offMs = this.stored(each) - each.trueMs;
      assert(Math.abs(offMs) <= toleranceMs, `a record is stored ${offMs} ms off`);
    }
  }
}

for (const offMs of [200 * day, -300 * day, 90_000, -4000]) {
  Deno.test(`openClockBook() corrects what was observed by a clock that is ${offMs} ms ahead, once the platform answers`, () => {
    const machine = new Machine();
    machine.offMs = offMs;
    machine.restart();
    const noted = [machine.note()];
    assert.equal(machine.book.isMeasured(), false);
    assert.equal(machine.book.correct(noted[0]!.wall, noted[0]!.mark), undefined);
    machine.pass(5 * day);
    assert.equal(machine.contact(), -offMs);
    assert.equal(machine.book.isMeasured(), true);
    machine.pass(hour);
    noted.push(machine.note());
    machine.assertRight(noted, 100);
    assert.equal(machine.book.now().getTime(), machine.trueMs);
    assert.equal(machine.book.correct(noted[0]!.wall, noted[0]!.mark)!.isGuess, false);
  });
}

Deno.test("openClockBook() corrects nothing where the clock is right, however long the way", () => {
  const machine = new Machine();
  machine.contact(5000);
  const { wall, mark } = machine.note();
  assert.equal(machine.book.correct(wall, mark), undefined);
  assert.deepEqual(machine.book.now(), machine.wall());
});

Deno.test("openClockBook() tells a step, waits for the platform, and corrects both sides of it", () => {
  const machine = new Machine();
  machine.offMs = 200 * day;
  machine.restart();
  const noted = [machine.note()];
  machine.pass(hour);
  machine.offMs = 0;
  noted.push(machine.note());
  assert.equal(machine.steps, 1);
  machine.pass(hour);
  machine.contact();
  assert.equal(machine.book.isMeasured(), true);
  machine.offMs = -hour;
  noted.push(machine.note());
  assert.equal(machine.book.isMeasured(), false);
  machine.contact();
  machine.assertRight(noted);
});

Deno.test("openClockBook() goes on after a restart of the program, also with another clock than before", () => {
  const machine = new Machine();
  machine.offMs = 200 * day;
  machine.restart();
  const noted = [machine.note()];
  machine.pass(hour);
  machine.restart();
  noted.push(machine.note());
  assert.equal(noted[0]!.mark.span, noted[1]!.mark.span);
  machine.contact();
  machine.pass(hour);
  machine.restart();
  // Known from before, though the platform has to be asked again before anything is sent.
  assert.equal(machine.book.now().getTime(), machine.trueMs);
  assert.equal(machine.book.isMeasured(), false);
  machine.offMs = 0;
  machine.restart();
  noted.push(machine.note());
  machine.contact();
  machine.assertRight(noted);
});

const guesses: { name: string; act(machine: Machine): Noted[] }[] = [
  {
    name: "a wrong clock with a battery through a power failure",
    act(machine) {
      machine.offMs = 200 * day;
      machine.restart();
      machine.pass(3 * day);
      const noted = [machine.note()];
      machine.reboot(5 * hour);
      return noted;
    },
  },
  {
    name: "two power failures",
    act(machine) {
      machine.offMs = -300 * day;
      machine.restart();
      const noted = [machine.note()];
      machine.pass(day);
      machine.reboot(5 * hour);
      noted.push(machine.note());
      machine.pass(hour);
      machine.reboot(day);
      return noted;
    },
  },
  {
    name: "a right clock that has lost its battery since",
    act(machine) {
      const noted = [machine.note()];
      machine.pass(day);
      machine.offMs = -9000 * day;
      machine.reboot(hour);
      return noted;
    },
  },
  {
    name: "a clock that was set back while the program did not run",
    act(machine) {
      machine.offMs = 200 * day;
      machine.restart();
      const noted = [machine.note()];
      machine.pass(day);
      machine.offMs = 0;
      machine.restart();
      return noted;
    },
  },
  {
    name: "a clock that was set forward by most of a year while the program did not run",
    act(machine) {
      machine.offMs = -300 * day;
      machine.restart();
      const noted = [machine.note()];
      machine.pass(day);
      machine.offMs = 0;
      machine.restart();
      return noted;
    },
  },
];
for (const { name, act } of guesses) {
  Deno.test(`openClockBook() guesses right after ${name}, and says that it guesses`, () => {
    const machine = new Machine();
    machine.kept = undefined;
    machine.restart();
    const noted = act(machine);
    machine.pass(hour);
    machine.contact();
    machine.assertRight(noted);
    for (const { wall, mark } of noted) assert.equal(machine.book.correct(wall, mark)?.isGuess ?? true, true);
  });
}

Deno.test("openClockBook() puts what fits nowhere right before the next start, and never ahead of what is known", () => {
  const machine = new Machine();
  machine.contact();
  machine.offMs = -9000 * day;
  machine.reboot(hour);
  const [trueFromMs, noted] = [machine.trueMs, machine.note()];
  machine.pass(day);
  machine.offMs = 9000 * day;
  machine.reboot(hour);
  machine.contact();
  const stored = machine.stored(noted);
  assert(stored >= trueFromMs - 3000 && stored <= machine.trueMs, `stored ${(stored - noted.trueMs) / hour} hours off`);
});

Deno.test("openClockBook() guesses from the record alone where what it knew was lost", () => {
  const machine = new Machine();
  machine.offMs = 200 * day;
  machine.restart();
  const noted = [machine.note()];
  machine.pass(day);
  for (const kept of [undefined, "", "{", '{"version":1,"sinceMs":0,"spans":[{}]}', '{"version":2}', "null", "[]"]) {
    machine.kept = kept;
    machine.restart();
    machine.contact();
    machine.assertRight(noted);
  }
  machine.reboot(hour);
  machine.kept = undefined;
  machine.restart();
  machine.contact();
  machine.assertRight(noted);
});

Deno.test("openClockBook() has no measure from a platform that is in another age, and waits for none", () => {
  for (const platformTime of [new Date(0), new Date(start - 40 * day), new Date("2999-01-01"), new Date(NaN)]) {
    const machine = new Machine();
    machine.offMs = 5 * day;
    machine.restart();
    assert.equal(machine.book.beginMeasure()(platformTime), null);
    assert.equal(machine.book.isMeasured(), true);
    const { wall, mark } = machine.note();
    assert.equal(machine.book.correct(wall, mark), undefined);
  }
});

Deno.test("markOf() finds the uptime of a reading that took a while, unless the clock was set under it", () => {
  const machine = new Machine();
  const before = machine.note();
  machine.pass(8000);
  assert.deepEqual(machine.book.markOf(before.wall), before.mark);
  machine.offMs = day;
  assert.equal(machine.book.markOf(before.wall).ms, before.mark.ms + 8000);
});

Deno.test("now() is no earlier than the last time that is known, though the clock starts in another age", () => {
  const machine = new Machine();
  machine.contact();
  machine.pass(day);
  machine.contact();
  const knownMs = machine.trueMs;
  machine.offMs = -9000 * day;
  machine.reboot(hour);
  assert(machine.book.now().getTime() >= knownMs - 1000);
  machine.pass(hour);
  assert(machine.book.now().getTime() >= knownMs + hour - 1000);
});

const act = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("pass" as const), ms: fc.integer({ min: 0, max: 3 * day }) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("note" as const), ms: fc.constant(0) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("contact" as const), ms: fc.integer({ min: 0, max: 2000 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("restart" as const), ms: fc.constant(0) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("reboot" as const), ms: fc.integer({ min: 0, max: 9 * day }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("step" as const), ms: fc.integer({ min: -400 * day, max: 400 * day }) }),
  },
);

Deno.test("openClockBook() has every record right within seconds, whatever happens to a clock that is seen", () => {
  fc.assert(
    fc.property(fc.array(act, { maxLength: 40 }), (acts) => {
      const machine = new Machine();
      const noted: Noted[] = [];
      for (const { kind, ms } of acts) {
        if (kind === "pass") machine.pass(ms);
        if (kind === "note") noted.push(machine.note());
        if (kind === "contact") machine.contact(ms);
        if (kind === "restart") machine.restart();
        if (kind === "reboot") machine.reboot(ms);
        if (kind === "step") {
          machine.offMs += ms;
          // The program runs, and looks every few seconds.
          machine.book.now();
        }
      }
      machine.contact();
      // Half of the longest way, what a clock that is right may be off, and a second that the uptime may.
      machine.assertRight(noted, 3000 + 1000 + 100);
    }),
    { numRuns: 2000 },
  );
});
