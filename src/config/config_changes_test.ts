import assert from "node:assert/strict";
import type { AgentConfig } from "./agent_config.ts";
import { configChanges } from "./config_changes.ts";
import { parseAgentConfig } from "./read_config.ts";

const base = `platform: { rootDomain: example.com, endpoints: [dca.example.com] }
proxy: { url: http://p, user: a, password: first }
sites:
  - { name: berlin, ranges: [10.1.0.0/24], credentials: [{ community: old }] }
`;

function parse(text: string): AgentConfig {
  return parseAgentConfig(text, { file: "f", env: () => undefined, readFile: () => "" });
}

const cases: [from: string, to: string, want: string[]][] = [
  ["", "", []],
  ["platform:", "# a comment\n\nplatform:", []],
  ["password: first", "password: second", ["proxy.password"]],
  ["community: old", "community: new", ["sites.berlin.credentials"]],
  ["proxy:", "limits: { timeout: 2s }\nproxy:", ["limits.timeoutMs"]],
  ["proxy:", "limits: { timeout: 1s }\nproxy:", []],
  ["proxy:", "log: { level: debug }\nproxy:", ["log.level"]],
  ["proxy:", "stateDirectory: /x\nproxy:", ["stateDirectory"]],
  ["10.1.0.0/24", "10.1.0.0/25", ["policy.ranges", "sites.berlin.ranges"]],
];
for (const [from, to, want] of cases) {
  Deno.test(`configChanges() of "${from}" to ${JSON.stringify(to)} are ${JSON.stringify(want)}`, () => {
    const after = base.replace(from, () => to);
    assert.equal(after === base, from === to);
    assert.deepEqual(configChanges(parse(base), parse(after)), want);
  });
}

Deno.test("configChanges() names a proxy that is gone and a site that is new, and shows no secret", () => {
  const after = parse(
    base.replace(/proxy:.*\n/, "") + "  - { name: rome, hosts: [pr.example], credentials: [{ community: old }] }\n",
  );
  const changes = configChanges(parse(base), after);
  for (const path of ["proxy", "proxy.password", "sites.rome.hosts", "policy.hosts"]) {
    assert.ok(changes.includes(path), path);
  }
  assert.ok(!changes.some((path) => path.startsWith("sites.berlin")));
  assert.ok(!/first|old/.test(changes.join()));
});
