/** What several processes of the platform do for many customers at the same time: none waits for the other in a circle. */
import assert from "node:assert/strict";
import { closeLostSessions } from "../../platform/access/gateway_sessions.ts";
import * as sessions from "../../platform/access/sessions.ts";
import { createWebSessions, type WebRequestNote } from "../../platform/access/web_sessions.ts";
import { addAgent } from "../../platform/agents/agents.ts";
import { setQuota } from "../../platform/agents/quota.ts";
import { addSite } from "../../platform/customers/customers.ts";
import { createAgentReports } from "../../platform/edge/mqtt/agent_reports.ts";
import type { Store } from "../../platform/store/store.ts";
import { inPostgres } from "../fixtures/each_database.ts";
import { addTestCustomer } from "../fixtures/loose_queries.ts";
import { startTestPlatform, type TestPlatform } from "../fixtures/platform_fixture.ts";

const actor = { kind: "operator", name: "eva" } as const;

/** A process, and how often it has begun a transaction: one that met others is begun again. */
function counted({ platform }: Pick<TestPlatform, "platform">) {
  const counts = { begun: 0 };
  const store: Store = {
    ...platform.store,
    transaction: (work, options) =>
      platform.store.transaction((tx) => {
        counts.begun++;
        return work(tx);
      }, options),
  };
  return { parts: { ...platform, store }, counts };
}

/** Many customers with an agent each, and two processes. */
async function scene() {
  const platform = await startTestPlatform();
  const second = await platform.another();
  const at = platform.clock.now();
  const agents = await platform.platform.store.transaction(async (tx) => {
    const all: { customerId: string; agentId: string }[] = [];
    for (let i = 0; i < 60; i++) {
      const { customer_id: customerId } = await addTestCustomer(tx, { name: `Customer ${i}`, at });
      const tenant = tx.tenant(customerId);
      const { site_id: siteId } = await addSite(tenant, { name: "Berlin", at });
      const installationId = crypto.randomUUID();
      const agentId = await addAgent(tenant, { siteId, installationId, hostname: "h", version: "1", at });
      all.push({ customerId, agentId });
    }
    return all;
  });
  return {
    platform,
    agents,
    at,
    one: counted(platform),
    other: counted(second),
    async [Symbol.asyncDispose]() {
      await second[Symbol.asyncDispose]();
      await platform[Symbol.asyncDispose]();
    },
  };
}

inPostgres("processes store what they both hear of agents, in any order", async () => {
  await using at = await scene();
  const both = [at.one, at.other].map(({ parts }) => createAgentReports(parts, { broker: () => undefined, soon() {} }));
  for (const { agentId } of at.agents) both[0]!.presence(agentId, { isOnline: true, at: at.at });
  for (const { agentId } of at.agents.toReversed()) both[1]!.presence(agentId, { isOnline: true, at: at.at });
  await Promise.all(both.map((reports) => reports.run()));
  assert.deepEqual([at.one.counts.begun, at.other.counts.begun], [1, 1], "none was repeated");
  const online = await at.platform.queries.all("SELECT 1 FROM agents WHERE mqtt_online_at > 0");
  assert.equal(online.length, at.agents.length);
  for (const reports of both) reports.stop();
});

inPostgres("processes note what they both refused to agents, in any order", async () => {
  await using at = await scene();
  const both = [at.one, at.other].map(({ parts }) => createAgentReports(parts, { broker: () => undefined, soon() {} }));
  for (const { agentId } of at.agents) both[0]!.refused(agentId, "test");
  for (const { agentId } of at.agents.toReversed()) both[1]!.refused(agentId, "test");
  await Promise.all(both.map((reports) => reports.run()));
  assert.deepEqual([at.one.counts.begun, at.other.counts.begun], [1, 1], "none was repeated");
  const noted = await at.platform.queries.all("SELECT 1 FROM audit_log WHERE action = 'mqttRefused'");
  assert.equal(noted.length, 2 * at.agents.length);
  for (const reports of both) reports.stop();
});

inPostgres("processes store requests of sessions of the same customers", async () => {
  await using at = await scene();
  const note = ({ customerId }: { customerId: string }): WebRequestNote => ({
    ...{ sessionId: "ses-1", customerId, at: at.at, method: "GET", path: "/", queryLength: 0, status: 200 },
    ...{ bytesIn: 0, bytesOut: 0, ms: 1 },
  });
  {
    await using first = createWebSessions(at.one.parts);
    await using second = createWebSessions(at.other.parts);
    at.agents.forEach((each) => first.note(note(each)));
    at.agents.toReversed().forEach((each) => second.note(note(each)));
    await Promise.all([first, second].map((each) => each[Symbol.asyncDispose]()));
  }
  const notes = await at.platform.queries.all("SELECT 1 FROM access_requests");
  assert.equal(notes.length, 2 * at.agents.length);
  // Disposal looks once more, in vain.
  assert.deepEqual([at.one.counts.begun, at.other.counts.begun], [2, 2], "none was repeated");
});

inPostgres("lost sessions are closed while operators change something of the same customers", async () => {
  await using at = await scene();
  for (const [i, { customerId, agentId }] of at.agents.entries()) {
    await at.platform.platform.store.transaction((tx) =>
      sessions.addSession(tx.tenant(customerId), {
        ...{ session_id: `ses-${i}`, label: `l${i}`, agent_id: agentId, device_id: "d", task_id: "t" },
        ...{ address: "10.1.0.7", port: 443, scheme: "https", openedBy: "operator:eva", keyDigest: new Uint8Array(32) },
        ...{ at: at.at, endsAt: new Date(at.at.getTime() + 600_000) },
      })
    );
  }
  await at.platform.queries.run("UPDATE access_sessions SET gateway_id = 'gone'");
  // Fewer than there are connections; these customers come last when sessions are closed.
  const last = at.agents.toSorted((a, b) => a.customerId < b.customerId ? 1 : -1).slice(0, 8);
  const changes = last.map(({ customerId }) =>
    setQuota(at.other.parts, { actor, tenant: customerId }, { quotaBytes: 1 })
  );
  await Promise.all([closeLostSessions(at.one.parts), ...changes]);
  assert.deepEqual([at.one.counts.begun, at.other.counts.begun], [1, last.length], "none was repeated");
  const open = await at.platform.queries.all("SELECT 1 FROM access_sessions WHERE state <> 'closed'");
  assert.deepEqual(open, []);
});
