import { spanOf } from "../../../common/core/clock.ts";
import { TaskResult } from "../../../proto/gen/opendca/v1/task.ts";
import type { OpenPlatform } from "../../agents/platform.ts";
import type { TenantBy } from "../../audit/use_case.ts";
import { showTask } from "../../tasks/manage_tasks.ts";
import type { TaskRow } from "../../tasks/tasks.ts";

const lookEveryMs = 250;
const open = ["waiting", "delivered", "accepted", "running"];

/** 69 for a failed, cancelled or expired task, 77 for one that the agent's policy forbids. */
export function exitCodeOfTask(state: string): number {
  return state === "succeeded" ? 0 : state === "refused" ? 77 : 69;
}

/** The task's row after it has ended, or expired before the agent started it. `show` gets each new progress line. */
export async function waitForTask(
  platform: OpenPlatform,
  by: TenantBy,
  { taskId, show }: { taskId: string; show(line: string): Promise<void> },
): Promise<TaskRow> {
  let shown = "";
  for (;;) {
    const row = await showTask(platform, by, { taskId });
    const now = platform.clock.now().getTime();
    if (!open.includes(row.state)) return row;
    // The agent reports on a task that it has started.
    if ((row.state === "waiting" || row.state === "delivered") && row.expires_at <= now) {
      return { ...row, state: "expired" };
    }
    const line = progressLine(row);
    if (line !== shown) await show(shown = line);
    await new Promise<void>((resolve) => setTimeout(resolve, lookEveryMs));
  }
}

/** Such as "running, 120 of 256". */
export function progressLine({ state, result, created_at, expires_at }: TaskRow): string {
  const progress = result === null ? undefined : TaskResult.decode(result).progress;
  if (progress !== undefined) {
    return progress.total > 0 ? `${state}, ${progress.done} of ${progress.total}` : `${state}, ${progress.done}`;
  }
  return state === "waiting" ? `waiting for the agent, at most ${spanOf(expires_at - created_at)}` : state;
}
