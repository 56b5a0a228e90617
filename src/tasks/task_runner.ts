/**
 * Runs the platform's tasks beside everything else that the agent does. Scans have a queue of their own, so that a ping or
 * a diagnostics bundle does not wait for an hour of scanning; within a queue it is one after the other.
 */
import { RefusalReason, type SignedTask, type Task, TaskResult, TaskState } from "../../proto/gen/opendca/v1/task.ts";
import type { Clock } from "../../common/core/clock.ts";
import { adviceOf } from "../../common/core/errors.ts";
import { DamagedDatabaseError, StorageError } from "../../common/host/sqlite.ts";
import type { TaskMemory } from "../store/task_memory.ts";
import { maxBundleBytes, maxMessageText, maxTasks } from "../../common/protocol/limits.ts";
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

interface Waiting {
  task: Task;
  /** When it expires, by the monotonic clock: the platform's time is known when a poll is answered, and not later. */
  untilMs: number;
}

/** Nothing runs until `take`. Disposal stops the task that runs; it is reported as failed after the next start. */
export function startTaskRunner(options: TaskRunnerOptions): TaskRunner {
  const { memory, clock, agentId, report, maxQueued = maxTasks } = options;
  const stop = new AbortController();
  const keeper = createResultKeeper(options);
  const run = (waiting: Waiting) => runTask(waiting, { ...options, keeper, stop: stop.signal });
  const queues = { scans: createQueue(run, stop.signal), others: createQueue(run, stop.signal) };

  function refuse(
    taskId: string | null,
    { reason, message, now }: { reason: RefusalReason; message: string; now: Date },
  ): void {
    report({ event: "taskRefused", taskId, reason: RefusalReason[reason], message });
    if (taskId === null) return;
    const result = resultOf(taskId, { state: TaskState.REFUSED, message, refusal: reason }, options);
    // For a day, as the expiry of what was refused is not to be believed.
    memory.begin(result, new Date(now.getTime() + 86_400_000));
    options.onResult?.();
  }

  function takeOne(signed: SignedTask, now: Date): void {
    const verdict = verifyTask(signed, { agentId, signingKeys: options.signingKeys(), now });
    if (verdict.kind === "refused") return refuse(verdict.taskId, { ...verdict, now });
    const { task } = verdict;
    const { waiting } = task.payload?.$case === "scanNow" ? queues.scans : queues.others;
    if (waiting.length >= maxQueued) {
      const message = `Cannot run the task as ${waiting.length} others are waiting`;
      return refuse(task.taskId, { reason: RefusalReason.QUEUE_FULL, message, now });
    }
    if (!memory.begin(resultOf(task.taskId, { state: TaskState.ACCEPTED }, options), task.expiresAt!)) {
      // The platform sends a task until it has a result of it; a replay gets no more than that either.
      memory.askedAgain(task.taskId);
      return;
    }
    report({ event: "taskReceived", taskId: task.taskId, kind: task.payload!.$case });
    waiting.push({ task, untilMs: clock.monotonicMs() + task.expiresAt!.getTime() - now.getTime() });
    options.onResult?.();
  }

  return {
    take(tasks, now) {
      keeper.keepAgain();
      const all = [...tasks.map((signed) => () => takeOne(signed, now)), () => memory.forget(now)];
      keeper.noteSaved(all.map((each) => keeper.trySave("", each)).every((isSaved) => isSaved));
      for (const queue of Object.values(queues)) queue.go();
    },
    async [Symbol.asyncDispose]() {
      stop.abort(new Error("The agent is stopping"));
      await Promise.all(Object.values(queues).map((queue) => queue.ended()));
    },
  };
}

/** One task after the other. */
function createQueue(run: (next: Waiting) => Promise<void>, stop: AbortSignal) {
  const waiting: Waiting[] = [];
  let running: Promise<void> | undefined;

  async function runAll(): Promise<void> {
    for (let next = waiting.shift(); next !== undefined && !stop.aborted; next = waiting.shift()) await run(next);
  }

  return {
    waiting,
    go(): void {
      if (running !== undefined || waiting.length === 0) return;
      running = runAll().finally(() => running = undefined);
    },
    async ended(): Promise<void> {
      waiting.length = 0;
      await running;
    },
  };
}

interface ResultKeeper {
  /** A disk that fails must neither end the agent nor lose what a task led to. Returns whether the disk has it. */
  trySave(taskId: string, write: () => void): boolean;
  /** Keeps it in memory where the disk does not take it. */
  keep(result: TaskResult, options: { owed: boolean }): void;
  /** Tries again what the disk has not taken. */
  keepAgain(): void;
  /** Tells when the disk has all of it again. */
  noteSaved(areSaved: boolean): void;
}

function createResultKeeper({ memory, report }: Pick<TaskRunnerOptions, "memory" | "report">): ResultKeeper {
  /** Final results that the disk did not take yet, by task. */
  const unsaved = new Map<string, { result: TaskResult; owed: boolean }>();
  let isFailing = false;

  function trySave(taskId: string, write: () => void): boolean {
    try {
      write();
      return true;
    } catch (error) {
      if (!(error instanceof StorageError || error instanceof DamagedDatabaseError)) throw error;
      isFailing = true;
      report({ event: "taskUnsaved", taskId, message: error.message });
      return false;
    }
  }

  return {
    trySave,
    keep(result, { owed }) {
      if (!trySave(result.taskId, () => memory.put(result, { owed }))) unsaved.set(result.taskId, { result, owed });
    },
    keepAgain() {
      for (const [taskId, { result, owed }] of unsaved) {
        if (!trySave(taskId, () => memory.put(result, { owed }))) return;
        unsaved.delete(taskId);
      }
    },
    noteSaved(areSaved) {
      if (!isFailing || !areSaved || unsaved.size > 0) return;
      isFailing = false;
      report({ event: "tasksSaved", taskId: null });
    },
  };
}

interface TaskContext extends TaskRunnerOptions {
  keeper: ResultKeeper;
  stop: AbortSignal;
}

async function runTask({ task, untilMs }: Waiting, context: TaskContext): Promise<void> {
  const { memory, clock, keeper, stop, report } = context;
  const { taskId } = task;
  const kind = task.payload!.$case;
  // Without it the task is known as accepted, and is reported as failed after a crash all the same.
  keeper.trySave(taskId, () => memory.put(resultOf(taskId, { state: TaskState.RUNNING }, context), { owed: true }));
  let result: TaskResult;
  try {
    if (clock.monotonicMs() >= untilMs) {
      throw new TaskRefusal(RefusalReason.EXPIRED, "Cannot run the task as it expired in the queue");
    }
    const output = await withDeadline((signal) => context.handler(task.payload!, signal), context);
    result = resultOf(taskId, { state: TaskState.SUCCEEDED, output }, context);
    const bytes = TaskResult.encode(result).finish().length;
    if (bytes > maxResultBytes) throw new Error(`Cannot send a result of ${bytes} bytes`);
    if (bytes > maxPolledBytes) context.spoolResult(result);
    keeper.keep(bytes > maxPolledBytes ? { ...result, output: undefined } : result, { owed: bytes <= maxPolledBytes });
  } catch (error) {
    // Stopped with the agent: `recover` tells it after the next start.
    if (stop.aborted) return;
    const why = error instanceof TaskRefusal
      ? { state: TaskState.REFUSED, refusal: error.reason }
      : { state: TaskState.FAILED };
    result = resultOf(taskId, { ...why, message: adviceOf(error) }, context);
    keeper.keep(result, { owed: true });
  }
  const states = { [TaskState.SUCCEEDED]: "succeeded", [TaskState.REFUSED]: "refused" } as const;
  const state = states[result.state as keyof typeof states] ?? "failed";
  report({ event: "taskFinished", taskId, kind, state, message: result.message });
  context.onResult?.();
}

/** A handler that never ends is left behind; the next task does not wait for it. */
async function withDeadline<T>(
  action: (signal: AbortSignal) => Promise<T>,
  { clock, stop, deadlineMs = 15 * 60_000 }: Pick<TaskContext, "clock" | "stop" | "deadlineMs">,
): Promise<T> {
  const over = new AbortController();
  const end = new AbortController();
  const signal = AbortSignal.any([end.signal, stop]);
  const late = Promise.withResolvers<never>();
  stop.addEventListener("abort", () => late.reject(stop.reason), { once: true, signal: over.signal });
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

function resultOf(
  taskId: string,
  result: Partial<TaskResult>,
  { clock, cleanText }: Pick<TaskRunnerOptions, "clock" | "cleanText">,
): TaskResult {
  const text = result.message ?? "";
  const message = (cleanText?.(text) ?? text).slice(0, maxMessageText);
  return TaskResult.fromPartial({ taskId, at: clock.now(), ...result, message });
}
