import { fakeNames } from "../../tests/fixtures/fake_names.ts";
import assert from "node:assert/strict";
import { Secret } from "../../common/core/secret.ts";
import { type CredentialPlan, planToWire } from "../snmp/credential.ts";
import { parseTargets } from "../targets/parse_targets.ts";
import { digestOf, doneOf, type SweepPosition, tryParsePosition, wholeSweepMs } from "./sweep_position.ts";

const position: SweepPosition = {
  digest: "00c0ffee",
  seed: 4711,
  size: 200,
  begunAt: "2026-01-01T00:00:10.000Z",
  activeMs: 1000,
  answered: 7,
  printers: 5,
  done: [[0, 100], [120, 130]],
  begun: [{ from: 100, to: 120, reported: ["10.1.0.7 161"] }],
};

Deno.test("tryParsePosition() reads what was kept", () => {
  assert.deepEqual(tryParsePosition(JSON.stringify(position)), position);
  assert.equal(doneOf(position), 111);
  assert.equal(Math.round(wholeSweepMs(position)!), 1802);
  assert.equal(wholeSweepMs({ ...position, done: [[0, 8]], begun: [] }), undefined);
});

const bad: [name: string, text: string][] = [
  ["nothing", ""],
  ["half of it", JSON.stringify(position).slice(0, 100)],
  ["null", "null"],
  ["a number", "4711"],
  ["a list", "[]"],
  ["an empty object", "{}"],
  ...([
    ["no digest", { digest: undefined }],
    ["a seed that is no number", { seed: "4711" }],
    ["a time that is none", { begunAt: "yesterday" }],
    ["a count below zero", { answered: -1 }],
    ["a slice that ends before it begins", { done: [[10, 5]] }],
    ["a slice of three", { done: [[1, 2, 3]] }],
    ["a slice beyond the addresses", { size: 129 }],
    ["no size", { size: undefined }],
    ["a fraction", { done: [[0, 1.5]] }],
    ["slices that overlap", { done: [[0, 101]] }],
    ["a slice without devices", { begun: [{ from: 100, to: 120 }] }],
    ["null for a slice", { begun: [null] }],
    ["a device that is no text", { begun: [{ from: 100, to: 120, reported: [5] }] }],
  ] as const).map(([name, change]): [string, string] => [name, JSON.stringify({ ...position, ...change })]),
];
for (const [name, text] of bad) {
  Deno.test(`tryParsePosition() takes ${name} for no position`, () => assert.equal(tryParsePosition(text), undefined));
}

function planOf(community: string, name = "agent.yaml:3"): CredentialPlan {
  return {
    rules: [{
      ranges: [{ family: 4, first: 0n, last: 0xffffffffn }],
      credentials: [{ kind: "community", name, community: new Secret(community), versions: ["2c", "1"] }],
    }],
  };
}

Deno.test("digestOf() is another for other addresses, ports and credentials, and the same for another line of the file", async () => {
  const spaceOf = (target: string, port = 161) =>
    parseTargets([target], {
      exclude: [],
      port,
      maxAddresses: 1000,
      resolve: fakeNames({}),
      readTextFile: () => Promise.reject(new Error("no files here")),
    });
  const digest = async (target: string, plan: CredentialPlan, port?: number) =>
    digestOf(await spaceOf(target, port), planToWire(plan));
  const first = await digest("10.1.0.0/24", planOf("public"));
  assert.match(first, /^[0-9a-f]{8}$/);
  assert.equal(await digest("10.1.0.0/24", planOf("public", "agent.yaml:9")), first);
  const others = await Promise.all([
    digest("10.1.1.0/24", planOf("public")),
    digest("10.1.0.0/24", planOf("private")),
    digest("10.1.0.0/24", planOf("public"), 1161),
    digest("fd00::1", planOf("public")),
  ]);
  assert.equal(new Set([first, ...others]).size, 5);
});
