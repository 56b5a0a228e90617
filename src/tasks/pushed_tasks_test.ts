import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { openDatabase } from "../../common/host/sqlite.ts";
import { createSigningKeyPem, loadSigningKey } from "../../common/protocol/signature.ts";
import { signTask } from "../../common/protocol/signed_task.ts";
import { RefusalReason, type SignedTask, Task, type TaskResult, TaskState } from "../../proto/gen/opendca/v1/task.ts";
import { FakeClock } from "../../tests/fixtures/fake_clock.ts";
import { openTaskMemory, type TaskMemory } from "../store/task_memory.ts";
import { startTaskRunner, type TaskEvent, type TaskHandler, type TaskRunner } from "./task_runner.ts";

const key = loadSigningKey(createSigningKeyPem()), otherKey = loadSigningKey(createSigningKeyPem());
const agentId = "agt-1";
const ids = [1, 2, 3].map((n) => `00000000-0000-4000-8000-00000000000${n}`);

function signed(task: Parameters<typeof Task.fromPartial>[0], by = key): SignedTask {
  return signTask(
    by,
    Task.fromPartial({
      taskId: ids[0]!,
      agentId,
      expiresAt: new Date("2026-01-02T00:00:00Z"),
      payload: { $case: "ping", value: { target: "10.0.0.1", count: 1 } },
      ...task,
    }),
  );
}

interface Scene {
  clock: FakeClock;
  memory: TaskMemory;
  runner: TaskRunner;
  ran: number;
  handler: TaskHandler;
  /** What the log has, and what goes up at once. */
  events: TaskEvent[];
  progress: TaskResult[];
  refused(): string[];
  push(task: SignedTask): Promise<boolean>;
  poll(task: SignedTask): Promise<void>;
  /** The platform takes all that is owed. */
  acknowledge(): void;
  states(): TaskState[];
}

function pushTest(name: string, body: (scene: Scene) => Promise<void>): void {
  Deno.test(name, async () => {
    const folder = await Deno.makeTempDir();
    const db = openDatabase(`${folder}/tasks.db`);
    const clock = new FakeClock();
    const memory = openTaskMemory(db);
    const scene: Scene = {
      clock,
      memory,
      ran: 0,
      handler: () => Promise.resolve(undefined),
      events: [],
      progress: [],
      refused: () => scene.events.flatMap((each) => each.event === "taskRefused" ? [each.reason] : []),
      runner: startTaskRunner({
        memory,
        clock,
        agentId,
        signingKeys: () => [Buffer.from(key.publicKey).toString("base64")],
        handler(payload, signal, tell) {
          scene.ran++;
          return scene.handler(payload, signal, tell);
        },
        spoolResult: () => {},
        report: (event) => void scene.events.push(event),
        onProgress: (result) => void scene.progress.push(result),
      }),
      async push(task) {
        const isOfPlatform = scene.runner.takePushed(task, clock.now());
        await clock.advance(0);
        return isOfPlatform;
      },
      async poll(task) {
        scene.runner.take([task], clock.now());
        await clock.advance(0);
      },
      acknowledge: () => memory.acknowledge(memory.owed().map(({ taskId }) => taskId)),
      states: () => memory.owed().map(({ state }) => state),
    };
    try {
      await body(scene);
    } finally {
      await scene.runner[Symbol.asyncDispose]();
      db.close();
      await Deno.remove(folder, { recursive: true });
    }
  });
}

pushTest("takePushed() and take() run a task once that comes both ways, in silence", async (scene) => {
  assert.equal(await scene.push(signed({})), true);
  await scene.poll(signed({}));
  assert.equal(scene.ran, 1);
  await scene.poll(signed({ taskId: ids[1]! }));
  assert.equal(await scene.push(signed({ taskId: ids[1]! })), true);
  assert.equal(scene.ran, 2);
  assert.deepEqual(scene.refused(), []);
});

pushTest("takePushed() tells the platform nothing of what the broker says that it sends once more", async (scene) => {
  const task = signed({});
  await scene.push(task);
  await scene.clock.advance(0);
  scene.acknowledge();
  const { length } = scene.progress;
  scene.runner.takePushed(task, scene.clock.now(), { isAgain: true });
  await scene.clock.advance(0);
  assert.deepEqual([scene.ran, scene.refused(), scene.progress.length], [1, ["REPEATED"], length]);
});

pushTest("takePushed() refuses and tells what a broker brings twice, at once or after its end", async (scene) => {
  await scene.push(signed({}));
  await scene.push(signed({}));
  assert.deepEqual([scene.ran, scene.refused()], [1, ["REPEATED"]]);
  const told = scene.progress.at(-1)!;
  assert.deepEqual([told.taskId, told.state, told.refusal], [
    ids[0],
    TaskState.REFUSED,
    RefusalReason.REPEATED,
  ]);
  await scene.poll(signed({ taskId: ids[1]! }));
  scene.acknowledge();
  await scene.push(signed({ taskId: ids[1]! }));
  assert.deepEqual([scene.ran, scene.refused().length], [2, 2]);
  assert.deepEqual(scene.states(), [], "what became of it stands");
});

for (
  const [name, task, reason] of [
    ["a forged task", signed({}, otherKey), "BAD_SIGNATURE"],
    ["a task of another agent", signed({ agentId: "agt-2" }), "WRONG_AGENT"],
    ["an expired task", signed({ expiresAt: new Date("2026-01-01T00:00:00Z") }), "EXPIRED"],
    ["a task without an expiry", signed({ expiresAt: undefined }), "EXPIRED"],
  ] as const
) {
  pushTest(`takePushed() refuses ${name}, in the log and to the platform`, async (scene) => {
    assert.equal(await scene.push(task), name !== "a forged task");
    assert.equal(scene.ran, 0);
    assert.match(scene.refused()[0]!, new RegExp(reason));
    const told = [...scene.memory.owed(), ...scene.progress];
    assert.deepEqual(told.map(({ state }) => state), [TaskState.REFUSED]);
    // Again: it has been told by a poll before, and is told by the broker now.
    await scene.push(task);
    assert.equal(scene.refused().length, 2);
    assert.equal(scene.progress.length, name === "a forged task" ? 2 : 1);
  });
}

pushTest("a task that runs tells how far it is, at most once a second", async (scene) => {
  const end = Promise.withResolvers<void>();
  let tell: ((done: number, total: number) => void) | undefined;
  scene.handler = async (_, __, how) => {
    tell = how;
    await end.promise;
    return undefined;
  };
  await scene.push(signed({}));
  for (let i = 1; i <= 10; i++) tell!(i, 10);
  assert.deepEqual(scene.progress.map(({ state, progress }) => [state, progress?.done]), [
    [TaskState.RUNNING, undefined],
    [TaskState.RUNNING, 1],
  ]);
  await scene.clock.advance(1000);
  tell!(7, 10);
  assert.deepEqual(scene.progress.at(-1)!.progress, { done: 7, total: 10, step: "", approvedBy: "" });
  assert.deepEqual(
    scene.memory.owed()[0]!.progress,
    { done: 7, total: 10, step: "", approvedBy: "" },
    "and the next poll tells it",
  );
  end.resolve();
  await scene.clock.advance(0);
  assert.deepEqual(scene.states(), [TaskState.SUCCEEDED]);
});

const cancel = (taskId: string) =>
  signed({ taskId: "00000000-0000-4000-8000-00000000000c", payload: { $case: "cancelTask", value: { taskId } } });

pushTest("a task that runs is cancelled, and the next one runs", async (scene) => {
  scene.handler = (_, signal) =>
    scene.ran === 1
      ? new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)))
      : Promise.resolve(undefined);
  await scene.push(signed({}));
  await scene.push(signed({ taskId: ids[1]! }));
  assert.equal(scene.ran, 1);
  await scene.push(cancel(ids[0]!));
  assert.equal(scene.ran, 2);
  const state = new Map(scene.memory.owed().map(({ taskId, state }) => [taskId, state]));
  assert.deepEqual([...state.values()], [TaskState.CANCELLED, TaskState.SUCCEEDED, TaskState.SUCCEEDED]);
});

pushTest("a task that waits is cancelled and never runs", async (scene) => {
  const end = Promise.withResolvers<undefined>();
  scene.handler = () => end.promise;
  await scene.push(signed({}));
  await scene.push(signed({ taskId: ids[1]! }));
  await scene.push(cancel(ids[1]!));
  end.resolve(undefined);
  await scene.clock.advance(0);
  assert.equal(scene.ran, 1);
  assert.deepEqual(scene.states(), [TaskState.SUCCEEDED, TaskState.CANCELLED, TaskState.SUCCEEDED]);
});

pushTest("a cancellation of what does not run fails, and changes nothing", async (scene) => {
  await scene.push(signed({}));
  await scene.push(cancel(ids[0]!));
  assert.deepEqual(scene.states(), [TaskState.SUCCEEDED, TaskState.FAILED]);
  assert.match(scene.memory.owed()[1]!.message, /no task .* that waits or runs/);
});
