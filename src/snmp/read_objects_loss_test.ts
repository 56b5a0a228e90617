/** Reading over networks that lose packets, or all packets of a kind: nothing is missing, and nothing is asked for ever. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { ObjectTable } from "../../simulator/object_table.ts";
import { FakeClock } from "../../tests/fixtures/fake_clock.ts";
import { type Network, replayDevice, type ReplayedDevice } from "../../tests/fixtures/replayed_device.ts";
import { Secret } from "../../common/core/secret.ts";
import { createAnswerWait } from "../scan/round_trip.ts";
import { createAnswerSizes, maxAnswerOctets } from "./answer_sizes.ts";
import { PduType } from "./message.ts";
import { type ColumnGroup, readNextObjects, readObjects, type ReadProblem, walkColumns } from "./read_objects.ts";
import { openSession } from "./session.ts";
import { Tag, type Varbind } from "./value.ts";

const scalars = Array.from({ length: 40 }, (_, i) => `1.3.6.1.4.1.9.1.${i + 1}.0`);

/** A table of numbers and one of long texts, scalars with one long value, and sysUpTime. */
function objects(longest = 120): Varbind[] {
  const list: Varbind[] = [{ oid: "1.3.6.1.2.1.1.3.0", tag: Tag.timeTicks, value: 4711 }];
  const text = (octets: number) => new Uint8Array(octets).fill(0x41);
  for (let column = 1; column <= 7; column++) {
    for (let row = 1; row <= 9; row++) {
      list.push({ oid: `1.3.6.1.2.1.43.11.${column}.1.${row}`, tag: Tag.integer, value: row });
    }
  }
  for (let column = 1; column <= 3; column++) {
    for (let row = 1; row <= 30; row++) {
      list.push({ oid: `1.3.6.1.2.1.43.18.${column}.1.${row}`, tag: Tag.octetString, value: text(longest - row) });
    }
  }
  scalars.forEach((oid, i) => list.push({ oid, tag: Tag.octetString, value: text(i === 17 ? longest : 8) }));
  return list;
}

const groups: ColumnGroup[] = [
  { name: "numbers", columns: [1, 2, 3, 4, 5, 6].map((i) => `1.3.6.1.2.1.43.11.${i}`), expectedRows: 5, maxRows: 64 },
  { name: "texts", columns: [1, 2, 3].map((i) => `1.3.6.1.2.1.43.18.${i}`), expectedRows: 3, maxRows: 64 },
];

interface ReadResult {
  device: ReplayedDevice;
  values: Map<string, Varbind>;
  problems: ReadProblem[];
  failure: unknown;
  seconds: number;
}

/** Reads everything that `objects` has, on a clock that runs as fast as it can. */
async function readAll(table: ObjectTable, network: Network, version: "1" | "2c" = "2c"): Promise<ReadResult> {
  const device = replayDevice(table, network);
  const clock = new FakeClock();
  const wait = createAnswerWait({ floorMs: 250, firstMs: 1000, patientMs: 1000, maxMs: 8000 });
  const session = openSession(device.hub, device.target, {
    kind: "community",
    name: "c",
    versions: [version],
    community: new Secret("public"),
  }, {
    version,
    timeoutMs: wait.waitMs,
    retries: 7,
    pace: () => undefined,
    onAnswer: (ms) => ms !== undefined && wait.observe(ms),
    clock,
  });
  const values = new Map<string, Varbind>();
  const problems: ReadProblem[] = [];
  const sizes = createAnswerSizes(session.overheadOctets);
  let failure: unknown;
  let isDone = false;
  const reading = (async () => {
    const next = await readNextObjects(session, groups.flatMap(({ columns }) => columns), sizes);
    const got = await readObjects(session, scalars, sizes);
    for (const varbind of [...next.varbinds, ...got.varbinds]) values.set(varbind.oid, varbind);
    problems.push(...next.problems, ...got.problems);
    problems.push(...await walkColumns(session, groups, (varbind) => values.set(varbind.oid, varbind), sizes));
  })().catch((error) => failure = error).finally(() => isDone = true);
  for (let steps = 0; !isDone; steps++) {
    assert(steps < 20_000, "it never ends");
    await clock.advance(100);
  }
  await reading;
  session.close();
  return { device, values, problems, failure, seconds: clock.monotonicMs() / 1000 };
}

/** sysUpTime and the column of numbers that nobody asks for. */
const unasked = /^1\.3\.6\.1\.2\.1\.(?:1\.3\.0$|43\.11\.7\.)/;
const wanted = (list: Varbind[]) => list.map(({ oid }) => oid).filter((oid) => !unasked.test(oid)).sort();

function assertComplete({ values, problems, failure }: ReadResult, list = objects()): void {
  assert.equal(failure, undefined);
  assert.deepEqual(problems, []);
  assert.deepEqual([...values.keys()].sort(), wanted(list));
}

Deno.test("reading asks for no answer of more than one datagram", async () => {
  const read = await readAll(ObjectTable.from(objects()), {});
  assertComplete(read);
  assert(Math.max(...read.device.answers) <= maxAnswerOctets, read.device.answers.join(" "));
  assert(read.device.requests.length <= 18, `${read.device.requests.length} requests`);
});

for (const version of ["1", "2c"] as const) {
  for (const most of [1000, 484, 250]) {
    Deno.test(`reading over a path that drops answers of more than ${most} octets is complete in v${version}`, async () => {
      const read = await readAll(ObjectTable.from(objects()), { loses: (octets) => octets > most }, version);
      assertComplete(read);
      assert(read.device.requests.length <= 400, `${read.device.requests.length} requests`);
    });
    Deno.test(`reading an agent whose answers have at most ${most} octets is complete in v${version}`, async () => {
      const read = await readAll(ObjectTable.from(objects()), { maxMessageSize: most }, version);
      assertComplete(read);
      assert(read.device.requests.length <= 400, `${read.device.requests.length} requests`);
    });
  }
}

Deno.test("reading leaves out one value that is too large for the path, names it, and reads all others", async () => {
  const list = objects().map((object) =>
    object.oid === scalars[17] ? { ...object, value: new Uint8Array(900).fill(0x41) } : object
  );
  const read = await readAll(ObjectTable.from(list), { loses: (octets) => octets > 700 });
  assert.equal(read.failure, undefined);
  assert.deepEqual(read.problems.map(({ code, oid }) => [code, oid]), [["no-answer", scalars[17]]]);
  assert.deepEqual([...read.values.keys()].sort(), wanted(list).filter((oid) => oid !== scalars[17]));
});

Deno.test("reading ends when the device falls silent, after a dozen questions", async () => {
  let left = 2;
  const read = await readAll(ObjectTable.from(objects()), {
    loses: (_octets, what) => what === "answer" && left-- <= 0,
  });
  assert.match(String(read.failure), /did not answer in time/);
  assert(read.device.requests.length <= 2 + 3 + 8, `${read.device.requests.length} requests`);
  assert(read.seconds < 12, `${read.seconds} s`);
});

Deno.test("reading is complete whatever one network loses, and asks a bounded number of times", async () => {
  const table = ObjectTable.from(objects());
  await fc.assert(
    fc.asyncProperty(
      // For each datagram in turn whether it is lost. Six questions in a row may have no answer, the seventh has one.
      fc.array(fc.integer({ min: 0, max: 99 }), { minLength: 300, maxLength: 300 }),
      fc.integer({ min: 0, max: 100 }),
      fc.constantFrom<"1" | "2c">("1", "2c"),
      fc.constantFrom(65_507, 1000, 484),
      async (dice, percent, version, most) => {
        let at = 0, inARow = 0;
        const loses = (octets: number, what: "request" | "answer") => {
          if (what === "answer" && octets > most) return true;
          const isLost = dice[at++ % dice.length]! < percent && inARow < 6;
          if (isLost) inARow++;
          else if (what === "answer") inARow = 0;
          return isLost;
        };
        const read = await readAll(table, { loses }, version);
        assertComplete(read);
        assert(read.device.requests.length <= 900, `${read.device.requests.length} requests`);
      },
    ),
    { numRuns: 15 },
  );
});

Deno.test("walkColumns() goes on with GetBulk after one that was lost three times", async () => {
  const table = ObjectTable.from(objects());
  let lost = 0;
  const lossy = await readAll(table, { loses: (_octets, what) => what === "answer" && ++lost > 4 && lost <= 7 });
  assertComplete(lossy);
  const walks = ({ device }: ReadResult, type: number) =>
    device.requests.filter(({ pdu }) => pdu.type === type && pdu.varbinds[0]!.oid !== "1.3.6.1.2.1.43.11.1").length;
  assert.equal(walks(lossy, PduType.getNext), 0);
});
