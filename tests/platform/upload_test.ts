import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { gzipSync } from "node:zlib";
import { DeviceEventKind, RejectionReason, type UploadResponse } from "../../proto/gen/opendca/v1/batch.ts";
import { maybeAgent } from "../../platform/agents/agents.ts";
import { evidenceOf, historyOf } from "../../platform/devices/devices.ts";
import { deviceRows } from "../../platform/devices/listed_devices.ts";
import { countRecords } from "../../platform/devices/readings.ts";
import { latestMeters, meterHistoryRows } from "../../platform/devices/samples.ts";
import { eachDatabase } from "../fixtures/each_database.ts";
import { reasonOf } from "../fixtures/platform_fixture.ts";
import { batchOf, readingOf, recordOf, startBench } from "../fixtures/platform_uploads.ts";

function marks({ highestContiguousSequence, rejections }: UploadResponse) {
  return [Number(highestContiguousSequence), rejections.map(({ sequence, reason }) => [Number(sequence), reason])];
}

eachDatabase("Upload stores readings, meters and the device", async () => {
  await using bench = await startBench();
  const { agent } = bench;
  const observedAt = new Date(Date.now() - 60_000);
  const answer = await bench.upload(batchOf(agent, { sequence: 1, records: [recordOf(readingOf({ observedAt }))] }));
  assert.deepEqual(marks(answer), [1, []]);
  const [device] = await deviceRows(agent.tenant);
  assert.deepEqual([device?.serial, device?.address, device?.state, device?.total], [
    "ABC12345",
    "10.1.0.7",
    "idle",
    1000,
  ]);
  assert.deepEqual(
    (await latestMeters(agent.tenant, device!.device_id)).map(({ name, value, unit, observed_at }) => [
      name,
      value,
      unit,
      observed_at,
    ]),
    [["print.color", 500, "impressions", observedAt.getTime()], ["total", 1000, "impressions", observedAt.getTime()]],
  );
});

eachDatabase("Upload of the same batch again changes nothing and answers the same", async () => {
  await using bench = await startBench();
  const batch = batchOf(bench.agent, { sequence: 1, records: [recordOf(readingOf()), recordOf(readingOf())] });
  const answers = [await bench.upload(batch), await bench.upload(batch), await bench.upload(batch)];
  for (const answer of answers) assert.deepEqual(marks(answer), [1, []]);
  assert.equal(await countRecords(bench.agent.tenant, "reading"), 2);
});

eachDatabase("Upload out of order acknowledges only what has no gap before it", async () => {
  await using bench = await startBench();
  const batch = (sequence: number) => batchOf(bench.agent, { sequence, records: [recordOf(readingOf())] });
  const acknowledged = [];
  for (const sequence of [2, 4, 1, 5, 3]) {
    acknowledged.push(Number((await bench.upload(batch(sequence))).highestContiguousSequence));
  }
  assert.deepEqual(acknowledged, [0, 0, 2, 2, 5]);
  assert.equal(await countRecords(bench.agent.tenant, "reading"), 5);
});

eachDatabase("Upload counts each epoch by itself, and a record once over all of them", async () => {
  await using bench = await startBench();
  const records = [recordOf(readingOf())];
  await bench.upload(batchOf(bench.agent, { sequence: 1, records }));
  const answer = await bench.upload(batchOf(bench.agent, { sequence: 1, records, epoch: "epoch-2" }));
  assert.deepEqual(marks(answer), [1, []]);
  assert.equal(await countRecords(bench.agent.tenant, "reading"), 1);
});

eachDatabase(
  "Upload of another content under the same sequence is a fork, and the agent is marked as copied",
  async () => {
    await using bench = await startBench();
    const { agent } = bench;
    await bench.upload(batchOf(agent, { sequence: 1, records: [recordOf(readingOf())] }));
    const answer = await bench.upload(batchOf(agent, { sequence: 1, records: [recordOf(readingOf())] }));
    assert.deepEqual(marks(answer), [1, [[1, RejectionReason.SEQUENCE_FORK]]]);
    assert.equal(await countRecords(agent.tenant, "reading"), 1);
    assert.equal(
      (await maybeAgent(agent.tenant, agent.agentId))?.suspected_clone_reason,
      "a sequence number came with two contents",
    );
  },
);

eachDatabase("Upload notices two processes that take turns, and goes on storing", async () => {
  await using bench = await startBench();
  const { agent } = bench;
  const runs = [agent.runId, crypto.randomUUID()];
  const suspicions = [];
  for (const [i, runId] of [runs[0]!, runs[1]!, runs[1]!, runs[0]!].entries()) {
    await bench.upload({ ...batchOf(agent, { sequence: i + 1, records: [recordOf(readingOf())] }), runId });
    suspicions.push((await maybeAgent(agent.tenant, agent.agentId))?.suspected_clone_reason);
  }
  assert.deepEqual(suspicions, [null, null, null, "two processes take turns"]);
  assert.equal(await countRecords(agent.tenant, "reading"), 4);
});

eachDatabase("Upload notices a spool that comes back after a later one", async () => {
  await using bench = await startBench();
  const { agent } = bench;
  for (const [epoch, sequence] of [["epoch-1", 1], ["epoch-2", 1], ["epoch-1", 2]] as const) {
    await bench.upload(batchOf(agent, { sequence, epoch, records: [recordOf(readingOf())] }));
  }
  const reason = (await maybeAgent(agent.tenant, agent.agentId))?.suspected_clone_reason;
  assert.equal(reason, "a spool came back after a later one");
});

const good = recordOf(readingOf());
const whole = [
  { name: "garbage", change: { payload: Buffer.from("garbage") }, reason: RejectionReason.MALFORMED },
  {
    name: "gzip of garbage",
    change: { payload: Buffer.from(gzipSync("garbage")) },
    reason: RejectionReason.MALFORMED,
  },
  { name: "another number of records", change: { recordCount: 2 }, reason: RejectionReason.MALFORMED },
  { name: "too many records", change: { recordCount: 5001 }, reason: RejectionReason.TOO_LARGE },
  { name: "an unknown compression", change: { compression: 9 as number }, reason: RejectionReason.MALFORMED },
  {
    name: "a decompression bomb",
    change: { payload: Buffer.from(gzipSync(Buffer.alloc(17 * 1024 * 1024))) },
    reason: RejectionReason.TOO_LARGE,
  },
];
eachDatabase(
  "Upload rejects a batch that is wrong as a whole, once and for good, and goes on with the next",
  async (t) => {
    await using bench = await startBench();
    for (const [i, { name, change, reason }] of whole.entries()) {
      await t.step(name, async () => {
        const epoch = `epoch-${i + 1}`;
        const batch = { ...batchOf(bench.agent, { sequence: 1, records: [good], epoch }), ...change };
        assert.deepEqual(marks(await bench.upload(batch)), [1, [[1, reason]]]);
        assert.deepEqual(marks(await bench.upload(batch)), [1, [[1, reason]]]);
        const next = await bench.upload(batchOf(bench.agent, { sequence: 2, records: [recordOf(readingOf())], epoch }));
        assert.deepEqual(marks(next), [2, [[1, reason]]]);
        assert.equal(await countRecords(bench.agent.tenant, "reading"), i + 1);
      });
    }
  },
);

const single = [
  { name: "an id that is no UUID", record: recordOf(readingOf(), { recordId: "x" }) },
  { name: "no content", record: { ...good, recordId: crypto.randomUUID(), content: undefined } },
  { name: "no time", record: recordOf(readingOf(), { observedAt: undefined }) },
  { name: "a meter that is no number", record: recordOf(readingOf({ total: NaN })) },
  { name: "a meter below zero", record: recordOf(readingOf({ total: -1 })) },
  { name: "neither an address nor a device key", record: recordOf(readingOf({ address: "" })) },
];
eachDatabase("Upload refuses a record that is wrong, and stores the others of its batch", async (t) => {
  await using bench = await startBench();
  for (const [i, { name, record }] of single.entries()) {
    await t.step(name, async () => {
      const records = [recordOf(readingOf()), record, recordOf(readingOf())], epoch = `epoch-${i + 1}`;
      const { rejections } = await bench.upload(batchOf(bench.agent, { sequence: 1, records, epoch }));
      assert.deepEqual(rejections.map(({ reason, recordIds }) => [reason, recordIds]), [
        [RejectionReason.INVALID_RECORD, [record.recordId]],
      ]);
      assert.equal(await countRecords(bench.agent.tenant, "reading"), 2 * (i + 1));
    });
  }
});

eachDatabase("Upload refuses a call with a field that cannot be", async (t) => {
  await using bench = await startBench();
  const calls = [
    { name: "sequence 0", change: { sequence: 0n } },
    { name: "a sequence of 2^53", change: { sequence: 2n ** 53n } },
    { name: "no batch id", change: { batchId: "" } },
    { name: "no epoch", change: { agentEpoch: "" } },
    { name: "an epoch of a megabyte", change: { agentEpoch: "e".repeat(1_000_000) } },
  ];
  for (const { name, change } of calls) {
    await t.step(name, async () => {
      const batch = { ...batchOf(bench.agent, { sequence: 1, records: [good] }), ...change };
      assert.equal(await reasonOf(bench.upload(batch)), "invalid-request");
    });
  }
});

eachDatabase("Upload knows a device that moved, and keeps where it was", async () => {
  await using bench = await startBench();
  const { agent } = bench;
  const [before, after] = [new Date(Date.now() - 120_000), new Date(Date.now() - 60_000)];
  const records = [
    recordOf(readingOf({ address: "10.1.0.7", observedAt: before, total: 10 })),
    recordOf(readingOf({ address: "10.1.0.9", observedAt: after, total: 20 })),
  ];
  await bench.upload(batchOf(agent, { sequence: 1, records }));
  const [device, ...others] = await deviceRows(agent.tenant);
  assert.deepEqual([device?.address, device?.total, others.length], ["10.1.0.9", 20, 0]);
  assert.deepEqual(
    (await historyOf(agent.tenant, device!.device_id)).map(({ kind, before, after }) => [kind, before, after]),
    [
      ["appeared", null, "10.1.0.7"],
      ["addressChanged", "10.1.0.7", "10.1.0.9"],
    ],
  );
  const totals = await meterHistoryRows(agent.tenant, { deviceId: device!.device_id, name: "total", limit: 10 });
  assert.deepEqual(totals.map(({ value }) => value), [20, 10]);
});

eachDatabase("Upload of what was read before an outage does not overwrite the present", async () => {
  await using bench = await startBench();
  const { agent } = bench;
  const [early, late] = [new Date(Date.now() - 3_600_000), new Date(Date.now() - 60_000)];
  const batch = (sequence: number, observedAt: Date, address: string) =>
    batchOf(agent, { sequence, records: [recordOf(readingOf({ address, observedAt }))] });
  await bench.upload(batch(1, late, "10.1.0.9"));
  await bench.upload(batch(2, early, "10.1.0.7"));
  const [device] = await deviceRows(agent.tenant);
  assert.deepEqual([device?.address, device?.first_seen_at, device?.last_seen_at], [
    "10.1.0.9",
    early.getTime(),
    late.getTime(),
  ]);
});

eachDatabase("Upload of what was read by a clock a day ahead is not the newest for a day", async () => {
  await using bench = await startBench();
  const { agent } = bench;
  const tomorrow = new Date(Date.now() + 86_400_000);
  await bench.upload(
    batchOf(agent, { sequence: 1, records: [recordOf(readingOf({ total: 10, observedAt: tomorrow }))] }),
  );
  await bench.upload(
    batchOf(agent, { sequence: 2, records: [recordOf(readingOf({ total: 20, observedAt: new Date() }))] }),
  );
  const [device] = await deviceRows(agent.tenant);
  assert.equal(device?.total, 20);
  assert(device.last_seen_at <= Date.now(), "seen in the future");
});

eachDatabase(
  "Upload refuses nothing for its time: what cannot be counts from its arrival, and what the agent said is kept",
  async () => {
    await using bench = await startBench();
    const { agent } = bench;
    // The platform's clock stands still; the machine's may be seconds further by now.
    const beganMs = bench.platform.clock.now().getTime(), day = 86_400_000;
    const told = [
      new Date(0),
      new Date(beganMs - 300 * day),
      new Date(beganMs + 200 * day),
      new Date("+010000-01-01"),
      new Date(beganMs - 1000),
    ];
    const right = new Date(beganMs - 5000);
    const records = told.map((observedAt) => recordOf(readingOf(), { observedAt }));
    const corrected = recordOf(readingOf(), { observedAt: told[2]!, correctedAt: right });
    const hostile = recordOf(readingOf(), { observedAt: told[4]!, correctedAt: told[2]! });
    const batch = batchOf(agent, { sequence: 1, records: [...records, corrected, hostile] });
    assert.deepEqual(marks(await bench.upload(batch)), [1, []]);
    const stored = await agent.tenant.all<
      { record_id: string; observed_at: number; agent_at: number; time_basis: string }
    >("SELECT record_id, observed_at, agent_at, time_basis FROM records WHERE customer_id = :customer");
    const rows = [...records, corrected, hostile]
      .map(({ recordId }) => stored.find(({ record_id }) => record_id === recordId)!);
    assert.deepEqual(rows.map(({ agent_at }) => agent_at), [...told, told[2]!, told[4]!].map((time) => time.getTime()));
    const bases = ["arrival", "arrival", "arrival", "arrival", "agent", "corrected", "arrival"];
    assert.deepEqual(rows.map(({ time_basis }) => time_basis), bases);
    for (const { observed_at, time_basis } of rows) {
      if (time_basis === "arrival") assert.equal(observed_at, bench.platform.clock.now().getTime());
    }
    assert.deepEqual(rows.slice(4, 6).map(({ observed_at }) => observed_at), [told[4]!.getTime(), right.getTime()]);
  },
);

eachDatabase("Upload tells two devices at one address apart", async () => {
  await using bench = await startBench();
  const records = ["AAA11111", "BBB22222"].map((serial) => recordOf(readingOf({ serial })));
  await bench.upload(batchOf(bench.agent, { sequence: 1, records }));
  assert.deepEqual((await deviceRows(bench.agent.tenant)).map(({ serial }) => serial).sort(), [
    "AAA11111",
    "BBB22222",
  ]);
});

eachDatabase("Upload moves a network card with its MAC address to the device that has it now", async () => {
  await using bench = await startBench();
  const mac = "00:1b:a9:00:00:01";
  const records = ["AAA11111", "BBB22222"].map((serial) => recordOf(readingOf({ serial, mac })));
  await bench.upload(batchOf(bench.agent, { sequence: 1, records }));
  const holders: (string | null)[] = [];
  for (const { device_id, serial } of await deviceRows(bench.agent.tenant)) {
    const evidence = await evidenceOf(bench.agent.tenant, device_id);
    holders.push(...evidence.filter(({ kind }) => kind === "mac").map(() => serial));
  }
  assert.deepEqual(holders, ["BBB22222"]);
});

eachDatabase("Upload of an event marks its device as offline until it is read again", async () => {
  await using bench = await startBench();
  const { agent } = bench;
  const at = (secondsAgo: number) => new Date(Date.now() - secondsAgo * 1000);
  const event = recordOf(readingOf(), {
    observedAt: at(60),
    content: {
      $case: "deviceEvent",
      value: {
        kind: DeviceEventKind.OFFLINE,
        address: "10.1.0.7",
        evidence: { serial: "ABC12345", manufacturer: "Example", macs: [] },
        message: "",
      },
    },
  });
  const states = [];
  for (
    const [i, record] of [
      recordOf(readingOf({ observedAt: at(90) })),
      event,
      recordOf(readingOf({ observedAt: at(30) })),
    ]
      .entries()
  ) {
    await bench.upload(batchOf(agent, { sequence: i + 1, records: [record] }));
    states.push((await deviceRows(agent.tenant))[0]?.state);
  }
  assert.deepEqual(states, ["idle", "offline", "idle"]);
});
