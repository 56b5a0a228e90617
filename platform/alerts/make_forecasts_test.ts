import assert from "node:assert/strict";
import { deviceScene } from "../../tests/platform/device_changes_fixture.ts";
import { eachDatabase } from "../../tests/fixtures/each_database.ts";
import { keptForecasts } from "../devices/kept_forecasts.ts";
import { makeForecasts, roundStart } from "./make_forecasts.ts";

eachDatabase(
  "a look ends after its time, and the next one goes on there: each device gets its forecasts once",
  async () => {
    await using scene = await deviceScene();
    const ids: string[] = [];
    for (let n = 0; n < 130; n++) {
      ids.push(await scene.upload({ serial: `S${n}`, address: `10.0.${n >> 6}.${n & 63}`, supplies: [], low: true }));
    }
    const { store, clock } = scene.platform;
    // Two seconds go by with each look at the clock.
    let ms = 0, looks = 0;
    const slow = { store, clock: { now: clock.now, monotonicMs: () => ms += 2000 } };
    const made = async () => (await keptForecasts(scene.tenant, ids)).size;
    const sizes: number[] = [];
    for (let place: typeof roundStart | undefined = roundStart; place !== undefined && looks < 50; looks++) {
      place = await makeForecasts(slow, place);
      sizes.push(await made());
    }
    assert.ok(looks > 1);
    assert.equal(sizes.at(-1), ids.length);
    assert.ok(sizes[0]! < ids.length);
    assert.deepEqual([...sizes].sort((a, b) => a - b), sizes);
    assert.equal(await makeForecasts(scene.platform, roundStart), undefined);
  },
);

eachDatabase("a round that is stopped goes on later, and a customer that is gone does not keep it up", async () => {
  await using scene = await deviceScene();
  const id = await scene.upload({ low: true });
  const stop = AbortSignal.abort();
  const place = await makeForecasts(scene.platform, roundStart, { signal: stop });
  assert.equal(place?.deviceId, "");
  assert.equal(await makeForecasts(scene.platform, { customerId: "zzz", deviceId: "" }), undefined);
  assert.equal((await keptForecasts(scene.tenant, [id])).size, 0);
  assert.equal(await makeForecasts(scene.platform, place!), undefined);
  assert.equal((await keptForecasts(scene.tenant, [id])).size, 1);
});
