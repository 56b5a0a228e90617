/** What a status read asks of a printer that is known, and what it says where what is known is wrong. */
import assert from "node:assert/strict";
import { oids } from "../../src/printers/printer_mib.ts";
import type { Reading } from "../../common/reading/reading.ts";
import { maxAnswerOctets } from "../../src/snmp/answer_sizes.ts";
import { compareOids, isUnder } from "../../src/snmp/oid.ts";
import { type SnmpValue, Tag } from "../../src/snmp/value.ts";
import {
  cellsOf,
  fleet,
  integer,
  learn,
  listOf,
  type Objects,
  objectsOf,
  octetsOf,
  only,
  readBoth,
  removeRow,
  rowsOf,
  setRow,
  swapRows,
  tables,
  text,
} from "./changing_printers.ts";
import { replayedRead } from "./replayed_read.ts";

for (const { name } of fleet) {
  Deno.test(`a status read of a known printer takes two or three requests and says the same: ${name}`, async () => {
    const objects = objectsOf(name!);
    const full = await learn(objects);
    objects.set(`${oids.prtMarkerSuppliesLevel}.1.1`, integer(17));
    objects.set(`${oids.prtInputCurrentLevel}.1.1`, integer(3));
    const { known, unknown } = await readBoth(full, objects);
    assert.deepEqual(only(known), only(unknown));
    assert.equal(only(known).supplies[0]!.level.level, 17);
    assert.equal(known.outcome.access!.held, true);
    assert(known.requests.length <= 3, `${known.requests.length} requests`);
    assert(unknown.requests.length >= 5, `${unknown.requests.length} requests`);
    assert(octetsOf(known) < octetsOf(unknown) / 1.5, `${octetsOf(known)} of ${octetsOf(unknown)} octets`);
    assert.deepEqual(known.answers.filter((octets) => octets > maxAnswerOctets), []);
  });
}

type Change = (objects: Objects) => void;
const put = (oid: string, value: SnmpValue): Change => (objects) => void objects.set(oid, value);

interface Wrong {
  from?: string;
  /** Before anything is learnt. */
  before?: Change;
  change: Change;
  held: boolean;
  check?: (reading: Reading) => void;
}

/** Each way in which what is known is wrong. */
const changes: Record<string, Wrong> = {
  "a supply's row is gone": {
    change: (objects) => removeRow(objects, tables.supplies, "1.2"),
    held: true,
    check: ({ supplies }) => assert.deepEqual(supplies.map(({ index }) => index), ["1.1", "1.3", "1.4", "1.5"]),
  },
  "there is a new supply behind the others": {
    change: (objects) => setRow(objects, tables.supplies, "1.6", cellsOf(objects, tables.supplies, "1.1")),
    held: true,
    check: ({ supplies }) => assert.equal(supplies.length, 6),
  },
  "there is a new supply before the others": {
    change: (objects) => setRow(objects, tables.supplies, "1.0", cellsOf(objects, tables.supplies, "1.5")),
    held: true,
    check: ({ supplies }) => assert.equal(supplies.length, 6),
  },
  "two supplies have changed places": {
    change: (objects) => swapRows(objects, tables.supplies, ["1.1", "1.3"]),
    held: true,
    check: ({ supplies: [first] }) => assert.deepEqual([first!.colorant, first!.level.level], ["magenta", 3000]),
  },
  "two supplies that nothing but their colour tells apart have changed places": {
    from: "nameless",
    before(objects) {
      for (const row of ["1.1", "1.2"]) put(`${oids.prtMarkerSuppliesMaxCapacity}.${row}`, integer(5000))(objects);
    },
    change: (objects) => swapRows(objects, tables.supplies, ["1.1", "1.2"]),
    held: true,
    check: ({ supplies: [first] }) => assert.deepEqual([first!.colorant, first!.level.level], ["cyan", 2000]),
  },
  "a cartridge is another one": {
    change: put(`${oids.prtMarkerSuppliesDescription}.1.1`, text("Black Toner XL")),
    held: true,
    check: ({ supplies: [first] }) => assert.equal(first!.description, "Black Toner XL"),
  },
  "a cartridge holds more": {
    change: put(`${oids.prtMarkerSuppliesMaxCapacity}.1.1`, integer(10_000)),
    held: true,
    check: ({ supplies: [first] }) => assert.equal(first!.level.percent, 10),
  },
  "there are no supplies any more": {
    change(objects) {
      for (const row of rowsOf(objects, tables.supplies)) removeRow(objects, tables.supplies, row);
    },
    held: true,
    check: ({ supplies }) => assert.deepEqual(supplies, []),
  },
  "a tray was added": {
    change: (objects) => setRow(objects, tables.inputs, "1.3", cellsOf(objects, tables.inputs, "1.1")),
    held: true,
    check: ({ trays }) => assert.equal(trays.length, 3),
  },
  "two trays have changed places": {
    change: (objects) => swapRows(objects, tables.inputs, ["1.1", "1.2"]),
    held: true,
    check: ({ trays: [first] }) => assert.deepEqual([first!.name, first!.level.level], ["Tray 2", 0]),
  },
  "a tray was taken out": {
    change: (objects) => removeRow(objects, tables.inputs, "1.2"),
    held: true,
    check: ({ trays }) => assert.deepEqual(trays.map(({ name }) => name), ["Tray 1"]),
  },
  "the alerts are others": {
    change(objects) {
      const cells = cellsOf(objects, tables.alerts, "1.2");
      for (const row of ["1.1", "1.2"]) removeRow(objects, tables.alerts, row);
      setRow(objects, tables.alerts, "1.7", cells);
    },
    held: true,
    check: ({ alerts }) => assert.deepEqual(alerts.map(({ code }) => code), [808]),
  },
  "there is no alert any more": {
    change(objects) {
      for (const row of ["1.1", "1.2"]) removeRow(objects, tables.alerts, row);
    },
    held: true,
    check: ({ alerts }) => assert.deepEqual(alerts, []),
  },
  "the panel has fewer lines": {
    change: (objects) => removeRow(objects, tables.console, "1.2"),
    held: true,
    check: ({ status }) => assert.equal(status.panel, "Ready"),
  },
  "the maker's own record of supplies is gone": {
    from: "brother",
    change(objects) {
      for (const oid of [...objects.keys()]) {
        if (isUnder(oid, "1.3.6.1.4.1.2435.2.3.9.4.2.1.5.5.8")) objects.delete(oid);
      }
    },
    held: true,
  },
  "another device of the model is there": {
    change: put(`${oids.prtGeneralSerialNumber}.1`, text("ZZ87654321")),
    held: false,
    check: ({ serial }) => assert.equal(serial, "ZZ87654321"),
  },
  "the serial number is hidden now": {
    change: (objects) => void objects.delete(`${oids.prtGeneralSerialNumber}.1`),
    held: false,
    check: ({ serial }) => assert.equal(serial, null),
  },
  "the network card is another one": {
    change(objects) {
      for (const oid of objects.keys()) {
        if (isUnder(oid, oids.ifPhysAddress)) {
          put(oid, { tag: Tag.octetString, value: Uint8Array.of(0x02, 0, 0x5e, 0x10, 0, 0x77) })(objects);
        }
      }
    },
    held: false,
    check: ({ mac }) => assert.equal(mac, "02:00:5e:10:00:77"),
  },
  "the firmware is another one by sysDescr.0": {
    change: put(oids.sysDescr, text("Example Laser 9000 v2")),
    held: false,
    check: ({ description }) => assert.equal(description, "Example Laser 9000 v2"),
  },
  "the model is another one": {
    change: put(`${oids.hrDeviceDescr}.1`, text("Example Laser 9001")),
    held: false,
    check: ({ model }) => assert.equal(model, "Example Laser 9001"),
  },
  "it was restarted": {
    change: put(oids.sysUpTime, { tag: Tag.timeTicks, value: 3000 }),
    held: false,
  },
  "a second printer is behind the address": {
    change: put(`${oids.hrPrinterStatus}.2`, integer(3)),
    held: false,
  },
  "its language is another one": {
    change: put(`${oids.prtConsoleLocalization}.1`, integer(2)),
    held: false,
  },
};

for (const [what, { from = "plain", before, change, held, check }] of Object.entries(changes)) {
  Deno.test(`a status read notices that what is known is wrong: ${what}`, async () => {
    const objects = objectsOf(from);
    before?.(objects);
    const full = await learn(objects);
    change(objects);
    const { known, unknown } = await readBoth(full, objects);
    assert.deepEqual(known.outcome.readings, unknown.outcome.readings);
    if (what !== "a second printer is behind the address") check?.(only(known));
    assert.equal(known.outcome.access!.held, held);
    // And the next one knows better.
    const next = await replayedRead(listOf(objects), "status", { known: known.outcome.access!.known });
    assert.deepEqual(next.outcome.readings, unknown.outcome.readings);
    if (known.outcome.access!.known !== undefined) {
      assert(next.requests.length <= 3, `${next.requests.length} requests`);
    }
  });
}

Deno.test("a status read of a known printer that sleeps asks for nothing that it may have to wake for", async () => {
  const objects = objectsOf("plain");
  const full = await learn(objects);
  put(`${oids.prtConsoleDisplayBufferText}.1.1`, text("Sleep"))(objects);
  put(`${oids.prtMarkerSuppliesLevel}.1.1`, integer(-2))(objects);
  const { known } = await readBoth(full, objects);
  const reading = only(known);
  assert.deepEqual([reading.status.state, reading.supplies, reading.trays], ["sleeping", [], []]);
  assert.deepEqual([known.requests.length, known.outcome.access!.held], [1, true]);
  // What it said awake is still known.
  assert.equal(known.outcome.access!.known, undefined);
});

Deno.test("nothing is learnt of a printer that sleeps, is one of several, or was read in part", async () => {
  const sleeping = objectsOf("plain");
  put(`${oids.prtConsoleDisplayBufferText}.1.1`, text("Sleep"))(sleeping);
  const several = objectsOf("plain");
  put(`${oids.hrPrinterStatus}.2`, integer(3))(several);
  for (const objects of [sleeping, several]) {
    assert.equal((await replayedRead(listOf(objects), "full")).outcome.access!.known, undefined);
  }
  let answers = 0;
  const loses = (_octets: number, what: string) => what === "answer" && ++answers > 4;
  const { outcome } = await replayedRead(listOf(objectsOf("plain")), "full", { loses, deadlineMs: 500 });
  assert.equal(outcome.access!.known, undefined);
});

Deno.test("a status read of a known printer that speaks SNMPv1 alone asks by that, and sees the end of its objects", async () => {
  const objects = objectsOf("plain");
  // The last object is a level, so that the agent names the question behind it as wrong.
  for (const oid of [...objects.keys()]) {
    if (compareOids(oid, `${oids.prtMarkerSuppliesLevel}.2`) > 0) objects.delete(oid);
  }
  const list = listOf(objects);
  const full = await replayedRead(list, "full", { speaks: "1" });
  const known = full.outcome.access!.known!;
  assert.equal(known.version, "1");
  const status = await replayedRead(list, "status", { speaks: "1", known });
  const unknown = await replayedRead(list, "status", { speaks: "1" });
  assert.deepEqual(only(status), only(unknown));
  assert(status.requests.every(({ version }) => version === 0));
  assert.equal(status.outcome.access!.held, true);
  assert(status.requests.length <= 4 && unknown.requests.length > 20, `${status.requests.length} requests`);
});

Deno.test("a status read of a known printer gets along with answers that are refused or lost as too large", async () => {
  const objects = objectsOf("plain");
  const full = await learn(objects);
  const { known } = full.outcome.access!;
  const refused = await replayedRead(listOf(objects), "status", { known, maxMessageSize: 484 });
  const loses = (octets: number, what: string) => what === "answer" && octets > 600;
  const lost = await replayedRead(listOf(objects), "status", { known, loses });
  for (const read of [refused, lost]) {
    assert.equal(only(read).supplies.length, 5);
    assert.deepEqual([only(read).problems, read.outcome.access!.held], [[], true]);
  }
});

Deno.test("a printer that is known and falls silent is told as silent, without old levels", async () => {
  const objects = objectsOf("plain");
  const full = await learn(objects);
  let answers = 0;
  const loses = (_octets: number, what: string) => what === "answer" && ++answers > 1;
  const { known } = full.outcome.access!;
  const read = await replayedRead(listOf(objects), "status", { known, loses, deadlineMs: 700 });
  const { supplies, trays, problems, status, serial } = only(read);
  assert.deepEqual([supplies, trays, status.state, serial], [[], [], "idle", "ZZ12345678"]);
  assert.deepEqual(problems.map(({ code }) => code), ["deadline"]);
});
