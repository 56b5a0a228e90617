/**
 * Which tasks were accepted, and which results still have to be reported: `tasks.db` in the state directory.
 *
 *     task(id PRIMARY KEY, expires_at ms, result: encoded TaskResult, owed: 1 until the platform has it)
 *
 * A task is written before it runs. After a crash it is in state ACCEPTED or RUNNING and is reported as failed, never run
 * again. Rows stay for a day past their expiry, both by the platform's clock: a machine whose clock jumps ahead must not
 * forget a task that can still be sent to it.
 */
import { TaskResult, TaskState } from "../../proto/gen/opendca/v1/task.ts";
import type { Database } from "../../common/host/sqlite.ts";

export interface TaskMemory {
  /** False when the id is known. Durable when it returns. */
  begin(first: TaskResult, expiresAt: Date): boolean;
  /** Replaces the state of a task; a final state is never replaced. `owed`: to be reported with the next poll. */
  put(result: TaskResult, options: { owed: boolean }): void;
  /** The platform sent a known task again: its state is owed again. */
  askedAgain(id: string): void;
  /** Whether it came to its end, and the platform has its result. */
  isSettled(id: string): boolean;
  /** Results that polls carry until they are acknowledged, at most 50. */
  owed(): TaskResult[];
  /** The platform has acknowledged the last result of `owed`. */
  acknowledge(ids: readonly string[]): void;
  /** Marks tasks that were running when the agent stopped as failed. */
  recover(now: Date): void;
  /** Deletes tasks that expired more than a day ago; `now` is the platform's time. */
  forget(now: Date): void;
}

const dayMs = 86_400_000;
const finalStates = [TaskState.SUCCEEDED, TaskState.FAILED, TaskState.REFUSED, TaskState.CANCELLED];

interface TaskRow {
  id: string;
  result: Uint8Array;
}

/** Makes the table where it is missing. The database stays the caller's to close. */
export function openTaskMemory(db: Database): TaskMemory {
  db.exec(
    "CREATE TABLE IF NOT EXISTS task (id TEXT PRIMARY KEY, expires_at INTEGER NOT NULL, result BLOB NOT NULL, owed INTEGER NOT NULL) STRICT",
  );
  /** Tasks whose final state was in the last `owed`: the acknowledgement of an earlier state must not count for it. */
  let toldFinal = new Set<string>();

  function known(id: string): TaskResult | undefined {
    const row = db.get<TaskRow>("SELECT id, result FROM task WHERE id = ?", id);
    return row === undefined ? undefined : resultIn(row);
  }
  return {
    begin: (first, expiresAt) =>
      db.run(
        "INSERT INTO task (id, expires_at, result, owed) VALUES (?, ?, ?, 1) ON CONFLICT (id) DO NOTHING",
        first.taskId,
        expiresAt.getTime(),
        TaskResult.encode(first).finish(),
      ) === 1,
    put(result, { owed }) {
      const before = known(result.taskId);
      if (before !== undefined && isFinal(before)) return;
      const bytes = TaskResult.encode(result).finish();
      db.run("UPDATE task SET result = ?, owed = ? WHERE id = ?", bytes, owed ? 1 : 0, result.taskId);
    },
    askedAgain: (id) => void db.run("UPDATE task SET owed = 1 WHERE id = ?", id),
    isSettled(id) {
      const row = db.get<TaskRow & { owed: number }>("SELECT id, result, owed FROM task WHERE id = ?", id);
      return row !== undefined && row.owed === 0 && isFinal(resultIn(row));
    },
    owed() {
      const results = db.all<TaskRow>("SELECT id, result FROM task WHERE owed = 1 ORDER BY rowid LIMIT 50").map(
        resultIn,
      );
      toldFinal = new Set(results.filter(isFinal).map(({ taskId }) => taskId));
      return results;
    },
    acknowledge(ids) {
      for (const id of ids) if (toldFinal.has(id)) db.run("UPDATE task SET owed = 0 WHERE id = ?", id);
    },
    recover(now) {
      for (const task of db.all<TaskRow>("SELECT id, result FROM task").map(resultIn)) {
        if (isFinal(task)) continue;
        const message = "The agent was stopped while the task was waiting or running";
        this.put({ ...task, state: TaskState.FAILED, message, at: now }, { owed: true });
      }
    },
    forget: (now) => void db.run("DELETE FROM task WHERE owed = 0 AND expires_at < ?", now.getTime() - dayMs),
  };
}

function isFinal({ state }: TaskResult): boolean {
  return finalStates.includes(state);
}

/** A damaged row must not stop the others from being reported. */
function resultIn({ id, result }: TaskRow): TaskResult {
  try {
    return { ...TaskResult.decode(result), taskId: id };
  } catch {
    const message = "The agent's record of the task was damaged";
    return TaskResult.fromPartial({ taskId: id, state: TaskState.FAILED, message });
  }
}
