import assert from "node:assert/strict";
import { TaskResult } from "../../proto/gen/opendca/v1/task.ts";
import { shownSession } from "./manage_sessions.ts";
import type { ListedSession } from "./sessions.ts";

const now = new Date("2026-11-23T12:00:00Z");
const row = { state: "closed", ends_at: now.getTime() + 1000, task_state: "succeeded", task_message: "" };
const result = (output: unknown) => TaskResult.encode(TaskResult.fromPartial({ output } as never)).finish();
const end = "its standing approval is over";
const ended = result({ $case: "webAccess", value: { end } });

for (
  const { name, change, reason } of [
    { name: "what the agent says", change: { task_result: ended }, reason: `the agent closed the connection: ${end}` },
    { name: "no result yet", change: { task_result: null }, reason: "the agent closed the connection" },
    {
      name: "a result without a reason",
      change: { task_result: result(undefined) },
      reason: "the agent closed the connection",
    },
    { name: "the platform's own reason", change: { task_result: ended, end_reason: "done" }, reason: "done" },
  ]
) {
  Deno.test(`shownSession() gives as the reason of the end ${name}`, () => {
    const session = { ...row, end_reason: "the agent closed the connection", ...change } as ListedSession;
    assert.equal(shownSession(session, now).reason, reason);
  });
}
