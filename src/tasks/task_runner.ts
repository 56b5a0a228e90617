/**
 * Runs the platform's tasks beside everything else that the agent does. Scans have a queue of their own, so that a ping or
 * a diagnostics bundle does not wait for an hour of scanning; within a queue it is one after the other. Sessions of web access
 * last as long as somebody uses them, and wait for nothing.
 */
import { RefusalReason, type SignedTask, type Task, TaskResult, TaskState } from "../../proto/gen/opendca/v1/task.ts";
import type { Clock } from "../../common/core/clock.ts";
import { adviceOf } from "../../common/core/errors.ts";
import { DamagedDatabaseError, StorageError } from "../../common/host/sqlite.ts";
import type { TaskMemory } from "../store/task_memory.ts";
import { maxBundleBytes, maxMessageText, maxTasks } from "../../common/protocol/limits.ts";
import { isSignedTask, verifyTask } from "../../common/protocol/signed_task.ts";
import { TaskRefusal } from "./task_refusal.ts";

export type TaskPayload = NonNullable<Task["payload"]>;
export type TaskOutput = NonNullable<TaskResult["output"]>;
/** How far a task is; called as often as the handler likes. */
export type TellProgress = (done: number, total: number) => void;
/** Throws `TaskRefusal` for what it will not do. Undefined where there is nothing to tell but that it is done. */
export type TaskHandler = (
  payload: TaskPayload,
  signal: AbortSignal,
  tell?: TellProgress,
) => Promise<TaskOutput | undefined>;

export type TaskEvent =
  | { event: "taskReceived"; taskId: string; kind: string }
  | { event: "taskRefused"; taskId: string | null; reason: string; message: string }
  | { event: "taskFinished"; taskId: string; kind: string; state: FinalState; message: string }
  /** The disk did not take it. A task that was not begun comes again with the next poll; what it led to is kept in memory. */
  | { event: "taskUnsaved"; taskId: string; message: string }
  /** After `taskUnsaved`: the disk has all of it. */
  | { event: "tasksSaved"; taskId: null };

type FinalState = "succeeded" | "failed" | "refused" | "cancelled";

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
  /** Worth telling at once, where that can be done: how far a task is, and a pushed one that polls will not tell of. */
  onProgress?: ((result: TaskResult) => void) | undefined;
  /** Of each queue. */
  maxQueued?: number;
  /** A task that has not ended by then has failed. */
  deadlineMs?: number;
}

export interface TaskRunner extends AsyncDisposable {
  /** Takes what a poll brought; `now` is the platform's time. Never throws for what a task holds. */
  take(tasks: readonly SignedTask[], now: Date): void;
  /**
   * The same for a task that a broker brought. A poll may bring it as well, but the broker only once: again it is a replay,
   * and is reported. False for one that is not the platform's.
   */
  takePushed(task: SignedTask, now: Date): boolean;
}

/** Of tasks that a broker brought, to know one that it brings again. */
const maxPushed = 1000;
const progressEveryMs = 1000;
const usualDeadlineMs = 15 * 60_000;
/** A session ends by itself after half an hour. */
const sessionDeadlineMs = 35 * 60_000;

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
  const stop = new AbortController();
  const keeper = createResultKeeper(options);
  const context = { ...options, keeper, stop: stop.signal };
  const run = (waiting: Waiting, cancelled: AbortSignal) => runTask(waiting, { ...context, cancelled });
  const queues = {
    scans: createQueue(run, stop.signal),
    others: createQueue(run, stop.signal),
    sessions: createQueue(run, stop.signal, options.maxQueued ?? maxTasks),
  };
  const takeOne = createTaker(context, queues);

  function takeAll(tasks: readonly SignedTask[], how: Taking): void {
    keeper.keepAgain();
    const all = [...tasks.map((signed) => () => takeOne(signed, how)), () => options.memory.forget(how.now)];
    keeper.noteSaved(all.map((each) => keeper.trySave("", each)).every((isSaved) => isSaved));
    for (const queue of Object.values(queues)) queue.go();
  }

  return {
    take: (tasks, now) => takeAll(tasks, { now, isPushed: false }),
    takePushed(task, now) {
      takeAll([task], { now, isPushed: true });
      return isSignedTask(task, options.signingKeys());
    },
    async [Symbol.asyncDispose]() {
      stop.abort(new Error("The agent is stopping"));
      await Promise.all(Object.values(queues).map((queue) => queue.ended()));
    },
  };
}

type Queue = ReturnType<typeof createQueue>;
type Queues = Record<"scans" | "others" | "sessions", Queue>;

/** How a task came. */
interface Taking {
  now: Date;
  isPushed: boolean;
}

/** Puts what is to be done into its queue, and refuses the rest. */
function createTaker(context: TaskContext, queues: Queues): (signed: SignedTask, how: Taking) => void {
  const { memory, clock, agentId, report, maxQueued = maxTasks } = context;
  const pushed = new Set<string>();

  function refuse(
    taskId: string | null,
    { reason, message, now, isPushed }: Taking & { reason: RefusalReason; message: string },
  ): void {
    report({ event: "taskRefused", taskId, reason: RefusalReason[reason], message });
    const result = resultOf(taskId ?? "", { state: TaskState.REFUSED, message, refusal: reason }, context);
    // For a day, as the expiry of what was refused is not to be believed.
    if (taskId !== null && memory.begin(result, new Date(now.getTime() + 86_400_000))) return context.onResult?.();
    // No poll will tell of it.
    if (isPushed) context.onProgress?.(result);
  }

  function notePushed(taskId: string): void {
    pushed.add(taskId);
    const [oldest] = pushed;
    if (pushed.size > maxPushed) pushed.delete(oldest!);
  }

  return (signed, { now, isPushed }) => {
    const verdict = verifyTask(signed, { agentId, signingKeys: context.signingKeys(), now });
    if (verdict.kind === "refused") return refuse(verdict.taskId, { ...verdict, now, isPushed });
    const { task } = verdict;
    if (isPushed && (pushed.has(task.taskId) || memory.isSettled(task.taskId))) {
      const message = "Cannot run the task as it was run before: somebody repeats what the platform has sent";
      return refuse(task.taskId, { reason: RefusalReason.REPEATED, message, now, isPushed });
    }
    if (isPushed) notePushed(task.taskId);
    if (task.payload!.$case === "cancelTask") {
      return cancelTask(task, { taskId: task.payload!.value.taskId }, { context, queues });
    }
    const { waiting } = queues[queueNames[task.payload!.$case] ?? "others"];
    if (waiting.length >= maxQueued) {
      const message = `Cannot run the task as ${waiting.length} others are waiting`;
      return refuse(task.taskId, { reason: RefusalReason.QUEUE_FULL, message, now, isPushed });
    }
    if (!memory.begin(resultOf(task.taskId, { state: TaskState.ACCEPTED }, context), task.expiresAt!)) {
      // The platform sends a task until it has a result of it; a replay gets no more than that either.
      memory.askedAgain(task.taskId);
      return;
    }
    report({ event: "taskReceived", taskId: task.taskId, kind: task.payload!.$case });
    waiting.push({ task, untilMs: clock.monotonicMs() + task.expiresAt!.getTime() - now.getTime() });
    context.onResult?.();
  };
}

/** Not in a queue: what it is to stop may be what it would wait for. */
function cancelTask(
  task: Task,
  { taskId }: { taskId: string },
  { context, queues }: { context: TaskContext; queues: Queues },
): void {
  const { memory, keeper, report } = context;
  if (!memory.begin(resultOf(task.taskId, { state: TaskState.ACCEPTED }, context), task.expiresAt!)) {
    return memory.askedAgain(task.taskId);
  }
  report({ event: "taskReceived", taskId: task.taskId, kind: "cancelTask" });
  const outcomes = Object.values(queues).map((queue) => queue.cancel(taskId));
  for (const waiting of outcomes) if (typeof waiting === "object") endCancelled(waiting.task, context);
  const isFound = outcomes.some((outcome) => outcome !== undefined);
  const message = isFound ? "" : `There is no task ${taskId} that waits or runs`;
  const state = isFound ? TaskState.SUCCEEDED : TaskState.FAILED;
  keeper.keep(resultOf(task.taskId, { state, message }, context), { owed: true });
  const told = isFound ? "succeeded" : "failed";
  report({ event: "taskFinished", taskId: task.taskId, kind: "cancelTask", state: told, message });
  context.onResult?.();
}

const queueNames: Partial<Record<TaskPayload["$case"], "scans" | "sessions">> = {
  scanNow: "scans",
  openWebAccess: "sessions",
};

/** So many tasks at a time, in the order in which they came. */
function createQueue(
  run: (next: Waiting, cancelled: AbortSignal) => Promise<void>,
  stop: AbortSignal,
  atOnce = 1,
) {
  const waiting: Waiting[] = [];
  const running = new Set<Promise<void>>();
  const present = new Map<string, AbortController>();

  async function runAll(): Promise<void> {
    for (let next = waiting.shift(); next !== undefined && !stop.aborted; next = waiting.shift()) {
      const { taskId } = next.task, cancel = new AbortController();
      present.set(taskId, cancel);
      await run(next, cancel.signal);
      present.delete(taskId);
    }
  }

  return {
    waiting,
    go(): void {
      for (let free = Math.min(atOnce - running.size, waiting.length); free > 0; free--) {
        const runner: Promise<void> = runAll().finally(() => running.delete(runner));
        running.add(runner);
      }
    },
    /** The task that waited and does not any more; true for the one that runs; undefined for one that is not here. */
    cancel(taskId: string): Waiting | true | undefined {
      const cancel = present.get(taskId);
      if (cancel !== undefined) {
        cancel.abort(new TaskCancelled());
        return true;
      }
      const at = waiting.findIndex(({ task }) => task.taskId === taskId);
      return at < 0 ? undefined : waiting.splice(at, 1)[0];
    },
    async ended(): Promise<void> {
      waiting.length = 0;
      await Promise.all(running);
    },
  };
}

class TaskCancelled extends Error {
  override readonly name = "TaskCancelled";
  constructor() {
    super("The task was cancelled");
  }
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

/** Of a task that has not begun. */
function endCancelled(task: Task, context: TaskContext): void {
  const { taskId } = task;
  const { message } = new TaskCancelled();
  context.keeper.keep(resultOf(taskId, { state: TaskState.CANCELLED, message }, context), { owed: true });
  context.report({ event: "taskFinished", taskId, kind: task.payload!.$case, state: "cancelled", message });
}

/** Tells the platform at most once a second, and with the next poll. */
function progressTeller(taskId: string, context: TaskContext): TellProgress {
  let toldMs = -Infinity;
  return (done, total) => {
    const nowMs = context.clock.monotonicMs();
    if (nowMs - toldMs < progressEveryMs) return;
    toldMs = nowMs;
    const result = resultOf(taskId, { state: TaskState.RUNNING, progress: { done, total } }, context);
    context.keeper.trySave(taskId, () => context.memory.put(result, { owed: true }));
    context.onProgress?.(result);
  };
}

async function runTask(
  { task, untilMs }: Waiting,
  context: TaskContext & { cancelled: AbortSignal },
): Promise<void> {
  const { memory, clock, keeper, stop, cancelled, report } = context;
  const { taskId } = task;
  const kind = task.payload!.$case;
  // Without it the task is known as accepted, and is reported as failed after a crash all the same.
  keeper.trySave(taskId, () => memory.put(resultOf(taskId, { state: TaskState.RUNNING }, context), { owed: true }));
  let result: TaskResult;
  try {
    if (clock.monotonicMs() >= untilMs) {
      throw new TaskRefusal(RefusalReason.EXPIRED, "Cannot run the task as it expired in the queue");
    }
    context.onProgress?.(resultOf(taskId, { state: TaskState.RUNNING }, context));
    const tell = progressTeller(taskId, context);
    const deadlineMs = context.deadlineMs ?? (kind === "openWebAccess" ? sessionDeadlineMs : usualDeadlineMs);
    const output = await withDeadline((signal) => context.handler(task.payload!, signal, tell), {
      ...context,
      deadlineMs,
    });
    // What ended because it was to end has not done all of it.
    cancelled.throwIfAborted();
    result = resultOf(taskId, { state: TaskState.SUCCEEDED, ...(output === undefined ? {} : { output }) }, context);
    const bytes = TaskResult.encode(result).finish().length;
    if (bytes > maxResultBytes) throw new Error(`Cannot send a result of ${bytes} bytes`);
    if (bytes > maxPolledBytes) context.spoolResult(result);
    keeper.keep(bytes > maxPolledBytes ? { ...result, output: undefined } : result, { owed: bytes <= maxPolledBytes });
  } catch (error) {
    // Stopped with the agent: `recover` tells it after the next start.
    if (stop.aborted) return;
    const why = error instanceof TaskRefusal
      ? { state: TaskState.REFUSED, refusal: error.reason }
      : { state: cancelled.aborted ? TaskState.CANCELLED : TaskState.FAILED };
    const told = cancelled.aborted ? cancelled.reason : error;
    result = resultOf(taskId, { ...why, message: adviceOf(told) }, context);
    keeper.keep(result, { owed: true });
  }
  const state = finalNames[result.state as keyof typeof finalNames] ?? "failed";
  report({ event: "taskFinished", taskId, kind, state, message: result.message });
  context.onResult?.();
}

const finalNames = {
  [TaskState.SUCCEEDED]: "succeeded",
  [TaskState.REFUSED]: "refused",
  [TaskState.CANCELLED]: "cancelled",
} as const;

/** A handler that never ends is left behind; the next task does not wait for it. */
async function withDeadline<T>(
  action: (signal: AbortSignal) => Promise<T>,
  { clock, stop, cancelled, deadlineMs }: Pick<TaskContext, "clock" | "stop"> & {
    cancelled: AbortSignal;
    deadlineMs: number;
  },
): Promise<T> {
  const over = new AbortController();
  const end = new AbortController();
  const stopped = AbortSignal.any([stop, cancelled]);
  const signal = AbortSignal.any([end.signal, stopped]);
  const late = Promise.withResolvers<never>();
  stopped.addEventListener("abort", () => late.reject(stopped.reason), { once: true, signal: over.signal });
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
