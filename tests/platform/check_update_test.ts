/** CheckUpdate: what the next poll would offer, for an agent that asks; nothing is noted. */
import assert from "node:assert/strict";
import { revokeAgent } from "../../platform/agents/manage_agents.ts";
import { pauseRelease } from "../../platform/releases/manage_releases.ts";
import { slowInPostgres } from "../fixtures/each_database.ts";
import { activatedAgent, call, connect, pollOf, reasonOf, startTestPlatform } from "../fixtures/platform_fixture.ts";
import { addedRelease, operator } from "../fixtures/release_folder.ts";

slowInPostgres("an agent is told what its next poll would offer, and nothing is noted", async () => {
  await using platform = await startTestPlatform();
  const customer = await platform.customer("Acme");
  const { text } = await addedRelease(platform.platform, { percent: 100 });
  const agent = await activatedAgent(platform, customer);
  using client = connect(platform, agent.identity);
  const ask = (agentVersion = "0.1.0", target = "linux-x64") =>
    call(client, { method: client.checkUpdate, request: { agentVersion, target } });
  const rows = () =>
    platform.platform.store.transaction(async (tx) => [
      await tx.tenant(customer.tenant.customerId).all("SELECT * FROM agents WHERE customer_id = :customer"),
      await tx.tenant(customer.tenant.customerId).all("SELECT * FROM agent_updates WHERE customer_id = :customer"),
    ]);
  const before = await rows();

  assert.equal((await ask()).update?.manifest, text);
  for (
    const [version, target] of [["0.2.0", "linux-x64"], ["0.1.0", "linux-arm64"], ["0.1.0", ""], ["x", "linux-x64"]]
  ) {
    assert.equal((await ask(version, target)).update, undefined, `${version} ${target}`);
  }
  assert.deepEqual(await rows(), before);

  const request = pollOf(agent, {}, { agentVersion: "0.1.0", updateTarget: "linux-x64" });
  assert.equal((await call(client, { method: client.poll, request })).update?.manifest, text);
  await pauseRelease(platform.platform, operator, { version: "0.2.0", reason: "test" });
  assert.equal((await ask()).update, undefined);

  await revokeAgent(platform.platform, { ...operator, tenant: customer.tenant.customerId }, {
    agentId: agent.agentId,
    reason: "stolen",
  });
  assert.equal(await reasonOf(ask()), "agent-revoked");
});

slowInPostgres("an agent that asks without end is told to wait", async () => {
  await using platform = await startTestPlatform();
  const agent = await activatedAgent(platform, await platform.customer("Acme"));
  using client = connect(platform, agent.identity);
  const ask = () =>
    call(client, { method: client.checkUpdate, request: { agentVersion: "0.1.0", target: "linux-x64" } });
  for (let i = 0; i < 10; i++) await ask();
  assert.equal(await reasonOf(ask()), "too-many-requests");
});
