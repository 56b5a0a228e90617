/** Files of the first version, with the devices that it made of partly lost answers. */
import assert from "node:assert/strict";
import { interpretedReading } from "../../tests/fixtures/sample_reading.ts";
import { DamagedDatabaseError, type Database, openDatabase } from "../../common/host/sqlite.ts";
import { copyInventory } from "./copy_inventory.ts";
import { inventoryVersion, prepareInventoryDatabase } from "./inventory_database.ts";
import { openInventory } from "./inventory.ts";
import { encodeLastGood } from "./last_good.ts";

const day = 86_400_000;
const start = Date.UTC(2026, 0, 1);

interface OldDevice {
  id: string;
  /** "serial CNB70001", "mac 00:1b:a9:00:00:01 former". */
  evidence?: string[];
  model?: string | null;
  /** In days. */
  added: number;
  seen: number;
  /** Where it was: the last is where it is, unless it `isGone`. */
  places: string[];
  isGone?: boolean;
  total?: number;
  presence?: string;
}

function addOld(db: Database, device: OldDevice): void {
  const { id, evidence = [], model = "P1", added, seen, places, isGone = false, total } = device;
  const reading = interpretedReading();
  const meters = total === undefined ? [] : [{ ...reading.meters[0]!, value: total }];
  db.run(
    `INSERT INTO device (id, added_at, seen_at, site, maker, model, quarantined, asleep, last_good)
     VALUES (?, ?, ?, 'one', 'Acme', ?, 0, 0, ?)`,
    id,
    start + added * day,
    start + seen * day,
    model,
    encodeLastGood({ ...reading, model, meters }),
  );
  db.run(
    "INSERT INTO event (at, type, device, details) VALUES (?, 'deviceAdded', ?, ?)",
    start + added * day,
    id,
    JSON.stringify({ was: id }),
  );
  const event = db.get<{ id: number }>("SELECT max(id) AS id FROM event")!.id;
  for (const [kind, value, state] of evidence.map((text) => text.split(" "))) {
    db.run("INSERT INTO evidence VALUES (?, ?, ?, ?, ?)", id, kind!, value!, state === "former" ? 0 : 1, event);
  }
  for (const [i, place] of places.entries()) {
    const [address, port = "161"] = place.split(" ");
    const until = i < places.length - 1 || isGone ? start + seen * day : null;
    db.run("INSERT INTO location VALUES (?, ?, ?, ?, ?)", id, address!, Number(port), start + added * day, until);
  }
  if (device.presence !== undefined) db.run("INSERT INTO mark VALUES (?, ?)", `presence:${id}`, device.presence);
}

/** Runs with the path of a file of the first version that holds these devices. */
function withOldFile(devices: readonly OldDevice[], body: (path: string) => void): void {
  const folder = Deno.makeTempDirSync();
  try {
    const path = `${folder}/inventory.db`;
    const db = openDatabase(path);
    prepareInventoryDatabase(db, 1);
    db.transaction(() => devices.forEach((device) => addOld(db, device)));
    db.close();
    body(path);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

const s1 = "serial CNB70001", m1 = "mac 00:1b:a9:00:00:01", s2 = "serial CNB70002", m2 = "mac 00:1b:a9:00:00:02";

const cases: { name: string; devices: OldDevice[]; left: string[] }[] = [
  {
    name: "148 devices of nine that show nothing of themselves are nine",
    devices: Array.from({ length: 148 }, (_, i): OldDevice => ({
      id: `d${String(i).padStart(3, "0")}`,
      model: null,
      added: i / 100,
      seen: i / 100,
      places: [`192.0.2.${i % 9}`],
      isGone: i < 139,
    })),
    left: Array.from({ length: 9 }, (_, i) => `d00${i}`),
  },
  {
    name: "devices without evidence, or with a part of it, go to the one that has all",
    devices: [
      { id: "whole", evidence: [s1, m1], added: 0, seen: 9, places: ["192.0.2.1"] },
      { id: "nothing", model: null, added: 1, seen: 1, places: ["192.0.2.1"], isGone: true },
      { id: "a-mac", evidence: [`${m1} former`], added: 2, seen: 2, places: ["192.0.2.1"], isGone: true },
      { id: "serial", evidence: [s1], model: "Net 77", added: 3, seen: 3, places: ["192.0.2.1"], isGone: true },
    ],
    left: ["whole"],
  },
  {
    name: "the device that came first is the one that is found by its evidence, and not the one that is older",
    devices: [
      { id: "nothing", added: 0, seen: 0, places: ["192.0.2.1"], isGone: true },
      { id: "whole", evidence: [s1], added: 1, seen: 9, places: ["192.0.2.1"] },
    ],
    left: ["whole"],
  },
  {
    name: "of two devices that were there one after the other, it is the one that was there then",
    devices: [
      { id: "before", evidence: [s1], added: 0, seen: 4, places: ["192.0.2.1"], isGone: true },
      { id: "lost", added: 3, seen: 3, places: ["192.0.2.1"], isGone: true },
      { id: "after", evidence: [s2], added: 5, seen: 9, places: ["192.0.2.1"] },
    ],
    left: ["before", "after"],
  },
  {
    name: "what is at another address or port stays apart",
    devices: [
      { id: "a", added: 0, seen: 9, places: ["192.0.2.1"] },
      { id: "b", added: 0, seen: 9, places: ["192.0.2.1 1161"] },
      { id: "c", added: 0, seen: 9, places: ["192.0.2.2"] },
    ],
    left: ["a", "b", "c"],
  },
  {
    name: "other evidence stays apart, at one address as well",
    devices: [
      { id: "a", evidence: [s1, m1], added: 0, seen: 4, places: ["192.0.2.1"], isGone: true },
      { id: "b", evidence: [s2, m2], added: 4, seen: 9, places: ["192.0.2.1"] },
      { id: "c", evidence: [m2], model: "Plotter 900", added: 4, seen: 9, places: ["192.0.2.1"], isGone: true },
    ],
    left: ["a", "b", "c"],
  },
  {
    name: "a device that shows nothing, and came long after the one before it was gone, stays",
    devices: [
      { id: "a", evidence: [s1], added: 0, seen: 1, places: ["192.0.2.1"], isGone: true },
      { id: "b", added: 60, seen: 90, places: ["192.0.2.1"] },
    ],
    left: ["a", "b"],
  },
];
for (const { name, devices, left } of cases) {
  Deno.test(`openInventory() of an older file: ${name}`, () => {
    for (const order of [devices, devices.toReversed()]) {
      withOldFile(order, (path) => {
        using inventory = openInventory(path);
        assert.deepEqual(inventory.devices().map(({ deviceId }) => deviceId).toSorted(), left.toSorted());
      });
    }
  });
}

const duplicates: OldDevice[] = [
  {
    id: "whole",
    evidence: [s1],
    added: 2,
    seen: 5,
    places: ["192.0.2.9", "192.0.2.1"],
    total: 100,
    presence: "online",
  },
  { id: "lost", evidence: ["mac 00:00:00:00:00:07"], added: 1, seen: 6, places: ["192.0.2.1"], presence: "offline" },
  { id: "other", evidence: ["serial CNB-700-03"], added: 1, seen: 6, places: ["192.0.2.3"] },
];

Deno.test("openInventory() of an older file keeps places, decisions and meters of what it merges, and tells it once", () =>
  withOldFile([duplicates[0]!, { ...duplicates[1]!, isGone: true }, duplicates[2]!], (path) => {
    {
      using inventory = openInventory(path);
      const [device] = inventory.devices().filter(({ deviceId }) => deviceId === "whole");
      assert.deepEqual(
        [device?.addedAt, device?.seenAt, device?.place?.address],
        [new Date(start + day), new Date(start + 6 * day), "192.0.2.1"],
      );
      assert.equal(inventory.lastGood("whole")?.meters[0]?.value, 100);
      assert.deepEqual(inventory.locations("whole").map(({ address }) => address).toSorted(), [
        "192.0.2.1",
        "192.0.2.1",
        "192.0.2.9",
      ]);
      assert.deepEqual(inventory.events("whole").map(({ type, details }) => [type, details]), [
        ["deviceAdded", { was: "whole" }],
        ["deviceAdded", { was: "lost" }],
        ["deviceMerged", { mergedDeviceId: "lost" }],
      ]);
      assert.deepEqual([inventory.mark("presence:whole"), inventory.mark("presence:lost")], ["online", undefined]);
      // What told a device before and is none now, such as a MAC address of zeros, is gone, and spellings are those of now.
      assert.deepEqual(inventory.device("other")?.evidence.map(({ value }) => value), ["CNB70003"]);
      assert.throws(() =>
        inventory.takeMerges(() => {
          throw new Error("the disk is full");
        })
      );
    }
    using inventory = openInventory(path);
    const told: unknown[] = [];
    for (let i = 0; i < 2; i++) {
      inventory.takeMerges((events) => told.push(...events.map(({ deviceId, details }) => [deviceId, details])));
    }
    assert.deepEqual(told, [["whole", { mergedDeviceId: "lost" }]]);
  }));

Deno.test("copyInventory() of an older file shows it merged, and leaves it as it was", () =>
  withOldFile(duplicates.slice(0, 1), (path) => {
    const before = Deno.readFileSync(path);
    {
      using copy = copyInventory(path);
      assert.deepEqual(copy.devices().map(({ deviceId }) => deviceId), ["whole"]);
    }
    assert.deepEqual(Deno.readFileSync(path), before);
    const db = openDatabase(path, { readOnly: true });
    assert.equal(inventoryVersion(db), 1);
    db.close();
  }));

Deno.test("openInventory() leaves an older file as it was when the step fails, and does it at the next start", () =>
  withOldFile(duplicates.slice(0, 1), (path) => {
    {
      const db = openDatabase(path);
      db.exec("CREATE TABLE held (id INTEGER)");
      db.close();
    }
    assert.throws(() => openInventory(path), /already exists/);
    {
      const db = openDatabase(path);
      assert.equal(inventoryVersion(db), 1);
      db.exec("DROP TABLE held");
      db.close();
    }
    using inventory = openInventory(path);
    assert.equal(inventory.devices().length, 1);
  }));

Deno.test("openInventory() refuses a file of a later release", () =>
  withOldFile([], (path) => {
    const db = openDatabase(path);
    db.exec("PRAGMA user_version = 99");
    db.close();
    assert.throws(() => openInventory(path), DamagedDatabaseError);
  }));
