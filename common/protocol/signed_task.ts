/** Signs tasks on the platform, and verifies them on the agent before their content is used. */
import { Buffer } from "node:buffer";
import { RefusalReason, type SignedTask, Task } from "../../proto/gen/opendca/v1/task.ts";
import { maxTaskBytes } from "./limits.ts";
import { isSignedBy, keyIdOf, type SigningKey } from "./signature.ts";

const context = "opendca.task.v1";

/** The task as bytes, and the signature over exactly these. */
export function signTask(key: SigningKey, task: Task): SignedTask {
  const bytes = Task.encode(task).finish();
  return { task: Buffer.from(bytes), signature: Buffer.from(key.sign(context, bytes)), keyId: key.keyId };
}

export type TaskVerdict =
  | { kind: "sound"; task: Task }
  /** `taskId` is null if unknown, and for a forged task: anybody could use the id of a real one. */
  | { kind: "refused"; taskId: string | null; reason: RefusalReason; message: string };

/**
 * `signingKeys`: Ed25519, 32 bytes in base64. `now`: by the platform's clock. The caller must detect repeated tasks.
 */
export function verifyTask(
  signed: SignedTask,
  expected: { agentId: string; signingKeys: readonly string[]; now: Date },
): TaskVerdict {
  if (signed.task.length > maxTaskBytes) {
    return refused(null, RefusalReason.MALFORMED, `it is larger than ${maxTaskBytes} bytes`);
  }
  const task = maybeTask(signed.task);
  const taskId = task !== undefined && /^[0-9A-Za-z-]{8,64}$/.test(task.taskId) ? task.taskId : null;
  if (!isSignedTask(signed, expected.signingKeys)) {
    const name = taskId === null ? "" : ` and calls itself ${taskId}`;
    return refused(null, RefusalReason.BAD_SIGNATURE, `it is not signed by the platform's key${name}`);
  }
  if (task === undefined || taskId === null) return refused(taskId, RefusalReason.MALFORMED, "it cannot be read");
  if (task.agentId !== expected.agentId) {
    return refused(taskId, RefusalReason.WRONG_AGENT, `it is for another agent: current value is ${task.agentId}`);
  }
  if (Number.isNaN(task.expiresAt?.getTime())) {
    return refused(taskId, RefusalReason.MALFORMED, "its expiry is not a valid time");
  }
  if (task.expiresAt === undefined || task.expiresAt <= expected.now) {
    return refused(taskId, RefusalReason.EXPIRED, `it expired at ${task.expiresAt?.toISOString() ?? "no time"}`);
  }
  if (task.payload === undefined) {
    return refused(taskId, RefusalReason.UNKNOWN_KIND, "this agent does not know its kind");
  }
  return { kind: "sound", task };
}

/** Whether one of the keys has signed it; the content is not checked. */
export function isSignedTask({ task, signature, keyId }: SignedTask, signingKeys: readonly string[]): boolean {
  const rawKey = signingKeys.map((key) => Buffer.from(key, "base64")).find((key) => keyIdOf(key) === keyId);
  return rawKey !== undefined && isSignedBy(rawKey, { context, message: task, signature });
}

function maybeTask(bytes: Uint8Array): Task | undefined {
  try {
    return Task.decode(bytes);
  } catch {
    return undefined; // Not a Task: reported by the verdict.
  }
}

function refused(taskId: string | null, reason: RefusalReason, why: string): TaskVerdict {
  return { kind: "refused", taskId, reason, message: `Cannot run the task as ${why}` };
}
