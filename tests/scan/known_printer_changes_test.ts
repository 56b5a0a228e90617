/** A status read by what is known says the same as one by nothing, of printers that change at random and of recorded ones. */
import assert from "node:assert/strict";
import { oids } from "../../src/printers/printer_mib.ts";
import { isUnder } from "../../src/snmp/oid.ts";
import type { Varbind } from "../../src/snmp/value.ts";
import {
  cellsOf,
  fleet,
  listOf,
  type Objects,
  objectsOf,
  octetsOf,
  removeRow,
  rowsOf,
  setRow,
  swapRows,
  tables,
  text,
} from "./changing_printers.ts";
import { type ReplayedRead, replayedRead } from "./replayed_read.ts";
import { recordingsTest } from "../fixtures/peers.ts";
import { recordedPrinters } from "../fixtures/recorded_printers.ts";

/** A longer run: RUNS=10000. */
const runs = Number(Deno.env.get("RUNS") ?? 45);

/** The same numbers in each run. */
function numbers(seed: number): (below: number) => number {
  let state = seed * 2654435761 + 1;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor(state / 2 ** 32 * below);
  };
}

/** Columns of which another value shows in what is asked again. */
const volatile = [
  oids.prtMarkerSuppliesLevel,
  oids.prtMarkerSuppliesMaxCapacity,
  oids.prtMarkerSuppliesDescription,
  oids.prtInputCurrentLevel,
  oids.prtInputMaxCapacity,
  oids.prtInputMediaName,
  oids.prtConsoleDisplayBufferText,
  "1.3.6.1.2.1.43.18.1.1",
  oids.hrPrinterStatus,
  oids.hrDeviceStatus,
  oids.hrPrinterDetectedErrorState,
  oids.prtGeneralSerialNumber,
  oids.prtGeneralCurrentLocalization,
  oids.sysDescr,
];

/** Changes something of the device at random, with rows as a whole. */
function changeSomething(objects: Objects, random: (below: number) => number): void {
  const entries = Object.values(tables).filter((entry) => rowsOf(objects, entry).length > 0);
  const entry = entries[random(entries.length)];
  const rows = entry === undefined ? [] : rowsOf(objects, entry);
  const row = rows[random(rows.length)];
  const what = random(6);
  if (entry === undefined || row === undefined || what < 2) {
    const some = [...objects].filter(([oid]) => volatile.some((column) => oid === column || isUnder(oid, column)));
    const [oid, value] = some[random(some.length)] ?? [];
    if (oid === undefined || value === undefined) return;
    objects.set(oid, typeof value.value === "number" ? { ...value, value: random(200) } : text(`new ${random(9)}`));
  } else if (what === 2) removeRow(objects, entry, row);
  else if (what === 3) swapRows(objects, entry, [row, rows[random(rows.length)]!]);
  else {
    const [device, index] = row.split(".");
    const at = what === 4 ? `${device}.${Number(index) + 1 + random(3)}` : `${device}.${random(12)}`;
    if (rows.includes(at)) removeRow(objects, entry, at);
    setRow(objects, entry, at, cellsOf(objects, entry, row));
  }
}

/** Reads by what is known and by nothing, of a device that goes on changing; both say the same. */
async function compareReads(first: readonly Varbind[], seed: number, reads = 3): Promise<void> {
  const random = numbers(seed);
  const objects: Objects = new Map(first.map(({ oid, ...value }) => [oid, value]));
  let list = first;
  let { known } = (await replayedRead(list, "full")).outcome.access!;
  for (let read = 0; read < reads; read++) {
    const changes = random(3);
    for (let changed = 0; changed < changes; changed++) changeSomething(objects, random);
    if (changes > 0) list = listOf(objects);
    const one: ReplayedRead = await replayedRead(list, "status", { known });
    const other = await replayedRead(list, "status");
    assert.deepEqual(one.outcome.readings, other.outcome.readings, `seed ${seed}, read ${read}`);
    known = one.outcome.access?.known ?? known;
  }
}

Deno.test("a status read by what is known says what one by nothing says, whatever has changed", async () => {
  const lists = fleet.map(({ name }) => listOf(objectsOf(name!)));
  for (let seed = 0; seed < runs; seed++) await compareReads(lists[seed % lists.length]!, seed);
});

recordingsTest(
  "a status read of a recorded printer that is known takes two or three requests, and says the same",
  async (folder) => {
    const many: string[] = [];
    const sum = { printers: 0, full: 0, unknown: 0, known: 0 };
    const octets = { full: 0, unknown: 0, known: 0 };
    for (const { name, objects } of recordedPrinters(folder)) {
      const reads = { full: await replayedRead(objects, "full"), unknown: await replayedRead(objects, "status") };
      const learnt = reads.full.outcome.access?.known;
      if (learnt === undefined) continue;
      const known = await replayedRead(objects, "status", { known: learnt });
      assert.deepEqual(known.outcome.readings, reads.unknown.outcome.readings, name);
      sum.printers++;
      for (const [kind, read] of Object.entries({ ...reads, known })) {
        sum[kind as "full"] += read.requests.length;
        octets[kind as "full"] += octetsOf(read);
      }
      if (known.requests.length > 3) many.push(`${name}: ${known.requests.length}`);
    }
    assert(sum.printers >= 35, `${sum.printers} printers`);
    // One has 84 objects that change.
    assert(many.length <= 1, many.join(", "));
    assert(sum.known <= 2.5 * sum.printers, JSON.stringify(sum));
    assert(octets.known <= octets.full / 4 && octets.known <= octets.unknown / 3, JSON.stringify(octets));
  },
);

recordingsTest("a status read by what is known of a recorded printer says what one by nothing says", async (folder) => {
  let seed = 1000;
  for (const { objects } of recordedPrinters(folder)) {
    // Two of 47 have most of all objects.
    const reads = objects.length > 10_000 ? 1 : 3;
    await compareReads(objects, seed++, reads);
  }
});
