/** Tasks of the platform for the agent of a test, sound ones and others. */
import { signTask } from "../../common/protocol/signed_task.ts";
import { addTask, type TaskRow, taskRows } from "../../platform/tasks/tasks.ts";
import { type SignedTask, Task } from "../../proto/gen/opendca/v1/task.ts";
import type { Office } from "../fixtures/office_agent.ts";

export interface GivenTask {
  /** Default: a scan of the known devices; undefined: none. */
  payload?: Task["payload"];
  /** Default: an hour. */
  expiresInMs?: number;
  /** Fields of the task that are not as the platform makes them. */
  wrong?: Partial<Task>;
  /** Makes something else of the signed task. */
  spoil?: (signed: SignedTask) => SignedTask;
}

export function scanOf(targets: string[] = []): Task["payload"] {
  return { $case: "scanNow", value: { site: "", targets, knownDevicesOnly: targets.length === 0 } };
}

/** Puts a task into the platform's store as its command line does; returns its id. */
export async function giveTask(office: Office, given: GivenTask = {}): Promise<string> {
  const { expiresInMs = 3_600_000, spoil = (signed) => signed } = given;
  const { platform: { platform }, tenant, agentId } = office;
  const payload = "payload" in given ? given.payload : scanOf();
  const at = platform.clock.now(), expiresAt = new Date(at.getTime() + 3_600_000);
  const task = Task.fromPartial({
    taskId: crypto.randomUUID(),
    agentId,
    issuedAt: at,
    expiresAt: new Date(at.getTime() + expiresInMs),
    ...given.wrong,
    ...(payload === undefined ? {} : { payload }),
  });
  const signed = spoil(signTask(platform.signingKey, task));
  // The store's own id and expiry stay sound, so that the platform delivers whatever the task says.
  const taskId = given.wrong?.taskId === undefined ? task.taskId : crypto.randomUUID();
  await addTask(tenant, { taskId, agentId, kind: "scan", signed, at, expiresAt });
  return taskId;
}

export async function taskOf({ tenant }: Office, taskId: string): Promise<TaskRow> {
  return (await taskRows(tenant)).find(({ task_id }) => task_id === taskId)!;
}
