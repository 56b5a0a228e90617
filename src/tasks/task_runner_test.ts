import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { generateKeyPairSync, sign } from "node:crypto";
import {
  OpenWebAccess,
  RefusalReason,
  type SignedTask,
  Task,
  TaskResult,
  TaskState,
} from "../../proto/gen/opendca/v1/task.ts";
import { FakeClock } from "../../tests/fixtures/fake_clock.ts";
import { type Database, openDatabase, StorageError } from "../../common/host/sqlite.ts";
import { openTaskMemory, type TaskMemory } from "../store/task_memory.ts";
import { startTaskRunner, type TaskEvent, type TaskHandler, type TaskRunner } from "./task_runner.ts";
import { keyIdOf } from "../../common/protocol/signature.ts";
import { TaskRefusal } from "./task_refusal.ts";

const keys = generateKeyPairSync("ed25519"), others = generateKeyPairSync("ed25519");
const rawKey = Buffer.from(keys.publicKey.export({ format: "jwk" }).x!, "base64url");
const context = Buffer.from("opendca.task.v1\0");
const agentId = "11111111-2222-4333-8444-555555555555";

function id(n: number): string {
  return `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;
}

function signed(task: Parameters<typeof Task.fromPartial>[0], key = keys.privateKey): SignedTask {
  const bytes = Task.encode(Task.fromPartial({
    agentId,
    expiresAt: new Date("2026-01-02T00:00:00Z"),
    payload: { $case: "ping", value: { target: "10.0.0.1", count: 1 } },
    ...task,
  })).finish();
  return {
    task: Buffer.from(bytes),
    signature: sign(null, Buffer.concat([context, bytes]), key),
    keyId: keyIdOf(rawKey),
  };
}

/** Field 4, a Timestamp of 2^60 seconds: no date holds it. */
function endless(taskId: string): SignedTask {
  const { task } = signed({ taskId, expiresAt: undefined });
  const bytes = Buffer.concat([task, Buffer.of(0x22, 10, 8, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10)]);
  return { ...signed({}), task: bytes, signature: sign(null, Buffer.concat([context, bytes]), keys.privateKey) };
}

interface Scene {
  clock: FakeClock;
  memory: TaskMemory;
  runner: TaskRunner;
  ran: string[];
  events: TaskEvent[];
  spooled: TaskResult[];
  handler: TaskHandler;
  take(...tasks: SignedTask[]): Promise<void>;
  /** Task id, state and refusal of what polls would carry. */
  owed(): [string, TaskState, RefusalReason][];
  /** What the disk says to each write. */
  disk: () => void;
  db: Database;
}

function withRunner(name: string, body: (scene: Scene) => Promise<void>): void {
  Deno.test(name, async () => {
    const folder = await Deno.makeTempDir();
    const db: Database = openDatabase(`${folder}/tasks.db`);
    const clock = new FakeClock();
    const memory = openTaskMemory(db);
    const scene: Scene = {
      clock,
      memory,
      db,
      disk: () => {},
      ran: [],
      events: [],
      spooled: [],
      handler: () =>
        Promise.resolve({
          $case: "ping",
          value: { address: "10.0.0.1", sent: 1, received: 1, roundTripMs: [1], said: "" },
        }),
      runner: undefined as unknown as TaskRunner,
      async take(...tasks) {
        scene.runner.take(tasks, clock.now());
        await clock.advance(0);
      },
      owed: () => memory.owed().map(({ taskId, state, refusal }) => [taskId, state, refusal]),
    };
    scene.runner = startTaskRunner({
      memory: {
        ...memory,
        begin(first, expiresAt) {
          scene.disk();
          return memory.begin(first, expiresAt);
        },
        put(result, put) {
          scene.disk();
          memory.put(result, put);
        },
      },
      clock,
      agentId,
      signingKeys: () => [rawKey.toString("base64")],
      handler: (payload, signal) => {
        scene.ran.push(payload.$case);
        return scene.handler(payload, signal);
      },
      spoolResult: (result) => scene.spooled.push(result),
      report: (event) => scene.events.push(event),
      maxQueued: 3,
      deadlineMs: 60_000,
    });
    try {
      await body(scene);
    } finally {
      await scene.runner[Symbol.asyncDispose]();
      db.close();
      await Deno.remove(folder, { recursive: true });
    }
  });
}

withRunner("startTaskRunner() runs a sound task once however often it comes", async (scene) => {
  const task = signed({ taskId: id(1) });
  await scene.take(task, task);
  await scene.take(task);
  assert.deepEqual(scene.ran, ["ping"]);
  assert.deepEqual(scene.owed(), [[id(1), TaskState.SUCCEEDED, 0]]);
  scene.memory.acknowledge([id(1)]);
  assert.deepEqual(scene.owed(), []);
  // A platform that lost the result gets it again; the task is not run again.
  await scene.take(task);
  assert.deepEqual(scene.owed(), [[id(1), TaskState.SUCCEEDED, 0]]);
  assert.deepEqual(scene.ran, ["ping"]);
});

const unsigned = signed({ taskId: id(9) });
const refusals: { name: string; task: SignedTask; reason: RefusalReason; told?: false }[] = [
  {
    name: "a forged signature",
    task: signed({ taskId: id(1) }, others.privateKey),
    reason: RefusalReason.BAD_SIGNATURE,
    told: false,
  },
  {
    name: "another key's id",
    task: { ...signed({ taskId: id(1) }), keyId: "0" },
    reason: RefusalReason.BAD_SIGNATURE,
    told: false,
  },
  {
    name: "a changed byte",
    task: { ...unsigned, task: Buffer.concat([unsigned.task, Buffer.of(0x58, 1)]) },
    reason: RefusalReason.BAD_SIGNATURE,
    told: false,
  },
  { name: "another agent", task: signed({ taskId: id(1), agentId: id(7) }), reason: RefusalReason.WRONG_AGENT },
  {
    name: "a past expiry",
    task: signed({ taskId: id(1), expiresAt: new Date("2026-01-01T00:00:00Z") }),
    reason: RefusalReason.EXPIRED,
  },
  { name: "no expiry", task: signed({ taskId: id(1), expiresAt: undefined }), reason: RefusalReason.EXPIRED },
  { name: "an expiry in a billion years", task: endless(id(1)), reason: RefusalReason.MALFORMED },
  { name: "an unknown kind", task: signed({ taskId: id(1), payload: undefined }), reason: RefusalReason.UNKNOWN_KIND },
  { name: "an id that is none", task: signed({ taskId: "'; DROP" }), reason: RefusalReason.MALFORMED, told: false },
  {
    name: "garbage",
    task: { ...unsigned, task: Buffer.of(255, 255) },
    reason: RefusalReason.BAD_SIGNATURE,
    told: false,
  },
  { name: "300 KB", task: { ...unsigned, task: Buffer.alloc(300_000) }, reason: RefusalReason.MALFORMED, told: false },
];
for (const { name, task, reason, told } of refusals) {
  withRunner(`startTaskRunner() refuses and logs a task with ${name}`, async (scene) => {
    await scene.take(task);
    assert.deepEqual(scene.ran, []);
    assert.deepEqual(scene.events.map((event) => event.event === "taskRefused" && event.reason), [
      RefusalReason[reason],
    ]);
    assert.deepEqual(
      scene.owed().map(([, state, refusal]) => [state, refusal]),
      told === false ? [] : [[TaskState.REFUSED, reason]],
    );
  });
}

withRunner("startTaskRunner() goes on after tasks that throw, refuse, never end or give too much", async (scene) => {
  const handlers: TaskHandler[] = [
    () => {
      throw new Error("poison");
    },
    () => Promise.reject(new TaskRefusal(RefusalReason.POLICY, "not here")),
    () => new Promise(() => {}),
    () => Promise.resolve({ $case: "diagnostics", value: { bundle: Buffer.alloc(3_000_000) } }),
  ];
  for (const [index, handler] of handlers.entries()) {
    scene.handler = handler;
    await scene.take(signed({ taskId: id(index) }));
    await scene.clock.advance(60_000);
  }
  scene.handler = () => Promise.resolve({ $case: "diagnostics", value: { bundle: Buffer.alloc(100_000) } });
  await scene.take(signed({ taskId: id(4) }));
  assert.deepEqual(scene.owed(), [
    [id(0), TaskState.FAILED, 0],
    [id(1), TaskState.REFUSED, RefusalReason.POLICY],
    [id(2), TaskState.FAILED, 0],
    [id(3), TaskState.FAILED, 0],
  ]);
  assert.deepEqual(scene.spooled.map(({ taskId, state }) => [taskId, state]), [[id(4), TaskState.SUCCEEDED]]);
  assert.equal(scene.clock.waiting, 0);
});

withRunner("startTaskRunner() refuses more tasks than its queue holds", async (scene) => {
  scene.handler = () => new Promise(() => {});
  await scene.take(signed({ taskId: id(0) }));
  await scene.take(...[1, 2, 3, 4].map((n) => signed({ taskId: id(n) })));
  assert.deepEqual(scene.owed().at(-1), [id(4), TaskState.REFUSED, RefusalReason.QUEUE_FULL]);
});

withRunner(
  "openTaskMemory() reports what ran when the agent died as failed, and forgets it a day after its expiry",
  async (scene) => {
    scene.handler = () => new Promise(() => {});
    const task = signed({ taskId: id(1) });
    await scene.take(task);
    await scene.runner[Symbol.asyncDispose]();
    assert.deepEqual(scene.owed(), [[id(1), TaskState.RUNNING, 0]]);
    // The platform has the earlier state; the final one is still owed.
    scene.memory.acknowledge([id(1)]);
    scene.memory.recover(new Date("2026-01-01T01:00:00Z"));
    assert.deepEqual(scene.owed(), [[id(1), TaskState.FAILED, 0]]);
    scene.memory.acknowledge([id(1)]);
    scene.memory.forget(new Date("2026-01-02T12:00:00Z"));
    assert.equal(scene.memory.begin(TaskResult.fromPartial({ taskId: id(1) }), new Date()), false);
    scene.memory.forget(new Date("2026-01-03T00:00:01Z"));
    assert.equal(scene.memory.begin(TaskResult.fromPartial({ taskId: id(1) }), new Date()), true);
  },
);

withRunner("startTaskRunner() runs a real task although a forged one with its id came before", async (scene) => {
  await scene.take(signed({ taskId: id(1) }, others.privateKey), signed({ taskId: id(1) }));
  assert.deepEqual(scene.ran, ["ping"]);
});

const scanNow = { $case: "scanNow" as const, value: {} };

withRunner("startTaskRunner() does not let a ping wait for a scan, nor two scans go at once", async (scene) => {
  const scanned = Promise.withResolvers<void>();
  const ping = scene.handler;
  scene.handler = async (payload, signal) => {
    if (payload.$case !== "scanNow") return ping(payload, signal);
    await scanned.promise;
    return { $case: "scan", value: { addresses: 1, answered: 1, printers: 1, durationMs: 1 } };
  };
  await scene.take(signed({ taskId: id(1), payload: scanNow }), signed({ taskId: id(2), payload: scanNow }));
  await scene.take(signed({ taskId: id(3) }));
  assert.deepEqual(scene.ran, ["scanNow", "ping"]);
  assert.deepEqual(scene.owed().map(([, state]) => state), [
    TaskState.RUNNING,
    TaskState.ACCEPTED,
    TaskState.SUCCEEDED,
  ]);
  scanned.resolve();
  await scene.clock.advance(0);
  assert.deepEqual(scene.ran, ["scanNow", "ping", "scanNow"]);
});

withRunner("startTaskRunner() does not run what expired while it waited, by the platform's time", async (scene) => {
  const platform = new Date("2026-03-01T00:00:00Z");
  scene.handler = () => new Promise(() => {});
  const expiresAt = new Date(platform.getTime() + 30_000);
  scene.runner.take([signed({ taskId: id(1), expiresAt }), signed({ taskId: id(2), expiresAt })], platform);
  await scene.clock.advance(60_000);
  assert.deepEqual(scene.ran, ["ping"]);
  assert.deepEqual(scene.owed().at(-1), [id(2), TaskState.REFUSED, RefusalReason.EXPIRED]);
});

withRunner("openTaskMemory() takes no answer to an earlier state for one to the final state", async (scene) => {
  const ended = Promise.withResolvers<void>();
  const ping = scene.handler;
  scene.handler = async (payload, signal) => {
    await ended.promise;
    return await ping(payload, signal);
  };
  await scene.take(signed({ taskId: id(1) }));
  // The poll that carries it is on its way when the task ends.
  assert.deepEqual(scene.owed(), [[id(1), TaskState.RUNNING, 0]]);
  ended.resolve();
  await scene.clock.advance(0);
  scene.memory.acknowledge([id(1)]);
  assert.deepEqual(scene.owed(), [[id(1), TaskState.SUCCEEDED, 0]]);
});

withRunner(
  "startTaskRunner() runs nothing that cannot be written, and loses no result on a full one",
  async (scene) => {
    const full = () => {
      throw new StorageError("Cannot use the disk", "full");
    };
    const task = signed({ taskId: id(1) });
    scene.disk = full;
    await scene.take(task);
    assert.deepEqual([scene.ran, scene.owed()], [[], []]);
    const ended = Promise.withResolvers<void>();
    const ping = scene.handler;
    scene.handler = async (payload, signal) => {
      await ended.promise;
      return await ping(payload, signal);
    };
    scene.disk = () => {};
    await scene.take(task);
    scene.disk = full;
    ended.resolve();
    await scene.clock.advance(0);
    assert.deepEqual(scene.owed(), [[id(1), TaskState.RUNNING, 0]]);
    scene.disk = () => {};
    await scene.take();
    assert.deepEqual([scene.ran, scene.owed()], [["ping"], [[id(1), TaskState.SUCCEEDED, 0]]]);
    assert.equal(scene.events.filter(({ event }) => event === "taskUnsaved").length, 2);
    assert.deepEqual(scene.events.map(({ event }) => event).filter((event) => event === "tasksSaved"), [
      "tasksSaved",
      "tasksSaved",
    ]);
  },
);

withRunner("openTaskMemory() tells of a task whose row was damaged, and of the others", async (scene) => {
  await scene.take(signed({ taskId: id(1) }), signed({ taskId: id(2) }));
  scene.db.run("UPDATE task SET result = ? WHERE id = ?", Uint8Array.of(0x0a, 0xff), id(1));
  scene.memory.recover(scene.clock.now());
  assert.deepEqual(scene.owed(), [[id(1), TaskState.FAILED, 0], [id(2), TaskState.SUCCEEDED, 0]]);
});

withRunner("openTaskMemory() remembers a task although the machine's clock is years ahead", async (scene) => {
  const task = signed({ taskId: id(1) });
  await scene.take(task);
  scene.owed();
  scene.memory.acknowledge([id(1)]);
  scene.memory.recover(new Date("2033-01-01"));
  scene.runner.take([], new Date("2026-01-01"));
  await scene.take(task);
  assert.deepEqual(scene.ran, ["ping"]);
});

withRunner(
  "sessions of web access wait neither for scans and pings nor for each other, and end one by one",
  async (scene) => {
    const ends = new Map<string, () => void>();
    scene.handler = (payload, signal) => {
      const { promise, resolve, reject } = Promise.withResolvers<undefined>();
      const name = payload.$case === "openWebAccess" ? payload.value.sessionId : payload.$case;
      ends.set(name, () => resolve(undefined));
      signal.addEventListener("abort", () => reject(signal.reason));
      return promise;
    };
    const session = (n: number) =>
      signed({
        taskId: id(n),
        payload: { $case: "openWebAccess", value: OpenWebAccess.fromPartial({ sessionId: `ses-${n}` }) },
      });
    await scene.take(
      signed({
        taskId: id(1),
        payload: { $case: "scanNow", value: { site: "", targets: [], knownDevicesOnly: false } },
      }),
      signed({ taskId: id(2) }),
      session(3),
      session(4),
      session(5),
    );
    assert.deepEqual([...ends.keys()].sort(), ["ping", "scanNow", "ses-3", "ses-4", "ses-5"]);
    ends.get("ses-4")!();
    await scene.take(signed({ taskId: id(6), payload: { $case: "cancelTask", value: { taskId: id(3) } } }));
    const states = new Map(scene.owed().map(([taskId, state]) => [taskId, state]));
    assert.equal(states.get(id(3)), TaskState.CANCELLED);
    assert.equal(states.get(id(4)), TaskState.SUCCEEDED);
    assert.equal(states.get(id(5)), TaskState.RUNNING);
  },
);
