/**
 * Upload: one batch, one transaction. What makes every reading count exactly once is written in
 * proto/opendca/v1/batch.proto. A crash before the commit leaves nothing, and the agent sends the batch again; a crash
 * after it leaves all, and the batch that comes again changes nothing.
 */
import { createHash } from "node:crypto";
import { Buffer } from "node:buffer";
import {
  type Batch,
  DeviceEventKind,
  ReadingScope,
  type Rejection,
  RejectionReason,
  type UploadResponse,
} from "../../proto/gen/opendca/v1/batch.ts";
import type { Meter } from "../../proto/gen/opendca/v1/reading.ts";
import { BatchRefusedError, decodeBatch, type DecodedRecord } from "../ingest/decode_batch.ts";
import { recordTime } from "../ingest/record_time.ts";
import { mergeKeys, resolveEvent, resolveReading } from "../ingest/resolve_device.ts";
import { activatedSince } from "../store/agents.ts";
import { appendAudit } from "../store/audit_log.ts";
import { addBatch, advanceContiguous, type BatchKey, listRejections, maybeBatch } from "../store/batches.ts";
import { setDeviceState } from "../store/devices.ts";
import { addRecord, hasRecord } from "../store/readings.ts";
import { CallError } from "./call_error.ts";
import type { Caller } from "./caller.ts";
import { reportClone, watchForClone } from "./clone_watch.ts";
import type { Platform } from "./platform.ts";
import { checkQuota, countedTransaction } from "./quota.ts";
import { isShortId, isUuid } from "./request_checks.ts";
import { takeTaskResult } from "./task_results.ts";

const maxSequence = BigInt(Number.MAX_SAFE_INTEGER);

/** Stores the batch, or remembers that it was rejected. Throws CallError for a batch without an identity. */
export function upload(platform: Platform, caller: Caller, batch: Batch): UploadResponse {
  const { clock } = platform;
  const { tenant, agentId } = caller;
  const key = checkedKey(batch, agentId);
  const digest = new Uint8Array(createHash("sha256").update(batch.payload).digest());
  // What is known already is answered again, whatever the day has left.
  if (maybeBatch(tenant, key) === undefined) checkQuota(platform, caller);
  return countedTransaction(platform, caller, () => {
    watchForClone(platform, caller, { runId: batch.runId, epoch: key.epoch, installationId: batch.installationId });
    const known = maybeBatch(tenant, key);
    let fork: Rejection | undefined;
    if (known === undefined) storeBatch(platform, caller, { batch, key, digest });
    else if (known.batch_id !== batch.batchId || !Buffer.from(digest).equals(known.digest)) {
      fork = forkOf(batch);
      reportClone(platform, caller, "a sequence number came with two contents");
    }
    const contiguous = advanceContiguous(tenant, key);
    const rejections = listRejections(tenant, key);
    return {
      highestContiguousSequence: BigInt(contiguous),
      rejections: fork === undefined ? rejections : [...rejections.filter((r) => r.sequence !== fork.sequence), fork],
      serverTime: clock.now(),
    };
  });
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

function storeBatch(platform: Platform, caller: Caller, { batch, key, digest }: NamedBatch): void {
  const { tenant } = caller;
  const at = platform.clock.now();
  const rejection = storeRecords(platform, caller, { batch, at });
  addBatch(tenant, { key, batchId: batch.batchId, digest, at, records: batch.recordCount, rejection });
  if (rejection === undefined) return;
  appendAudit(platform.store, {
    at,
    customerId: tenant.customerId,
    actor: `agent:${key.agentId}`,
    action: "batchRejected",
    subject: key.agentId,
    detail: { sequence: key.sequence, message: rejection.message, records: rejection.recordIds.length },
  });
  platform.log("batchRejected", { agentId: key.agentId, sequence: key.sequence, message: rejection.message });
}

function storeRecords(platform: Platform, caller: Caller, { batch, at }: Arrived): Rejection | undefined {
  try {
    const { records, refused } = decodeBatch(batch);
    const since = activatedSince(caller.tenant, caller.agentId)!;
    for (const record of records) storeRecord(platform, caller, { ...record, at, since });
    if (refused.length === 0) return undefined;
    return {
      sequence: batch.sequence,
      reason: RejectionReason.INVALID_RECORD,
      message: `${refused.length} of ${batch.recordCount} records refused; the first because ${refused[0]!.why}`,
      recordIds: refused.map(({ recordId }) => recordId),
    };
  } catch (error) {
    if (!(error instanceof BatchRefusedError)) throw error;
    return { sequence: batch.sequence, reason: error.reason, message: error.message, recordIds: [] };
  }
}

interface TimedRecord extends DecodedRecord {
  at: Date;
  since: Date;
}

function storeRecord(platform: Platform, caller: Caller, { record, bytes, at, since }: TimedRecord): void {
  const { tenant, agentId } = caller;
  const { recordId, content } = record;
  // The same record in another batch: the agent began a new epoch with what it still held.
  if (content === undefined || hasRecord(tenant, { agentId, recordId })) return;
  const { at: observedAt, basis } = recordTime(record, { arrivedAt: at, since });
  const sighting = {
    agentId,
    site: record.site,
    deviceKey: record.deviceKey,
    observedAt,
    scope: record.scope === ReadingScope.STATUS ? "status" as const : "full" as const,
  };
  let deviceId: string | null = null;
  let meters: readonly Meter[] = [];
  switch (content.$case) {
    case "reading":
      deviceId = resolveReading(tenant, sighting, content.value);
      meters = content.value.meters;
      break;
    case "deviceEvent":
      if (content.value.kind === DeviceEventKind.MERGED && content.value.mergedDeviceKey !== undefined) {
        mergeKeys(tenant, sighting, content.value.mergedDeviceKey);
      }
      deviceId = resolveEvent(tenant, sighting, content.value);
      if (deviceId !== null && content.value.kind === DeviceEventKind.OFFLINE) {
        setDeviceState(tenant, { deviceId, state: "offline", at: observedAt });
      }
      break;
    case "taskResult":
      takeTaskResult(platform, caller, content.value);
  }
  const kind = kinds[content.$case];
  const time = { observedAt, basis, agentAt: record.observedAt!, receivedAt: at };
  addRecord(tenant, { agentId, recordId, deviceId, ...time, kind, meters, bytes });
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
    throw new CallError("invalid-request", "Cannot store a batch whose ids are no UUIDs");
  }
  if (!isShortId(batch.agentEpoch)) {
    throw new CallError("invalid-request", "Cannot store a batch whose agent_epoch is no id");
  }
  if (batch.sequence < 1n || batch.sequence > maxSequence) {
    throw new CallError("invalid-request", `Cannot store a batch as sequence ${batch.sequence}: it begins at 1`);
  }
  return { agentId, epoch: batch.agentEpoch, sequence: Number(batch.sequence) };
}
