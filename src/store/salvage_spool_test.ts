import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { createFakeDisk, type FakeDisk } from "../../tests/fixtures/fake_disk.ts";
import { FakeClock } from "../../tests/fixtures/fake_clock.ts";
import { StorageError } from "../../common/host/sqlite.ts";
import type { SalvageReport } from "./salvage_spool.ts";
import { openSpool, type Spool } from "./spool.ts";
import type { SpoolRecord } from "./spool_record.ts";

const pageBytes = 4096;
const everything = { maxRecords: 5000, maxBytes: 10_000_000, maxAgeMs: 0 };

function recordOf(id: number): SpoolRecord {
  return {
    id: `record-${id}`,
    kind: "reading",
    class: "meter",
    deviceId: "a",
    observedAt: new Date(Date.UTC(2026, 0, 1, 0, 0, id)),
    payload: new Uint8Array(700).fill(id),
  };
}

function open(disk: FakeDisk, reports: SalvageReport[]): Spool {
  return openSpool(disk.path("spool.db"), {
    clock: new FakeClock("2026-01-02T03:04:05Z"),
    files: disk,
    onSalvage: (report) => reports.push(report),
    reserveBytes: 1000,
    maxOutstandingBatches: 1000,
  });
}

/** A spool of `count` records, written into one file and closed. */
function fill(disk: FakeDisk, count: number): void {
  using spool = open(disk, []);
  spool.append(Array.from({ length: count }, (_, i) => recordOf(i + 1)));
}

function idsOf(spool: Spool): string[] {
  return spool.nextBatch(everything)?.records.map(({ id }) => id) ?? [];
}

/** Number of a page that holds rows of the queue, counted from 1. */
function pageOfRecords(disk: FakeDisk): number {
  const bytes = Deno.readFileSync(disk.path("spool.db"));
  // 0d is a leaf of a table; the one that is wanted holds payloads of one repeated octet.
  for (let page = 2; page * pageBytes < bytes.length; page++) {
    const content = bytes.subarray(page * pageBytes, (page + 1) * pageBytes);
    if (content.at(-200) === 0) continue;
    if (content[0] === 0x0d && content.subarray(-300, -100).every((octet) => octet === content.at(-200))) {
      return page + 1;
    }
  }
  return assert.fail("no page of records");
}

Deno.test("openSpool() saves what a damaged page has left, in a new epoch, and keeps the damaged file", () => {
  using disk = createFakeDisk();
  fill(disk, 100);
  disk.rot("spool.db", (pageOfRecords(disk) - 1) * pageBytes, new Uint8Array(200).fill(0x77));
  const reports: SalvageReport[] = [];
  using spool = open(disk, reports);
  const ids = idsOf(spool);
  assert.equal(reports.length, 1);
  assert.equal(reports[0]!.saved, ids.length);
  assert.ok(ids.length >= 90 && ids.length < 100, `current value is ${ids.length}`);
  assert.equal(reports[0]!.saved + reports[0]!.lost, 100);
  assert.ok(reports[0]!.keptAs.endsWith("/spool.db.damaged-20260102T030405Z"));
  assert.ok(disk.names().includes("spool.db.damaged-20260102T030405Z"));
  spool.append([recordOf(200)]);
});

Deno.test("openSpool() begins an empty spool when nothing can be read", () => {
  using disk = createFakeDisk();
  Deno.writeTextFileSync(disk.path("spool.db"), "no database at all ".repeat(1000));
  const reports: SalvageReport[] = [];
  using spool = open(disk, reports);
  assert.match(reports[0]!.reason, /not a database/);
  spool.append([recordOf(1)]);
  assert.deepEqual(idsOf(spool), ["record-1"]);
});

Deno.test("openSpool() begins an empty spool when the tables are not a spool's", () => {
  using disk = createFakeDisk();
  const other = new DatabaseSync(disk.path("spool.db"));
  other.exec("CREATE TABLE something (a); PRAGMA user_version = 99");
  other.close();
  const reports: SalvageReport[] = [];
  using spool = open(disk, reports);
  assert.match(reports[0]!.reason, /version is 99/);
  assert.equal(spool.stats().depth, 0);
});

Deno.test("nextBatch() never sends a payload that the disk has changed, and saves the others", () => {
  using disk = createFakeDisk();
  fill(disk, 20);
  // In the middle of a payload: the pages are in order, so that only the checksum can tell.
  const bytes = Deno.readFileSync(disk.path("spool.db"));
  const seven = new Uint8Array(300).fill(7);
  let at = pageBytes;
  while (!seven.every((octet, i) => bytes[at + i] === octet)) at++;
  disk.rot("spool.db", at + 100, new Uint8Array([8]));
  const reports: SalvageReport[] = [];
  using spool = open(disk, reports);
  assert.equal(reports.length, 0);
  const { epoch } = spool.stats();
  const batch = spool.nextBatch(everything)!;
  assert.notEqual(batch.epoch, epoch);
  assert.deepEqual([reports[0]!.saved, reports[0]!.lost], [19, 1]);
  assert.match(reports[0]!.reason, /"record-7".*checksum/);
  assert.ok(!batch.records.some(({ id }) => id === "record-7"));
  assert.equal(batch.records.length, 19);
});

Deno.test("openSpool() saves the records when the definition of another table is damaged", () => {
  using disk = createFakeDisk();
  fill(disk, 3);
  const db = new DatabaseSync(disk.path("spool.db"), { defensive: false } as never);
  db.exec("PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'next_sequence', 'next_sequencf')");
  db.close();
  const reports: SalvageReport[] = [];
  using spool = open(disk, reports);
  assert.match(reports[0]!.reason, /1 definitions are not its own/);
  assert.deepEqual(idsOf(spool), ["record-1", "record-2", "record-3"]);
});

Deno.test("openSpool() tells of a file that has become empty", () => {
  using disk = createFakeDisk();
  fill(disk, 3);
  Deno.truncateSync(disk.path("spool.db"));
  const reports: SalvageReport[] = [];
  using spool = open(disk, reports);
  assert.match(reports[0]!.reason, /it is empty/);
  assert.equal(spool.stats().depth, 0);
});

Deno.test("nextBatch() goes on when a salvage that found no space is tried again", () => {
  using disk = createFakeDisk();
  fill(disk, 20);
  disk.rot("spool.db", (pageOfRecords(disk) - 1) * pageBytes + pageBytes - 200, new Uint8Array([99]));
  const reports: SalvageReport[] = [];
  let isFull = true;
  const files = {
    ...disk,
    openDatabase(path: string, options?: { readOnly?: boolean }) {
      if (isFull && path.endsWith(".salvaged")) throw new StorageError("Cannot use the disk", "full");
      return disk.openDatabase(path, options);
    },
  };
  using spool = open({ ...files, path: disk.path } as FakeDisk, reports);
  for (let times = 0; times < 2; times++) assert.throws(() => spool.nextBatch(everything), StorageError);
  assert.equal(spool.stats().depth, 20);
  isFull = false;
  assert.equal(spool.nextBatch(everything)!.records.length, 19);
  assert.deepEqual(reports.map(({ saved, lost }) => [saved, lost]), [[19, 1]]);
});

Deno.test("openSpool() keeps the quarantine of a damaged spool", () => {
  using disk = createFakeDisk();
  {
    using spool = open(disk, []);
    spool.append([recordOf(1), recordOf(2)]);
    const { epoch } = spool.nextBatch({ ...everything, maxRecords: 1 })!;
    spool.quarantine(1, { epoch, reason: "malformed" });
  }
  const db = new DatabaseSync(disk.path("spool.db"));
  db.exec("DELETE FROM state");
  db.close();
  const reports: SalvageReport[] = [];
  using spool = open(disk, reports);
  assert.match(reports[0]!.reason, /lost its state/);
  assert.deepEqual(spool.quarantined().map(({ id, reason }) => [id, reason]), [["record-1", "malformed"]]);
  assert.deepEqual(idsOf(spool), ["record-2"]);
});

Deno.test("openSpool() throws away a salvage that was interrupted, and takes one that was complete", () => {
  using disk = createFakeDisk();
  fill(disk, 3);
  Deno.writeTextFileSync(disk.path("spool.db.salvaged"), "half of a database");
  {
    using spool = open(disk, []);
    assert.equal(spool.stats().depth, 3);
    assert.ok(!disk.names().includes("spool.db.salvaged"));
  }
  Deno.renameSync(disk.path("spool.db"), disk.path("spool.db.salvaged"));
  // The journal of the damaged file, which SQLite would play back into the new one.
  using other = createFakeDisk();
  using damaged = open(other, []);
  damaged.append([recordOf(1)]);
  Deno.copyFileSync(other.path("spool.db-wal"), disk.path("spool.db-wal"));
  using spool = open(disk, []);
  assert.equal(spool.stats().depth, 3);
});

Deno.test("openSpool() keeps the two latest damaged files", () => {
  using disk = createFakeDisk();
  for (let i = 0; i < 4; i++) {
    Deno.writeTextFileSync(disk.path("spool.db"), `no database at all ${i} `.repeat(1000));
    open(disk, [])[Symbol.dispose]();
  }
  assert.equal(disk.names().filter((name) => name.startsWith("spool.db.damaged-")).length, 2);
});
