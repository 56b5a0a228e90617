/** Who a device is while answers get lost: a fleet under random loss, and the cases that a fleet meets seldom. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { type Database, openDatabase } from "../../common/host/sqlite.ts";
import type { Reading, ReadingScope } from "../../common/reading/reading.ts";
import { bareReading } from "../../tests/fixtures/sample_reading.ts";
import { type Inventory, inventoryOn } from "./inventory.ts";
import { prepareInventoryDatabase } from "./inventory_database.ts";
import type { Observed } from "./observe_device.ts";

function emptyInventory(): Inventory {
  return inventoryOn(emptyDatabase());
}

function emptyDatabase(): Database {
  const db = openDatabase(":memory:");
  prepareInventoryDatabase(db);
  return db;
}

/* The cases of a property follow each other in one database: making its tables takes longer than most of them. */
const emptying =
  "DELETE FROM evidence; DELETE FROM location; DELETE FROM held; DELETE FROM event; DELETE FROM mark; DELETE FROM device";

const source = { oid: "1", rule: "test", raw: 1 };
function readingOf(options: Partial<Reading> & { total?: number }): Reading {
  const { total, ...rest } = options;
  return bareReading({
    manufacturer: "Acme",
    model: "Printer 100",
    description: "Acme NIC",
    meters: total === undefined ? [] : [{ name: "total", value: total, unit: "impressions", source }],
    ...rest,
  });
}

const silent = { code: "silent", message: "" };

/** What a device would show, were nothing lost: a mask of what its view hides. */
interface Printer {
  shows: { serial: boolean; mac: boolean; engineId: boolean; model: boolean };
}

/** One read: what of it is lost, and whether something else stands in for it. */
interface Read {
  printer: number;
  scope: ReadingScope;
  lost: boolean;
  loses: { serial: boolean; mac: boolean; engineId: boolean; model: boolean };
  standsIn: boolean;
}

const flags = fc.record({ serial: fc.boolean(), mac: fc.boolean(), engineId: fc.boolean(), model: fc.boolean() });
const printers: fc.Arbitrary<Printer[]> = fc.array(fc.record({ shows: flags }), { minLength: 1, maxLength: 6 });
const reads: fc.Arbitrary<Read[]> = fc.array(
  fc.record({
    printer: fc.nat(5),
    scope: fc.constantFrom<ReadingScope>("full", "full", "full", "status"),
    lost: fc.boolean(),
    loses: flags,
    standsIn: fc.boolean(),
  }),
  { maxLength: 40 },
);
const nothingLost = { serial: false, mac: false, engineId: false, model: false };

function readOf(fleet: readonly Printer[], i: number, read: Read, address = `192.0.2.${i + 1}`): Reading {
  const { shows } = fleet[i]!;
  const loses = read.lost ? read.loses : nothingLost;
  /** Where the first choice was lost, the reader takes the next one: a card's serial number, another interface, a worse name. */
  const shown = (what: keyof Printer["shows"], value: string, other: string | null) =>
    !shows[what] ? null : !loses[what] ? value : read.standsIn ? other : null;
  return readingOf({
    address,
    serial: shown("serial", `SERIAL-${i}A`, `CARD-${i}B`),
    mac: shown("mac", `00:1b:a9:00:00:0${i}`, `00:1b:a9:00:01:0${i}`),
    model: shown("model", "Printer 100", "Net 77"),
    snmp: { version: "2c", engineId: shown("engineId", `80000009030010e${i}`, null) },
    ...(read.scope === "full" ? { total: 1000 * (i + 1) } : {}),
    problems: read.lost ? [silent] : [],
  });
}

/** A pass of the agent: what is in doubt is read again, twice at most. */
function observe(inventory: Inventory, reads: { reading: Reading; scope: ReadingScope }[], nextMs: () => number) {
  const observed: Observed[] = [];
  for (const { reading, scope } of reads) {
    const some = inventory.observe({ reading, site: "one", scope }, new Date(nextMs()));
    observed.push(...some);
    if (some.length > 0) break;
  }
  return observed;
}

const clock = () => {
  let ms = Date.UTC(2026, 0, 1);
  return () => ms += 60_000;
};

Deno.test("observe() knows as many devices as there are, and each by itself, whatever is lost of their answers", () => {
  const db = emptyDatabase();
  fc.assert(
    fc.property(printers, reads, (fleet, reads) => {
      db.exec(emptying);
      const inventory = inventoryOn(db);
      const nextMs = clock();
      const idOf = new Map<number, string>();
      const look = (read: Read) => {
        const i = read.printer % fleet.length;
        const reading = readOf(fleet, i, read);
        for (const { deviceId, merged } of observe(inventory, [{ reading, scope: read.scope }], nextMs)) {
          assert.equal(idOf.get(i) ?? deviceId, deviceId, "one device is one");
          idOf.set(i, deviceId);
          assert.equal(merged.address, reading.address);
        }
        assert.equal(inventory.devices().length, idOf.size);
      };
      reads.forEach(look);
      const whole = { scope: "full" as const, lost: false, loses: nothingLost, standsIn: false };
      for (let i = 0; i < fleet.length; i++) look({ printer: i, ...whole });
      assert.equal(inventory.devices().length, fleet.length);
      assert.equal(new Set(idOf.values()).size, fleet.length, "two devices are two");
      const types = inventory.events().map(({ type }) => type);
      for (const wrong of ["deviceReplaced", "deviceMoved", "meterWentBack", "identityConflict"] as const) {
        assert.ok(!types.includes(wrong), wrong);
      }
    }),
    { numRuns: 300 },
  );
  db.close();
});

Deno.test("observe() makes no device of one that moves, or changes places with another, while its answers get lost", () => {
  const moves = fc.array(
    fc.record({ printer: fc.nat(5), to: fc.nat(9), lossy: fc.array(fc.tuple(flags, fc.boolean()), { maxLength: 4 }) }),
    { maxLength: 12 },
  );
  const fleets = fc.array(
    flags.map((shows) => ({ shows: { ...shows, serial: true, model: true } })),
    { minLength: 1, maxLength: 6 },
  );
  const db = emptyDatabase();
  fc.assert(
    fc.property(fleets, moves, (fleet, moves) => {
      db.exec(emptying);
      const inventory = inventoryOn(db);
      const nextMs = clock();
      const places = fleet.map((_, i) => `192.0.2.${i + 1}`);
      const whole: Read = { printer: 0, scope: "full", lost: false, loses: nothingLost, standsIn: false };
      const lookAt = (i: number, read: Read) =>
        observe(inventory, [{ reading: readOf(fleet, i, read, places[i]), scope: "full" }], nextMs);
      const ids = fleet.map((_, i) => lookAt(i, whole)[0]!.deviceId);
      for (const { printer, to, lossy } of moves) {
        const i = printer % fleet.length, address = `192.0.2.${to + 1}`;
        const there = places.indexOf(address), left = places[i]!;
        places[i] = address;
        if (there >= 0) places[there] = left;
        const moved = there >= 0 && there !== i ? [i, there] : [i];
        for (const each of moved) {
          for (const [loses] of lossy) lookAt(each, { ...whole, lost: true, loses: { ...loses, model: false } });
        }
        for (const each of moved) lookAt(each, whole);
        for (const each of moved) assert.equal(lookAt(each, whole).at(-1)?.deviceId, ids[each]);
        assert.deepEqual(inventory.devices().map(({ deviceId }) => deviceId).toSorted(), ids.toSorted());
      }
    }),
    { numRuns: 100 },
  );
  db.close();
});

const a = { serial: "CNB70001", mac: "00:1b:a9:00:00:01" }, b = { serial: "CNB70002", mac: "00:1b:a9:00:00:02" };

/** An inventory, and what comes of readings of it: device ids, "held" for none. */
function scene() {
  const inventory = emptyInventory();
  const nextMs = clock();
  const see = (options: Parameters<typeof readingOf>[0], scope: ReadingScope = "full") =>
    inventory.observe({ reading: readingOf(options), site: "one", scope }, new Date(nextMs()));
  return {
    inventory,
    see,
    id: (options: Parameters<typeof readingOf>[0], scope?: ReadingScope) =>
      see(options, scope).at(-1)?.deviceId ?? "held",
    types: () => inventory.events().map(({ type }) => type),
    [Symbol.dispose]: () => inventory[Symbol.dispose](),
  };
}

Deno.test("observe() counts a device that shows nothing of itself once an address and port, however it answers", () => {
  using s = scene();
  const places = [1, 2, 3].flatMap((host) => [161, 1161].map((port) => ({ address: `192.0.2.${host}`, port })));
  const ids = places.map((place) => s.id({ ...place, model: null, manufacturer: null }));
  for (const model of [null, "Printer 100", null, "Printer 100"]) {
    assert.deepEqual(places.map((place) => s.id({ ...place, model })), ids);
  }
  assert.equal(s.inventory.devices().length, places.length);
  assert.equal(new Set(ids).size, places.length);
});

Deno.test("observe() gives a device that was known by its place the serial number that it tells later", () => {
  using s = scene();
  const id = s.id({});
  assert.equal(s.id(a), id);
  assert.equal(s.id({ ...a, address: "192.0.2.9" }), id);
  assert.equal(s.inventory.devices().length, 1);
});

Deno.test("observe() neither loses nor books elsewhere what another device says at the address of a known one", () => {
  using s = scene();
  const old = s.id({ ...a, total: 50_000 });
  assert.deepEqual(s.see({ ...b, total: 10 }), []);
  const both = s.see({ ...b, total: 11 });
  assert.deepEqual(both.map(({ merged }) => merged.meters[0]?.value), [10, 11]);
  assert.equal(new Set(both.map(({ deviceId }) => deviceId)).size, 1);
  assert.notEqual(both[0]?.deviceId, old);
  assert.equal(s.inventory.lastGood(old)?.meters[0]?.value, 50_000);
  assert.deepEqual(s.types(), ["deviceAdded", "identityDoubted", "deviceAdded", "deviceReplaced"]);
});

Deno.test("observe() takes what was held over to where its device is found next", () => {
  using s = scene();
  s.id({ ...a, total: 50_000 });
  assert.deepEqual(s.see({ ...b, total: 10 }), []);
  const both = s.see({ ...b, total: 11, address: "192.0.2.77" });
  assert.deepEqual(both.map(({ merged }) => merged.meters[0]?.value), [10, 11]);
  assert.deepEqual(s.types(), ["deviceAdded", "identityDoubted", "deviceAdded"]);
  assert.equal(s.inventory.device(both[1]!.deviceId)?.place?.address, "192.0.2.77");
});

Deno.test("observe() tells two devices that answer at one address in turns from one another", () => {
  using s = scene();
  const ids = new Set<string>();
  for (let turn = 0; turn < 6; turn++) for (const each of [a, b]) ids.add(s.id(each));
  ids.delete("held");
  assert.equal(ids.size, 2);
  assert.equal(s.inventory.devices().length, 2);
});

Deno.test("observe() makes no other device of partly lost answers, however many, whose serial number stands in for another", () => {
  using s = scene();
  const id = s.id(a);
  for (let i = 0; i < 5; i++) s.see({ serial: "CARD77777", problems: [silent] });
  assert.equal(s.inventory.devices().length, 1);
  assert.equal(s.id(a), id);
  assert.equal(s.id({ ...a, serial: "CARD77777", problems: [silent] }), id);
  assert.deepEqual([s.inventory.devices().length, s.types().includes("deviceReplaced")], [1, false]);
});

Deno.test("observe() believes partly lost answers that contradict for a day, where the known device shows itself no more", () => {
  const inventory = emptyInventory();
  const hour = 3_600_000;
  const ids = (seen: [hour: number, options: Partial<Reading>][]) =>
    new Set(
      seen.flatMap(([at, options]) =>
        inventory.observe({ reading: readingOf(options), site: "one" }, new Date(at * hour)).map(({ deviceId }) =>
          deviceId
        )
      ),
    );
  const stranger = { serial: b.serial, problems: [silent] }, lossy = { serial: a.serial, problems: [silent] };
  const [id] = ids([[0, a]]);
  // It shows itself in between.
  assert.deepEqual(ids([[1, stranger], [9, stranger], [17, stranger], [20, lossy], [26, stranger]]), new Set([id]));
  assert.equal(inventory.devices().length, 1);
  const [other] = ids([[34, stranger], [42, stranger], [51, stranger]]);
  assert.notEqual(other, id);
  assert.equal(inventory.devices().length, 2);
  inventory[Symbol.dispose]();
});

Deno.test("observe() makes a device of what nobody knows when it answers in part three times", () => {
  using s = scene();
  const lossy = { ...a, problems: [silent] };
  assert.deepEqual([s.id(lossy), s.id(lossy)], ["held", "held"]);
  const three = s.see(lossy);
  assert.equal(three.length, 3);
  assert.equal(s.id(a), three[0]?.deviceId);
});

Deno.test("observe() merges what a moved device was taken for while its answers were lost", () => {
  using s = scene();
  const id = s.id({ ...a, total: 100 });
  const there = { address: "192.0.2.9", problems: [silent] };
  for (let i = 0; i < 3; i++) s.see({ ...there, total: 101 });
  assert.equal(s.inventory.devices().length, 2);
  const [found] = s.see({ ...a, address: "192.0.2.9", total: 102 });
  assert.equal(found?.deviceId, id);
  assert.deepEqual(found?.events.map(({ type }) => type), ["deviceMerged", "deviceMoved"]);
  assert.deepEqual(s.inventory.devices().map(({ deviceId, place }) => [deviceId, place?.address]), [[id, "192.0.2.9"]]);
});

Deno.test("observe() keeps a device without evidence apart from one that was seen elsewhere since it is known", () => {
  using s = scene();
  const id = s.id(a), hidden = s.id({ address: "192.0.2.9" });
  assert.equal(s.id(a), id);
  assert.equal(s.id({ ...a, address: "192.0.2.9" }), id);
  assert.equal(s.inventory.device(hidden)?.place, null);
  assert.equal(s.inventory.devices().length, 2);
});

Deno.test("observe() knows a device that answers at two addresses as one that is at both", () => {
  using s = scene();
  const id = s.id(a);
  for (let sweep = 0; sweep < 10; sweep++) {
    for (const address of ["192.0.2.5", "2001:db8::5"]) assert.equal(s.id({ ...a, address }), id);
  }
  assert.deepEqual(s.types(), ["deviceAdded", "deviceMoved"]);
  // What was lost at either address is of the same device, and who takes one of them over leaves it the other.
  for (const address of ["192.0.2.5", "2001:db8::5"]) assert.equal(s.id({ address, problems: [silent] }), id);
  const other = [s.id({ ...b }), s.id({ ...b })].at(-1);
  assert.notEqual(other, id);
  assert.equal(s.inventory.device(id)?.place?.address, "2001:db8::5");
});

Deno.test("observe() knows several printers behind one address by their index, and by their serial number when that is new", () => {
  using s = scene();
  const of = (deviceIndex: number, options: Partial<Reading> = {}) => ({ deviceIndex, ...options });
  const ids = [1, 2, 3].map((index) => s.id(of(index, { model: null })));
  assert.equal(new Set(ids).size, 3);
  assert.deepEqual([1, 2, 3].map((index) => s.id(of(index, { serial: `CNB7000${index}` }))), ids);
  assert.deepEqual([5, 6, 7].map((index) => s.id(of(index, { serial: `CNB7000${index - 4}` }))), ids);
  assert.equal(s.inventory.devices().length, 3);
  assert.ok(!s.types().includes("deviceMoved"));
});

Deno.test("observe() tells a cloned MAC address from a device", () => {
  using s = scene();
  const clone = { ...b, mac: a.mac, address: "192.0.2.6" };
  const first = s.id(a), second = s.id(clone);
  for (let i = 0; i < 3; i++) assert.deepEqual([s.id(a), s.id(clone)], [first, second]);
  assert.deepEqual([s.id({ mac: a.mac }), s.id({ mac: a.mac, address: "192.0.2.6" })], [first, second]);
  assert.equal(s.inventory.devices().length, 2);
});

Deno.test("observe() judges at once where no second look is taken", () => {
  using inventory = emptyInventory();
  const see = (options: Partial<Reading>) =>
    inventory.observe({ reading: readingOf(options), site: "one", mayHold: false }, new Date(0)).length;
  const elsewhere = { address: "192.0.2.6" };
  assert.deepEqual([see({ problems: [silent] }), see({ ...a, ...elsewhere }), see({ ...b, ...elsewhere })], [1, 1, 1]);
  assert.equal(inventory.devices().length, 3);
});
