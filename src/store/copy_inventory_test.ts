import assert from "node:assert/strict";
import { interpretedReading } from "../../tests/fixtures/sample_reading.ts";
import { openDatabase } from "../../common/host/sqlite.ts";
import { DamagedDatabaseError } from "../../common/host/sqlite.ts";
import { copyInventory } from "./copy_inventory.ts";
import { openInventory } from "./inventory.ts";

const now = new Date("2026-03-02T08:00:00Z");

function withFile(use: (path: string) => void): void {
  const folder = Deno.makeTempDirSync();
  try {
    use(`${folder}/inventory.db`);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("copyInventory() knows what the file knows and leaves it as it was", () =>
  withFile((path) => {
    let deviceId: string;
    {
      using inventory = openInventory(path);
      ({ deviceId } = inventory.observe({ reading: interpretedReading(), site: "one" }, now)[0]!);
      inventory.setMark("presence", "offline");
    }
    const before = Deno.readFileSync(path);
    using copy = copyInventory(path);
    assert.equal(copy.mark("presence"), "offline");
    const asleep = {
      ...interpretedReading(),
      status: { state: "sleeping" as const, errors: [], panel: null },
      meters: [],
    };
    const observed = copy.observe({ reading: asleep, site: "one" }, now)[0]!;
    assert.equal(observed.deviceId, deviceId);
    assert.deepEqual(observed.merged.meters.map(({ value }) => value), [64_299]);
    assert.deepEqual(observed.merged.problems.map(({ code }) => code), ["kept-while-asleep"]);
    assert.deepEqual(Deno.readFileSync(path), before);
  }));

Deno.test("copyInventory() reads what is still in the journal of an agent that runs, and changes nothing of it", () =>
  withFile((path) => {
    using inventory = openInventory(path);
    const { deviceId } = inventory.observe({ reading: interpretedReading(), site: "one" }, now)[0]!;
    {
      using copy = copyInventory(path);
      assert.deepEqual(copy.devices().map((device) => device.deviceId), [deviceId]);
      copy.observe({
        reading: { ...interpretedReading(), serial: "ZZ99999", mac: null, address: "10.1.0.8" },
        site: "one",
      }, now);
      assert.equal(copy.devices().length, 2);
    }
    assert.equal(inventory.devices().length, 1);
  }));

Deno.test("copyInventory() of nothing is empty, of a later layout an error", () =>
  withFile((path) => {
    {
      using copy = copyInventory(null);
      assert.deepEqual(copy.devices(), []);
    }
    openInventory(path)[Symbol.dispose]();
    const db = openDatabase(path);
    db.exec("PRAGMA user_version = 99");
    db.close();
    assert.throws(() => copyInventory(path), DamagedDatabaseError);
  }));
