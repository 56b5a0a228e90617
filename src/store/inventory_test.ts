import assert from "node:assert/strict";
import type { Reading, Supply } from "../../common/reading/reading.ts";
import { bareReading } from "../../tests/fixtures/sample_reading.ts";
import { type Inventory, openInventory } from "./inventory.ts";
import type { Observed } from "./observe_device.ts";
import { mergeReading } from "./merge_reading.ts";

function readingOf(options: Partial<Reading> = {}): Reading {
  return bareReading({
    manufacturer: "Acme",
    model: "Printer 100",
    serial: "CNB70001",
    mac: "00:1b:a9:00:00:01",
    ...options,
  });
}

const first = { address: "192.0.2.5", serial: "CNB70001", mac: "00:1b:a9:00:00:01" };
const second = { address: "192.0.2.6", serial: "CNB70002", mac: "00:1b:a9:00:00:02" };
const now = new Date("2026-01-01T00:00:00Z");

interface See {
  /** Observes a reading of site "one" that is of a device at once. */
  (reading: Partial<Reading>): Observed;
  /** All that comes of it: nothing for one that is held. */
  all(reading: Partial<Reading>, options?: { at?: Date; scope?: "status" }): Observed[];
}

/** Runs with an inventory in a temporary folder. */
function withInventory(body: (inventory: Inventory, see: See) => void) {
  const folder = Deno.makeTempDirSync();
  try {
    using inventory = openInventory(`${folder}/inventory.db`);
    const all: See["all"] = (reading, { at = now, ...scope } = {}) =>
      inventory.observe({ reading: readingOf(reading), site: "one", credential: "public", ...scope }, at);
    const see = (reading: Partial<Reading>) => {
      const observed = all(reading);
      assert.equal(observed.length, 1);
      return observed[0]!;
    };
    body(inventory, Object.assign(see, { all }));
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

function typesOf({ events }: Observed): string[] {
  return events.map(({ type }) => type);
}

Deno.test("observe() adds a device once and remembers what worked", () =>
  withInventory((inventory, see) => {
    const added = see(first);
    assert.deepEqual(typesOf(added), ["deviceAdded"]);
    const again = see(first);
    assert.deepEqual([again.deviceId, again.events], [added.deviceId, []]);
    const [device, ...others] = inventory.devices();
    assert.deepEqual(others, []);
    assert.deepEqual(
      [device?.credential, device?.snmpVersion, device?.place, device?.site],
      ["public", "2c", { address: "192.0.2.5", port: 161 }, "one"],
    );
  }));

Deno.test("observe() follows a device to another address, with its history", () =>
  withInventory((inventory, see) => {
    const { deviceId } = see(first);
    const moved = see({ ...first, address: "192.0.2.9" });
    assert.equal(moved.deviceId, deviceId);
    assert.deepEqual(typesOf(moved), ["deviceMoved"]);
    assert.deepEqual(moved.events[0]?.details, { address: "192.0.2.9", previousAddress: "192.0.2.5" });
    assert.deepEqual(inventory.locations(deviceId).map(({ address }) => address), ["192.0.2.5", "192.0.2.9"]);
  }));

Deno.test("observe() makes no duplicate of two devices that swap their addresses", () =>
  withInventory((inventory, see) => {
    const a = see(first).deviceId, b = see(second).deviceId;
    const movedA = see({ ...first, address: second.address });
    assert.deepEqual([movedA.deviceId, typesOf(movedA)], [a, ["deviceMoved"]]);
    assert.equal(inventory.device(b)?.place, null);
    assert.deepEqual(inventory.device(b)?.lastPlace?.address, second.address);
    const movedB = see({ ...second, address: first.address });
    assert.deepEqual([movedB.deviceId, typesOf(movedB)], [b, ["deviceMoved"]]);
    assert.equal(inventory.devices().length, 2);
    for (const id of [a, b]) assert.equal(inventory.locations(id).length, 2);
  }));

Deno.test("observe() reports no move of a device that is back where it was last", () =>
  withInventory((_, see) => {
    const { deviceId } = see(first);
    for (let looks = 0; looks < 2; looks++) see.all({ ...second, address: first.address });
    const back = see(first);
    assert.deepEqual([back.deviceId, typesOf(back)], [deviceId, []]);
  }));

Deno.test("observe() reports a new device in the place of a known one", () =>
  withInventory((inventory, see) => {
    const old = see(first).deviceId;
    assert.deepEqual(see.all({ ...second, address: first.address }), []);
    assert.deepEqual([inventory.devices().length, inventory.device(old)?.place?.address], [1, first.address]);
    const [held, replaced] = see.all({ ...second, address: first.address });
    assert.equal(held?.deviceId, replaced?.deviceId);
    assert.deepEqual([typesOf(held!), typesOf(replaced!)], [[], ["deviceAdded", "deviceReplaced"]]);
    assert.deepEqual(replaced!.events[1]?.details, { address: first.address, previousDeviceId: old });
    assert.equal(inventory.devices().length, 2);
    assert.deepEqual(inventory.events(old).map(({ type }) => type), ["deviceAdded", "identityDoubted"]);
  }));

Deno.test("observe() keeps a device whose board was swapped, and follows the board afterwards", () =>
  withInventory((inventory, see) => {
    const a = see(first).deviceId, b = see(second).deviceId;
    const swapped = see({ ...first, mac: second.mac });
    assert.deepEqual([swapped.deviceId, typesOf(swapped)], [a, ["evidenceAdded"]]);
    assert.equal(see({ ...first, serial: null, mac: second.mac }).deviceId, a, "the board is in the first device now");
    assert.equal(see(second).deviceId, b, "the serial decides");
    assert.equal(inventory.devices().length, 2);
  }));

Deno.test("observe() keeps a serial of another model apart, and knows it again", () =>
  withInventory((inventory, see) => {
    const a = see(first).deviceId;
    const other = { ...second, serial: first.serial, model: "Plotter 900" };
    const conflict = see(other);
    assert.deepEqual(typesOf(conflict), ["deviceAdded", "identityConflict"]);
    assert.equal(conflict.quarantined, true);
    assert.deepEqual(conflict.events[1]?.details.deviceIds, [a]);
    const again = see(other);
    assert.deepEqual([again.deviceId, again.events, again.quarantined], [conflict.deviceId, [], true]);
    assert.equal(see(first).deviceId, a);
    assert.equal(inventory.devices().length, 2);
  }));

Deno.test("undo() splits what a wrong decision has merged, and later observations follow", () =>
  withInventory((inventory, see) => {
    const a = see({ ...first, serial: null, mac: null }).deviceId;
    const merged = see(first);
    assert.equal(merged.deviceId, a);
    const event = merged.events.find(({ type }) => type === "evidenceAdded")!;
    const split = inventory.undo(event.id, now);
    assert.notEqual(split, a);
    assert.equal(see({ ...first, address: "192.0.2.77" }).deviceId, split);
    assert.deepEqual(inventory.events(split).map(({ type }) => type), ["deviceSplit", "deviceMoved"]);
    assert.throws(() => inventory.undo(event.id, now), /Cannot undo event/);
  }));

Deno.test("observe() tells a counter that went back", () =>
  withInventory((_, see) => {
    const source = { oid: "1", rule: "test", raw: 1 };
    const meters = (value: number) => [{ name: "total", value, unit: "impressions", source }];
    see({ ...first, meters: meters(100) });
    assert.deepEqual(typesOf(see({ ...first, meters: meters(101) })), []);
    assert.deepEqual(see({ ...first, meters: meters(7) }).events[0]?.details, {
      meter: "total",
      before: 101,
      after: 7,
    });
  }));

Deno.test("openInventory() keeps everything over a restart, marks as well", () => {
  const folder = Deno.makeTempDirSync();
  try {
    let deviceId;
    {
      using inventory = openInventory(`${folder}/inventory.db`);
      deviceId = inventory.observe({ reading: readingOf(first), site: "one" }, now)[0]!.deviceId;
      inventory.setMark("sweep one", "1");
      inventory.setMark("sweep one", "2");
    }
    using inventory = openInventory(`${folder}/inventory.db`);
    assert.equal(inventory.observe({ reading: readingOf(first), site: "one" }, now)[0]!.deviceId, deviceId);
    assert.deepEqual([inventory.mark("sweep one"), inventory.mark("other")], ["2", undefined]);
    assert.deepEqual(inventory.lastGood(deviceId)?.serial, "CNB70001");
    inventory.remove(deviceId);
    assert.deepEqual([inventory.devices(), inventory.events()], [[], []]);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

const source = { oid: "1", rule: "test", raw: 1 };
const meter = (value: number) => ({ name: "total", value, unit: "impressions", source });
function supplyOf(kind: "exact" | "unknown", options: Partial<Supply> = {}): Supply {
  const level = { kind, percent: kind === "exact" ? 40 : null, level: null, capacity: null };
  return {
    index: "1.1",
    kind: "toner",
    colorant: "black",
    description: "T",
    partNumber: null,
    serial: null,
    level,
    source,
    ...options,
  };
}
const asleep = { status: { state: "sleeping" as const, errors: [], panel: null } };
const good = readingOf({ meters: [meter(100)], supplies: [supplyOf("exact", { serial: "T1" })], location: "Hall" });

const merges: {
  name: string;
  reading: Partial<Reading>;
  scope?: "status";
  meters: number[];
  levels: string[];
  kept: boolean;
}[] = [
  {
    name: "believes an awake device that a level is unknown",
    reading: { meters: [meter(101)], supplies: [supplyOf("unknown")] },
    meters: [101],
    levels: ["unknown"],
    kept: false,
  },
  {
    name: "keeps a level that a sleeping device does not know",
    reading: { ...asleep, meters: [meter(100)], supplies: [supplyOf("unknown")] },
    meters: [100],
    levels: ["exact"],
    kept: true,
  },
  {
    name: "keeps rows that a sleeping device leaves out",
    reading: asleep,
    meters: [100],
    levels: ["exact"],
    kept: true,
  },
  {
    name: "keeps a counter that a sleeping device has as zero",
    reading: { ...asleep, meters: [meter(0)], supplies: [supplyOf("exact")] },
    meters: [100],
    levels: ["exact"],
    kept: true,
  },
  {
    name: "takes what a sleeping device knows",
    reading: { ...asleep, location: "Hall", meters: [meter(105)], supplies: [supplyOf("exact")] },
    meters: [105],
    levels: ["exact"],
    kept: false,
  },
  {
    name: "does not give a new cartridge the level of the old",
    reading: { ...asleep, meters: [meter(100)], supplies: [supplyOf("unknown", { index: "1.2" })] },
    meters: [100],
    levels: ["unknown", "exact"],
    kept: true,
  },
  {
    name: "does not take a status read for a loss of meters",
    reading: { supplies: [supplyOf("unknown")] },
    scope: "status",
    meters: [100],
    levels: ["unknown"],
    kept: false,
  },
];
for (const { name, reading, scope, meters, levels, kept } of merges) {
  Deno.test(`mergeReading() ${name}`, () => {
    const merged = mergeReading(good, readingOf(reading), scope);
    assert.deepEqual(merged.meters.map(({ value }) => value), meters);
    assert.deepEqual(merged.supplies.map(({ level }) => level.kind), levels);
    assert.equal(merged.problems.some(({ code }) => code === "kept-while-asleep"), kept);
  });
}

Deno.test("mergeReading() takes a cartridge with another serial number as it is", () => {
  const merged = mergeReading(good, readingOf({ ...asleep, supplies: [supplyOf("unknown", { serial: "T2" })] }));
  assert.deepEqual(merged.supplies.map(({ serial, level }) => [serial, level.kind]), [["T2", "unknown"]]);
});

Deno.test("prune() forgets the oldest history, and neither what undoes a merge nor where a device is", () =>
  withInventory((inventory, see) => {
    const { deviceId: quiet } = see(second);
    const { deviceId } = see(first);
    const merged = see({ ...first, mac: "00:1b:a9:00:00:03" }).events.find(({ type }) => type === "evidenceAdded")!;
    for (let i = 10; i < 30; i++) see({ ...first, address: `192.0.2.${i}` });
    inventory.prune(5);
    assert.equal(inventory.events(deviceId).filter(({ type }) => type === "deviceMoved").length, 5);
    assert.equal(inventory.locations(deviceId).length, 5);
    assert.deepEqual(
      [inventory.device(deviceId)?.place?.address, inventory.device(quiet)?.place?.address],
      ["192.0.2.29", second.address],
    );
    assert.doesNotThrow(() => inventory.undo(merged.id, now));
  }));
