import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { type PollRequest, PollResponse } from "../../proto/gen/opendca/v1/agent_service.ts";
import type { ConfigDocument } from "../../proto/gen/opendca/v1/config.ts";
import { SignedTask, TaskResult } from "../../proto/gen/opendca/v1/task.ts";
import { FakeClock } from "../../tests/fixtures/fake_clock.ts";
import { UnavailableError } from "../../common/core/errors.ts";
import { createWake, type Wake } from "../../common/core/wake.ts";
import { RevokedError } from "./transport_error.ts";
import { paceMs, type PollEvent, startPoller, withJitter } from "./poller.ts";

for (
  const { wish, configured, want } of [
    { wish: 0, configured: 300_000, want: 300_000 },
    { wish: 60, configured: 300_000, want: 60_000 },
    { wish: 29, configured: 300_000, want: 30_000 },
    { wish: 30, configured: 300_000, want: 30_000 },
    { wish: 86_400, configured: 300_000, want: 86_400_000 },
    { wish: 4_294_967_295, configured: 300_000, want: 86_400_000 },
    { wish: Number.NaN, configured: 300_000, want: 300_000 },
    { wish: 0, configured: 1, want: 30_000 },
  ]
) {
  Deno.test(`paceMs() is ${want} for a wish of ${wish} s and a configured ${configured} ms`, () => {
    assert.equal(paceMs(wish, configured), want);
  });
}

Deno.test("withJitter() stays within a tenth", () => {
  assert.deepEqual([0, 0.5, 1].map((random) => withJitter(300_000, random)), [270_000, 300_000, 330_000]);
});

interface Scene {
  clock: FakeClock;
  wake: Wake;
  asked: { atMs: number; request: PollRequest }[];
  events: PollEvent[];
  tasks: { count: number; now: Date }[];
  acknowledged: string[];
  applied: ConfigDocument[];
  answer: () => Parameters<typeof PollResponse.fromPartial>[0] | Error;
  apply: () => Promise<void>;
}

function withPoller(name: string, body: (scene: Scene) => Promise<void>): void {
  Deno.test(name, async () => {
    const clock = new FakeClock();
    let hash = "";
    const scene: Scene = {
      clock,
      asked: [],
      events: [],
      tasks: [],
      acknowledged: [],
      applied: [],
      answer: () => ({}),
      apply: () => Promise.resolve(),
      wake: createWake(clock),
    };
    const poller = startPoller({
      api: {
        poll(request) {
          scene.asked.push({ atMs: clock.monotonicMs(), request });
          const answer = scene.answer();
          return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(PollResponse.fromPartial(answer));
        },
      },
      clock,
      wake: scene.wake,
      intervalMs: () => 300_000,
      status: () => undefined,
      config: {
        hash: () => hash,
        effectiveHash: () => "effective",
        effectiveYaml: () => "yaml",
        refusals: () => ["refusal"],
        async apply(document) {
          await scene.apply();
          scene.applied.push(document);
          hash = document.hash;
        },
      },
      results: {
        owed: () => scene.acknowledged.length === 0 ? [TaskResult.fromPartial({ taskId: "t1" })] : [],
        acknowledge: (ids) => void scene.acknowledged.push(...ids),
      },
      beginMeasure: () => (time) => time.getTime() - clock.now().getTime(),
      onTasks: (tasks, now) => scene.tasks.push({ count: tasks.length, now }),
      report: (event) => scene.events.push(event),
      random: () => 0.5,
    });
    try {
      await body(scene);
    } finally {
      await poller[Symbol.asyncDispose]();
      assert.equal(clock.waiting, 0);
    }
  });
}

function times({ asked }: Scene): number[] {
  return asked.map(({ atMs }) => atMs);
}

const document = (text: string) => {
  const content = Buffer.from(text);
  return { hash: createHash("sha256").update(content).digest("hex"), content };
};

const good = document("new");

withPoller("startPoller() polls at once, then at the configured interval, then at the platform's", async (scene) => {
  await scene.clock.advance(300_000);
  scene.answer = () => ({ nextPollSeconds: 60 });
  await scene.clock.advance(360_000);
  assert.deepEqual(times(scene), [0, 300_000, 600_000, 660_000]);
});

withPoller(
  "startPoller() tells results until they are acknowledged, and hands on tasks with the platform's time",
  async (scene) => {
    const serverTime = new Date("2026-05-05T00:00:00Z");
    await scene.clock.advance(300_000);
    scene.answer = () => ({ acknowledgedTaskIds: ["t1"], tasks: [SignedTask.fromPartial({})], serverTime });
    await scene.clock.advance(600_000);
    assert.deepEqual(scene.asked.map(({ request }) => request.taskResults.length), [1, 1, 1, 0]);
    assert.deepEqual(scene.tasks.at(-1), { count: 1, now: serverTime });
  },
);

withPoller("startPoller() backs off with jitter and waits as long as it is told", async (scene) => {
  scene.answer = () => new UnavailableError("away", undefined, scene.asked.length === 3 ? 3_600_000 : 0);
  await scene.clock.advance(3_700_000);
  // Three quarters of 5 s, 10 s; then the platform's own hour; then three quarters of 40 s.
  assert.deepEqual(times(scene).slice(0, 5), [0, 3750, 11_250, 3_611_250, 3_641_250]);
  scene.answer = () => ({});
  await scene.clock.advance(600_000);
  assert.equal(scene.events.at(-1)!.event, "pollSucceeded");
});

withPoller("startPoller() applies a configuration whose hash is right, and tells the new hash soon", async (scene) => {
  scene.answer = () => ({ config: good });
  await scene.clock.advance(10_000);
  assert.deepEqual(scene.applied.map(({ hash }) => hash), [good.hash]);
  assert.deepEqual(scene.asked.map(({ atMs, request }) => [atMs, request.configHash]), [[0, ""], [2000, good.hash]]);
});

withPoller("startPoller() survives a configuration that is forged or poisoned, and keeps its pace", async (scene) => {
  scene.answer = () => ({ config: { ...document("new"), hash: "0".repeat(64) } });
  await scene.clock.advance(10_000);
  scene.answer = () => ({ config: document("poison") });
  scene.apply = () => Promise.reject(new TypeError("poison"));
  await scene.clock.advance(300_000);
  assert.deepEqual(times(scene), [0, 300_000]);
  assert.equal(scene.events.filter(({ event }) => event === "configRefused").length, 2);
  assert.deepEqual(scene.applied, []);
});

withPoller("startPoller() sends its effective configuration when it is asked to, once", async (scene) => {
  scene.answer = () => ({ sendEffectiveConfig: scene.asked.length === 1 });
  await scene.clock.advance(310_000);
  assert.deepEqual(scene.asked.map(({ request }) => request.effectiveConfig), [undefined, "yaml", undefined]);
});

withPoller("startPoller() polls early when it is woken, but not more often than every two seconds", async (scene) => {
  await scene.clock.advance(1000);
  for (let i = 0; i < 5; i++) scene.wake.wake();
  await scene.clock.advance(10_000);
  assert.deepEqual(times(scene), [0, 2000]);
});

withPoller("startPoller() ends when the agent was revoked", async (scene) => {
  scene.answer = () => new RevokedError({ name: "revoked", message: "revoked", advice: "ask" });
  await scene.clock.advance(900_000);
  assert.deepEqual(times(scene), [0]);
  assert.deepEqual(scene.events.map(({ event }) => event), ["agentRevoked"]);
});

withPoller("startPoller() goes by its own clock when the platform's time is none", async (scene) => {
  scene.answer = () => ({ tasks: [SignedTask.fromPartial({})], serverTime: new Date(Number.NaN) });
  await scene.clock.advance(0);
  assert.deepEqual(scene.tasks, [{ count: 1, now: new Date("2026-01-01T00:00:00Z") }]);
  assert.deepEqual(scene.events.map((event) => event.event === "pollSucceeded" && event.clockOffsetMs), [null]);
});
