/** The spool against a small model, under any order of operations, limits and crashes, also within an operation. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { DatabaseSync } from "node:sqlite";
import { openSpool, type Spool } from "../../src/store/spool.ts";
import { type Batch, dayOf, sizeOf, type SpoolRecord } from "../../src/store/spool_record.ts";
import { createFakeDisk, type FakeDisk } from "../fixtures/fake_disk.ts";
import { FakeClock } from "../fixtures/fake_clock.ts";

type Operation =
  | { type: "append"; records: Appended[] }
  | { type: "batch"; ahead: number; maxRecords: number; maxBytes: number }
  | { type: "acknowledge"; share: number }
  | { type: "quarantine"; pick: number }
  | { type: "epoch" };

interface Appended {
  device: number;
  day: number;
  meter: boolean;
  bytes: number;
}

interface Step {
  operation: Operation;
  /** Killed in the middle of the operation's write (0 to 1 of it is on the disk), after it, or not at all. */
  crash: number | "after" | null;
}

interface Entry {
  record: SpoolRecord;
  sequence: number | null;
}

/** What the spool promises, without files: a list, a counter and a list of what was refused. */
interface Model {
  queue: Entry[];
  next: number;
  refused: string[];
}

const maxBytes = 12 * sizeOf(new Uint8Array(60));
const maxOutstandingBatches = 3;

function worth(queue: Entry[], { record }: Entry): number {
  if (record.class === "status") return 0;
  const sameDay = queue.filter(({ record: other }) =>
    other.class === "meter" && other.deviceId === record.deviceId &&
    dayOf(other.observedAt) === dayOf(record.observedAt)
  );
  return sameDay.at(-1)!.record === record ? 2 : 1;
}

function sizeOfQueue(queue: Entry[]): number {
  return queue.reduce((sum, { record }) => sum + sizeOf(record.payload), 0);
}

function batchesOf(model: Model): number[] {
  return [...new Set(model.queue.flatMap(({ sequence }) => sequence ?? []))].sort((a, b) => a - b);
}

function append(model: Model, records: SpoolRecord[]): void {
  model.queue.push(...records.map((record) => ({ record, sequence: null })));
  const held = model.queue.map((entry) => ({ entry, worth: worth(model.queue, entry) }));
  const droppable = held.filter(({ entry }) => entry.sequence === null).sort((a, b) => a.worth - b.worth);
  while (sizeOfQueue(model.queue) > maxBytes && droppable.length > 0) {
    model.queue.splice(model.queue.indexOf(droppable.shift()!.entry), 1);
  }
}

function form(model: Model, options: { ahead: number; maxRecords: number; maxBytes: number }): number | undefined {
  const formed = batchesOf(model).filter((sequence) => sequence > after(model, options.ahead));
  if (formed.length > 0) return formed[0];
  const waiting = model.queue.filter(({ sequence }) => sequence === null);
  if (waiting.length === 0 || batchesOf(model).length >= maxOutstandingBatches) return undefined;
  let bytes = 0;
  for (const [i, entry] of waiting.entries()) {
    bytes += entry.record.payload.length;
    if (i > 0 && (i === options.maxRecords || bytes > options.maxBytes)) break;
    entry.sequence = model.next;
  }
  return model.next++;
}

/** The sequence before the batch that is `ahead` places behind the first. */
function after(model: Model, ahead: number): number {
  return ahead === 0 ? 0 : batchesOf(model)[ahead - 1] ?? model.next - 1;
}

function clone(model: Model): Model {
  return { queue: model.queue.map((entry) => ({ ...entry })), next: model.next, refused: [...model.refused] };
}

function viewOfModel(model: Model): unknown {
  return { queue: model.queue.map(({ record, sequence }) => [record.id, sequence]), refused: model.refused };
}

function viewOfDisk(disk: FakeDisk): unknown {
  const db = new DatabaseSync(disk.path("spool.db"));
  try {
    const queue = db.prepare("SELECT id, sequence FROM record ORDER BY position").all();
    const refused = db.prepare("SELECT id FROM refused ORDER BY position").all();
    return { queue: queue.map(({ id, sequence }) => [id, sequence]), refused: refused.map(({ id }) => id) };
  } finally {
    db.close();
  }
}

const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant("append" as const),
      records: fc.array(
        fc.record({
          device: fc.nat(2),
          day: fc.nat(1),
          meter: fc.boolean(),
          bytes: fc.nat(60),
        }),
        { minLength: 1, maxLength: 6 },
      ),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant("batch" as const),
      ahead: fc.nat(2),
      maxRecords: fc.integer({ min: 1, max: 5 }),
      maxBytes: fc.integer({ min: 1, max: 150 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("acknowledge" as const), share: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("quarantine" as const), pick: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.constant({ type: "epoch" as const }) },
);

const step: fc.Arbitrary<Step> = fc.record({
  operation,
  crash: fc.oneof(
    { weight: 4, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: fc.constant("after" as const) },
    { weight: 1, arbitrary: fc.double({ min: 0, max: 1, noNaN: true }) },
  ),
});

function recordOf(number: number, { device, day, meter, bytes }: Appended): SpoolRecord {
  return {
    id: `record-${number}`,
    kind: "reading",
    class: meter ? "meter" : "status",
    deviceId: `device-${device}`,
    observedAt: new Date(Date.UTC(2026, 0, 1 + day)),
    payload: new Uint8Array(bytes).fill(number + 1),
  };
}

/** Everything that was ever handed out to be sent. */
interface Sent {
  /** Epoch and sequence of a record's last batch, by its id. */
  sentAs: Map<string, string>;
  /** Records of a batch, by its epoch and sequence. */
  contents: Map<string, string>;
}

/** Fails if the batch, or a record of it within its epoch, was sent as another before. */
function noteSent({ epoch, sequence, records }: Batch, { sentAs, contents }: Sent): void {
  const key = `${epoch}/${sequence}`;
  const content = JSON.stringify(records.map(({ id, payload }) => [id, payload.toHex()]));
  assert.equal(contents.get(key) ?? content, content, "a batch that was sent has changed");
  contents.set(key, content);
  for (const { id } of records) {
    const before = sentAs.get(id) ?? key;
    if (before.startsWith(epoch)) assert.equal(before, key, "sent under another sequence");
    sentAs.set(id, key);
  }
}

/** One run: the spool, the model of it, and everything that was ever handed out to be sent. */
function createRun() {
  const clock = new FakeClock();
  let disk = createFakeDisk();
  let model: Model = { queue: [], next: 1, refused: [] };
  let sent: Sent = { sentAs: new Map(), contents: new Map() };
  let made = 0;
  const open = () =>
    openSpool(disk.path("spool.db"), {
      clock,
      files: disk,
      onSalvage: ({ reason }) => assert.fail(reason),
      limits: { maxBytes },
      maxOutstandingBatches,
      reserveBytes: 1,
    });
  let spool: Spool = open();

  function apply(operation: Operation): void {
    const { epoch } = spool.stats();
    if (operation.type === "append") {
      const records = operation.records.map((record) => recordOf(made++, record));
      append(model, records);
      spool.append(records);
    } else if (operation.type === "batch") {
      const from = after(model, operation.ahead);
      const sequence = form(model, operation);
      const batch = spool.nextBatch({ ...operation, maxAgeMs: 0, after: from });
      assert.equal(batch?.sequence, sequence);
      if (batch === undefined) return;
      noteSent(batch, sent);
    } else if (operation.type === "acknowledge") {
      const upTo = batchesOf(model).at(-1 - operation.share);
      if (upTo === undefined) return;
      model.queue = model.queue.filter(({ sequence }) => sequence === null || sequence > upTo);
      spool.acknowledge(upTo, epoch);
    } else if (operation.type === "quarantine") {
      const sequence = batchesOf(model)[operation.pick];
      if (sequence === undefined) return;
      model.refused.push(...model.queue.filter((e) => e.sequence === sequence).map(({ record }) => record.id));
      model.queue = model.queue.filter((entry) => entry.sequence !== sequence);
      spool.quarantine(sequence, { epoch, reason: "malformed" });
    } else {
      for (const entry of model.queue) entry.sequence = null;
      model.next = 1;
      spool.beginEpoch();
    }
  }

  return {
    step({ operation, crash }: Step): void {
      if (crash === null) return apply(operation);
      using earlier = disk.crash();
      const before = clone(model);
      const sentBefore = { sentAs: new Map(sent.sentAs), contents: new Map(sent.contents) };
      apply(operation);
      const old = disk;
      const crashed = crash === "after" ? old.crash() : old.crashTorn(earlier, "spool.db-wal", crash);
      spool[Symbol.dispose]();
      old[Symbol.dispose]();
      disk = crashed;
      const view = viewOfDisk(disk);
      if (typeof crash === "number" && JSON.stringify(view) === JSON.stringify(viewOfModel(before))) {
        // It never returned, so that nothing of it was sent.
        [model, sent] = [before, sentBefore];
      }
      assert.deepEqual(view, viewOfModel(model));
      spool = open();
    },
    check() {
      assert.deepEqual(viewOfDisk(disk), viewOfModel(model));
      const { depth, bytes } = spool.stats();
      assert.deepEqual({ depth, bytes }, { depth: model.queue.length, bytes: sizeOfQueue(model.queue) });
    },
    close() {
      spool[Symbol.dispose]();
      disk[Symbol.dispose]();
    },
  };
}

Deno.test("openSpool() keeps what was appended and sends it under one sequence, whatever happens", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 25 }), (steps) => {
      const run = createRun();
      try {
        for (const each of steps) {
          run.step(each);
          run.check();
        }
      } finally {
        run.close();
      }
    }),
    { numRuns: 60 },
  );
});
