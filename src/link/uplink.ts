/**
 * Uploads the spool to the platform: batch → retry → timeout → send. Being offline is normal; it keeps trying, and only
 * acknowledged records are deleted.
 */
import { RejectionReason, type UploadResponse } from "../../proto/gen/opendca/v1/batch.ts";
import type { ClockBook } from "../store/clock_book.ts";
import type { Clock } from "../../common/core/clock.ts";
import { NotPermittedError, RejectedError, UnavailableError } from "../../common/core/errors.ts";
import { createWake } from "../../common/core/wake.ts";
import type { Batch } from "../store/spool_record.ts";
import type { Spool } from "../store/spool.ts";
import type { AgentApi, EncodedBatch } from "./agent_api.ts";
import type { BatchSigner } from "./batch_signer.ts";
import { jitteredBackoff, withRetry, withTimeout } from "./retry.ts";
import { encodeBatch } from "./spool_reading.ts";

export type UplinkSpool = Pick<Spool, "nextBatch" | "acknowledge" | "quarantine" | "beginEpoch" | "stats">;

export type UplinkEvent =
  | { event: "batchSent"; batch: Batch; bytes: number; highestContiguousSequence: number }
  | { event: "batchQuarantined"; sequence: number; reason: string; records: number }
  | { event: "epochBegun"; reason: string; epoch: string }
  /** Acknowledged earlier, and deleted since; sequence numbers. */
  | { event: "batchesLost"; first: number; last: number }
  | { event: "uploadFailed"; error: Error; waitMs: number }
  /** The platform has revoked the agent: the uplink has ended, and the agent must end. */
  | { event: "agentRevoked"; error: NotPermittedError }
  /** A defect of the agent: the uplink has ended. */
  | { event: "uplinkFailed"; error: unknown };

export interface UplinkOptions {
  spool: UplinkSpool;
  api: Pick<AgentApi, "upload">;
  clock: Clock;
  installationId: string;
  runId: string;
  /** Default: batches are not signed. */
  sign?: BatchSigner | undefined;
  report(event: UplinkEvent): void;
  /** Difference between the machine's clock and the platform's; without it nothing is corrected. */
  time?: Pick<ClockBook, "beginMeasure" | "correct"> & {
    /** Whether records may be put into a batch: only when their time is known. */
    isKnown(): boolean;
  };
  maxRecords?: number;
  /** Bytes of the records before compression. */
  maxBytes?: number;
  /** How long a record waits for others before a batch is formed. */
  maxAgeMs?: number;
  timeoutMs?: number;
  random?: () => number;
}

export interface Uplink extends AsyncDisposable {
  /** Checks the spool now instead of in a few seconds. */
  wake(): void;
  /** Sends all records now without waiting for more: after a sweep there are none for a long time. */
  flush(): void;
}

/** When a batch is formed by default: this many records, or bytes of them before compression, or this age. */
export const batchLimits = { maxRecords: 500, maxBytes: 1024 * 1024, maxAgeMs: 60_000 };

/** How often an idle spool is checked. */
const lookEveryMs = 5000;

/** Starts at once and returns; disposal aborts the present call, which is repeated after the next start. */
export function startUplink(options: UplinkOptions): Uplink {
  const { spool, clock, report, time, random = Math.random } = options;
  const limits = {
    maxRecords: options.maxRecords ?? batchLimits.maxRecords,
    maxBytes: options.maxBytes ?? batchLimits.maxBytes,
    maxAgeMs: options.maxAgeMs ?? batchLimits.maxAgeMs,
  };
  const stop = new AbortController();
  const { wake, wait } = createWake(clock);
  let isFlushing = false;
  const upload = withTimeout(createBatchSender(options), { clock, timeoutMs: options.timeoutMs ?? 120_000 });
  // Forming a batch, sending it and handling the response are retried as one unit: the batch stays the same.
  const step = withRetry<void, "sent" | "idle">(sendNext, {
    clock,
    backoffMs: jitteredBackoff({ firstMs: 2000, maxMs: 15 * 60_000, random }),
    onFailure: (error, waitMs) => report({ event: "uploadFailed", error, waitMs }),
  });

  async function sendNext(_: void, signal: AbortSignal): Promise<"sent" | "idle"> {
    const mayForm = time?.isKnown() ?? true;
    const batch = spool.nextBatch({
      ...limits,
      ...(isFlushing ? { maxAgeMs: 0 } : {}),
      mayForm,
      correct: time?.correct,
    });
    // Keeps flushing while batches may not be formed yet.
    isFlushing &&= batch !== undefined || !mayForm;
    if (batch === undefined) return "idle";
    try {
      const { answer, bytes } = await upload(batch, signal);
      const highest = Number(answer.highestContiguousSequence);
      report({ event: "batchSent", batch, bytes, highestContiguousSequence: highest });
      settle(batch, answer, options);
    } catch (error) {
      if (!(error instanceof RejectedError)) throw error;
      quarantine(batch, { reason: error.message, recordIds: [] }, options);
      // The platform has not counted this sequence number and would wait for it forever.
      beginEpoch("a batch was refused before the platform gave it a number", options);
    }
    return "sent";
  }

  async function run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (await step(undefined, signal) === "idle") await wait(lookEveryMs, signal);
    }
  }

  const running = run(stop.signal).catch((error: unknown) => {
    if (stop.signal.aborted) return;
    if (error instanceof NotPermittedError) report({ event: "agentRevoked", error });
    else report({ event: "uplinkFailed", error });
  });
  return {
    wake,
    flush() {
      isFlushing = true;
      wake();
    },
    async [Symbol.asyncDispose]() {
      stop.abort(new Error("The uplink was stopped"));
      await running;
    },
  };
}

/** Sends one batch, and measures the machine's clock with the response. */
function createBatchSender({ api, installationId, runId, time, sign }: UplinkOptions) {
  /** The last sent batch, so that a repetition has the same bytes. */
  let encoded: EncodedBatch | undefined;
  return async (batch: Batch, signal: AbortSignal): Promise<{ answer: UploadResponse; bytes: number }> => {
    if (encoded?.message.batchId !== batch.batchId) encoded = encodeBatch(batch, { installationId, runId, sign });
    const { message } = encoded;
    const measure = time?.beginMeasure();
    const answer = await api.upload(encoded, signal);
    if (answer.serverTime !== undefined && !Number.isNaN(answer.serverTime.getTime())) measure?.(answer.serverTime);
    return { answer, bytes: message.payload.length };
  };
}

type Settling = Pick<UplinkOptions, "spool" | "report">;

/** Applies the response to a batch. Throws `UnavailableError` if the platform must not be called again at once. */
function settle(batch: Batch, answer: UploadResponse, options: Settling): void {
  const highest = Number(answer.highestContiguousSequence);
  const { acknowledgedSequence } = options.spool.stats();
  const forked = answer.rejections.some(({ reason, sequence }) =>
    reason === RejectionReason.SEQUENCE_FORK && Number(sequence) >= batch.sequence
  );
  if (forked) beginEpoch("the platform holds another batch under this sequence", options);
  else if (highest < acknowledgedSequence) {
    options.report({ event: "batchesLost", first: highest + 1, last: acknowledgedSequence });
    beginEpoch("the platform has lost batches that it had acknowledged", options);
  } else {
    for (const { sequence, reason, message, recordIds } of answer.rejections) {
      if (reason === RejectionReason.SEQUENCE_FORK || Number(sequence) <= acknowledgedSequence) continue;
      quarantine({ ...batch, sequence: Number(sequence) }, { reason: message, recordIds }, options);
    }
    if (acknowledge(batch, highest, options)) {
      if (highest >= batch.sequence) return;
      // No progress: without a pause, the agent would send forever.
      throw new UnavailableError(
        `Cannot continue with batch ${batch.sequence} as the platform does not acknowledge it: current value is ${highest}`,
        "the agent retries",
      );
    }
    beginEpoch("the platform has later batches, which a copy of this spool has sent", options);
  }
  // A platform that rejects every epoch must not be flooded; the records stay unchanged.
  throw new UnavailableError("Cannot continue in the old epoch", "the agent sends the records again in a new one");
}

/**
 * False for sequence numbers that this spool never used, as after a restore from an older copy: it would wait forever.
 */
function acknowledge(batch: Batch, highest: number, { spool }: Settling): boolean {
  try {
    spool.acknowledge(highest, batch.epoch);
    return true;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    if (Number.isSafeInteger(highest)) return false;
    throw new UnavailableError(
      `Cannot use the acknowledgement as it covers batches that were never sent: current value is ${highest}`,
      "the agent retries; report this to the platform's operator if it continues",
      0,
      { cause: error },
    );
  }
}

function quarantine(
  { sequence, epoch }: Pick<Batch, "sequence" | "epoch">,
  { reason, recordIds }: { reason: string; recordIds: readonly string[] },
  { spool, report }: Settling,
): void {
  const records = spool.quarantine(sequence, { epoch, reason, recordIds });
  if (records > 0) report({ event: "batchQuarantined", sequence, reason, records });
}

function beginEpoch(reason: string, { spool, report }: Settling): void {
  report({ event: "epochBegun", reason, epoch: spool.beginEpoch() });
}
