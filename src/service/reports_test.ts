import assert from "node:assert/strict";
import { FakeClock } from "../../tests/fixtures/fake_clock.ts";
import { UnavailableError } from "../../common/core/errors.ts";
import { DamagedDatabaseError } from "../../common/host/sqlite.ts";
import { createLogger, type Logger } from "../log/logger.ts";
import { createFaultList, type FaultList } from "./fault_list.ts";
import { createReports, databaseReport } from "./reports.ts";

function reportsOn(ended: string[], onDefect: (defect: unknown) => void = () => assert.fail()) {
  const clock = new FakeClock();
  const faults = createFaultList({
    now: () => clock.now(),
    monotonicMs: () => clock.monotonicMs(),
    changed: () => {},
    ended: ({ code }) => void ended.push(code),
  });
  const reports = createReports({
    log: createLogger({ clock, level: () => "error", sink: { write: () => {}, close: () => Promise.resolve() } }),
    faults,
    clock,
    onRevoked: () => assert.fail(),
    onDefect,
    changed: () => {},
  });
  return { ...reports, faults };
}

const answered = { event: "pollSucceeded", tasks: 0, configChanged: false, clockOffsetMs: 0, nextMs: 1 } as const;
const outcome = {
  addresses: 1,
  answered: 1,
  printers: 1,
  durationMs: 1,
  begunAt: new Date(0),
  packets: 1,
  answeredIds: new Set<string>(),
  unasked: new Set<string>(),
};

Deno.test("createReports() tells the end of each fault that can end", () => {
  const ended: string[] = [];
  const { poll, schedule, task, renewal, uplink } = reportsOn(ended);
  const error = new UnavailableError("Cannot do it");
  poll({ event: "pollFailed", error, nextMs: 1 });
  poll({ event: "configRefused", message: "poison" });
  // Refused by this very poll.
  poll(answered);
  assert.deepEqual(ended.splice(0), ["poll-failed"]);
  poll(answered);
  assert.deepEqual(ended.splice(0), ["config-refused"]);
  poll({ ...answered, clockOffsetMs: 3_600_000 });
  poll(answered);
  assert.deepEqual(ended.splice(0), ["clock-wrong"]);
  schedule({ event: "scanFailed", site: "a", error });
  schedule({ event: "scanFailed", site: "b", error });
  schedule({ event: "readEnded", site: "a" });
  schedule({ event: "sweepEnded", site: "b", outcome });
  assert.deepEqual(ended.splice(0), ["scan-failed a", "scan-failed b"]);
  task({ event: "taskUnsaved", taskId: "t", message: "full" });
  task({ event: "taskReceived", taskId: "t", kind: "ping" });
  assert.deepEqual(ended.splice(0), []);
  task({ event: "tasksSaved", taskId: null });
  renewal({ event: "renewalFailed", error, waitMs: 1 });
  renewal({ event: "certificateRenewed", notAfter: new Date(0) });
  uplink({ event: "uploadFailed", error, waitMs: 1 });
  const batch = { epoch: "e", sequence: 1, batchId: "b", formedAt: new Date(0), records: [] };
  uplink({ event: "batchSent", batch, bytes: 1, highestContiguousSequence: 1 });
  assert.deepEqual(ended.splice(0), ["task-unsaved", "renewal-failed", "upload-failed"]);
});

for (
  const { error, want } of [
    { error: new UnavailableError("Cannot reach the platform"), want: 0 },
    { error: new DamagedDatabaseError("Cannot read the database"), want: 1 },
  ]
) {
  Deno.test(`createReports() has the agent start over ${want} times after a poll that failed by ${error.name}`, () => {
    const defects: unknown[] = [];
    const reports = reportsOn([], (defect) => defects.push(defect));
    reports.poll({ event: "pollFailed", error, nextMs: 5000 });
    assert.equal(defects.length, want);
  });
}

Deno.test("createReports() has a fault for each site that is short of rate or hours, once, and names no more than a few", () => {
  const ended: string[] = [];
  const { schedule, faults } = reportsOn(ended);
  const finding = (i: number, message = "too slow") => ({ code: `reads-too-slow ${i}` as const, message });
  const judge = (...findings: ReturnType<typeof finding>[]) => schedule({ event: "capacityJudged", findings });
  judge(finding(1), finding(2));
  judge(finding(1), finding(2, "slower"));
  assert.deepEqual(faults.all().map(({ code, message, count }) => [code, message, count]), [
    ["reads-too-slow 2", "slower", 2],
    ["reads-too-slow 1", "too slow", 1],
  ]);
  judge(finding(2, "slower"));
  assert.deepEqual(ended.splice(0), ["reads-too-slow 1"]);
  judge(...Array.from({ length: 20 }, (_, i) => finding(i)));
  assert.equal(faults.all().length, 9);
  assert.equal(faults.all()[0]!.message, "12 more sites have too low a rate or too short hours");
  judge();
  assert.deepEqual(faults.all(), []);
});

Deno.test("databaseReport() tells of each database that could not be used as it was", () => {
  const faults: string[] = [], logged: string[] = [];
  const log = (level: string) => (event: string, fields: unknown) =>
    logged.push(`${level} ${event} ${JSON.stringify(fields)}`);
  const report = databaseReport({
    faults: { add: (code: string, message: string) => faults.push(`${code}: ${message}`) } as unknown as FaultList,
    log: { error: log("error"), warn: log("warn"), info: log("info") } as unknown as Logger,
  });
  report({ event: "databaseDamaged", path: "a.db", keptAs: "a.db.damaged-1", reason: "it is no database" });
  report({ event: "spoolSalvaged", report: { reason: "torn", keptAs: "spool.db.damaged-1", saved: 3, lost: 1 } });
  report({ event: "customerChanged", former: "Acme", customer: "Blue", kept: ["spool.db.1", "inventory.db.1"] });
  report({ event: "agentChanged", former: "agt-1", agentId: "agt-2" });
  assert.deepEqual(faults, [
    'database-damaged: "a.db" was damaged: quarantined as "a.db.damaged-1" and recreated',
    "spool-damaged: The spool was damaged: quarantined and recreated with its readable records",
    'former-customer: What was read for "Acme" is not sent to "Blue"; it is kept in "spool.db.1", "inventory.db.1"',
  ]);
  assert.deepEqual(logged, [
    'error databaseDamaged {"path":"a.db","keptAs":"a.db.damaged-1","reason":"it is no database"}',
    'error spoolSalvaged {"reason":"torn","keptAs":"spool.db.damaged-1","saved":3,"lost":1}',
    'warn customerChanged {"former":"Acme","customer":"Blue","kept":["spool.db.1","inventory.db.1"]}',
    'info agentChanged {"former":"agt-1","agentId":"agt-2"}',
  ]);
});
