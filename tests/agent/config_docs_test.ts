/** The documentation and the example of the configuration have every key that the agent reads, and no other. */
import assert from "node:assert/strict";
import { createTestAuthority } from "../fixtures/test_authority.ts";
import { isMap, isScalar, isSeq, parseDocument } from "yaml";
import { policyFeatures } from "../../src/config/agent_config.ts";
import { configKeys, parseAgentConfig } from "../../src/config/read_config.ts";

const { pem } = await createTestAuthority();
const document = await Deno.readTextFile(new URL("../../docs/configuration.md", import.meta.url));
const example = await Deno.readTextFile(new URL("../../docs/agent.example.yaml", import.meta.url));

/** The example with the keys that stand in comments. Prose begins with a capital letter or is indented no deeper. */
const complete = example.replace(/^( *)# ( *)((?:- )?[a-z][A-Za-z]*:(?: .*)?)$/gm, "$1$2$3");

const parts = {
  file: "agent.example.yaml",
  env: () => undefined,
  readFile: (path: string) => path.endsWith(".pem") ? pem : "hunter2",
};

/** Rows of the tables whose first column is the key. */
const rows = document.split(/\n\n/).filter((table) => /^\| key /.test(table)).flatMap((table) =>
  table.trim().split("\n").slice(2).map((line) => line.split(/(?<!\\)\|/).slice(1, -1).map((cell) => cell.trim()))
).map(([key, byDefault]) => ({ key: key!.replaceAll("`", ""), byDefault: byDefault!.replaceAll("`", "") }));

function keysOf(node: unknown, path: string): string[] {
  if (isSeq(node)) return node.items.flatMap((item) => keysOf(item, `${path}[]`));
  if (!isMap(node)) return [];
  return node.items.flatMap(({ key, value }) => {
    const name = isScalar(key) ? String(key.value) : "";
    const at = path === "" ? name : `${path}.${name}`;
    return [at, ...keysOf(value, at)];
  });
}

/** Of a credential, which have their own description. */
const isOurs = (key: string) => !/^(sites\[\]\.)?credentials[.[]|^proxy\.password\./.test(key);

Deno.test("configKeys() knows the keys", () => {
  assert.ok(configKeys().length > 60);
  for (const name of policyFeatures) assert.ok(configKeys().includes(`policy.features.${name}`));
});

Deno.test("docs/configuration.md describes every key, and no other", () => {
  // Those of a site and of the policy are described by `schedule`.
  const isRepeated = (key: string) => /^(sites\[\]\.schedule|policy\.\w+\.allowedHours)\./.test(key);
  // Keys that only hold others have a heading or none.
  const holders =
    /^(platform|proxy|sites|schedule|limits(\.spool)?|poll|log(\.file)?|policy(\.(ports|webAccess|update|features))?)$/;
  const wanted = configKeys().filter((key) => !holders.test(key) && !isRepeated(key));
  assert.deepEqual(rows.map(({ key }) => key).sort(), wanted.sort());
  for (const key of configKeys().filter((key) => !key.includes("."))) {
    assert.ok(document.includes(`## \`${key}\``), `no heading for ${key}`);
  }
});

Deno.test("docs/agent.example.yaml has every key, and no other", () => {
  const written = new Set(keysOf(parseDocument(complete).contents, "").filter(isOurs));
  assert.deepEqual([...written].sort(), configKeys().sort());
});

Deno.test("docs/agent.example.yaml is good, as it stands and with the keys that stand in comments", () => {
  const config = parseAgentConfig(example, { ...parts, readFile: (path) => assert.fail(`it reads ${path}`) });
  assert.equal(config.proxy, null);
  assert.ok(config.sites.length > 0);
  const whole = parseAgentConfig(complete, parts);
  assert.ok(whole.proxy?.password && whole.platform.ca && whole.platform.pins.length === 1);
});

Deno.test("docs/agent.example.yaml says of defaults what the agent says", () => {
  const { schedule, limits, poll } = parseAgentConfig(
    "platform: { rootDomain: example.com, endpoints: [dca.example.com] }",
    parts,
  );
  const written = parseAgentConfig(example, parts);
  assert.deepEqual([written.schedule, written.limits, written.poll], [schedule, limits, poll]);
});

Deno.test("docs/configuration.md says of defaults what the agent says", () => {
  const { settings } = parseAgentConfig("platform: { rootDomain: example.com, endpoints: [dca.example.com] }", parts);
  let compared = 0;
  for (const { key, byDefault } of rows) {
    const value = settings.find(({ path }) => path === key)?.value;
    const isPlain = typeof value === "number" || typeof value === "boolean" || /^[a-z0-9%]+$/i.test(String(value));
    if (value === undefined || value === null || Array.isArray(value) || !isPlain) continue;
    assert.equal(byDefault, String(value), `default of ${key}`);
    compared++;
  }
  assert.ok(compared > 15, `only ${compared} defaults were compared`);
});
