/** The end of `deno task bench:platform --portal`: what is lost, twice or changed in a store is found, and who noticed a kill. */
import assert from "node:assert/strict";
import { compareStore, type SentReading, storedReadings } from "../../bench/compare_store.ts";
import { descriptorLimit, ownIn, ownLimits, type OwnState, watchSelf } from "../../bench/own_limits.ts";
import { compareTasks, noticed, type Session, type Visit } from "../../bench/who_noticed.ts";
import { eachDatabase } from "../fixtures/each_database.ts";
import { batchOf, readingOf, recordOf, startBench } from "../fixtures/platform_uploads.ts";

const at = new Date(Date.now() - 60_000);

/** Three readings of each of two printers, as sent and as stored. */
async function uploaded() {
  const bench = await startBench();
  const sent: SentReading[] = [];
  for (let sequence = 1; sequence <= 3; sequence++) {
    const records = ["A1B2C3D4", "E5F6G7H8"].map((serial, printer) => {
      const observedAt = new Date(at.getTime() + sequence * 1000);
      const address = `10.1.0.${printer + 7}`, total = 1000 * (printer + 1) + sequence;
      const record = recordOf(readingOf({ serial, address, total, observedAt }), { deviceKey: serial });
      sent.push({ recordId: record.recordId, serial, observedAt: observedAt.getTime(), total, acknowledged: true });
      return record;
    });
    await bench.upload(batchOf(bench.agent, { sequence, records }));
  }
  return { bench, sent, read: () => storedReadings(bench.platform.platform.store, at.getTime()) };
}

const good = { lost: [], twice: [], changed: [], unsent: [], unbilled: [], divided: [] };

eachDatabase("a lost, a doubled and a moved reading in the store are each found by name", async () => {
  const { bench, sent, read } = await uploaded();
  await using _ = bench;
  const { tenant } = bench.agent;
  const unacknowledged = { stored: 0, notStored: 0 };
  assert.deepEqual(compareStore(sent, await read()), { ...good, acknowledged: 6, stored: 6, unacknowledged });

  const [lost, doubled, moved, unbilled] = sent as [SentReading, SentReading, SentReading, SentReading];
  const where = "customer_id = :customer AND record_id = :id";
  await tenant.run(`DELETE FROM records WHERE ${where}`, { id: lost.recordId });
  // The same reading, which came again under another id, and one under its own at another time.
  const columns = "device_id, observed_at, time_basis, agent_at, kind, record";
  const copy = (id: string, later: number) =>
    tenant.run(
      `INSERT INTO records (customer_id, agent_id, record_id, received_at, ${columns})
       SELECT customer_id, agent_id, ${id}, received_at + ${later}, ${columns} FROM records WHERE ${where}`,
      { id: doubled.recordId },
    );
  await copy("'again'", 0);
  await copy("record_id", 1);
  await tenant.run(`UPDATE records SET agent_at = agent_at + 1 WHERE ${where}`, { id: moved.recordId });
  await tenant.run(
    `DELETE FROM samples WHERE customer_id = :customer AND name = 'total' AND observed_at =
       (SELECT observed_at FROM records WHERE ${where}) AND device_id = (SELECT device_id FROM records WHERE ${where})`,
    { id: unbilled.recordId },
  );
  const found = compareStore(sent, await read());
  const name = ({ recordId, serial }: SentReading) => `${recordId} of ${serial}`;
  assert.deepEqual(found.lost, [name(lost)]);
  assert.deepEqual(found.twice.length, 2);
  assert.deepEqual(found.unsent, [`again of ${doubled.serial}`]);
  assert.deepEqual(found.changed, [name(moved)]);
  assert.deepEqual(found.unbilled, [name(unbilled)]);
  assert.deepEqual(found.divided, []);
});

Deno.test("what is not acknowledged is no loss, and is counted apart; a printer that is two devices is named", () => {
  const sent = ["a", "b", "c"].map((recordId, i): SentReading => ({
    recordId,
    serial: "S",
    observedAt: i,
    total: i,
    acknowledged: recordId === "a",
  }));
  const stored = sent.slice(0, 2).map((reading, i) => ({ ...reading, deviceId: `device ${i}`, samples: 1 }));
  const found = compareStore(sent, stored);
  assert.deepEqual([found.lost, found.unacknowledged], [[], { stored: 1, notStored: 1 }]);
  assert.deepEqual(found.divided, ["S"]);
});

Deno.test("who noticed: failures, the gap without an upload, pages that say so and that do not, and the end of it", () => {
  const session = (dueAt: number, acknowledgedAt: number | undefined, failedAt: number[] = []): Session => {
    return {
      agentId: "a",
      dueAt,
      acknowledgedAt,
      failures: failedAt.map((at) => ({ at, why: "closed" })),
      pollMs: 1,
      uploadMs: 1,
    };
  };
  const visit = (dueAt: number, status: number, says = false): Visit => {
    return { dueAt, page: "overview", user: dueAt, endedAt: dueAt + 100, status, says, why: "", compressed: 1 };
  };
  const sessions = [
    // Begun before the kill, and acknowledged after it.
    session(900, 5000, [1100, 2100]),
    session(1500, 6000, [1600]),
    session(7000, 7010),
    session(20_000, undefined, [20_010]),
  ];
  const visits = [visit(500, 0), visit(1200, 0), visit(1300, 503, true), visit(1400, 500), visit(8000, 200)];
  assert.deepEqual(noticed({ fromMs: 1000, untilMs: 10_000 }, sessions, visits), {
    uploadsFailed: 3,
    agents: 2,
    longestGapMs: 4000,
    slowestUploadMs: 4500,
    pagesUnanswered: 1,
    pagesSaying: 1,
    pagesBroken: 1,
    people: 3,
    normalAfterMs: 5000,
  });
  const rest = noticed({ fromMs: 10_000, untilMs: 30_000 }, sessions, visits);
  assert.deepEqual([rest.uploadsFailed, rest.normalAfterMs, rest.longestGapMs], [1, Infinity, 20_000]);
  // What the next kill hits was begun before it.
  const hit = [session(8500, 14_000), session(9500, 13_000, [10_100])];
  const first = noticed({ fromMs: 1000, untilMs: 10_000 }, [...sessions, ...hit], [...visits, visit(9950, 0)]);
  assert.deepEqual([first.normalAfterMs, first.slowestUploadMs, first.pagesUnanswered], [5000, 4500, 1]);
  const next = noticed({ fromMs: 10_000, untilMs: 19_000 }, hit, [visit(9950, 0)]);
  assert.deepEqual([next.normalAfterMs, next.slowestUploadMs, next.pagesUnanswered], [4000, 5500, 1]);
});

Deno.test("a task that never came, one without a result, and one that came twice are told apart", () => {
  const tasks = [{ taskId: "a", state: "succeeded" }, { taskId: "b", state: "waiting" }, {
    taskId: "c",
    state: "succeeded",
  }];
  assert.deepEqual(compareTasks(tasks, new Map([["a", 2], ["c", 1]])), {
    made: 3,
    notRun: ["b"],
    unreported: ["b: waiting"],
    cameAgain: 1,
  });
});

Deno.test("the benchmark says when it was itself the limit: a late event loop, descriptors, a turn, and silence", () => {
  const state = (at: number, more: Partial<OwnState> = {}): OwnState => ({
    at,
    lateMs: [1, 3, 2],
    descriptors: 20,
    turnMs: 0,
    ...more,
  });
  const time = { name: "while all was there", fromMs: 1000, untilMs: 3000, mostLateMs: 500 };
  const said = (...states: OwnState[]) => ownLimits(new Map([["agents", states]]), [time], 100);
  assert.deepEqual(said(state(1000), state(2000, { lateMs: [500], descriptors: 90, turnMs: 500 })), []);
  assert.deepEqual(said(state(999, { lateMs: [9000] }), state(1500), state(3000, { descriptors: 100 })), []);
  assert.deepEqual(said(state(1000, { lateMs: [2, 1500, 1] })), [
    "agents: its event loop was up to 1.5 s late (while all was there)",
  ]);
  assert.deepEqual(said(state(1000, { descriptors: 91, turnMs: 2000 })), [
    "agents had 91 of 100 descriptors (while all was there)",
    "agents: some waited 2.0 s for their turn in it (while all was there)",
  ]);
  assert.deepEqual(said(state(500)), ["agents did not say how it was (while all was there)"]);
  assert.deepEqual(ownIn(new Map([["agents", [state(1000), state(2000, { lateMs: [0] })]]]), time), [
    { program: "agents", lateMs: [0, 1, 2, 3], descriptors: 20, turnMs: 0 },
  ]);
});

Deno.test("a program of the benchmark tells of each second how late its event loop was", async () => {
  const told = Promise.withResolvers<OwnState>();
  using _ = watchSelf(told.resolve, () => 7);
  const blockedUntil = performance.now() + 300;
  while (performance.now() < blockedUntil);
  const { lateMs, descriptors, turnMs } = await told.promise;
  assert.ok(Math.max(...lateMs) >= 150, `late by ${lateMs}`);
  assert.ok(descriptors > 2 && descriptors < descriptorLimit());
  assert.equal(turnMs, 7);
});
