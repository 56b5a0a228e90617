/** Runs the platform's tasks, one after the other, beside everything else that the agent does. */
import { RefusalReason, TaskState } from "../../proto/gen/opendca/v1/task.ts";
import { TaskResult } from "../../proto/gen/opendca/v1/task.ts";
import type { SignedTask, Task } from "../../proto/gen/opendca/v1/task.ts";
import type { Clock } from "../core/clock.ts";
import { messageOf } from "../core/errors.ts";
import type { TaskMemory } from "./task_memory.ts";
import { verifyTask } from "./verify_task.ts";

/** Thrown by a handler for what it will not do: the task is refused, not failed. */
export class TaskRefusal extends Error {
  override readonly name = "TaskRefusal";
  constructor(readonly reason: RefusalReason, message: string) {
    super(message);
  }
}

export type TaskPayload = NonNullable<Task["payload"]>;
export type TaskOutput = NonNullable<TaskResult["output"]>;
export type TaskHandler = (payload: TaskPayload, signal: AbortSignal) => Promise<TaskOutput>;

export type TaskEvent =
  | { event: "taskReceived"; taskId: string; kind: string }
  | { event: "taskRefused"; taskId: string | null; reason: string; message: string }
  | { event: "taskFinished"; taskId: string; kind: string; state: "succeeded" | "failed" | "refused"; message: string };

export interface TaskRunnerOptions {
  memory: TaskMemory;
  clock: Clock;
  agentId: string;
  /** Ed25519, 32 bytes in base64; asked each time, as a renewal may bring a new one. */
  signingKeys(): readonly string[];
  handler: TaskHandler;
  /** A result that is too long for a poll, for the spool. */
  spoolResult(result: TaskResult): void;
  report(event: TaskEvent): void;
  /** There is something to tell the platform. */
  onResult?(): void;
  maxQueued?: number;
  /** A task that has not ended by then has failed. */
  deadlineMs?: number;
}

export interface TaskRunner extends AsyncDisposable {
  /** Takes what a poll brought; `now` is the platform's time. Never throws for what a task holds. */
  take(tasks: readonly SignedTask[], now: Date): void;
}

/** Largest result that goes with a poll. */
const maxPolledBytes = 64 * 1024;
const maxResultBytes = 2 * 1024 * 1024 + 4096;
const maxMessage = 500;

/** Nothing runs until `take`. Disposal stops the task that runs; it is reported as failed after the next start. */
export function startTaskRunner(options: TaskRunnerOptions): TaskRunner {
  const { memory, clock, report } = options;
  const maxQueued = options.maxQueued ?? 20;
  const deadlineMs = options.deadlineMs ?? 15 * 60_000;
  const queue: Task[] = [];
  const stop = new AbortController();
  let running: Promise<void> | undefined;

  function refuse(taskId: string | null, reason: RefusalReason, message: string): void {
    report({ event: "taskRefused", taskId, reason: RefusalReason[reason], message });
    if (taskId === null) return;
    const result = resultOf(taskId, TaskState.REFUSED, { message, refusal: reason });
    // For a day, as the expiry of what was refused is not to be believed.
    memory.begin(result, new Date(clock.now().getTime() + 86_400_000));
    options.onResult?.();
  }

  function resultOf(taskId: string, state: TaskState, rest: Partial<TaskResult>): TaskResult {
    const message = (rest.message ?? "").slice(0, maxMessage);
    return TaskResult.fromPartial({ taskId, state, at: clock.now(), ...rest, message });
  }

  async function work(): Promise<void> {
    for (let task = queue.shift(); task !== undefined && !stop.signal.aborted; task = queue.shift()) await runOne(task);
  }

  async function runOne(task: Task): Promise<void> {
    const kind = task.payload!.$case;
    memory.put(resultOf(task.taskId, TaskState.RUNNING, {}), { owed: true });
    let result: TaskResult;
    try {
      const output = await withDeadline((signal) => options.handler(task.payload!, signal));
      result = resultOf(task.taskId, TaskState.SUCCEEDED, { output });
      const bytes = TaskResult.encode(result).finish().length;
      if (bytes > maxResultBytes) throw new Error(`Cannot send a result of ${bytes} bytes`);
      if (bytes > maxPolledBytes) {
        options.spoolResult(result);
        memory.put({ ...result, output: undefined }, { owed: false });
      } else memory.put(result, { owed: true });
    } catch (error) {
      // Stopped with the agent: `recover` tells it after the next start.
      if (stop.signal.aborted) return;
      const refusal = error instanceof TaskRefusal ? { refusal: error.reason } : {};
      const state = error instanceof TaskRefusal ? TaskState.REFUSED : TaskState.FAILED;
      result = resultOf(task.taskId, state, { message: messageOf(error), ...refusal });
      memory.put(result, { owed: true });
    }
    const states = { [TaskState.SUCCEEDED]: "succeeded", [TaskState.REFUSED]: "refused" } as const;
    const state = states[result.state as keyof typeof states] ?? "failed";
    report({ event: "taskFinished", taskId: task.taskId, kind, state, message: result.message });
    options.onResult?.();
  }

  /** A handler that never ends is left behind; the next task does not wait for it. */
  async function withDeadline<T>(action: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const over = new AbortController();
    const end = new AbortController();
    const signal = AbortSignal.any([end.signal, stop.signal]);
    const late = Promise.withResolvers<never>();
    stop.signal.addEventListener("abort", () => late.reject(stop.signal.reason), { once: true, signal: over.signal });
    clock.sleep(deadlineMs, over.signal).then(() => {
      const error = new Error(`Cannot go on with the task as it has not ended within ${deadlineMs / 1000} s`);
      end.abort(error);
      late.reject(error);
    }, () => {}); // Ended in time.
    late.promise.catch(() => {});
    try {
      return await Promise.race([Promise.try(() => action(signal)), late.promise]);
    } finally {
      over.abort();
    }
  }

  function takeOne(signed: SignedTask, now: Date): void {
    const verdict = verifyTask(signed, { agentId: options.agentId, signingKeys: options.signingKeys(), now });
    if (verdict.kind === "refused") return refuse(verdict.taskId, verdict.reason, verdict.message);
    const { task } = verdict;
    if (queue.length >= maxQueued) {
      return refuse(task.taskId, RefusalReason.QUEUE_FULL, `Cannot run the task as ${queue.length} others are waiting`);
    }
    if (!memory.begin(resultOf(task.taskId, TaskState.ACCEPTED, {}), task.expiresAt!)) {
      // The platform sends a task until it has a result of it; a replay gets no more than that either.
      memory.askedAgain(task.taskId);
      return;
    }
    report({ event: "taskReceived", taskId: task.taskId, kind: task.payload!.$case });
    queue.push(task);
    options.onResult?.();
  }

  return {
    take(tasks, now) {
      for (const signed of tasks) takeOne(signed, now);
      if (running !== undefined || queue.length === 0) return;
      running = work().finally(() => running = undefined);
    },
    async [Symbol.asyncDispose]() {
      stop.abort(new Error("The agent is stopping"));
      queue.length = 0;
      await running;
    },
  };
}
