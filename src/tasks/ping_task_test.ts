import assert from "node:assert/strict";
import { RefusalReason } from "../../proto/gen/opendca/v1/task.ts";
import { FakeClock } from "../../tests/fixtures/fake_clock.ts";
import { maskAddresses } from "../../common/reading/mask_addresses.ts";
import { parseAgentConfig } from "../config/read_config.ts";
import { TaskRefusal } from "./task_refusal.ts";
import { mayPing, type PingTaskParts, runPingTask } from "./ping_task.ts";

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

const local = parseAgentConfig(
  `
platform: { rootDomain: example.com, endpoints: [dca.example.com] }
sites: [{ name: hq, ranges: [fe80::1%eth0, fd00::1] }]
policy: { ranges: ["fe80::/64", "fd00::/64", "::1"] }
`,
  { file: "agent.yaml", env: () => undefined, readFile: () => "" },
);

for (const [target, want] of [["FE80:0::1%eth0", "fe80::1%eth0"], ["fd00:0::1", "fd00::1"], ["::1", "::1"]] as const) {
  Deno.test(`runPingTask() pings ${target} as ${want}`, async () => {
    const ping = (address: string) => Promise.resolve({ roundTripMs: address === want ? [1] : [] });
    const output = await runPingTask({ target, count: 1 }, parts({ config: () => local, ping }), signal);
    assert.deepEqual([output.address, output.received], [want, 1]);
  });
}

function parts(rest: Partial<PingTaskParts>): PingTaskParts {
  return {
    config: () => config,
    clock: new FakeClock(),
    resolve: () => Promise.resolve({ addresses: [], fault: null }),
    ping: () => Promise.resolve({ roundTripMs: [1] }),
    cleanText: (text) => text,
    ...rest,
  };
}

const { signal } = new AbortController();

async function pinged(addresses: string[]): Promise<string> {
  const resolve = () => Promise.resolve({ addresses, fault: null });
  return (await runPingTask({ target: "p1.example.com", count: 1 }, parts({ resolve }), signal)).address;
}

for (
  const [target, reason] of [
    ["10.1.2.0", RefusalReason.POLICY],
    ["p2.example.com", RefusalReason.POLICY],
    ["", RefusalReason.MALFORMED],
    ["-f10.1.0.1", RefusalReason.MALFORMED],
    ["10.1.0.1 -f", RefusalReason.MALFORMED],
    ["10.1.0.1\n", RefusalReason.MALFORMED],
    ["10.1.0.1%eth0", RefusalReason.MALFORMED],
    ["fe80::1%", RefusalReason.MALFORMED],
    ["fe80::1%-f", RefusalReason.MALFORMED],
    ["fe80::1%eth0 -f", RefusalReason.MALFORMED],
    ["fd00::1%eth0", RefusalReason.MALFORMED],
    ["fe80::1%eth0", RefusalReason.POLICY],
    [`1${"0".repeat(253)}`, RefusalReason.MALFORMED],
  ] as const
) {
  Deno.test(`runPingTask() refuses ${JSON.stringify(target.slice(0, 20))} and pings nothing`, async () => {
    const running = runPingTask({ target, count: 1 }, parts({ ping: assert.fail }), signal);
    await assert.rejects(running, (error) => error instanceof TaskRefusal && error.reason === reason);
  });
}

for (const [count, want] of [[0, 4], [1, 1], [10, 10], [11, 10], [4_000_000_000, 10]] as const) {
  Deno.test(`runPingTask() sends ${want} echoes when it is asked for ${count}, and masks the address`, async () => {
    const counts: number[] = [];
    const output = await runPingTask(
      { target: "10.1.0.1", count },
      parts({
        ping: (_address, options) => (counts.push(options.count), Promise.resolve({ roundTripMs: [2, 3] })),
        cleanText: () => "[masked]",
      }),
      signal,
    );
    assert.deepEqual(counts, [want]);
    assert.deepEqual(output, { address: "[masked]", sent: want, received: 2, roundTripMs: [2, 3], said: "[masked]" });
  });
}

Deno.test("runPingTask() tells what came instead of an answer, with addresses masked", async () => {
  const ping = () => Promise.resolve({ roundTripMs: [], said: "From 10.1.0.2 Destination Host Unreachable" });
  const cleanText = (text: string) => maskAddresses(text, ["address"]);
  const output = await runPingTask({ target: "10.1.0.1", count: 1 }, parts({ ping, cleanText }), signal);
  assert.equal(output.said, "From [masked] Destination Host Unreachable");
});

Deno.test("runPingTask() pings no address that the policy excludes, whatever a name points to", async () => {
  assert.equal(await pinged(["192.0.2.1", "192.0.3.1"]), "192.0.3.1");
  await assert.rejects(pinged(["192.0.2.1", "10.1.0.7"]), TaskRefusal);
  await assert.rejects(pinged([]), TaskRefusal);
});

const night = parseAgentConfig(
  `
platform: { rootDomain: example.com, endpoints: [dca.example.com] }
sites: [{ name: hq, ranges: [10.1.0.0/24], hosts: [p1.example.com] }]
policy: { ranges: [10.1.0.0/16] }
schedule: { allowedHours: { hours: ["22:00-23:00"], timeZone: UTC } }
`,
  { file: "agent.yaml", env: () => undefined, readFile: () => "" },
);

for (
  const [target, at, want] of [
    ["10.1.0.1", "22:30:00", "answered"],
    ["10.1.0.1", "21:59:59", "refused"],
    ["10.1.0.1", "22:59:59", "refused"],
    ["p1.example.com", "12:00:00", "refused"],
    ["p1.example.com", "22:00:00", "answered"],
    ["10.1.1.1", "12:00:00", "answered"],
  ] as const
) {
  Deno.test(`runPingTask() is ${want} for ${target} at ${at} when its site is asked from 22:00 to 23:00`, async () => {
    const running = runPingTask(
      { target, count: 1 },
      parts({
        config: () => night,
        clock: new FakeClock(`2026-01-01T${at}Z`),
        resolve: () => Promise.resolve({ addresses: ["192.0.2.1"], fault: null }),
      }),
      signal,
    );
    if (want === "refused") await assert.rejects(running, TaskRefusal);
    else assert.equal((await running).received, 1);
  });
}

Deno.test("runPingTask() ends with the hours", async () => {
  const clock = new FakeClock("2026-01-01T22:59:55Z");
  const ping: PingTaskParts["ping"] = async (_address, { signal }) => {
    await clock.sleep(10_000, signal);
    return { roundTripMs: [] };
  };
  const running = runPingTask(
    { target: "10.1.0.1", count: 10 },
    parts({ config: () => night, clock, ping }),
    signal,
  );
  const stopped = assert.rejects(running, /allowed hours have ended/);
  await clock.advance(4000);
  await stopped;
  assert.equal(clock.waiting, 0);
});
