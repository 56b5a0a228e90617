/**
 * Readings a second through Upload into the store: gRPC with mutual TLS on loopback, batches of 100 readings of 1,000
 * printers, four calls side by side. The load generator runs in the same process, so that the figure is a lower bound.
 * Usage: deno run --allow-all bench/platform_upload.ts [batches]
 */
import { Buffer } from "node:buffer";
import { gzipSync } from "node:zlib";
import { type Batch, RecordList } from "../proto/gen/opendca/v1/batch.ts";
import { LevelKind, type Reading } from "../proto/gen/opendca/v1/reading.ts";
import { countRecords } from "../platform/store/readings.ts";
import { activatedAgent, call, connect, startTestPlatform, type TestAgent } from "../tests/platform_fixture.ts";
import { batchOf, readingOf, recordOf } from "../tests/platform_uploads.ts";

const printers = 1000;
const batchSize = 100;
const side = 4;

/** A colour device as it is read in the field: 8 meters, 5 supplies, 2 trays. */
function colourReading(number: number, round: number): Reading {
  const reading = readingOf({
    serial: `BENCH${100_000 + number}`,
    address: `10.1.${number >> 8}.${number & 255}`,
    observedAt: new Date(Date.now() - 86_400_000 + round * 60_000),
  });
  const names = ["total", "mono", "color", "print.total", "copy.total", "scan.total", "duplex", "fax.total"];
  const source = { oid: "1.3.6.1.2.1.43.10.2.1.4.1.1", rule: "rfc3805", raw: undefined };
  const level = { kind: LevelKind.EXACT, percent: 28, level: 1484, capacity: 5300, unit: "impressions" };
  return {
    ...reading,
    meters: names.map((name, i) => ({ name, value: number + round * 10 + i, unit: "impressions", source })),
    supplies: ["black", "cyan", "magenta", "yellow", "none"].map((colorant, i) => ({
      index: `1.${i}`,
      kind: "toner",
      colorant,
      description: `${colorant} toner cartridge`,
      level,
      source,
    })),
    trays: ["1", "2"].map((index) => ({ index, name: `Tray ${index}`, level })),
  };
}

function batches(agent: TestAgent, count: number): Batch[] {
  return Array.from({ length: count }, (_, b) => {
    const records = Array.from({ length: batchSize }, (_, r) => {
      const number = b * batchSize + r;
      return recordOf(colourReading(number % printers, Math.floor(number / printers)));
    });
    const payload = Buffer.from(gzipSync(RecordList.encode({ records }).finish(), { level: 1 }));
    return batchOf(agent, { sequence: b + 1, records, payload });
  });
}

if (import.meta.main) {
  await using platform = await startTestPlatform();
  const agent = await activatedAgent(platform, platform.customer("Bench"));
  using client = connect(platform, agent.identity);
  const queue = batches(agent, Number(Deno.args[0] ?? 200)).values();
  const startMs = performance.now();
  await Promise.all(Array.from({ length: side }, async () => {
    for (const request of queue) await call(client, { method: client.upload, request });
  }));
  const seconds = (performance.now() - startMs) / 1000;
  const stored = countRecords(agent.tenant, "reading");
  const residentMb = Math.round(Deno.memoryUsage().rss / 1e6);
  console.log(
    `${stored} readings in ${seconds.toFixed(2)} s: ${Math.round(stored / seconds)}/s, ${residentMb} MB resident`,
  );
}
