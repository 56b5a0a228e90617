/** A spool whose files the disk has spoiled anywhere: it opens, goes on, and sends nothing that was not put into it. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { openSpool, type Spool } from "../../src/store/spool.ts";
import { denoSpoolFiles } from "../../src/store/spool_files.ts";
import type { SpoolRecord } from "../../src/store/spool_record.ts";

const pageBytes = 4096;
const records = 60;

function recordOf(n: number): SpoolRecord {
  return {
    id: `record-${n}`,
    kind: "reading",
    class: n % 3 === 0 ? "status" : "meter",
    deviceId: `device-${n % 5}`,
    observedAt: new Date(Date.UTC(2026, 0, 1 + n % 3, 0, 0, n)),
    payload: new Uint8Array(200 + (n * 37) % 900).fill(n),
  };
}

function open(folder: string, onSalvage: () => void): Spool {
  const clock = { now: () => new Date("2026-01-05T00:00:00Z") };
  return openSpool(`${folder}/spool.db`, { clock, files: denoSpoolFiles, onSalvage, reserveBytes: 1000 });
}

const batch = { maxRecords: 10, maxBytes: 1_000_000, maxAgeMs: 0 };

/** Files of a spool with batches and a refused record: closed, and as a power failure leaves them with their journal. */
async function makeTemplates(folder: string): Promise<{ closed: Uint8Array; cut: Uint8Array; journal: Uint8Array }> {
  const read = (end: string) => Deno.readFile(`${folder}/spool.db${end}`);
  const spool = open(folder, () => assert.fail());
  for (let n = 1; n <= records; n++) spool.append([recordOf(n)]);
  const first = spool.nextBatch(batch)!, second = spool.nextBatch({ ...batch, after: first.sequence })!;
  spool.quarantine(second.sequence, { epoch: second.epoch, reason: "no", recordIds: [second.records[3]!.id] });
  const [cut, journal] = [await read(""), await read("-wal")];
  spool[Symbol.dispose]();
  return { closed: await read(""), cut, journal };
}

type Damage = (bytes: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>;

/** A share of a length, so that one number fits every file. */
const share = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const octets = fc.uint8Array({ minLength: 1, maxLength: 64 });
const damages: fc.Arbitrary<Damage> = fc.oneof(
  fc.tuple(share, octets).map(([at, values]): Damage => (bytes) => {
    bytes.set(values.subarray(0, bytes.length), Math.floor(at * Math.max(1, bytes.length - values.length)));
    return bytes;
  }),
  // The first page: the header and the definitions of the tables.
  fc.tuple(fc.nat(pageBytes - 65), octets).map(([at, values]): Damage => (bytes) => {
    bytes.set(values.subarray(0, bytes.length), Math.min(at, Math.max(0, bytes.length - values.length)));
    return bytes;
  }),
  share.map((at): Damage => (bytes) => {
    const page = Math.floor(at * bytes.length / pageBytes);
    return bytes.fill(0, page * pageBytes, (page + 1) * pageBytes);
  }),
  share.map((at): Damage => (bytes) => bytes.slice(0, Math.floor(at * bytes.length))),
);

Deno.test("openSpool() goes on after any damage, sends only what was put in, and says when something is lost", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${folder}/template`);
    const { closed, cut, journal } = await makeTemplates(`${folder}/template`);
    let run = 0, salvages = 0;
    fc.assert(
      fc.property(fc.constantFrom("closed", "cut", "journal"), damages, (kind, damage) => {
        const own = `${folder}/${run++}`;
        Deno.mkdirSync(own);
        Deno.writeFileSync(`${own}/spool.db.reserve`, new Uint8Array(1000));
        const main = kind === "closed" ? closed : cut;
        Deno.writeFileSync(`${own}/spool.db`, kind === "journal" ? main : damage(main.slice()));
        if (kind !== "closed") {
          Deno.writeFileSync(`${own}/spool.db-wal`, kind === "journal" ? damage(journal.slice()) : journal);
        }
        let reported = 0;
        using spool = open(own, () => void reported++);
        spool.append([recordOf(200)]);
        const sent = new Set<string>();
        for (let next = spool.nextBatch(batch); next !== undefined; next = spool.nextBatch(batch)) {
          for (const record of next.records) {
            assert.deepEqual(record, recordOf(Number(record.id.slice("record-".length))));
            sent.add(record.id);
          }
          spool.acknowledge(next.sequence, next.epoch);
        }
        assert.ok(sent.has("record-200"));
        // What a journal has lost is as if it had not been written: SQLite cannot know of it.
        if (kind === "closed" && sent.size <= records) assert.ok(reported > 0);
        assert.ok(spool.quarantined().length <= 1);
        const { depth, bytes } = spool.stats();
        assert.deepEqual([depth, bytes], [0, 0]);
        salvages += reported;
      }),
      { numRuns: 150, seed: 20_261_127 },
    );
    assert.ok(salvages > 20, `only ${salvages} damages were noticed`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
