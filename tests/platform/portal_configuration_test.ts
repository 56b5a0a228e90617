/** Configurations of agents in the portal: saved, refused field by field, their versions, and the way back. */
import assert from "node:assert/strict";
import { applyPlatformConfig } from "../../src/config/platform_config.ts";
import { parseAgentConfig } from "../../src/config/read_config.ts";
import { PlatformConfig } from "../../proto/gen/opendca/v1/config.ts";
import { configDocument, keepAgentConfig } from "../../platform/agents/agent_configs.ts";
import { noteConfigHash, noteConfigRefusals } from "../../platform/agents/agents.ts";
import { refusalsByField } from "../../platform/portal/tasks/config_refusals.ts";
import { slowInPostgres } from "../fixtures/each_database.ts";
import { readingOf } from "../fixtures/platform_uploads.ts";
import { portalScene } from "./portal_scene.ts";

const eva = "eva@partner.example";

function parsed(text: string) {
  return parseAgentConfig(`platform: { rootDomain: localhost, endpoints: [localhost] }\n${text}`, {
    file: "agent.yaml",
    env: () => undefined,
    readFile: () => "",
  });
}

Deno.test("each refusal of a real agent's policy is shown at its field", () => {
  const sites = "sites: [{ name: office, ranges: [10.1.0.0/24] }]";
  const local = parsed(`${sites}\npolicy: { ranges: [10.1.0.0/16] }`);
  const { refusals } = applyPlatformConfig(local, {
    pollIntervalSeconds: 1,
    schedule: {
      sweepIntervalSeconds: 1,
      statusIntervalSeconds: 1,
      meterIntervalSeconds: 1,
      allowedHours: [{ days: [], startMinute: 5000, endMinute: 1 }],
    },
    maskedFields: ["meters"],
    update: { allowedHours: [{ days: [], startMinute: 5000, endMinute: 1 }] },
    sites: [
      { name: "office", ranges: ["192.168.0.0/24"], excludes: [], schedule: undefined },
      { name: "store", ranges: [], excludes: ["?"], schedule: undefined },
    ],
  });
  const fields = refusalsByField(refusals);
  assert.deepEqual(
    [...fields.keys()].sort(),
    ["hours", "mask", "meters", "poll", "site:office", "site:store", "status", "sweep", "update"],
    refusals.join("\n"),
  );
  const closed = parsed(`${sites}\npolicy: { features: { setConfig: false } }`);
  const { refusals: all } = applyPlatformConfig(closed, { pollIntervalSeconds: 60 });
  assert.deepEqual([...refusalsByField(all).keys()], ["general"]);
});

slowInPostgres(
  "a configuration is saved, pending until the agent has it, refused at its field, and taken back",
  async () => {
    await using scene = await portalScene();
    const user = await scene.signedIn(eva, { grants: [{ role: "technician" }] });
    await scene.devices(scene.acme, scene.berlin, [readingOf()]);
    const tenant = scene.platform.queries.tenant(scene.acme);
    const agentId =
      (await tenant.get<{ agent_id: string }>("SELECT agent_id FROM agents WHERE customer_id = :customer"))!
        .agent_id;
    const path = `/customers/${scene.acme}/agents/${agentId}/configuration`;
    // Set before versions were kept.
    const earlier = configDocument(PlatformConfig.create({ pollIntervalSeconds: 60 }));
    await keepAgentConfig(tenant, { agentId, document: earlier, at: new Date(1000) });
    await tenant.run("DELETE FROM agent_config_versions WHERE customer_id = :customer");
    const page = async () => (await user.get(path)).body;
    const instead = async () => /name="instead" value="([^"]*)"/.exec(await page())![1]!;
    assert.match(await page(), /does not have the configuration yet/);
    const first = await instead(),
      fields = { poll: "2m", sweep: "6h", masked: "serial", name: "office", ranges: "10.9.0.0/16" };
    assert.equal((await user.post(path, { ...fields, poll: "1s", instead: first })).status, 422);
    assert.equal((await user.post(path, { ...fields, instead: first })).location, path);
    // Somebody else still sees the one before.
    const late = await user.post(path, { ...fields, poll: "9m", instead: first });
    assert.equal(late.status, 422);
    assert.match(late.body, /somebody else has changed it/);
    const second = await instead();
    await noteConfigHash(tenant, { agentId, hash: second });
    await noteConfigRefusals(tenant, {
      agentId,
      refusals: [
        'Cannot use a target of the site "office" as <b>it is outside policy.ranges',
        "Cannot use poll.interval as x",
      ],
    });
    const refused = await page();
    assert.match(refused, /does not do some of it/);
    assert.match(refused, /Network office<\/strong>: Cannot use a target[\s\S]*&lt;b/);
    assert.match(refused, /id="poll-no">Refused: Cannot use poll\.interval/);
    assert.match(refused, /pollIntervalSeconds: <del>60<\/del> <ins>120<\/ins>/);
    assert.match(refused, new RegExp(`user:${eva}`));

    const json = JSON.stringify({ pollIntervalSeconds: 300, unknown: 1 });
    for (const document of [json, "{", "null", "[]"]) {
      assert.equal((await user.post(`${path}/json`, { document, instead: second })).status, 422, document);
    }
    assert.equal(
      (await user.post(`${path}/json`, { document: '{"pollIntervalSeconds":300}', instead: second })).location,
      path,
    );
    assert.match(await page(), /does not have the configuration yet/);
    assert.equal((await user.post(`${path}/back`, { number: "77", instead: await instead() })).status, 422);
    assert.equal((await user.post(`${path}/back`, { number: "1", instead: await instead() })).location, path);
    assert.equal(await instead(), earlier.hash);
    const versions = await tenant.all<{ number: number; changed_by: string }>(
      "SELECT number, changed_by FROM agent_config_versions WHERE customer_id = :customer ORDER BY number",
    );
    assert.deepEqual(versions.map(({ number, changed_by }) => [number, changed_by]), [
      [1, ""],
      [2, `user:${eva}`],
      [3, `user:${eva}`],
      [4, `user:${eva}`],
    ]);
  },
);
