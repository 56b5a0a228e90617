import { Buffer } from "node:buffer";
import { type SignedTask, Task } from "../../proto/gen/opendca/v1/task.ts";
import type { SigningKey } from "./signing_key.ts";

/** The task as bytes, and the signature over exactly these. */
export function signTask(key: SigningKey, task: Task): SignedTask {
  const bytes = Task.encode(task).finish();
  return {
    task: Buffer.from(bytes),
    signature: Buffer.from(key.sign("opendca.task.v1", bytes)),
    keyId: key.keyId,
  };
}
