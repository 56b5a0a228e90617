/** Closing of sites, customers and dealers: what works no more, what stays, and what reopening brings back. */
import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import * as sessions from "../../platform/access/sessions.ts";
import { createCode } from "../../platform/agents/activation_codes.ts";
import { revokeAgent } from "../../platform/agents/manage_agents.ts";
import { auditRows } from "../../platform/audit/audit_log.ts";
import {
  closeCustomer,
  closeDealer,
  closeSite,
  reopenCustomer,
  reopenDealer,
  reopenSite,
} from "../../platform/customers/close.ts";
import { createCustomer, createSite, customerOf, findCustomer, listSites } from "../../platform/customers/customers.ts";
import { listDevices } from "../../platform/devices/list_devices.ts";
import { meterPeriods } from "../../platform/devices/samples.ts";
import { platformStatus } from "../../platform/devices/platform_status.ts";
import type { Parameters, Store, Transaction } from "../../platform/store/store.ts";
import { createTask, listTasks } from "../../platform/tasks/manage_tasks.ts";
import { inPostgres, slowInPostgres } from "../fixtures/each_database.ts";
import {
  activate,
  activatedAgent,
  call,
  connect,
  polled,
  startTestPlatform,
  type TestAgent,
  type TestPlatform,
} from "../fixtures/platform_fixture.ts";
import { batchOf, readingOf, recordOf } from "../fixtures/platform_uploads.ts";

const actor = { kind: "operator", name: "eva" } as const;
const reason = "contract ended", revokeAgents = true;
const ping = { $case: "ping", value: { address: "10.1.0.7" } } as never;

/** A customer with the sites "Head office" and "Berlin", each with an agent that has read a device. */
async function scene() {
  const platform = await startTestPlatform();
  const customer = await platform.customer("Acme"), { tenant } = customer;
  const by = { actor, tenant: tenant.customerId };
  const { site_id: siteId } = await createSite(platform.platform, by, { name: "Berlin" });
  const office = await activatedAgent(platform, customer), berlin = await activatedAgent(platform, { tenant, siteId });
  for (const [agent, serial] of [[office, "OFFICE-1"], [berlin, "BERLIN-1"]] as const) {
    using client = connect(platform, agent.identity);
    const records = [recordOf(readingOf({ serial, total: 100 }))];
    await call(client, { method: client.upload, request: batchOf(agent, { sequence: 1, records }) });
  }
  return { platform, parts: platform.platform, customer, by, siteId, office, berlin };
}

async function actions(platform: TestPlatform): Promise<string[]> {
  return (await auditRows(platform.queries, { limit: 100 })).map(({ action }) => action);
}

const stateOf = async (platform: TestPlatform, sql: string) => (await platform.queries.all<{ state: string }>(sql))[0];

slowInPostgres(
  "a closed site ends its agents, codes, tasks and sessions, and nobody else's; its data stays",
  async () => {
    const { platform, parts, by, siteId, office, berlin } = await scene();
    await using _ = platform;
    const { code } = await createCode(parts, by, { site: "Berlin", validMs: 3_600_000 });
    const other = await createCode(parts, by, { site: "Head office", validMs: 3_600_000 });
    const task = await createTask(parts, by, { agentId: berlin.agentId, payload: ping, validMs: 3_600_000 });
    const at = platform.clock.now(), endsAt = new Date(at.getTime() + 60_000);
    await sessions.addSession(berlin.tenant, {
      ...{ session_id: "ses-1", label: "l", agent_id: berlin.agentId, device_id: "d", task_id: task.taskId },
      ...{ address: "10.1.0.7", port: 443, scheme: "https", openedBy: "operator:eva", at, endsAt },
      keyDigest: new Uint8Array(32),
    });
    await sessions.addSession(office.tenant, {
      ...{ session_id: "ses-2", label: "m", agent_id: office.agentId, device_id: "e", task_id: task.taskId },
      ...{ address: "10.1.0.8", port: 443, scheme: "https", openedBy: "operator:eva", at, endsAt },
      keyDigest: new Uint8Array(32),
    });
    const before = await actions(platform);
    await assert.rejects(closeSite(parts, by, { site: "berlin", reason }), {
      name: "UsageError",
      message: 'Cannot close the site "Berlin" as it has 1 active agent',
    });
    assert.deepEqual([await polled(platform, berlin), await actions(platform)], ["answered", before]);

    const ended = await closeSite(parts, by, { site: "berlin", reason, revokeAgents });
    assert.deepEqual(ended, { siteId, name: "Berlin", agents: 1, codes: 1, tasks: 1, sessions: 1 });
    assert.equal((await actions(platform)).at(-1), "siteClosed");
    assert.deepEqual([await polled(platform, berlin), await polled(platform, office)], ["agent-revoked", "answered"]);
    assert.equal((await activate(platform, { code })).outcome?.$case, "refusal");
    assert.equal((await activate(platform, { code: other.code })).outcome?.$case, "activated");
    const [listed] = await listTasks(parts, by, { agentId: berlin.agentId });
    assert.deepEqual([listed?.state, listed?.message], ["cancelled", 'the site "Berlin" was closed']);
    const session = await sessions.maybeSession(berlin.tenant, "ses-1");
    assert.deepEqual([session?.state, session?.end_reason], ["closed", 'the site "Berlin" was closed']);
    assert.equal((await sessions.maybeSession(office.tenant, "ses-2"))?.state, "waiting");
    await assert.rejects(createCode(parts, by, { site: "Berlin", validMs: 3_600_000 }), {
      message: 'Cannot make a code as the site "Berlin" is closed',
      hint: `opendca-platform site reopen ${siteId}`,
    });
    // Without a name, only the open one can be meant.
    assert.notEqual((await createCode(parts, by, { validMs: 3_600_000 })).siteId, siteId);
    await assert.rejects(
      createTask(parts, by, { agentId: berlin.agentId, payload: ping, validMs: 3_600_000 }),
      /as it is revoked: the site "Berlin" was closed: contract ended/,
    );
    await assert.rejects(closeSite(parts, by, { site: "Berlin", reason }), /has been closed since 20/);

    const serials = async (filters: { site?: string }) => {
      const { devices, counts } = await listDevices(parts, by, filters);
      return [devices.map(({ row }) => row.serial), counts.all];
    };
    assert.deepEqual(await serials({}), [["OFFICE-1"], 1]);
    assert.deepEqual(await serials({ site: "Berlin" }), [["BERLIN-1"], 2]);
    assert.equal((await platformStatus(parts, { actor })).devices.known, 1);
    // What was printed before is to be paid.
    const period = { from: new Date(0), until: new Date(Date.now() + 86_400_000), name: "total" };
    assert.equal((await meterPeriods(parts, by, period)).length, 2);

    await reopenSite(parts, by, { site: siteId });
    assert.equal(await polled(platform, berlin), "agent-revoked");
    const again = await createCode(parts, by, { site: "Berlin", validMs: 3_600_000 });
    assert.equal((await activate(platform, { code: again.code })).outcome?.$case, "activated");
    await assert.rejects(
      reopenSite(parts, by, { site: siteId }),
      /Cannot reopen the site "Berlin" as it is not closed/,
    );
  },
);

slowInPostgres("a closed customer ends the work of all its sites, and is not the one that is meant", async () => {
  const { platform, parts, by, siteId, office, berlin } = await scene();
  await using _ = platform;
  const stranger = await activatedAgent(platform, await platform.customer("Other"));
  await assert.rejects(closeCustomer(parts, by, { customer: "acme", reason }), /as it has 2 active agents/);
  const ended = await closeCustomer(parts, by, { customer: "acme", reason, revokeAgents });
  assert.deepEqual([ended.agents, ended.customerId], [2, by.tenant]);
  const answers = await Promise.all([office, berlin, stranger].map((agent) => polled(platform, agent)));
  assert.deepEqual(answers, ["agent-revoked", "agent-revoked", "answered"]);
  assert.equal((await findCustomer(parts, by, {})).name, "Other");
  assert.equal((await platformStatus(parts, { actor })).customers, 1);
  // It was named, so that its devices are shown.
  assert.equal((await listDevices(parts, by, {})).devices.length, 2);
  assert.ok((await listSites(parts, by)).every(({ closed_at }) => closed_at !== null), "its sites are closed as well");
  const refused = /as the customer "Acme" is closed/;
  await assert.rejects(createSite(parts, by, { name: "New" }), refused);
  await assert.rejects(createCode(parts, by, { site: siteId, validMs: 3_600_000 }), refused);
  await closeSite(parts, by, { site: siteId, reason });
  await assert.rejects(reopenSite(parts, by, { site: siteId }), refused);
  await reopenCustomer(parts, by, { customer: by.tenant });
  await createSite(parts, by, { name: "New" });
});

slowInPostgres(
  "a dealer is closed with its customers, and reopened with those that were not closed before",
  async () => {
    const { platform, parts, by, office, berlin } = await scene();
    await using _ = platform;
    const { customer_id: gone } = await createCustomer(parts, by, { name: "Gone" });
    await closeCustomer(parts, by, { customer: "Gone", reason });
    const [dealer] = await platform.queries.all<{ dealer_id: string; name: string }>("SELECT * FROM dealers");
    const { name } = dealer!;
    await assert.rejects(closeDealer(parts, by, { dealer: name, reason }), /as it has 2 active agents/);
    const ended = await closeDealer(parts, by, { dealer: name, reason, revokeAgents });
    assert.deepEqual([ended.customers, ended.agents], [1, 2]);
    for (const agent of [office, berlin]) assert.equal(await polled(platform, agent), "agent-revoked");
    assert.deepEqual((await actions(platform)).slice(-2), ["customerClosed", "dealerClosed"]);
    const refused = new RegExp(`as the dealer "${name}" is closed`);
    await assert.rejects(createCustomer(parts, by, { name: "New" }), refused);
    await assert.rejects(createSite(parts, by, { name: "New" }), refused);
    await assert.rejects(reopenCustomer(parts, by, { customer: gone }), refused);
    assert.ok(
      (await listSites(parts, by)).every(({ closed_at }) => closed_at !== null),
      "its sites are closed as well",
    );
    await reopenDealer(parts, by, { dealer: name });
    assert.ok((await listSites(parts, by)).every(({ closed_at }) => closed_at === null));
    await createSite(parts, by, { name: "New" });
    await assert.rejects(createSite(parts, { actor, tenant: gone }, { name: "New" }), /the customer "Gone" is closed/);
  },
);

slowInPostgres("what fails while a customer is closed leaves all of it as it was", async () => {
  const { platform, parts, by, berlin } = await scene();
  await using _ = platform;
  const before = await actions(platform);
  const failing = { ...parts, clock: { now: () => new Date(NaN) } };
  await assert.rejects(closeCustomer(failing, by, { customer: by.tenant, reason, revokeAgents }));
  assert.deepEqual([await polled(platform, berlin), await actions(platform)], ["answered", before]);
  assert.equal((await stateOf(platform, "SELECT state FROM agents WHERE state <> 'active'"))?.state, undefined);
});

inPostgres("an agent that is activated while a dealer is closed is not revoked without being asked for", async () => {
  const { platform, parts, customer, by, office, berlin } = await scene();
  await using _ = platform;
  const dealer = await parts.store.transaction(async (tx) => (await customerOf(tx, by.tenant)).dealer_id);
  for (const { agentId } of [office, berlin]) await revokeAgent(parts, by, { agentId, reason });
  const late: TestAgent[] = [];
  const outside = AsyncLocalStorage.snapshot();
  // After they were counted, and before the customer is locked.
  const counted = (tx: Transaction) =>
    new Proxy(tx, {
      get(of, name) {
        const value = Reflect.get(of, name, of);
        if (name !== "get") return typeof value === "function" ? value.bind(of) : value;
        return async (sql: string, parameters: Parameters) => {
          const row = await of.get(sql, parameters);
          if (/AS active\b/.test(sql)) late.push(await outside(() => activatedAgent(platform, customer)));
          return row;
        };
      },
    });
  const store: Store = {
    ...parts.store,
    transaction: (work, how) => parts.store.transaction((tx) => work(counted(tx)), how),
  };
  const closing = closeDealer({ ...parts, store }, { actor }, { dealer, reason });
  await assert.rejects(closing, /has 1 active agent/);
  assert.equal(late.length, 1);
  assert.equal(await polled(platform, late[0]!), "answered");
});
