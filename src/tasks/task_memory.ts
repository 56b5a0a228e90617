/**
 * Which tasks were taken, and what is still to be told about them: `tasks.db` in the state directory.
 *
 *     task(id PRIMARY KEY, expires_at ms, result: encoded TaskResult, owed: 1 until the platform has it)
 *
 * A task is written before it runs. After a crash it is in state ACCEPTED or RUNNING and is reported as failed, never run
 * again. Rows stay for a day past their expiry, as clocks differ.
 */
import { TaskResult, TaskState } from "../../proto/gen/opendca/v1/task.ts";
import type { Database } from "../core/sqlite.ts";

export interface TaskMemory {
  /** False when the id is known. Durable when it returns. */
  begin(first: TaskResult, expiresAt: Date): boolean;
  /** Replaces what is known of a task; a final state is never replaced. `owed`: to be told with the next poll. */
  put(result: TaskResult, options: { owed: boolean }): void;
  /** The platform has asked again for a task that is known: what is known of it is owed again. */
  askedAgain(id: string): void;
  /** What polls carry until it is acknowledged, at most 50. */
  owed(): TaskResult[];
  acknowledge(ids: readonly string[]): void;
  /** Marks what was running when the agent stopped as failed, and forgets what expired more than a day ago. */
  recover(now: Date): void;
}

const dayMs = 86_400_000;
const finalStates = [TaskState.SUCCEEDED, TaskState.FAILED, TaskState.REFUSED];

/** Makes the table where it is missing. The database stays the caller's to close. */
export function openTaskMemory(db: Database): TaskMemory {
  db.exec(
    "CREATE TABLE IF NOT EXISTS task (id TEXT PRIMARY KEY, expires_at INTEGER NOT NULL, result BLOB NOT NULL, owed INTEGER NOT NULL) STRICT",
  );
  function known(id: string): TaskResult | undefined {
    const row = db.get<{ result: Uint8Array }>("SELECT result FROM task WHERE id = ?", id);
    return row === undefined ? undefined : TaskResult.decode(row.result);
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
      if (before !== undefined && finalStates.includes(before.state)) return;
      const bytes = TaskResult.encode(result).finish();
      db.run("UPDATE task SET result = ?, owed = ? WHERE id = ?", bytes, owed ? 1 : 0, result.taskId);
    },
    askedAgain: (id) => void db.run("UPDATE task SET owed = 1 WHERE id = ?", id),
    owed: () =>
      db.all<{ result: Uint8Array }>("SELECT result FROM task WHERE owed = 1 ORDER BY rowid LIMIT 50")
        .map(({ result }) => TaskResult.decode(result)),
    acknowledge(ids) {
      for (const id of ids) {
        const result = known(id);
        // What was acknowledged may be an earlier state than the one that is owed now.
        if (result !== undefined && finalStates.includes(result.state)) {
          db.run("UPDATE task SET owed = 0 WHERE id = ?", id);
        }
      }
    },
    recover(now) {
      for (const { result } of db.all<{ result: Uint8Array }>("SELECT result FROM task")) {
        const task = TaskResult.decode(result);
        if (finalStates.includes(task.state)) continue;
        const message = "The agent was stopped while the task was waiting or running";
        this.put({ ...task, state: TaskState.FAILED, message, at: now }, { owed: true });
      }
      db.run("DELETE FROM task WHERE owed = 0 AND expires_at < ?", now.getTime() - dayMs);
    },
  };
}
