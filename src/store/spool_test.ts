import assert from "node:assert/strict";
import { StorageError } from "../../common/host/sqlite.ts";
import { createFakeDisk, type FakeDisk } from "../../tests/fixtures/fake_disk.ts";
import { FakeClock } from "../../tests/fixtures/fake_clock.ts";
import { openSpool, type SpoolOptions } from "./spool.ts";
import { recordOf as recordOfRow, type RecordRow } from "./spool_database.ts";
import { type RecordClass, sizeOf, type SpoolRecord } from "./spool_record.ts";

const at = (text: string) => new Date(`2026-01-${text}Z`);
const now = { maxRecords: 100, maxBytes: 1_000_000, maxAgeMs: 0 };

function recordOf(id: string, options: Partial<SpoolRecord> = {}): SpoolRecord {
  return {
    id,
    kind: "reading",
    class: "status",
    deviceId: "a",
    observedAt: at("01T08:00:00"),
    payload: new TextEncoder().encode(id),
    ...options,
  };
}

function open(disk: FakeDisk, options: Partial<SpoolOptions> = {}) {
  return openSpool(disk.path("spool.db"), {
    clock: new FakeClock(),
    files: disk,
    onSalvage: ({ reason }) => assert.fail(reason),
    reserveBytes: 1000,
    ...options,
  });
}

function idsOf(records: readonly SpoolRecord[] | undefined): string[] {
  return (records ?? []).map(({ id }) => id);
}

const one = sizeOf(new Uint8Array(2));
const limitCases: {
  name: string;
  records: [id: string, class_: RecordClass, at: string, kind?: "device_event"][];
  maxBytes: number;
  left: string[];
}[] = [
  {
    name: "nothing at the limit",
    records: [["s1", "status", "01T08"], ["s2", "status", "01T09"]],
    maxBytes: 2 * one,
    left: ["s1", "s2"],
  },
  {
    name: "the oldest status one octet beyond it",
    records: [["s1", "status", "01T08"], ["s2", "status", "01T09"]],
    maxBytes: 2 * one - 1,
    left: ["s2"],
  },
  {
    name: "status before meters",
    records: [["m1", "meter", "01T08"], ["m2", "meter", "01T09"], ["s1", "status", "01T10"]],
    maxBytes: 2 * one,
    left: ["m1", "m2"],
  },
  {
    name: "meters before the last meter of a day",
    records: [["m1", "meter", "01T08"], ["m2", "meter", "02T08"], ["m3", "meter", "02T09"]],
    maxBytes: 2 * one,
    left: ["m1", "m3"],
  },
  {
    name: "the meter that came last but was observed first",
    records: [["m2", "meter", "01T09"], ["m1", "meter", "01T08"]],
    maxBytes: one,
    left: ["m2"],
  },
  {
    name: "events before the last meter of a day",
    records: [["m1", "meter", "01T08"], ["e1", "meter", "01T09", "device_event"]],
    maxBytes: one,
    left: ["m1"],
  },
  {
    name: "a new status when only last meters are there",
    records: [["m1", "meter", "01T08"], ["m2", "meter", "02T08"], ["s1", "status", "03T08"]],
    maxBytes: 2 * one,
    left: ["m1", "m2"],
  },
  {
    name: "the oldest last meter when there is nothing else",
    records: [["m1", "meter", "01T08"], ["m2", "meter", "02T08"]],
    maxBytes: one,
    left: ["m2"],
  },
];
for (const { name, records, maxBytes, left } of limitCases) {
  Deno.test(`append() drops ${name}`, () => {
    using disk = createFakeDisk();
    using spool = open(disk, { limits: { maxBytes } });
    for (const [id, class_, time, kind = "reading"] of records) {
      spool.append([recordOf(id, { class: class_, observedAt: at(`${time}:00:00`), kind })]);
    }
    assert.deepEqual(idsOf(spool.nextBatch(now)?.records), left);
    const { dropped, depth } = spool.stats();
    assert.equal(dropped.status + dropped.meters + dropped.lastMeters + depth, records.length);
  });
}

Deno.test("append() keeps the last meter of each device, also those of one day", () => {
  using disk = createFakeDisk();
  using spool = open(disk, { limits: { maxBytes: 2 * one } });
  spool.append(["a", "b"].map((deviceId) => recordOf(`${deviceId}1`, { deviceId, class: "meter" })));
  spool.append([recordOf("s1")]);
  assert.deepEqual(idsOf(spool.nextBatch(now)?.records), ["a1", "b1"]);
});

Deno.test("append() drops no record of a batch, and says how many it dropped of what", () => {
  using disk = createFakeDisk();
  using spool = open(disk, { limits: { maxBytes: 2 * one } });
  spool.append([recordOf("s1"), recordOf("s2")]);
  const batch = spool.nextBatch(now);
  spool.append([recordOf("m1", { class: "meter" })]);
  assert.deepEqual(spool.nextBatch(now), batch);
  assert.deepEqual(idsOf(batch?.records), ["s1", "s2"]);
  assert.deepEqual(spool.stats().dropped, { status: 0, meters: 0, lastMeters: 1, quarantined: 0 });
});

Deno.test("append() drops status and earlier meters that are older than the limit, a day at a time", async () => {
  using disk = createFakeDisk();
  const clock = new FakeClock();
  using spool = open(disk, { clock, limits: { maxAgeMs: 2 * 86_400_000 } });
  const meter = { class: "meter" as const };
  spool.append([recordOf("s1"), recordOf("m1", meter), recordOf("m2", meter)]);
  await clock.advance(86_400_000);
  spool.append([recordOf("s2")]);
  await clock.advance(86_400_000);
  spool.append([recordOf("s3")]);
  assert.equal(spool.stats().depth, 5, "at the limit");
  await clock.advance(1);
  spool.append([recordOf("s4")]);
  assert.deepEqual(idsOf(spool.nextBatch(now)?.records), ["m2", "s2", "s3", "s4"]);
});

Deno.test("append() does not take a clock that is put right by 26 years for age", () => {
  using disk = createFakeDisk();
  let time = "2000-01-01T00:00:00Z";
  using spool = open(disk, { clock: { now: () => new Date(time) } });
  spool.append([recordOf("s1")]);
  time = "2026-01-01T00:00:00Z";
  spool.append([recordOf("s2")]);
  assert.equal(spool.stats().depth, 2);
});

Deno.test("append() puts a record in once, however often it is tried", () => {
  using disk = createFakeDisk();
  using spool = open(disk);
  spool.append([recordOf("s1")]);
  spool.append([recordOf("s1"), recordOf("s2")]);
  const { depth, bytes } = spool.stats();
  assert.deepEqual({ depth, bytes }, { depth: 2, bytes: 2 * one });
});

Deno.test("append() refuses a record without a time, and the others with it", () => {
  using disk = createFakeDisk();
  using spool = open(disk);
  assert.throws(() => spool.append([recordOf("s1"), recordOf("s2", { observedAt: new Date(NaN) })]), /"s2"/);
  assert.equal(spool.stats().depth, 0);
});

const formCases = [
  { name: "waits for more while it is young and small", options: { maxRecords: 4 }, waitMs: 999, ids: [] },
  { name: "forms a batch of the age", options: { maxRecords: 4 }, waitMs: 1000, ids: ["s1", "s2", "s3"] },
  { name: "forms a batch of the count", options: { maxRecords: 3 }, waitMs: 0, ids: ["s1", "s2", "s3"] },
  { name: "leaves what is beyond the count", options: { maxRecords: 2 }, waitMs: 0, ids: ["s1", "s2"] },
  { name: "forms a batch of the bytes", options: { maxBytes: 6 }, waitMs: 0, ids: ["s1", "s2", "s3"] },
  { name: "leaves what is beyond the bytes", options: { maxBytes: 5 }, waitMs: 0, ids: ["s1", "s2"] },
  { name: "sends a record that is too large alone", options: { maxBytes: 1 }, waitMs: 0, ids: ["s1"] },
  {
    name: "does not wait for a clock that was put back",
    options: { maxRecords: 4 },
    waitMs: -86_400_000,
    ids: ["s1", "s2", "s3"],
  },
];
for (const { name, options, waitMs, ids } of formCases) {
  Deno.test(`nextBatch() ${name}`, () => {
    using disk = createFakeDisk();
    let time = Date.parse("2026-01-01T00:00:00Z");
    using spool = open(disk, { clock: { now: () => new Date(time) } });
    spool.append([recordOf("s1"), recordOf("s2"), recordOf("s3")]);
    time += waitMs;
    const batch = spool.nextBatch({ maxRecords: 100, maxBytes: 1000, maxAgeMs: 1000, ...options });
    assert.deepEqual(idsOf(batch?.records), ids);
  });
}

Deno.test("nextBatch() forms at most as many batches as may be outstanding", () => {
  using disk = createFakeDisk();
  using spool = open(disk, { maxOutstandingBatches: 2 });
  spool.append(["1", "2", "3"].map((id) => recordOf(id)));
  const options = { ...now, maxRecords: 1 };
  assert.deepEqual([0, 1, 2].map((after) => spool.nextBatch({ ...options, after })?.sequence), [1, 2, undefined]);
  spool.acknowledge(1, spool.stats().epoch);
  assert.deepEqual(idsOf(spool.nextBatch({ ...options, after: 2 })?.records), ["3"]);
});

Deno.test("acknowledge() leaves all when the answer is for another epoch or goes back", () => {
  using disk = createFakeDisk();
  using spool = open(disk);
  spool.append([recordOf("s1"), recordOf("s2")]);
  const first = spool.nextBatch({ ...now, maxRecords: 1 })!;
  spool.nextBatch({ ...now, maxRecords: 1, after: 1 });
  assert.equal(spool.acknowledge(1, "another"), 0);
  assert.equal(spool.acknowledge(1, first.epoch), 1);
  assert.equal(spool.acknowledge(0, first.epoch), 0);
  assert.equal(spool.acknowledge(1, first.epoch), 0);
  assert.equal(spool.stats().depth, 1);
  assert.equal(spool.stats().acknowledgedSequence, 1);
});

for (const sequence of [2, -1, 0.5, NaN, 2 ** 60]) {
  Deno.test(`acknowledge() refuses ${sequence} when one batch was formed`, () => {
    using disk = createFakeDisk();
    using spool = open(disk);
    spool.append([recordOf("s1")]);
    const { epoch } = spool.nextBatch(now)!;
    assert.throws(() => spool.acknowledge(sequence, epoch), RangeError);
    assert.equal(spool.stats().depth, 1);
  });
}

Deno.test("quarantine() takes a batch out of the queue for good, with its reason", () => {
  using disk = createFakeDisk();
  using spool = open(disk);
  spool.append([recordOf("s1"), recordOf("s2")]);
  const { epoch } = spool.nextBatch({ ...now, maxRecords: 1 })!;
  assert.equal(spool.quarantine(1, { epoch, reason: "malformed" }), 1);
  assert.equal(spool.quarantine(1, { epoch, reason: "malformed" }), 0);
  assert.equal(spool.nextBatch(now)?.sequence, 2);
  assert.equal(spool.acknowledge(2, epoch), 1);
  const [refused] = spool.quarantined();
  assert.deepEqual([refused?.id, refused?.sequence, refused?.reason], ["s1", 1, "malformed"]);
});

Deno.test("quarantine() of some records keeps the batch as it was until it is acknowledged", () => {
  using disk = createFakeDisk();
  using spool = open(disk);
  spool.append([recordOf("s1"), recordOf("s2")]);
  const batch = spool.nextBatch(now)!;
  spool.quarantine(1, { epoch: batch.epoch, reason: "no content", recordIds: ["s2"] });
  assert.deepEqual(spool.nextBatch(now), batch);
  spool.acknowledge(1, batch.epoch);
  assert.deepEqual(spool.quarantined().map(({ id }) => id), ["s2"]);
  assert.equal(spool.stats().depth, 0);
});

Deno.test("quarantine() is bounded: the oldest go and are counted", () => {
  using disk = createFakeDisk();
  using spool = open(disk, { limits: { maxRefusedBytes: one } });
  spool.append([recordOf("s1"), recordOf("s2")]);
  const { epoch } = spool.nextBatch(now)!;
  spool.quarantine(1, { epoch, reason: "malformed" });
  assert.deepEqual(spool.quarantined().map(({ id }) => id), ["s2"]);
  assert.equal(spool.stats().dropped.quarantined, 1);
});

Deno.test("beginEpoch() sends again what is not acknowledged, from sequence 1", () => {
  using disk = createFakeDisk();
  using spool = open(disk);
  spool.append([recordOf("s1"), recordOf("s2"), recordOf("s3")]);
  const options = { ...now, maxRecords: 1 };
  const { epoch } = spool.nextBatch(options)!;
  spool.nextBatch({ ...options, after: 1 });
  spool.acknowledge(1, epoch);
  const fresh = spool.beginEpoch();
  assert.notEqual(fresh, epoch);
  const batch = spool.nextBatch(now);
  assert.deepEqual([batch?.epoch, batch?.sequence, idsOf(batch?.records)], [fresh, 1, ["s2", "s3"]]);
});

Deno.test("a full disk refuses new records, sends and deletes what is there, and recovers by itself", () => {
  using disk = createFakeDisk();
  using spool = open(disk);
  spool.append([recordOf("s1")]);
  disk.full = true;
  const isFull = (error: unknown) => error instanceof StorageError && error.reason === "full";
  assert.throws(() => spool.append([recordOf("s2")]), isFull);
  assert.equal(spool.stats().diskFull, true);
  const batch = spool.nextBatch(now)!;
  assert.deepEqual(idsOf(batch.records), ["s1"]);
  assert.equal(spool.acknowledge(1, batch.epoch), 1);
  assert.throws(() => spool.append([recordOf("s2")]), isFull, "the reserve is not for new records");
  disk.full = false;
  spool.append([recordOf("s2")]);
  assert.equal(spool.stats().diskFull, false);
  assert.ok(disk.names().includes("spool.db.reserve"));
  assert.deepEqual(idsOf(spool.nextBatch(now)?.records), ["s2"]);
});

Deno.test("openSpool() says which folder it cannot use", () => {
  using disk = createFakeDisk();
  assert.throws(
    () => openSpool("/nowhere/spool.db", { clock: new FakeClock(), files: disk, onSalvage() {} }),
    (error) => error instanceof StorageError && /\/nowhere\/spool\.db/.test(error.message),
  );
});

Deno.test("openSpool() makes files that only their owner may read", { ignore: Deno.build.os === "windows" }, () => {
  using disk = createFakeDisk();
  using spool = open(disk);
  spool.append([recordOf("s1")]);
  for (const name of disk.names()) assert.equal(Deno.statSync(disk.path(name)).mode! & 0o077, 0, name);
});

Deno.test("openSpool() goes on with a spool of the first layout", () => {
  const disk = createFakeDisk();
  {
    using spool = open(disk);
    spool.append([recordOf("a"), recordOf("b")]);
    spool.nextBatch({ ...now, maxRecords: 1 });
  }
  const db = disk.openDatabase(disk.path("spool.db"));
  for (const column of ["span", "uptime_ms", "corrected_at", "is_guess"]) {
    db.exec(`ALTER TABLE record DROP COLUMN ${column}`);
  }
  db.exec("PRAGMA user_version = 1");
  db.close();
  using spool = open(disk);
  const first = spool.nextBatch(now)!;
  assert.deepEqual([first.sequence, idsOf(first.records)], [1, ["a"]]);
  spool.acknowledge(1, first.epoch);
  spool.append([recordOf("c", { mark: { span: "s", ms: 7 } })]);
  assert.deepEqual(spool.nextBatch(now)!.records.map(({ id, mark }) => [id, mark]), [["b", undefined], [
    "c",
    { span: "s", ms: 7 },
  ]]);
});

Deno.test("nextBatch() forms none when it may not, and corrects the times of a batch once", () => {
  const disk = createFakeDisk();
  const mark = { span: "s", ms: 1000 };
  const times = (records: readonly SpoolRecord[]) => records.map(({ corrected }) => corrected?.at.toISOString());
  const correctedTo = (text: string) => ({
    ...now,
    correct: (_: Date, found: unknown) => found === null ? undefined : { at: at(text), isGuess: false },
  });
  {
    using spool = open(disk);
    spool.append([recordOf("a", { mark }), recordOf("b")]);
    assert.equal(spool.nextBatch({ ...correctedTo("02T08:00:00"), mayForm: false }), undefined);
    const { records } = spool.nextBatch(correctedTo("02T08:00:00"))!;
    assert.deepEqual(times(records), ["2026-01-02T08:00:00.000Z", undefined]);
  }
  using spool = open(disk);
  // Made before; what is known of the clock now changes nothing in it.
  const again = spool.nextBatch({ ...correctedTo("03T08:00:00"), mayForm: false })!;
  assert.deepEqual(times(again.records), ["2026-01-02T08:00:00.000Z", undefined]);
  // In a new epoch it is another batch.
  spool.beginEpoch();
  assert.deepEqual(times(spool.nextBatch(correctedTo("03T08:00:00"))!.records), [
    "2026-01-03T08:00:00.000Z",
    undefined,
  ]);
  spool.beginEpoch();
  assert.deepEqual(times(spool.nextBatch(now)!.records), ["2026-01-03T08:00:00.000Z", undefined]);
});

Deno.test("quarantine() keeps a corrected record so that a salvage can read it", () => {
  const disk = createFakeDisk();
  using spool = open(disk);
  spool.append([recordOf("a", { mark: { span: "s", ms: 1 } })]);
  const { sequence, epoch } = spool.nextBatch({ ...now, correct: () => ({ at: at("02T08:00:00"), isGuess: true }) })!;
  assert.equal(spool.quarantine(sequence, { epoch, reason: "no", recordIds: ["a"] }), 1);
  const db = disk.openDatabase(disk.path("spool.db"), { readOnly: true });
  const row = db.get<RecordRow>("SELECT * FROM refused")!;
  db.close();
  assert.equal(recordOfRow(row).id, "a");
});
