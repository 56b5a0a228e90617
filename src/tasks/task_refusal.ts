import { RefusalReason } from "../../proto/gen/opendca/v1/task.ts";

/** The agent refuses a task: the task's state is refused, not failed. */
export class TaskRefusal extends Error {
  override readonly name = "TaskRefusal";
  constructor(readonly reason: RefusalReason, message: string) {
    super(message);
  }
}

/** A refusal by the administrator's policy. */
export function policyRefusal(why: string): TaskRefusal {
  return new TaskRefusal(RefusalReason.POLICY, `Cannot run the task as ${why}`);
}
