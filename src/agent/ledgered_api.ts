/** The platform's calls with the ledger in between: what leaves is written down before it leaves. */
import { PollRequest } from "../../proto/gen/opendca/v1/agent_service.ts";
import { Batch } from "../../proto/gen/opendca/v1/batch.ts";
import { Task } from "../../proto/gen/opendca/v1/task.ts";
import type { SignedTask } from "../../proto/gen/opendca/v1/task.ts";
import type { Clock } from "../core/clock.ts";
import type { Ledger, NewLedgerEntry } from "../ledger/ledger.ts";
import type { AgentApi } from "../transport/agent_api.ts";

export interface LedgeredOptions {
  ledger: Pick<Ledger, "append">;
  clock: Pick<Clock, "now">;
  /** The disk did not take an entry. The call goes on: an agent that could not send could not make room either. */
  onLost(error: unknown): void;
}

/**
 * A batch is one entry however often it is sent in one run. A poll is one when it carries more than the agent's status, or
 * brings tasks or a configuration.
 */
export function ledgeredApi(api: AgentApi, { ledger, clock, onLost }: LedgeredOptions): AgentApi {
  let lastBatch = "";

  function note(entry: Omit<NewLedgerEntry, "at">): void {
    try {
      ledger.append({ at: clock.now(), ...entry });
    } catch (error) {
      onLost(error);
    }
  }

  return {
    activate: (request, signal) => api.activate(request, signal),
    renew: (request, signal) => api.renew(request, signal),
    upload(batch, signal) {
      const key = `${batch.agentEpoch} ${batch.sequence}`;
      if (key !== lastBatch) {
        note({
          kind: "upload",
          summary: `Sent batch ${batch.sequence} with ${countOf(batch.recordCount, "record")}`,
          bytes: Batch.encode(batch).finish(),
          details: {
            batchId: batch.batchId,
            epoch: batch.agentEpoch,
            sequence: Number(batch.sequence),
            records: batch.recordCount,
          },
        });
      }
      lastBatch = key;
      return api.upload(batch, signal);
    },
    async poll(request, signal) {
      const { taskResults, effectiveConfig } = request;
      if (taskResults.length > 0 || effectiveConfig !== undefined) {
        const parts = [
          ...(taskResults.length > 0 ? [countOf(taskResults.length, "task result")] : []),
          ...(effectiveConfig === undefined ? [] : ["the effective configuration, secrets redacted"]),
        ];
        note({
          kind: effectiveConfig === undefined ? "task" : "config",
          summary: `Sent ${parts.join(" and ")}`,
          bytes: PollRequest.encode(request).finish(),
          details: { tasks: taskResults.map(({ taskId }) => taskId) },
        });
      }
      const answer = await api.poll(request, signal);
      for (const task of answer.tasks) {
        note({ kind: "task", summary: `Received ${describe(task)}`, bytes: task.task, details: { keyId: task.keyId } });
      }
      if (answer.config !== undefined) {
        const { hash, content } = answer.config;
        note({ kind: "config", summary: `Received configuration ${hash.slice(0, 16)}`, bytes: content, details: {} });
      }
      return answer;
    },
  };
}

/** Whether the task is sound is judged later; a person sees what it said. */
function describe({ task }: SignedTask): string {
  try {
    const { taskId, payload } = Task.decode(task);
    return `task ${taskId}, ${payload?.$case ?? "of an unknown kind"}`;
  } catch {
    return "a task that cannot be read";
  }
}

function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
