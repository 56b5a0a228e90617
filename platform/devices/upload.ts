/**
 * Upload: one batch, one transaction. proto/opendca/v1/batch.proto describes how every reading counts exactly once.
 * After a crash before the commit nothing is stored, and the agent sends the batch again; after a crash later, the
 * repeated batch changes nothing.
 */
import { createHash } from "node:crypto";
import { Buffer } from "node:buffer";
import {
  type Batch,
  type DeviceEvent,
  DeviceEventKind,
  ReadingScope,
  Rejection,
  RejectionReason,
  type UploadResponse,
} from "../../proto/gen/opendca/v1/batch.ts";
import { keepSeal } from "./batch_seals.ts";
import { BatchRefusedError, decodeBatch, type DecodedRecord } from "./decode_batch.ts";
import { recordTime } from "./record_time.ts";
import type { Observed } from "./find_device.ts";
import { KnownDevices } from "./known_devices.ts";
import {
  mergeKeys,
  noteState,
  observedAs,
  observedIn,
  observedInEvent,
  resolveEvent,
  resolveReading,
  type Sighting,
  wantedBy,
} from "./resolve_device.ts";
import { maybeOrigin } from "../agents/agents.ts";
import { appendAudit } from "../audit/audit_log.ts";
import { addBatch, advanceContiguous, type BatchKey, listRejections, maybeBatch } from "../agents/batches.ts";
import { keepReading } from "./keep_reading.ts";
import { knownRecords, type NewRecord } from "./readings.ts";
import { packRecord } from "../store/stored_record.ts";
import { CallError } from "../agents/call_error.ts";
import type { Caller, TenantAgent } from "../agents/caller.ts";
import { reportClone, watchForClone } from "../agents/clone_watch.ts";
import type { Platform } from "../agents/platform.ts";
import { countedTransaction, quotaError } from "../agents/quota.ts";
import { isShortId, isUuid } from "../agents/request_checks.ts";
import { takeTaskResult } from "../tasks/task_results.ts";

const maxSequence = BigInt(Number.MAX_SAFE_INTEGER);

/** Stores the batch, or remembers that it was rejected. Throws CallError for a batch without an identity. */
export async function upload(platform: Platform, calling: Caller, batch: Batch): Promise<UploadResponse> {
  const { clock } = platform;
  const key = checkedKey(batch, calling.agentId);
  const digest = new Uint8Array(createHash("sha256").update(batch.payload).digest());
  const answer = await countedTransaction(platform, calling, async (caller) => {
    const { tenant } = caller;
    const known = await maybeBatch(tenant, key);
    // A known batch gets its response again, regardless of the quota.
    const error = known === undefined ? await quotaError(platform, caller) : undefined;
    if (error !== undefined) return error;
    await watchForClone(platform, caller, {
      runId: batch.runId,
      epoch: key.epoch,
      installationId: batch.installationId,
    });
    let fork: Rejection | undefined, own: Rejection | undefined;
    if (known === undefined) own = await storeBatch(platform, caller, { batch, key, digest });
    else if (known.batch_id !== batch.batchId || !Buffer.from(digest).equals(known.digest)) {
      fork = forkOf(batch);
      await reportClone(platform, caller, "a sequence number came with two contents");
    }
    if (known?.rejection) own = Rejection.decode(known.rejection);
    const [contiguous, rejections] = await Promise.all([
      advanceContiguous(tenant, key),
      listRejections(tenant, key, own),
    ]);
    return {
      highestContiguousSequence: BigInt(contiguous),
      rejections: fork === undefined ? rejections : [...rejections.filter((r) => r.sequence !== fork.sequence), fork],
      serverTime: clock.now(),
    };
  });
  if (answer instanceof CallError) throw answer;
  return answer;
}

interface Arrived {
  batch: Batch;
  at: Date;
}

interface NamedBatch {
  batch: Batch;
  key: BatchKey;
  digest: Uint8Array;
}

/* Returns why it, or a part of it, was rejected. */
async function storeBatch(
  platform: Platform,
  caller: TenantAgent,
  { batch, key, digest }: NamedBatch,
): Promise<Rejection | undefined> {
  const { tenant } = caller;
  const at = platform.clock.now();
  const { rejection, parts } = await storeRecords(platform, caller, { batch, at });
  await sealOrTell(platform, caller, { batch, at, records: parts });
  await addBatch(tenant, { key, batchId: batch.batchId, digest, at, records: batch.recordCount, rejection });
  if (rejection === undefined) return undefined;
  await appendAudit(tenant.transaction, {
    at,
    customerId: tenant.customerId,
    actor: { kind: "agent", name: key.agentId },
    action: "batchRejected",
    subject: key.agentId,
    detail: { sequence: key.sequence, message: rejection.message, records: rejection.recordIds.length },
  });
  const { agentId, sequence } = key, { message } = rejection;
  tenant.transaction.afterCommit(() => platform.log("batchRejected", { agentId, sequence, message }));
  return rejection;
}

async function storeRecords(
  platform: Platform,
  caller: TenantAgent,
  { batch, at }: Arrived,
): Promise<{ rejection?: Rejection; parts?: Uint8Array[] }> {
  try {
    const { records, parts, refused } = decodeBatch(batch);
    await storeDecoded(platform, caller, { records, at });
    if (refused.length === 0) return { parts };
    const rejection = {
      sequence: batch.sequence,
      reason: RejectionReason.INVALID_RECORD,
      message: `${refused.length} of ${batch.recordCount} records refused; the first because ${refused[0]!.why}`,
      recordIds: refused.map(({ recordId }) => recordId),
    };
    return { rejection, parts };
  } catch (error) {
    if (!(error instanceof BatchRefusedError)) throw error;
    return {
      rejection: { sequence: batch.sequence, reason: error.reason, message: error.message, recordIds: [] },
    };
  }
}

/* The records are stored in any case: what is billed by them says that it is not proved. */
async function sealOrTell(
  platform: Platform,
  caller: TenantAgent,
  { batch, at, records }: Arrived & { records: readonly Uint8Array[] | undefined },
): Promise<void> {
  const fault = await keepSeal(caller, { batch, at, records });
  if (fault === "" || fault === "refused") return;
  const { tenant, agentId } = caller, sequence = Number(batch.sequence);
  await appendAudit(tenant.transaction, {
    at,
    customerId: tenant.customerId,
    actor: { kind: "agent", name: agentId },
    action: fault === "gap" ? "batchChainBroken" : "batchNotProved",
    subject: agentId,
    detail: { sequence, fault },
  });
  tenant.transaction.afterCommit(() => platform.log("batchNotProved", { agentId, sequence, fault }));
}

/** Reads the data for all records before the first one, and writes all changes after the last one. */
async function storeDecoded(
  platform: Platform,
  caller: TenantAgent,
  { records, at }: { records: DecodedRecord[]; at: Date },
): Promise<void> {
  const { tenant, agentId } = caller;
  const [origin, news] = await Promise.all([maybeOrigin(tenant, agentId), newRecords(caller, records)]);
  const { since, siteId } = origin!;
  const arrived = news.map((each) => arrivedRecord(caller, { ...each, at, since, siteId }));
  const devices = await KnownDevices.load(tenant, wantedBy(arrived.flatMap(({ observations }) => observations)));
  for (const record of arrived) await storeRecord(platform, caller, devices, record);
  await devices.flush();
}

/** Without records from an earlier batch: in a new epoch, an agent sends its remaining records again. */
async function newRecords({ tenant, agentId }: TenantAgent, records: DecodedRecord[]): Promise<DecodedRecord[]> {
  const recordIds = records.map(({ record }) => record.recordId);
  const known = await knownRecords(tenant, { agentId, recordIds });
  return records.filter(({ record: { recordId } }) => known.size < known.add(recordId).size);
}

interface ArrivedRecord extends DecodedRecord {
  sighting: Sighting;
  time: Pick<NewRecord, "observedAt" | "basis" | "receivedAt">;
  /** Observations of devices in the record; the first one is for its own device. */
  observations: Observed[];
}

function arrivedRecord(
  { agentId }: TenantAgent,
  { record, bytes, at, since, siteId }: DecodedRecord & { at: Date; since: Date; siteId: string },
): ArrivedRecord {
  const { at: observedAt, basis } = recordTime(record, { arrivedAt: at, since });
  const sighting: Sighting = {
    agentId,
    siteId,
    network: record.site,
    deviceKey: record.deviceKey,
    observedAt,
    scope: record.scope === ReadingScope.STATUS ? "status" : "full",
  };
  const { content } = record;
  const observations: Observed[] = [];
  if (content?.$case === "reading") observations.push(observedIn(sighting, content.value));
  if (content?.$case === "deviceEvent") {
    observations.push(observedInEvent(sighting, content.value));
    const merged = mergedKeyOf(content.value);
    if (merged !== undefined) observations.push(observedAs(sighting, merged));
  }
  return { record, bytes, sighting, time: { observedAt, basis, receivedAt: at }, observations };
}

function mergedKeyOf({ kind, mergedDeviceKey }: DeviceEvent): string | undefined {
  return kind === DeviceEventKind.MERGED ? mergedDeviceKey : undefined;
}

async function storeRecord(
  platform: Platform,
  caller: TenantAgent,
  devices: KnownDevices,
  { record, bytes, sighting, time, observations: [observed] }: ArrivedRecord,
): Promise<void> {
  const { agentId } = caller;
  const { recordId } = record, content = record.content!;
  const stored = packRecord(bytes);
  let deviceId: string | null = null;
  switch (content.$case) {
    case "reading": {
      const reading = content.value;
      deviceId = await resolveReading(devices, { sighting, reading, observed: observed! });
      keepReading(devices, { deviceId, agentId, ...time, scope: sighting.scope, reading, stored });
      break;
    }
    case "deviceEvent": {
      const mergedKey = mergedKeyOf(content.value);
      if (mergedKey !== undefined) await mergeKeys(devices, sighting, mergedKey);
      deviceId = resolveEvent(devices, sighting, observed!);
      if (deviceId !== null && content.value.kind === DeviceEventKind.OFFLINE) {
        noteState(devices, { deviceId, state: "offline", at: time.observedAt });
      }
      break;
    }
    case "taskResult":
      await takeTaskResult(platform, caller, content.value);
  }
  const kind = kinds[content.$case];
  devices.addRecord({ agentId, recordId, deviceId, ...time, agentAt: record.observedAt!, kind, stored });
}

const kinds = { reading: "reading", deviceEvent: "device_event", taskResult: "task_result" } as const;

function forkOf(batch: Batch): Rejection {
  return {
    sequence: batch.sequence,
    reason: RejectionReason.SEQUENCE_FORK,
    message: `Sequence ${batch.sequence} was stored with another content: begin a new epoch`,
    recordIds: [],
  };
}

function checkedKey(batch: Batch, agentId: string): BatchKey {
  if (!isUuid(batch.batchId) || !isUuid(batch.runId) || !isUuid(batch.installationId)) {
    throw new CallError("invalid-request", "Cannot store a batch whose ids are not UUIDs");
  }
  if (!isShortId(batch.agentEpoch)) {
    throw new CallError("invalid-request", "Cannot store a batch whose agent_epoch is invalid");
  }
  if (batch.sequence < 1n || batch.sequence > maxSequence) {
    throw new CallError("invalid-request", `Cannot store a batch as sequence ${batch.sequence}: sequences begin at 1`);
  }
  return { agentId, epoch: batch.agentEpoch, sequence: Number(batch.sequence) };
}
