/** A page of supplies is read from as many devices as it takes, a thousand at a time. */
import assert from "node:assert/strict";
import { allPages } from "../../tests/fixtures/all_pages.ts";
import { eachDatabase } from "../../tests/fixtures/each_database.ts";
import { withKnown } from "../../tests/fixtures/known_devices.ts";
import { deviceScene } from "../../tests/platform/device_changes_fixture.ts";
import { LevelKind, Reading } from "../../proto/gen/opendca/v1/reading.ts";
import { type ListedSupply, listSupplies, pageOfLowSupplies } from "./list_supplies.ts";

/* Every third device was never read, and one of 500 is low. */
const devices = 3100, lowOnes = [...Array(devices).keys()].filter((i) => i % 500 === 7 && i % 3 !== 0);

function suppliesWith(percent: number): Uint8Array {
  const supplies = ["1.1", "1.2"].map((index) => ({ index, level: { kind: LevelKind.EXACT, percent } }));
  return Reading.encode(Reading.fromPartial({ supplies })).finish();
}

eachDatabase("pages of supply list together are the whole list, however many devices they are of", async () => {
  await using scene = await deviceScene();
  const { platform, by, agentIds: [agent_id = ""] } = scene, at = new Date(scene.now()), ms = at.getTime();
  const well = suppliesWith(80), low = suppliesWith(3);
  await scene.store.transaction((tx) =>
    withKnown(tx.tenant(by.tenant), {}, (known) => {
      for (let i = 0; i < devices; i++) {
        const names = { serial: null, manufacturer: null, model: null, hostname: null, firmware: null, location: null };
        const facts = { agent_id, network: "office", address: `10.1.${i >> 8}.${i & 255}`, state: "idle", ...names };
        const deviceId = known.addDevice({ facts, at });
        if (i % 3 === 0) continue;
        const isLow = lowOnes.includes(i);
        known.setState(deviceId, {
          agent_id,
          observed_at: ms,
          received_at: ms,
          time_basis: "agent",
          scope: "full",
          record: new Uint8Array([0]),
          full_at: ms,
          no_meters: null,
          meters: null,
          meters_at: null,
          supplies: isLow ? low : well,
          supplies_at: ms,
          trays: null,
          trays_at: null,
          total: null,
          low: isLow ? 2 : 0,
        });
      }
    })
  );
  const list = async (page: object) =>
    (await listSupplies(platform, by, page)).map(({ row, supply, low }) => `${row.device_id} ${supply.index} ${low}`);
  const whole = await list({}), found = 2 * (devices - Math.ceil(devices / 3));
  assert.equal(whole.length, found);
  // Pages within the first thousand devices, across its end, of more than two thousand, behind the last supply.
  for (
    const [offset, limit] of [[0, 10], [1300, 60], [0, 3000], [2650, 1], [found - 5, 10], [found, 10], [found + 9, 1]]
  ) {
    assert.deepEqual(await list({ offset, limit }), whole.slice(offset, offset! + limit!), `${offset} ${limit}`);
  }
  const wholeLow = await list({ low: true });
  assert.deepEqual(wholeLow, whole.filter((text) => text.endsWith("true")));
  assert.equal(wholeLow.length, 2 * lowOnes.length);
  for (const offset of [0, 3, wholeLow.length - 1, wholeLow.length]) {
    assert.deepEqual(await list({ low: true, offset, limit: 4 }), wholeLow.slice(offset, offset + 4));
  }
  // Pages of whole devices, and in an order that the database does not have.
  const text = ({ row, supply, low }: ListedSupply) => `${row.device_id} ${supply.index} ${low}`;
  for (const isBackwards of [false, true]) {
    for (const limit of [1, 3, 100]) {
      const pages = await allPages((wish) => pageOfLowSupplies(platform, by, wish), { limit, isBackwards });
      assert.deepEqual(pages.map(text), wholeLow, `${limit} ${isBackwards}`);
    }
    for (const sort of ["level", "device", "daysLeft"] as const) {
      const order = { by: sort, isDescending: isBackwards };
      const pages = await allPages((wish) => pageOfLowSupplies(platform, by, { ...wish, order }), {
        limit: 3,
        isBackwards,
      });
      assert.deepEqual(pages.map(text), await list({ low: true, order }), sort);
      assert.deepEqual(pages.map(text).toSorted(), wholeLow.toSorted());
    }
  }
});
