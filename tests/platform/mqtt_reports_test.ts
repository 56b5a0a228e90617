/** Reports of agents by MQTT, which several processes of the platform store at the same time. */
import assert from "node:assert/strict";
import { addAgent } from "../../platform/agents/agents.ts";
import { addSite } from "../../platform/customers/customers.ts";
import { createAgentReports } from "../../platform/edge/mqtt/agent_reports.ts";
import type { Store } from "../../platform/store/store.ts";
import { inPostgres } from "../fixtures/each_database.ts";
import { addTestCustomer } from "../fixtures/loose_queries.ts";
import { startTestPlatform, type TestPlatform } from "../fixtures/platform_fixture.ts";

/** What stores reports, and how often it has begun to. */
function reporter({ platform }: Pick<TestPlatform, "platform">) {
  const counts = { begun: 0 };
  const store: Store = {
    ...platform.store,
    transaction: (work, options) =>
      platform.store.transaction((tx) => {
        counts.begun++;
        return work(tx);
      }, options),
  };
  return { reports: createAgentReports({ ...platform, store }, { broker: () => undefined, soon() {} }), counts };
}

inPostgres("processes that hear of the same agents in another order do not wait for each other", async () => {
  await using platform = await startTestPlatform();
  await using second = await platform.another();
  const at = platform.clock.now();
  const agents = await platform.platform.store.transaction(async (tx) => {
    const ids: string[] = [];
    for (let i = 0; i < 60; i++) {
      const tenant = tx.tenant((await addTestCustomer(tx, { name: `Customer ${i}`, at })).customer_id);
      const { site_id: siteId } = await addSite(tenant, { name: "Berlin", at });
      const installationId = crypto.randomUUID();
      ids.push(await addAgent(tenant, { siteId, installationId, hostname: "h", version: "1", at }));
    }
    return ids;
  });
  const [one, other] = [reporter(platform), reporter(second)];
  for (const agentId of agents) one.reports.presence(agentId, { isOnline: true, at });
  for (const agentId of agents.toReversed()) other.reports.presence(agentId, { isOnline: true, at });
  await Promise.all([one.reports.run(), other.reports.run()]);
  assert.deepEqual([one.counts.begun, other.counts.begun], [1, 1], "none was repeated");
  const online = await platform.queries.all("SELECT 1 FROM agents WHERE mqtt_online_at > 0");
  assert.equal(online.length, agents.length);
  for (const { reports } of [one, other]) reports.stop();
});
