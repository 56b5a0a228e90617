import assert from "node:assert/strict";
import { parseAgentConfig } from "../config/read_config.ts";
import { TaskRefusal } from "../tasks/task_runner.ts";
import { mayPing, runPingTask } from "./ping_task.ts";

const config = parseAgentConfig(
  `
platform: { rootDomain: example.com, endpoints: [dca.example.com] }
sites: [{ name: hq, ranges: [10.1.0.0/24], exclude: [10.1.0.9], hosts: [p1.example.com] }]
policy: { ranges: [10.1.0.0/23], exclude: [192.0.2.0/24, 10.1.0.7] }
`,
  { file: "agent.yaml", env: () => undefined, readFile: () => "" },
);

for (
  const [target, want] of [
    ["10.1.0.1", true],
    ["10.1.1.255", true],
    ["10.1.2.0", false],
    ["10.1.0.7", false],
    ["::1", false],
    ["P1.example.com.", true],
    ["p2.example.com", false],
    ["p1.example.com.evil.test", false],
  ] as const
) {
  Deno.test(`mayPing() is ${want} for ${target}`, () => assert.equal(mayPing(config, target), want));
}

async function pinged(addresses: string[]): Promise<string> {
  const { address } = await runPingTask({ target: "p1.example.com", count: 1 }, {
    config: () => config,
    resolve: () => Promise.resolve(addresses),
    ping: () => Promise.resolve({ roundTripMs: [1] }),
  }, new AbortController().signal);
  return address;
}

Deno.test("runPingTask() pings no address that the policy excludes, whatever a name points to", async () => {
  assert.equal(await pinged(["192.0.2.1", "192.0.3.1"]), "192.0.3.1");
  await assert.rejects(pinged(["192.0.2.1", "10.1.0.7"]), TaskRefusal);
  await assert.rejects(pinged([]), TaskRefusal);
});
