/** Fills the file system of a folder with a spool, then drains it; throws where the spool does not do as it promises. */
import assert from "node:assert/strict";
import { systemClock } from "../../common/core/clock.ts";
import { StorageError } from "../../common/host/sqlite.ts";
import { openSpool, type Spool } from "../../src/store/spool.ts";
import { denoSpoolFiles } from "../../src/store/spool_files.ts";
import type { SpoolRecord } from "../../src/store/spool_record.ts";

const [folder = ""] = Deno.args;
const payload = crypto.getRandomValues(new Uint8Array(2000));

function records(): SpoolRecord[] {
  return Array.from({ length: 20 }, () => ({
    id: crypto.randomUUID(),
    kind: "reading",
    class: "meter",
    deviceId: crypto.randomUUID(),
    observedAt: new Date(),
    payload,
  }));
}

function open() {
  return openSpool(`${folder}/spool.db`, {
    clock: systemClock,
    files: denoSpoolFiles,
    onSalvage: ({ reason }) => assert.fail(reason),
  });
}

const kept = new Set<string>();

/** Appends until the disk is full; what fits is kept. */
function fill(spool: Spool): void {
  try {
    for (;;) {
      const more = records();
      spool.append(more);
      for (const { id } of more) kept.add(id);
    }
  } catch (error) {
    assert.ok(error instanceof StorageError && error.reason === "full", String(error));
  }
  assert.equal(spool.stats().diskFull, true);
}

{
  using spool = open();
  fill(spool);
}
try {
  Deno.writeFileSync(`${folder}/other`, new Uint8Array(100_000_000));
} catch {
  // The rest of the room is taken, which is what it was for.
}
using spool = open();
fill(spool);
for (;;) {
  const batch = spool.nextBatch({ maxRecords: 200, maxBytes: 1_000_000, maxAgeMs: 0 });
  if (batch === undefined) break;
  for (const { id } of batch.records) assert.ok(kept.delete(id), `${id} was never appended`);
  spool.acknowledge(batch.sequence, batch.epoch);
}
assert.equal(kept.size, 0, "records that were appended are lost");
spool.append(records());
assert.equal(spool.stats().diskFull, false);
console.log("drained");
