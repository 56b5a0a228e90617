/**
 * Runs the platform's tasks in the background. Scans have a separate queue, so that a ping or a diagnostics bundle does
 * not wait for a long scan; the tasks of a queue run one after the other. Web access sessions last as long as they are
 * used, and start without a queue.
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
/** Progress of a task; may be called at any rate. */
export type TellProgress = (done: number, total: number, session?: { step: string; approvedBy: string }) => void;
/** Throws `TaskRefusal` to refuse the task. Undefined if the task has no output. */
export type TaskHandler = (
  payload: TaskPayload,
  signal: AbortSignal,
  tell?: TellProgress,
) => Promise<TaskOutput | undefined>;

export type TaskEvent =
  | { event: "taskReceived"; taskId: string; kind: string }
  | { event: "taskRefused"; taskId: string | null; reason: string; message: string }
  | { event: "taskFinished"; taskId: string; kind: string; state: FinalState; message: string }
  /**
   * The state of a task could not be stored. A task that was not started comes again with the next poll; a result is
   * kept in memory.
   */
  | { event: "taskUnsaved"; taskId: string; message: string }
  /** After `taskUnsaved`: everything is stored now. */
  | { event: "tasksSaved"; taskId: null };

type FinalState = "succeeded" | "failed" | "refused" | "cancelled";

export interface TaskRunnerOptions {
  memory: TaskMemory;
  clock: Clock;
  agentId: string;
  /** Ed25519, 32 bytes in base64; called each time, as a renewal may change the key. */
  signingKeys(): readonly string[];
  handler: TaskHandler;
  /** Puts a result that is too long for a poll into the spool. */
  spoolResult(result: TaskResult): void;
  report(event: TaskEvent): void;
  /** The message without masked parts; default: unchanged. */
  cleanText?(text: string): string;
  /** There is a result to report to the platform. */
  onResult?(): void;
  /** Called with progress to send at once, if possible, and with results of pushed tasks that polls do not report. */
  onProgress?: ((result: TaskResult) => void) | undefined;
  /** Maximum length of each queue. */
  maxQueued?: number;
  /** A task that takes longer has failed. */
  deadlineMs?: number;
}

export interface TaskRunner extends AsyncDisposable {
  /** Accepts tasks of a poll; `now` is the platform's time. Never throws because of a task's content. */
  take(tasks: readonly SignedTask[], now: Date): void;
  /**
   * The same for a task from a broker. A poll may deliver it as well, but the broker only once: a second time is
   * reported as a replay, unless the broker says that it sends it once more (`isAgain`). False if it is not from the
   * platform.
   */
  takePushed(task: SignedTask, now: Date, how?: { isAgain: boolean }): boolean;
}

/** Number of ids of tasks from a broker that are remembered, to detect replays. */
const maxPushed = 1000;
const progressEveryMs = 1000;
const usualDeadlineMs = 15 * 60_000;
/** Deadline of a session task; with all its extensions, a session ends by itself after four hours. */
const sessionDeadlineMs = 245 * 60_000;

/** Largest result that is sent with a poll. */
const maxPolledBytes = 64 * 1024;
const maxResultBytes = maxBundleBytes + 4096;

interface Waiting {
  task: Task;
  /** Expiry on the monotonic clock: the platform's time is only known at the poll. */
  untilMs: number;
}

/** Nothing runs until `take`. Disposal stops the running task; it is reported as failed after the next start. */
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
    takePushed(task, now, { isAgain } = { isAgain: false }) {
      takeAll([task], { now, isPushed: true, isAgain });
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
  isAgain?: boolean;
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
    // Kept for a day, as the expiry of a refused task cannot be trusted.
    if (taskId !== null && memory.begin(result, new Date(now.getTime() + 86_400_000))) return context.onResult?.();
    // It will not be reported by a poll.
    if (isPushed) context.onProgress?.(result);
  }

  function notePushed(taskId: string): void {
    pushed.add(taskId);
    const [oldest] = pushed;
    if (pushed.size > maxPushed) pushed.delete(oldest!);
  }

  return (signed, { now, isPushed, isAgain = false }) => {
    const verdict = verifyTask(signed, { agentId, signingKeys: context.signingKeys(), now });
    if (verdict.kind === "refused") return refuse(verdict.taskId, { ...verdict, now, isPushed });
    const { task } = verdict;
    if (isPushed && (pushed.has(task.taskId) || memory.isSettled(task.taskId))) {
      // As a broker must after a lost acknowledgement; the platform would take it for an attack.
      if (isAgain) {
        const message = "Cannot run the task as it was run before: the broker sends it once more";
        return report({ event: "taskRefused", taskId: task.taskId, reason: "REPEATED", message });
      }
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
      // The platform sends a task until it has a result; a replay gets the same response.
      memory.askedAgain(task.taskId);
      return;
    }
    report({ event: "taskReceived", taskId: task.taskId, kind: task.payload!.$case });
    waiting.push({ task, untilMs: clock.monotonicMs() + task.expiresAt!.getTime() - now.getTime() });
    context.onResult?.();
  };
}

/** Not queued: it could wait for the task that it must stop. */
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
  // It does not wait: its session would end meanwhile.
  extendWebAccess: "sessions",
};

/** Runs a limited number of tasks at a time, in order of arrival. */
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
    /** Removes and returns a waiting task; true for a running one; undefined if it is not in this queue. */
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
  /**
   * Stores a state without throwing: a failing disk must not end the agent or lose a result. Returns whether it was
   * stored.
   */
  trySave(taskId: string, write: () => void): boolean;
  /** Stores a result, or keeps it in memory if that fails. */
  keep(result: TaskResult, options: { owed: boolean }): void;
  /** Tries to store again what failed before. */
  keepAgain(): void;
  /** Reports when everything is stored again. */
  noteSaved(areSaved: boolean): void;
}

function createResultKeeper({ memory, report }: Pick<TaskRunnerOptions, "memory" | "report">): ResultKeeper {
  /** Final results that are not stored yet, by task. */
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

/** Ends a cancelled task that has not started. */
function endCancelled(task: Task, context: TaskContext): void {
  const { taskId } = task;
  const { message } = new TaskCancelled();
  context.keeper.keep(resultOf(taskId, { state: TaskState.CANCELLED, message }, context), { owed: true });
  context.report({ event: "taskFinished", taskId, kind: task.payload!.$case, state: "cancelled", message });
}

/** Sends progress at most once a second, each new step at once, and with the next poll. */
function progressTeller(taskId: string, context: TaskContext): TellProgress {
  let toldMs = -Infinity, toldStep = "";
  return (done, total, { step, approvedBy } = { step: "", approvedBy: "" }) => {
    const nowMs = context.clock.monotonicMs();
    if (nowMs - toldMs < progressEveryMs && step === toldStep) return;
    toldMs = nowMs;
    toldStep = step;
    const result = resultOf(taskId, { state: TaskState.RUNNING, progress: { done, total, step, approvedBy } }, context);
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
  // If this is not stored, the task is known as accepted, and is reported as failed after a crash as well.
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
    // A task that ended because of its cancellation is not complete.
    cancelled.throwIfAborted();
    result = resultOf(taskId, { state: TaskState.SUCCEEDED, ...(output === undefined ? {} : { output }) }, context);
    const bytes = TaskResult.encode(result).finish().length;
    if (bytes > maxResultBytes) throw new Error(`Cannot send a result of ${bytes} bytes`);
    if (bytes > maxPolledBytes) context.spoolResult(result);
    keeper.keep(bytes > maxPolledBytes ? { ...result, output: undefined } : result, { owed: bytes <= maxPolledBytes });
  } catch (error) {
    // Stopped with the agent: `recover` reports it after the next start.
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

/** Abandons a handler that never ends; the next task does not wait for it. */
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
