import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { TaskResult, WebAccessOutput } from "../../proto/gen/opendca/v1/task.ts";
import { taskOutcome } from "./task_outcome.ts";

type Output = NonNullable<TaskResult["output"]>;

const cases: { output?: Output; message?: string; want: string }[] = [
  { want: "" },
  { message: "the policy forbids it", want: "the policy forbids it" },
  { message: "x".repeat(500), want: "x".repeat(500) },
  { message: "done\nsucceeded\u001b[2J: all", want: "done succeeded: all" },
  {
    output: {
      $case: "ping",
      value: { address: "a\u0007", sent: 1, received: 0, roundTripMs: [], said: "\u001b]0;title\u0007gone\nnext" },
    },
    want: "a: 0 of 1 answered; ping says: gone next",
  },
  {
    output: { $case: "scan", value: { addresses: 254, answered: 9, printers: 7, durationMs: 2210 } },
    want: "7 printers, 9 of 254 addresses answered, 2.2 s",
  },
  {
    output: { $case: "ping", value: { address: "10.1.0.7", sent: 3, received: 2, roundTripMs: [0.4, 1.25], said: "" } },
    want: "10.1.0.7: 2 of 3 answered, 0.4 to 1.25 ms",
  },
  {
    output: { $case: "ping", value: { address: "10.1.0.7", sent: 3, received: 0, roundTripMs: [], said: "" } },
    want: "10.1.0.7: 0 of 3 answered",
  },
  {
    output: {
      $case: "ping",
      value: { address: "[masked]", sent: 1, received: 0, roundTripMs: [], said: "From [masked] Packet filtered" },
    },
    want: "[masked]: 0 of 1 answered; ping says: From [masked] Packet filtered",
  },
  {
    output: { $case: "diagnostics", value: { bundle: Buffer.alloc(1234) } },
    want: "archive of 1234 bytes: --json has it",
  },
  {
    output: {
      $case: "webAccess",
      value: WebAccessOutput.create({
        end: "nothing was sent for 5m",
        connections: 3,
        bytesToDevice: 200n,
        bytesFromDevice: 5000n,
      }),
    },
    want: "nothing was sent for 5m; 3 connections, 200 bytes to the device, 5000 from it",
  },
  { output: { $case: "setConfig", value: { effectiveConfigHash: "a", refusals: [] } }, want: "accepted" },
  {
    output: { $case: "setConfig", value: { effectiveConfigHash: "a", refusals: ["no such field", "b"] } },
    want: "accepted with 2 refusals: no such field",
  },
];
for (const { output, message = "", want } of cases) {
  Deno.test(`taskOutcome() of ${output?.$case ?? "nothing"} with ${JSON.stringify(message)} is "${want}"`, () => {
    assert.equal(taskOutcome(TaskResult.fromPartial({ message, ...(output === undefined ? {} : { output }) })), want);
  });
}
