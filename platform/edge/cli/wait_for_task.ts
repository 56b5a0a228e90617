import { spanOf } from "../../../common/core/clock.ts";
import { TaskResult } from "../../../proto/gen/opendca/v1/task.ts";
import { maybePollNote } from "../../agents/agent_health.ts";
import { showAgent } from "../../agents/manage_agents.ts";
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

/**
 * The task's row after it has ended, or expired before the agent started it. `show` gets each new progress line.
 * `pollNote` says how the task gets to the agent if no broker brings it.
 */
export async function waitForTask(
  platform: OpenPlatform,
  by: TenantBy,
  { taskId, pollNote, show }: { taskId: string; pollNote: string | undefined; show(line: string): Promise<void> },
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
    const line = [progressLine(row), row.state === "waiting" ? pollNote : undefined].filter((text) =>
      text !== undefined
    ).join("; ");
    if (line !== shown) await show(shown = line);
    await new Promise<void>((resolve) => setTimeout(resolve, lookEveryMs));
  }
}

/** How a task gets to the agent, and when, if no broker brings it. */
export async function pollNoteOf(platform: OpenPlatform, by: TenantBy, agentId: string): Promise<string | undefined> {
  const { row } = await showAgent(platform, by, { agentId });
  return maybePollNote(row, platform.clock.now().getTime());
}

/** Such as "running, 120 of 256". */
export function progressLine({ state, result, created_at, expires_at }: TaskRow): string {
  const progress = result === null ? undefined : TaskResult.decode(result).progress;
  if (progress !== undefined) {
    return progress.total > 0 ? `${state}, ${progress.done} of ${progress.total}` : `${state}, ${progress.done}`;
  }
  return state === "waiting" ? `waiting for the agent, at most ${spanOf(expires_at - created_at)}` : state;
}
