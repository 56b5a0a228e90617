/** The uplink over a real spool against a platform that keeps what it is sent, and against every way it can fail. */
import assert from "node:assert/strict";
import { gunzipSync } from "node:zlib";
import { type Batch, RecordList, RejectionReason, UploadResponse } from "../../proto/gen/opendca/v1/batch.ts";
import { RejectedError, UnavailableError } from "../../common/core/errors.ts";
import { openSpool, type Spool } from "../../src/store/spool.ts";
import { denoSpoolFiles } from "../../src/store/spool_files.ts";
import type { EncodedBatch } from "../../src/link/agent_api.ts";
import { RevokedError } from "../../src/link/transport_error.ts";
import { recordOfTaskResult } from "../../src/link/spool_reading.ts";
import { startUplink, type Uplink, type UplinkEvent } from "../../src/link/uplink.ts";
import { TaskResult } from "../../proto/gen/opendca/v1/task.ts";
import { FakeClock } from "../fixtures/fake_clock.ts";

type Answer = Parameters<typeof UploadResponse.fromPartial>[0] | Error | "never";

interface Scene {
  clock: FakeClock;
  spool: Spool;
  uplink: Uplink;
  sent: Batch[];
  events: UplinkEvent[];
  /** Names of events since the last look. */
  names(): string[];
  answer: (batch: Batch) => Answer;
  /** Whether the platform's time is known, and what it says of the next batch. */
  time: { isKnown: boolean; at: Date | undefined; measured: Date[] };
}

/** Runs `body` beside an uplink; the platform acknowledges everything until the body says otherwise. */
function withUplink(name: string, body: (scene: Scene) => Promise<void>): void {
  Deno.test(name, async () => {
    const folder = await Deno.makeTempDir();
    const clock = new FakeClock();
    const scene: Scene = {
      clock,
      spool: openSpool(`${folder}/spool.db`, { clock, files: denoSpoolFiles, onSalvage: () => {} }),
      uplink: undefined as unknown as Uplink,
      sent: [],
      events: [],
      names: () => scene.events.splice(0).map(({ event }) => event),
      answer: (batch) => ({ highestContiguousSequence: batch.sequence }),
      time: { isKnown: true, at: undefined, measured: [] },
    };
    const api = {
      upload({ message: batch }: EncodedBatch, signal?: AbortSignal): Promise<UploadResponse> {
        scene.sent.push(batch);
        const answer = scene.answer(batch);
        if (answer === "never") {
          return new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));
        }
        return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(UploadResponse.fromPartial(answer));
      },
    };
    try {
      await using uplink = startUplink({
        spool: scene.spool,
        api,
        clock,
        installationId: "installation",
        runId: "run",
        report: (event) => scene.events.push(event),
        time: {
          isKnown: () => scene.time.isKnown,
          beginMeasure: () => (platformTime) => (scene.time.measured.push(platformTime), 0),
          correct: () => scene.time.at === undefined ? undefined : { at: scene.time.at, isGuess: true },
        },
        maxRecords: 2,
        maxAgeMs: 10_000,
        timeoutMs: 30_000,
        random: () => 0,
      });
      scene.uplink = uplink;
      await body(scene);
    } finally {
      scene.spool[Symbol.dispose]();
      await Deno.remove(folder, { recursive: true });
    }
  });
}

function append({ spool, clock }: Scene, ...ids: number[]): string[] {
  const records = ids.map((id) =>
    recordOfTaskResult(TaskResult.fromPartial({ taskId: `${id}` }), {
      observedAt: clock.now(),
      id: `00000000-0000-4000-8000-${String(id).padStart(12, "0")}`,
    })
  );
  spool.append(records);
  return records.map(({ id }) => id);
}

function idsIn(batch: Batch): string[] {
  return RecordList.decode(gunzipSync(batch.payload)).records.map(({ recordId }) => recordId);
}

withUplink("startUplink() sends a full batch at once and the rest when it is old enough, in order", async (scene) => {
  const ids = append(scene, 1, 2, 3);
  await scene.clock.advance(5000);
  assert.deepEqual(scene.sent.map(idsIn), [ids.slice(0, 2)]);
  await scene.clock.advance(10_000);
  assert.deepEqual(scene.sent.map(idsIn), [ids.slice(0, 2), ids.slice(2)]);
  assert.deepEqual(scene.sent.map(({ sequence, recordCount }) => [sequence, recordCount]), [[1n, 2], [2n, 1]]);
  assert.equal(scene.spool.stats().depth, 0);
});

withUplink(
  "startUplink() sends what waits at once when it is flushed, and the next ones when they are old enough",
  async (scene) => {
    await scene.clock.advance(5000);
    const [first] = append(scene, 1);
    scene.uplink.flush();
    await scene.clock.advance(0);
    assert.deepEqual(scene.sent.map(idsIn), [[first]]);
    append(scene, 2);
    scene.uplink.wake();
    await scene.clock.advance(9000);
    assert.equal(scene.sent.length, 1, "a wake alone sends nothing that is young");
    await scene.clock.advance(6000);
    assert.equal(scene.sent.length, 2);
  },
);

withUplink("startUplink() flushes when the time is known, where it was not", async (scene) => {
  scene.time.isKnown = false;
  const [id] = append(scene, 1);
  scene.uplink.flush();
  await scene.clock.advance(6000);
  assert.equal(scene.sent.length, 0);
  scene.time.isKnown = true;
  scene.uplink.wake();
  await scene.clock.advance(0);
  assert.deepEqual(scene.sent.map(idsIn), [[id]]);
});

withUplink(
  "startUplink() repeats the very same bytes until they are acknowledged, slower and slower",
  async (scene) => {
    append(scene, 1, 2);
    scene.answer = () => new UnavailableError("away", undefined, scene.sent.length === 3 ? 60_000 : 0);
    await scene.clock.advance(5000);
    const times: number[] = [];
    for (let seen = scene.sent.length; times.length < 4;) {
      await scene.clock.advance(500);
      if (scene.sent.length > seen) times.push(scene.clock.monotonicMs());
      seen = scene.sent.length;
    }
    const gaps = times.map((at, index) => index === 0 ? 0 : at - times[index - 1]!).slice(1);
    assert.ok(gaps.some((gap) => gap >= 60_000), `${gaps}`);
    assert.equal(new Set(scene.sent.map(({ payload, batchId }) => `${batchId} ${payload.toString("hex")}`)).size, 1);
    assert.equal(scene.spool.stats().depth, 2);
    scene.answer = (batch) => ({ highestContiguousSequence: batch.sequence });
    await scene.clock.advance(60_000);
    assert.equal(scene.spool.stats().depth, 0);
  },
);

withUplink("startUplink() gives up a call that never ends and sends it again", async (scene) => {
  append(scene, 1, 2);
  scene.answer = () => "never";
  await scene.clock.advance(40_000);
  assert.equal(scene.sent.length, 2);
  assert.equal(scene.spool.stats().depth, 2);
});

withUplink("startUplink() sets aside what the platform rejects, once, and goes on with the rest", async (scene) => {
  const ids = append(scene, 1, 2, 3, 4);
  const rejections = [{
    sequence: 1n,
    reason: RejectionReason.INVALID_RECORD,
    message: "No time",
    recordIds: [ids[1]!],
  }];
  scene.answer = (batch) => ({ highestContiguousSequence: batch.sequence, rejections });
  await scene.clock.advance(10_000);
  assert.deepEqual(scene.sent.map(({ sequence }) => sequence), [1n, 2n]);
  assert.deepEqual(scene.spool.quarantined().map(({ id, reason }) => [id, reason]), [[ids[1], "No time"]]);
  assert.equal(scene.names().filter((name) => name === "batchQuarantined").length, 1);
  assert.equal(scene.spool.stats().depth, 0);
});

withUplink(
  "startUplink() sets aside a batch that the platform does not understand, and never sends it again",
  async (scene) => {
    const ids = append(scene, 1, 2, 3, 4);
    scene.answer = (batch) =>
      idsIn(batch).includes(ids[0]!) ? new RejectedError("bad") : { highestContiguousSequence: batch.sequence };
    await scene.clock.advance(60_000);
    assert.deepEqual(scene.sent.map(idsIn), [ids.slice(0, 2), ids.slice(2)]);
    // The platform has given no number to the first, so the others begin at 1 again.
    assert.deepEqual(scene.sent.map(({ sequence }) => sequence), [1n, 1n]);
    assert.notEqual(scene.sent[0]!.agentEpoch, scene.sent[1]!.agentEpoch);
    assert.deepEqual(scene.spool.quarantined().map(({ id }) => id), ids.slice(0, 2));
  },
);

withUplink(
  "startUplink() begins a new epoch after a fork, with the same records, and does not hammer",
  async (scene) => {
    const ids = append(scene, 1, 2);
    scene.answer = ({ sequence }) => ({
      rejections: [{ sequence, reason: RejectionReason.SEQUENCE_FORK, message: "fork" }],
    });
    await scene.clock.advance(60_000);
    assert.ok(scene.sent.length > 1 && scene.sent.length < 10, `${scene.sent.length}`);
    for (const batch of scene.sent) assert.deepEqual(idsIn(batch), ids);
    assert.equal(new Set(scene.sent.map(({ agentEpoch }) => agentEpoch)).size, scene.sent.length);
    assert.equal(scene.spool.stats().quarantinedRecords, 0);
  },
);

withUplink("startUplink() begins a new epoch for a platform that has lost what it acknowledged", async (scene) => {
  append(scene, 1, 2);
  await scene.clock.advance(6000);
  append(scene, 3, 4);
  scene.answer = () => ({ highestContiguousSequence: 0n });
  await scene.clock.advance(6000);
  assert.ok(scene.names().includes("epochBegun"));
  assert.equal(scene.spool.stats().depth, 2);
});

withUplink(
  "startUplink() begins a new epoch for a platform that has later batches of it, which a copy of the spool has sent",
  async (scene) => {
    const ids = append(scene, 1, 2);
    const { epoch } = scene.spool.stats();
    scene.answer = ({ sequence, agentEpoch }) => ({ highestContiguousSequence: agentEpoch === epoch ? 7n : sequence });
    await scene.clock.advance(60_000);
    assert.deepEqual(scene.sent.map(idsIn), [ids, ids]);
    assert.equal(scene.spool.stats().depth, 0);
  },
);

for (const highest of [0n, 7n, 2n ** 63n]) {
  withUplink(`startUplink() deletes nothing for a platform that answers ${highest}`, async (scene) => {
    append(scene, 1, 2);
    scene.answer = () => ({ highestContiguousSequence: highest });
    await scene.clock.advance(60_000);
    assert.ok(scene.sent.length > 1 && scene.sent.length < 10, `${scene.sent.length}`);
    assert.equal(scene.spool.stats().depth, 2);
  });
}

withUplink("startUplink() ends when the agent was revoked, and says so", async (scene) => {
  append(scene, 1, 2);
  scene.answer = () => new RevokedError({ name: "revoked", message: "revoked", advice: "ask" });
  await scene.clock.advance(600_000);
  assert.equal(scene.sent.length, 1);
  assert.deepEqual(scene.names(), ["agentRevoked"]);
  assert.equal(scene.spool.stats().depth, 2);
});

withUplink(
  "startUplink() forms no batch before the platform's time is known, and then corrects it for good",
  async (scene) => {
    scene.time.isKnown = false;
    append(scene, 1, 2);
    await scene.clock.advance(60_000);
    assert.equal(scene.sent.length, 0);
    scene.time.isKnown = true;
    scene.time.at = new Date("2026-05-05T05:05:05Z");
    const serverTime = new Date("2026-05-05T06:00:00Z");
    scene.answer = () => new UnavailableError("away");
    await scene.clock.advance(6000);
    scene.time.isKnown = false;
    scene.time.at = undefined;
    scene.answer = (batch) => ({ highestContiguousSequence: batch.sequence, serverTime });
    await scene.clock.advance(60_000);
    const payloads = scene.sent.map(({ payload }) => payload.toString("hex"));
    assert(payloads.length >= 2 && new Set(payloads).size === 1, "the batch has changed");
    const { records } = RecordList.decode(gunzipSync(scene.sent[0]!.payload));
    assert.deepEqual(
      records.map(({ correctedAt, correctedByGuess, content }) => [correctedAt, correctedByGuess, content?.$case]),
      [
        [new Date("2026-05-05T05:05:05Z"), true, "taskResult"],
        [new Date("2026-05-05T05:05:05Z"), true, "taskResult"],
      ],
    );
    assert.deepEqual(scene.time.measured, [serverTime]);
  },
);
