import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { ExtendWebAccess, OpenWebAccess, RefusalReason } from "../../proto/gen/opendca/v1/task.ts";
import { FakeClock } from "../../tests/fixtures/fake_clock.ts";
import type { PolicyConfig } from "../config/agent_config.ts";
import { parseAgentConfig } from "../config/read_config.ts";
import { createTaskHandler } from "./task_handler.ts";
import { TaskRefusal } from "./task_refusal.ts";
import type { TaskHandler, TaskPayload } from "./task_runner.ts";

const config = parseAgentConfig(
  "platform: { rootDomain: example.com, endpoints: [dca.example.com] }\nsites: [{ name: hq, ranges: [10.1.0.0/24] }]\n",
  { file: "agent.yaml", env: () => undefined, readFile: () => "" },
);
const document = { hash: "h", content: Buffer.of() };

/** A handler under a policy, and what it has had done. */
function handlerWith(features: Partial<PolicyConfig["features"]>): { handler: TaskHandler; done: string[] } {
  const clock = new FakeClock();
  const done: string[] = [];
  const common = { config: () => config, clock, cleanText: (text: string) => text };
  const handler = createTaskHandler({
    refreshConfig: () => Promise.resolve(),
    extendWebAccess: ({ sessionId }) => {
      done.push(`extendWebAccess ${sessionId}`);
      return Promise.resolve({ endsAt: undefined });
    },
    openWebAccess: ({ sessionId }) => {
      done.push(`openWebAccess ${sessionId}`);
      return Promise.resolve({
        bytesToDevice: 0n,
        bytesFromDevice: 0n,
        connections: 0,
        end: "it was closed",
        approvedBy: "",
      });
    },
    policy: () => ({ features: { ...config.policy.features, ...features } }),
    scan: {
      ...common,
      places: () => [],
      scan: () => (done.push("scan"), Promise.resolve({ addresses: 1, answered: 1, printers: 1, durationMs: 1 })),
    },
    ping: {
      ...common,
      resolve: () => Promise.resolve({ addresses: [], fault: null }),
      ping: () => (done.push("ping"), Promise.resolve({ roundTripMs: [1] })),
    },
    diagnostics: {
      ...common,
      status: () => (done.push("diagnostics"), {}),
      readTextFile: () => Promise.reject(new Error("none")),
    },
    setConfig: {
      apply: ({ hash }) => (done.push(`setConfig ${hash}`), Promise.resolve()),
      effectiveHash: () => "effective",
      refusals: () => ["refused"],
    },
  });
  return { handler, done };
}

const kinds: [feature: keyof PolicyConfig["features"], payload: TaskPayload, done: string][] = [
  ["scan", { $case: "scanNow", value: { site: "", targets: [], knownDevicesOnly: false } }, "scan"],
  ["ping", { $case: "ping", value: { target: "10.1.0.1", count: 1 } }, "ping"],
  ["diagnostics", { $case: "diagnostics", value: { logHours: 0 } }, "diagnostics"],
  ["setConfig", { $case: "setConfig", value: { config: document } }, "setConfig h"],
  [
    "webAccess",
    { $case: "openWebAccess", value: OpenWebAccess.fromPartial({ sessionId: "ses-1" }) },
    "openWebAccess ses-1",
  ],
  [
    "webAccess",
    { $case: "extendWebAccess", value: ExtendWebAccess.fromPartial({ sessionId: "ses-1" }) },
    "extendWebAccess ses-1",
  ],
];
const { signal } = new AbortController();

for (const [feature, payload, want] of kinds) {
  Deno.test(`createTaskHandler() does a task of the kind ${payload.$case} where policy.features.${feature} is on`, async () => {
    const { handler, done } = handlerWith({ [feature]: true });
    await handler(payload, signal);
    assert.deepEqual(done, [want]);
  });

  Deno.test(`createTaskHandler() refuses the kind ${payload.$case} where policy.features.${feature} is off`, async () => {
    const { handler, done } = handlerWith({ [feature]: false });
    await assert.rejects(handler(payload, signal), (error) => {
      assert.ok(error instanceof TaskRefusal);
      assert.equal(error.reason, RefusalReason.POLICY);
      assert.match(error.message, new RegExp(`policy.features.${feature} is off`));
      return true;
    });
    assert.deepEqual(done, []);
  });
}

Deno.test("createTaskHandler() tells what the policy refused of a configuration, and refuses a task without one", async () => {
  const { handler, done } = handlerWith({ setConfig: true });
  const output = await handler({ $case: "setConfig", value: { config: document } }, signal);
  assert.deepEqual(output, { $case: "setConfig", value: { effectiveConfigHash: "effective", refusals: ["refused"] } });
  const empty = handler({ $case: "setConfig", value: { config: undefined } }, signal);
  await assert.rejects(empty, (error) => error instanceof TaskRefusal && error.reason === RefusalReason.MALFORMED);
  assert.deepEqual(done, ["setConfig h"]);
});
