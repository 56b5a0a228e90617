/** The platform is away for days, or the wall clock jumps by one: the schedule goes on, and nothing is lost or doubled. */
import assert from "node:assert/strict";
import { unpackRecord } from "../../platform/store/stored_record.ts";
import { DeviceEventKind, Record as UploadedRecord } from "../../proto/gen/opendca/v1/batch.ts";
import { passThrough, refuseConnection } from "../fixtures/tcp_proxy.ts";
import { day, hour, minute, openOffice } from "../fixtures/office_agent.ts";
import { giveTask, taskOf } from "./office_tasks.ts";

const ignore = Deno.build.os !== "linux";

Deno.test({
  name:
    "opendca run keeps what it reads while the platform is away for 3 days, dials in moderation, then sends it once",
  ignore,
  async fn() {
    const schedule = "{ fullSweepEvery: 24h, statusEvery: 4h, metersEvery: 12h, jitter: 0% }";
    await using office = await openOffice({ network: 249, printers: 3, schedule });
    await using _agent = await office.startAgent();
    await office.pass(5 * minute, 10_000);
    const sent = await office.assertAllThere();
    const waiting = office.clock.waiting;
    office.proxy.handle = refuseConnection;
    office.proxy.cut();
    office.proxy.count = 0;
    const before = { ...office.calls };
    await office.pass(3 * hour, 20_000);
    // Half of five minutes is the shortest pause, after five shorter ones at the beginning.
    assert(office.calls.poll - before.poll <= 3 * 24 + 6, `${office.calls.poll - before.poll} polls in three hours`);
    await office.pass(3 * day - 3 * hour, 10 * minute);
    const calls = office.calls.poll + office.calls.upload - before.poll - before.upload;
    assert(calls > 3 * 24 * 6, "the agent has ceased to try");
    // The call itself, and two looks at what is wrong.
    assert(office.proxy.count <= 3 * calls, `${office.proxy.count} connections for ${calls} calls`);
    assert(office.clock.waiting <= waiting + 1, "timers are left behind by failed calls");
    const { spool, faults, devices } = await office.status();
    // Each printer is read every four hours, also by a sweep.
    assert(spool.depth >= 3 * 18 && spool.depth <= 3 * 22, `${spool.depth} records wait`);
    assert.deepEqual(faults.map(({ code }) => code).sort(), ["poll-failed", "upload-failed"]);
    assert.deepEqual(devices, { awake: 3, asleep: 0, unreachable: 0, gone: 0 });

    office.proxy.handle = passThrough;
    await office.pass(20 * minute, minute);
    assert(await office.assertAllThere() >= sent + spool.depth);
    assert.deepEqual((await office.status()).faults, []);
    assert.equal((await office.row()).suspected_clone_at, null);
  },
});

Deno.test({
  name: "opendca run reads, polls and does tasks at its pace while the wall clock jumps by a day to and fro",
  ignore,
  async fn() {
    const schedule = "{ fullSweepEvery: 24h, statusEvery: 30m, metersEvery: 2h, jitter: 0% }";
    await using office = await openOffice({ network: 238, printers: 3, schedule });
    await using _agent = await office.startAgent();
    const faultsNow = async () => (await office.status()).faults.map(({ code }) => code);
    await office.pass(hour, minute);
    for (const jumpMs of [day, -day, -day, day]) {
      office.clock.jump(jumpMs);
      const before = { scans: office.scans, sweeps: office.logged("sweepBegun").length, polls: office.calls.poll };
      const taskId = await giveTask(office);
      await office.pass(3 * hour, minute);
      // Each printer may be read in a pass of its own, every half hour; a jump ahead makes what is due, due once.
      assert(office.scans - before.scans <= 3 * (6 + 2) + 2, `${office.scans - before.scans} passes in three hours`);
      assert(office.scans - before.scans >= 6, "the schedule stands still");
      assert(office.logged("sweepBegun").length - before.sweeps <= 1, "swept more than once");
      const polls = office.calls.poll - before.polls;
      // The platform of this test says five minutes, which steps make six or seven, and a busy machine more; a task adds its
      // result. A schedule that a jump stops would make none.
      assert(polls >= 12 && polls <= 45, `${polls} polls in three hours`);
      assert.equal((await taskOf(office, taskId)).state, "succeeded");
      const isWrong = office.clock.now().getTime() !== office.platformClock.now().getTime();
      assert.equal((await faultsNow()).includes("clock-wrong"), isWrong);
    }
    const before = { scans: office.scans, polls: office.calls.poll };
    // Two reads of the schedule and one sweep that a jump makes due; not another one for each jump.
    for (let jump = 0; jump < 20; jump++) {
      office.clock.jump(jump % 2 === 0 ? day : -day);
      await office.pass(3 * minute, minute);
    }
    assert(office.scans - before.scans <= 6, `a storm of ${office.scans - before.scans} passes`);
    assert(office.calls.poll - before.polls <= 15, `a storm of ${office.calls.poll - before.polls} polls`);
    await office.pass(10 * minute, minute);
    const { devices, faults } = await office.status();
    assert.deepEqual([devices.awake, faults], [3, []]);
    await office.assertAllThere();
    const offline = (await office.stored()).map(({ record }) => UploadedRecord.decode(unpackRecord(record)).content)
      .filter((
        content,
      ) => content?.$case === "deviceEvent" && content.value.kind === DeviceEventKind.OFFLINE);
    assert.deepEqual(offline, [], "a device was called offline");
    assert.equal((await office.row()).suspected_clone_at, null);
  },
});
