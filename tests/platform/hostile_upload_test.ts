/** Batches that no agent of ours makes: they must neither stop the agent that sent them nor grow the store. */
import assert from "node:assert/strict";
import { unpackRecord } from "../../platform/store/stored_record.ts";
import { Buffer } from "node:buffer";
import { gzipSync } from "node:zlib";
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { Record as UploadedRecord, RejectionReason, type UploadResponse } from "../../proto/gen/opendca/v1/batch.ts";
import { historyOf } from "../../platform/devices/devices.ts";
import { deviceRows } from "../../platform/devices/listed_devices.ts";
import { countRecords } from "../../platform/devices/readings.ts";
import { latestMeters } from "../../platform/devices/samples.ts";
import { slowInPostgres } from "../fixtures/each_database.ts";
import { call, connect } from "../fixtures/platform_fixture.ts";
import { batchOf, readingOf, recordOf, startBench } from "../fixtures/platform_uploads.ts";

slowInPostgres("Upload of one batch by two connections at once stores it once", async () => {
  await using bench = await startBench();
  const records = Array.from({ length: 100 }, () => recordOf(readingOf()));
  const batch = batchOf(bench.agent, { sequence: 1, records });
  using beside = connect(bench.platform, bench.agent.identity);
  const uploadBeside = () => call(beside, { method: beside.upload, request: batch });
  const answers = await Promise.all([1, 2, 3, 4].flatMap(() => [bench.upload(batch), uploadBeside()]));
  for (const { highestContiguousSequence, rejections } of answers) {
    assert.deepEqual([highestContiguousSequence, rejections], [1n, []]);
  }
  assert.equal(await countRecords(bench.agent.tenant, "reading"), 100);
});

slowInPostgres("Upload keeps the first of two records with one id in one batch", async () => {
  await using bench = await startBench();
  const { tenant } = bench.agent;
  const recordId = crypto.randomUUID();
  const records = [10, 20].map((total) => recordOf(readingOf({ total }), { recordId }));
  const { rejections } = await bench.upload(batchOf(bench.agent, { sequence: 1, records }));
  assert.deepEqual(rejections, []);
  assert.deepEqual((await latestMeters(tenant, (await deviceRows(tenant))[0]!.device_id)).map(({ value }) => value), [
    5,
    10,
  ]);
});

slowInPostgres("Upload takes 5,000 records and rejects 5,001", async () => {
  await using bench = await startBench();
  const records = Array.from({ length: 5001 }, () => recordOf(readingOf()));
  const answers = [];
  for (const [i, count] of [5000, 5001].entries()) {
    const batch = batchOf(bench.agent, { sequence: i + 1, records: records.slice(0, count) });
    // The second one lies about it, too.
    answers.push((await bench.upload({ ...batch, recordCount: 5000 })).rejections.map(({ reason }) => reason));
  }
  assert.deepEqual(answers, [[], [RejectionReason.TOO_LARGE]]);
});

slowInPostgres("Upload answers in one message however much it has rejected, that of the batch included", async () => {
  await using bench = await startBench();
  // Of ids that are as long as one is told, so that a few batches fill a message.
  const reading = { ...readingOf({ address: "" }), meters: [] };
  const bad = Array.from({ length: 5000 }, () => recordOf(reading, { recordId: "x".repeat(64) }));
  const payload = batchOf(bench.agent, { sequence: 1, records: bad }).payload;
  let latest: UploadResponse | undefined;
  for (let sequence = 1; sequence <= 14; sequence++) {
    latest = await bench.upload(batchOf(bench.agent, { sequence, records: bad, payload }));
  }
  const sequences = latest!.rejections.map(({ sequence }) => Number(sequence));
  assert.equal(sequences.at(-1), 14);
  assert.ok(sequences.length > 1 && sequences.length < 14, sequences.join());
  const again = batchOf(bench.agent, { sequence: 15, records: [recordOf(readingOf({ address: "" }))] });
  await bench.upload(again);
  for (let sequence = 16; sequence <= 20; sequence++) {
    await bench.upload(batchOf(bench.agent, { sequence, records: bad, payload }));
  }
  const own = (await bench.upload(again)).rejections.find(({ sequence }) => sequence === 15n);
  assert.equal(own?.recordIds.length, 1);
});

slowInPostgres("Upload tells only the beginning of an id that is none", async () => {
  await using bench = await startBench();
  const records = [1, 2].map(() => recordOf(readingOf(), { recordId: "x".repeat(900_000) }));
  const { rejections } = await bench.upload(batchOf(bench.agent, { sequence: 1, records }));
  assert.deepEqual(rejections[0]?.recordIds, ["x".repeat(64), "x".repeat(64)]);
});

slowInPostgres("Upload knows a device again whose texts are endless, or hold what ends a text in SQLite", async () => {
  await using bench = await startBench();
  const { agent } = bench;
  for (const [i, text] of ["A\0B", "C".repeat(60_000), "\ud83d".toWellFormed() + "\u{10ffff}"].entries()) {
    const reading = {
      ...readingOf({ serial: `TEXT0${i}`, model: text }),
      hostname: text,
      location: text,
      firmware: text,
    };
    for (const half of [1, 2]) {
      const batch = batchOf(agent, {
        sequence: i * 2 + half,
        records: [recordOf(reading, { site: text, deviceKey: text })],
      });
      assert.deepEqual((await bench.upload(batch)).rejections, []);
    }
  }
  const devices = await deviceRows(agent.tenant);
  assert.deepEqual(devices.map(({ model }) => model?.length).toSorted(), [2, 255, 3]);
  for (const { device_id } of devices) assert.equal((await historyOf(agent.tenant, device_id)).length, 1);
});

const odd = [
  {
    name: "texts that are no UTF-8",
    change: (bytes: Buffer) => bytes.fill(0xff, bytes.indexOf("mmmm"), bytes.indexOf("mmmm") + 4),
    location: "\ufffd".repeat(4),
  },
  {
    name: "a field of a later version",
    // Field 99 of the record, text "new".
    change: (bytes: Buffer) => Buffer.concat([bytes, Buffer.from([0x9a, 0x06, 3]), Buffer.from("new")]),
    location: "mmmm",
  },
];
for (const { name, change, location } of odd) {
  slowInPostgres(`Upload takes a record with ${name}, and keeps it byte for byte`, async () => {
    await using bench = await startBench();
    const { tenant } = bench.agent;
    const record = recordOf({ ...readingOf(), location: "mmmm" });
    const bytes = change(Buffer.from(UploadedRecord.encode(record).finish()));
    const list = new BinaryWriter().uint32(1 << 3 | 2).bytes(bytes);
    // A field of a later version of the list as well.
    const payload = Buffer.from(gzipSync(list.uint32(7 << 3 | 2).string("new").finish()));
    const { rejections } = await bench.upload(batchOf(bench.agent, { sequence: 1, records: [record], payload }));
    assert.deepEqual(rejections, []);
    assert.deepEqual((await deviceRows(tenant)).map((device) => device.location), [location]);
    const kept = await tenant.get<{ record: Uint8Array }>("SELECT record FROM records WHERE customer_id = :customer");
    assert.deepEqual(Buffer.from(unpackRecord(kept!.record)), bytes);
  });
}

slowInPostgres("Upload believes what is read after a clock was set right", async () => {
  await using bench = await startBench();
  const { agent } = bench;
  const ahead = recordOf(readingOf({ address: "10.1.0.7", observedAt: new Date(Date.now() + 86_400_000) }));
  const right = recordOf(
    readingOf({ address: "10.1.0.9", observedAt: new Date(bench.platform.clock.now().getTime() + 1000) }),
  );
  for (const [i, record] of [ahead, right].entries()) {
    await bench.upload(batchOf(agent, { sequence: i + 1, records: [record] }));
  }
  assert.deepEqual((await deviceRows(agent.tenant)).map(({ address }) => address), ["10.1.0.9"]);
});
