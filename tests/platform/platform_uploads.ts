/** Batches as an agent makes them. */
import { Buffer } from "node:buffer";
import { gzipSync } from "node:zlib";
import {
  Batch,
  Compression,
  Record as UploadedRecord,
  RecordList,
  type UploadResponse,
} from "../../proto/gen/opendca/v1/batch.ts";
import { PrinterState, Reading, SnmpVersion } from "../../proto/gen/opendca/v1/reading.ts";
import {
  activatedAgent,
  call,
  connect,
  startTestPlatform,
  type TestAgent,
  type TestPlatform,
} from "./platform_fixture.ts";

export interface ReadingParts {
  serial?: string;
  mac?: string;
  address?: string;
  total?: number;
  observedAt?: Date;
  model?: string;
}

export function readingOf(parts: ReadingParts = {}): Reading {
  const { serial = "ABC12345", address = "10.1.0.7", total = 1000, observedAt = new Date(), model = "LX-100" } = parts;
  return Reading.fromPartial({
    observedAt,
    address,
    port: 161,
    snmp: { version: SnmpVersion.SNMP_VERSION_2C },
    manufacturer: "Example",
    model,
    serial,
    ...(parts.mac === undefined ? {} : { mac: parts.mac }),
    status: { state: PrinterState.IDLE, errors: [] },
    meters: [
      {
        name: "total",
        value: total,
        unit: "impressions",
        source: { oid: "1.3.6.1.2.1.43.10.2.1.4.1.1", rule: "rfc3805" },
      },
      { name: "print.color", value: total / 2, unit: "impressions", source: { oid: "1.3", rule: "rfc3805" } },
    ],
  });
}

export function recordOf(reading: Reading, more: Partial<UploadedRecord> = {}): UploadedRecord {
  return UploadedRecord.fromPartial({
    recordId: crypto.randomUUID(),
    observedAt: reading.observedAt!,
    site: "Head office",
    content: { $case: "reading", value: reading },
    ...more,
  });
}

export function batchOf(
  agent: TestAgent,
  options:
    & { sequence: number; records: UploadedRecord[]; epoch?: string }
    & Partial<Pick<Batch, "payload" | "batchId">>,
): Batch {
  const { sequence, records, epoch = "epoch-1", batchId = crypto.randomUUID() } = options;
  return Batch.create({
    batchId,
    sequence: BigInt(sequence),
    agentEpoch: epoch,
    compression: Compression.GZIP,
    payload: options.payload ?? Buffer.from(gzipSync(RecordList.encode({ records }).finish())),
    recordCount: records.length,
    installationId: agent.installationId,
    runId: agent.runId,
  });
}

/** A platform and an agent that uploads to it. */
export interface Bench extends AsyncDisposable {
  platform: TestPlatform;
  agent: TestAgent;
  upload(batch: Batch): Promise<UploadResponse>;
}

export async function startBench(): Promise<Bench> {
  const platform = await startTestPlatform();
  const agent = await activatedAgent(platform, platform.customer("Acme"));
  const client = connect(platform, agent.identity);
  return {
    platform,
    agent,
    upload: (request) => call(client, { method: client.upload, request }),
    async [Symbol.asyncDispose]() {
      client.close();
      await platform[Symbol.asyncDispose]();
    },
  };
}
