import assert from "node:assert/strict";
import { revokeAgent } from "../../platform/agents/manage_agents.ts";
import { renew } from "../../platform/agents/renew.ts";
import { CallError } from "../../platform/agents/call_error.ts";
import { slowInPostgres } from "../fixtures/each_database.ts";
import { activatedAgent, newKeyAndCsr, startTestPlatform } from "../fixtures/platform_fixture.ts";

slowInPostgres("an agent that is revoked while its call is under way gets no further certificate", async () => {
  await using platform = await startTestPlatform();
  const { agentId, tenant } = await activatedAgent(platform, await platform.customer("Acme"));
  const { customerId } = tenant;
  await revokeAgent(platform.platform, { actor: "platform", tenant: customerId }, { agentId, reason: "test" });
  const { csr } = await newKeyAndCsr();
  // Its call was admitted before.
  const renewing = renew(platform.platform, { customerId, agentId }, { csr });
  await assert.rejects(renewing, (error) => error instanceof CallError && error.reason === "agent-revoked");
  assert.deepEqual(await platform.queries.all("SELECT serial FROM certificates WHERE revoked_at IS NULL"), []);
});
