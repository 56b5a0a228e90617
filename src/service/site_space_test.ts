import assert from "node:assert/strict";
import { parseAgentConfig } from "../config/read_config.ts";
import type { AgentConfig } from "../config/agent_config.ts";
import { type AddressSpace, targetAt } from "../targets/address_space.ts";
import { parseTargetSpec } from "../targets/target_spec.ts";
import { narrowSpace } from "../targets/narrow_space.ts";
import { fakeNames } from "../../tests/fixtures/fake_names.ts";
import { maybeRangeOf, siteSpace } from "./site_space.ts";

function configOf(sites: string): AgentConfig {
  return parseAgentConfig(`platform: { rootDomain: example.com, endpoints: [dca.example.com] }\n${sites}`, {
    file: "agent.yaml",
    env: () => undefined,
    readFile: () => "",
  });
}

const names: Record<string, string[]> = {
  "p1.example.com": ["10.9.0.1"],
  "evil.example.com": ["10.1.9.7"],
  "gone": [],
};

async function spaceOf(config: AgentConfig, skipped: string[] = []): Promise<AddressSpace | undefined> {
  return await siteSpace(config.sites[0]!, {
    config,
    resolve: fakeNames(names),
    onHostFault: ({ host, reason }) => skipped.push(`${host}: ${reason}`),
  });
}

function listOf(space: AddressSpace | undefined): string[] {
  if (space === undefined) return ["nothing"];
  return [...Array(space.size).keys()].map((i) => {
    const { address, port, hostname } = targetAt(space, i);
    return `${address}:${port}${hostname === null ? "" : ` ${hostname}`}`;
  });
}

Deno.test("siteSpace() leaves out names without an address or with one that the policy excludes", async () => {
  const config = configOf(`
sites: [{ name: a, ranges: [10.1.0.1-2], hosts: [p1.example.com, "gone:1161", evil.example.com] }]
policy: { exclude: [10.1.9.0/24], ports: { snmp: [161, 1161] } }
`);
  const skipped: string[] = [];
  assert.deepEqual(listOf(await spaceOf(config, skipped)), [
    "10.1.0.1:161",
    "10.1.0.2:161",
    "10.9.0.1:161 p1.example.com",
  ]);
  assert.deepEqual(skipped, [
    "gone:1161: no name server knows it",
    "evil.example.com: the policy allows none of its addresses",
  ]);
});

Deno.test("siteSpace() is undefined when nothing is left", async () => {
  assert.deepEqual(listOf(await spaceOf(configOf("sites: [{ name: a, hosts: [gone] }]"))), ["nothing"]);
});

const site = configOf("sites: [{ name: a, ranges: [10.1.0.0/29, 'fd00::1-fd00::3'], hosts: [p1.example.com] }]");
const narrowings: { name: string; ranges: [target: string, port: number][]; hostnames?: string[]; want: string[] }[] = [
  { name: "one known place", ranges: [["10.1.0.3", 161]], want: ["10.1.0.3:161"] },
  {
    name: "a place of a name, which keeps its name",
    ranges: [["10.9.0.1", 161]],
    want: [
      "10.9.0.1:161 p1.example.com",
    ],
  },
  { name: "a name", ranges: [], hostnames: ["p1.example.com"], want: ["10.9.0.1:161 p1.example.com"] },
  { name: "another port: nothing", ranges: [["10.1.0.3", 1161]], want: [] },
  { name: "what is outside: nothing", ranges: [["10.2.0.0/16", 161]], want: [] },
  { name: "the ends of a block: nothing", ranges: [["10.1.0.0", 161], ["10.1.0.7", 161]], want: [] },
  {
    name: "overlapping ranges once",
    ranges: [["10.1.0.2-10.1.0.3", 161], ["10.1.0.1-10.1.0.2", 161], ["10.1.0.3", 161]],
    want: ["10.1.0.1:161", "10.1.0.2:161", "10.1.0.3:161"],
  },
  { name: "IPv6", ranges: [["fd00::2-fd00::ff", 161]], want: ["fd00::2:161", "fd00::3:161"] },
];
for (const { name, ranges, hostnames = [], want } of narrowings) {
  Deno.test(`narrowSpace() to ${name}`, async () => {
    const parsed = ranges.map(([text, port]) => {
      const spec = parseTargetSpec(text);
      assert(spec.kind === "range");
      return { ...spec.range, port };
    });
    const narrow = narrowSpace((await spaceOf(site))!, { ranges: parsed, hostnames });
    assert.deepEqual(listOf(narrow), want);
    const allowed = narrow.allowed.reduce((sum, { first, last }) => sum + Number(last - first) + 1, 0);
    assert.equal(allowed, want.length, "what the sandbox allows is what is asked");
  });
}

Deno.test("maybeRangeOf() is undefined for a masked address", () => {
  assert.equal(maybeRangeOf({ address: "", port: 161 }), undefined);
});
