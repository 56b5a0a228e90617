/**
 * FetchUpdate: chunk by chunk, each read when those before have left this process but for two. Streams, bytes a second and
 * bytes of each agent are limited, so that ten thousand agents that update at one moment neither fill memory nor keep
 * polls waiting: what is too much is told to come back, later the more agents were told so.
 */
import type { ServerWritableStream } from "@grpc/grpc-js";
import { type FetchUpdateRequest, UpdateChunk, UpdateEncoding } from "../../../proto/gen/opendca/v1/update.ts";
import { CallError } from "../../agents/call_error.ts";
import type { Caller } from "../../agents/caller.ts";
import type { Platform } from "../../agents/platform.ts";
import { chunkBytes } from "../../releases/chunk_bytes.ts";
import { chunkOf, offeredFile } from "../../releases/serve_update.ts";
import { rateLimit } from "../connections/rate_limit.ts";

export interface UpdateLimits {
  /** Streams at one time; one for each agent. */
  streams: number;
  /** Of all streams together. */
  bytesPerSecond: number;
  /** Without a byte that was sent. */
  stallMs: number;
  /** Then the agent has to call again, so that slow ones do not keep others out. */
  streamMs: number;
  /** Bytes that an agent can fetch within a day. */
  bytesPerAgentDay: number;
}

export const defaultUpdateLimits: UpdateLimits = {
  streams: 32,
  bytesPerSecond: 16 * 1024 * 1024,
  stallMs: 60_000,
  streamMs: 600_000,
  bytesPerAgentDay: 512 * 1024 * 1024,
};

/* Whether it is offered still is asked with every 16th chunk: every 4 MiB. */
const chunksPerCheck = 16;
/* Of a stream, in this process. */
const mostUnsent = 2 * chunkBytes;
const lookMs = 10;

export type UpdateCall = ServerWritableStream<FetchUpdateRequest, UpdateChunk>;

/** Sends the file from the offset on. Throws CallError. */
export type StreamUpdate = (caller: Caller, call: UpdateCall) => Promise<void>;

export function updateStreams(platform: Platform, given: Partial<UpdateLimits> = {}): StreamUpdate {
  const limits = { ...defaultUpdateLimits, ...given };
  const { monotonicMs } = platform.clock;
  const perDay = limits.bytesPerAgentDay / chunkBytes;
  // A token is a chunk.
  const budget = rateLimit({ burst: perDay, perMinute: perDay / 1440, monotonicMs });
  const calls = rateLimit({ burst: 20, perMinute: 4, monotonicMs });
  const pace = createPace(limits.bytesPerSecond);
  const later = createLater();
  const running = new Map<string, () => void>();

  return async (caller, call) => {
    const { sha256, encoding, offset } = call.request;
    if (!/^[0-9a-f]{64}$/.test(sha256)) throw invalid("sha256 is not a SHA-256 in hexadecimal");
    if (encoding !== UpdateEncoding.ZSTD) throw invalid("the file is stored with the encoding zstd");
    const { agentId } = caller;
    refuseFor(calls.waitMs(agentId));
    // The last one may be of a connection that the agent has lost, and the platform not yet.
    running.get(agentId)?.();
    const sent = sentBytes(call);
    if (!running.has(agentId) && running.size >= limits.streams) refuseFor(later.waitMs(monotonicMs()));
    const ended = Promise.withResolvers<never>();
    // It may end while nothing waits for it.
    ended.promise.catch(() => {});
    const replace = () => ended.reject(new CutError());
    running.set(agentId, replace);
    const cancel = () => ended.reject(new CancelledError());
    for (const event of ["cancelled", "close"]) call.once(event, cancel);
    const whole = setTimeout(
      () => ended.reject(new CallError("too-many-requests", "Cannot send more in one call", 1000)),
      limits.streamMs,
    );
    const until = <T>(work: Promise<T>) => Promise.race([work, ended.promise]);
    try {
      let file = await offeredFile(platform, caller, sha256);
      if (offset > BigInt(file.encodedBytes)) {
        throw invalid(`it cannot continue at byte ${offset}: the encoded file has ${file.encodedBytes}`);
      }
      for (let at = Number(offset), count = 1; at < file.encodedBytes; count++) {
        refuseFor(budget.waitMs(agentId));
        await until(pace(chunkBytes));
        const chunk = await chunkOf(platform, file.fileId, Math.floor(at / chunkBytes));
        const data = chunk.subarray(at % chunkBytes);
        call.write(UpdateChunk.create({ data: data as UpdateChunk["data"] }));
        at += data.length;
        await until(sent.reaches(at - Number(offset) - mostUnsent, limits.stallMs));
        if (count % chunksPerCheck === 0) file = await offeredFile(platform, caller, sha256);
      }
      call.end();
    } catch (error) {
      if (error instanceof CutError) sent.cut();
      else if (!(error instanceof CancelledError)) throw error;
    } finally {
      clearTimeout(whole);
      sent.stop();
      for (const event of ["cancelled", "close"]) call.off(event, cancel);
      if (running.get(agentId) === replace) running.delete(agentId);
    }
  };
}

class CancelledError extends Error {}
/** Of a stream that nobody reads, as it seems: what waits in it is thrown away. */
class CutError extends Error {}

function refuseFor(waitMs: number): void {
  if (waitMs > 0) throw new CallError("too-many-requests", "Cannot send so much of an update now", waitMs);
}

function invalid(why: string): CallError {
  return new CallError("invalid-request", `Cannot send an update as ${why}`);
}

/** What grpc-js keeps below a call; tests/platform/fetch_update_test.ts fails if a later one has it elsewhere. */
interface Below {
  nextCall?: Below;
  call?: Below;
  stream?: {
    close(code: number): void;
    session?: { socket?: { bytesWritten: number; writableLength: number } | undefined } | undefined;
  };
}

/* RFC 9113, section 7. */
const cancelCode = 8;

/**
 * Bytes that the call's connection has sent since now. In Deno 2.9.3 the callback of a write to an HTTP/2 stream comes
 * at once, whether the other side reads or not: with `drain` alone, the whole file would be in memory.
 */
function sentBytes(call: UpdateCall) {
  let below: Below | undefined = call as unknown as Below;
  while (below !== undefined && below.stream === undefined) below = below.call ?? below.nextCall;
  const stream = below?.stream;
  if (stream === undefined) throw new Error("Cannot send an update as the stream of the call is not found");
  const total = () => {
    const socket = stream.session?.socket;
    if (socket === undefined) throw new CancelledError();
    return socket.bytesWritten - socket.writableLength;
  };
  const first = total();
  let isStopped = false;
  return {
    /** Throws CutError if nothing is sent for so long. */
    async reaches(bytes: number, stallMs: number): Promise<void> {
      let before = total(), sinceMs = performance.now();
      while (before - first < bytes && !isStopped) {
        await new Promise((resolve) => setTimeout(resolve, lookMs));
        const now = total();
        if (now > before) sinceMs = performance.now();
        else if (performance.now() - sinceMs > stallMs) throw new CutError();
        before = now;
      }
    },
    stop: () => void (isStopped = true),
    cut: () => stream.close(cancelCode),
  };
}

/** Waits until so many bytes more may be sent, in the order of the calls. */
function createPace(bytesPerSecond: number): (bytes: number) => Promise<void> {
  let freeAt = 0;
  return async (bytes) => {
    const now = performance.now();
    // What was not used is lost but for a tenth of a second, so that there is no burst after a pause.
    freeAt = Math.max(freeAt, now - 100) + (bytes / bytesPerSecond) * 1000;
    if (freeAt > now) await new Promise((resolve) => setTimeout(resolve, freeAt - now));
  };
}

/** For those that are told to come back: spread over the longer, the more were told so in the last minutes. */
export function createLater(random: () => number = Math.random): { waitMs(nowMs: number): number } {
  let recent = 0, lastMs = 0;
  return {
    waitMs(nowMs) {
      recent = recent * Math.exp(-(nowMs - lastMs) / 300_000) + 1;
      lastMs = nowMs;
      return Math.ceil(30_000 + random() * Math.min(3_600_000, 60_000 + recent * 1000));
    },
  };
}
