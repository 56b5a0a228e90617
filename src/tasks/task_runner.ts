/**
 * Runs the platform's tasks beside everything else that the agent does. Scans have a queue of their own, so that a ping or
 * a diagnostics bundle does not wait for an hour of scanning; within a queue it is one after the other.
 */
import { RefusalReason, type SignedTask, type Task, TaskState } from "../../proto/gen/opendca/v1/task.ts";
import { TaskResult } from "../../proto/gen/opendca/v1/task.ts";
import type { Clock } from "../../common/core/clock.ts";
import { adviceOf } from "../../common/core/errors.ts";
import { DamagedDatabaseError, StorageError } from "../../common/host/sqlite.ts";
import type { TaskMemory } from "../store/task_memory.ts";
import { maxBundleBytes, maxTasks } from "../../common/protocol/limits.ts";
import { verifyTask } from "../../common/protocol/signed_task.ts";
import { TaskRefusal } from "./task_refusal.ts";

export type TaskPayload = NonNullable<Task["payload"]>;
export type TaskOutput = NonNullable<TaskResult["output"]>;
/** Throws `TaskRefusal` for what it will not do. */
export type TaskHandler = (payload: TaskPayload, signal: AbortSignal) => Promise<TaskOutput>;

export type TaskEvent =
  | { event: "taskReceived"; taskId: string; kind: string }
  | { event: "taskRefused"; taskId: string | null; reason: string; message: string }
  | { event: "taskFinished"; taskId: string; kind: string; state: "succeeded" | "failed" | "refused"; message: string }
  /** The disk did not take it. A task that was not begun comes again with the next poll; what it led to is kept in memory. */
  | { event: "taskUnsaved"; taskId: string; message: string }
  /** After `taskUnsaved`: the disk has all of it. */
  | { event: "tasksSaved"; taskId: null };

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
  /** What may leave of a message; default: all of it. */
  cleanText?(text: string): string;
  /** There is something to tell the platform. */
  onResult?(): void;
  /** Of each queue. */
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
const maxResultBytes = maxBundleBytes + 4096;
const maxMessage = 500;

interface Waiting {
  task: Task;
  /** When it expires, by the monotonic clock: the platform's time is known when a poll is answered, and not later. */
  untilMs: number;
}

interface TaskQueue {
  waiting: Waiting[];
  running: Promise<void> | undefined;
}

/** Nothing runs until `take`. Disposal stops the task that runs; it is reported as failed after the next start. */
export function startTaskRunner(options: TaskRunnerOptions): TaskRunner {
  const { memory, clock, report } = options;
  const maxQueued = options.maxQueued ?? maxTasks;
  const deadlineMs = options.deadlineMs ?? 15 * 60_000;
  const scans: TaskQueue = { waiting: [], running: undefined }, others: TaskQueue = { waiting: [], running: undefined };
  const stop = new AbortController();
  /** Final results that the disk did not take yet, by task. */
  let isFailing = false;
  const unsaved = new Map<string, { result: TaskResult; owed: boolean }>();

  function refuse(
    taskId: string | null,
    { reason, message, now }: { reason: RefusalReason; message: string; now: Date },
  ) {
    report({ event: "taskRefused", taskId, reason: RefusalReason[reason], message });
    if (taskId === null) return;
    const result = resultOf(taskId, TaskState.REFUSED, { message, refusal: reason });
    // For a day, as the expiry of what was refused is not to be believed.
    memory.begin(result, new Date(now.getTime() + 86_400_000));
    options.onResult?.();
  }

  /** A disk that fails must neither end the agent nor lose what a task led to. */
  function saved(taskId: string, action: () => void): boolean {
    try {
      action();
      return true;
    } catch (error) {
      if (!(error instanceof StorageError || error instanceof DamagedDatabaseError)) throw error;
      isFailing = true;
      report({ event: "taskUnsaved", taskId, message: error.message });
      return false;
    }
  }

  function keep(result: TaskResult, { owed }: { owed: boolean }): void {
    if (!saved(result.taskId, () => memory.put(result, { owed }))) unsaved.set(result.taskId, { result, owed });
  }

  function saveAgain(): void {
    for (const [taskId, { result, owed }] of unsaved) {
      if (!saved(taskId, () => memory.put(result, { owed }))) return;
      unsaved.delete(taskId);
    }
  }

  function resultOf(taskId: string, state: TaskState, rest: Partial<TaskResult>): TaskResult {
    const text = rest.message ?? "";
    const message = (options.cleanText?.(text) ?? text).slice(0, maxMessage);
    return TaskResult.fromPartial({ taskId, state, at: clock.now(), ...rest, message });
  }

  async function work({ waiting }: TaskQueue): Promise<void> {
    for (let next = waiting.shift(); next !== undefined && !stop.signal.aborted; next = waiting.shift()) {
      await runOne(next);
    }
  }

  async function runOne({ task, untilMs }: Waiting): Promise<void> {
    const kind = task.payload!.$case;
    // Without it the task is known as accepted, and is reported as failed after a crash all the same.
    saved(task.taskId, () => memory.put(resultOf(task.taskId, TaskState.RUNNING, {}), { owed: true }));
    let result: TaskResult;
    try {
      if (clock.monotonicMs() >= untilMs) {
        throw new TaskRefusal(RefusalReason.EXPIRED, "Cannot run the task as it expired in the queue");
      }
      const output = await withDeadline((signal) => options.handler(task.payload!, signal));
      result = resultOf(task.taskId, TaskState.SUCCEEDED, { output });
      const bytes = TaskResult.encode(result).finish().length;
      if (bytes > maxResultBytes) throw new Error(`Cannot send a result of ${bytes} bytes`);
      if (bytes > maxPolledBytes) options.spoolResult(result);
      keep(bytes > maxPolledBytes ? { ...result, output: undefined } : result, { owed: bytes <= maxPolledBytes });
    } catch (error) {
      // Stopped with the agent: `recover` tells it after the next start.
      if (stop.signal.aborted) return;
      const refusal = error instanceof TaskRefusal ? { refusal: error.reason } : {};
      const state = error instanceof TaskRefusal ? TaskState.REFUSED : TaskState.FAILED;
      result = resultOf(task.taskId, state, { message: adviceOf(error), ...refusal });
      keep(result, { owed: true });
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
      const error = new Error(`Cannot complete the task as it has not ended within ${deadlineMs / 1000} s`);
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
    if (verdict.kind === "refused") return refuse(verdict.taskId, { ...verdict, now });
    const { task } = verdict;
    const { waiting } = queueOf(task);
    if (waiting.length >= maxQueued) {
      const message = `Cannot run the task as ${waiting.length} others are waiting`;
      return refuse(task.taskId, { reason: RefusalReason.QUEUE_FULL, message, now });
    }
    if (!memory.begin(resultOf(task.taskId, TaskState.ACCEPTED, {}), task.expiresAt!)) {
      // The platform sends a task until it has a result of it; a replay gets no more than that either.
      memory.askedAgain(task.taskId);
      return;
    }
    report({ event: "taskReceived", taskId: task.taskId, kind: task.payload!.$case });
    waiting.push({ task, untilMs: clock.monotonicMs() + task.expiresAt!.getTime() - now.getTime() });
    options.onResult?.();
  }

  function queueOf(task: Task): TaskQueue {
    return task.payload?.$case === "scanNow" ? scans : others;
  }

  return {
    take(tasks, now) {
      saveAgain();
      const all = [...tasks.map((signed) => () => takeOne(signed, now)), () => memory.forget(now)];
      const areSaved = all.map((each) => saved("", each)).every((isSaved) => isSaved) && unsaved.size === 0;
      if (isFailing && areSaved) {
        isFailing = false;
        report({ event: "tasksSaved", taskId: null });
      }
      for (const queue of [scans, others]) {
        if (queue.running !== undefined || queue.waiting.length === 0) continue;
        queue.running = work(queue).finally(() => queue.running = undefined);
      }
    },
    async [Symbol.asyncDispose]() {
      stop.abort(new Error("The agent is stopping"));
      for (const { waiting } of [scans, others]) waiting.length = 0;
      await Promise.all([scans.running, others.running]);
    },
  };
}
