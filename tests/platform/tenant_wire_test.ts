/** What another customer's agent and operator get through the protocol and the use cases: what nobody has. */
import assert from "node:assert/strict";
import { TaskResult, TaskState } from "../../proto/gen/opendca/v1/task.ts";
import * as manageSessions from "../../platform/access/manage_sessions.ts";
import * as legacyTls from "../../platform/access/legacy_tls_permission.ts";
import * as sessions from "../../platform/access/sessions.ts";
import * as webSessions from "../../platform/access/web_sessions.ts";
import * as listedDevices from "../../platform/devices/listed_devices.ts";
import * as updatePins from "../../platform/releases/customer_updates.ts";
import * as tasks from "../../platform/tasks/tasks.ts";
import { eachDatabase } from "../fixtures/each_database.ts";
import { activatedAgent, call, connect, pollOf, startTestPlatform } from "../fixtures/platform_fixture.ts";
import { batchOf, readingOf, recordOf } from "../fixtures/platform_uploads.ts";
import { customerWithEverything, dump } from "./tenant_scene.ts";

eachDatabase("a session of another customer is as good as unknown, in every use case of web access", async () => {
  await using platform = await startTestPlatform();
  const owner = await customerWithEverything(platform, "Owner");
  const by = { actor: "platform" as const, tenant: (await platform.customer("Stranger")).tenant.customerId };
  const sessionId = (await sessions.sessionRows(owner.tenant))[0]!.session_id;
  const device = (await listedDevices.deviceRows(owner.tenant))[0]!.device_id;
  const before = await dump(platform.queries, owner.tenant.customerId);
  for (
    const use of [
      () => webSessions.createLink(platform.platform, by, { sessionId }),
      () => webSessions.listRequests(platform.platform, by, { sessionId }),
      () => manageSessions.showSession(platform.platform, by, { sessionId }),
      () => manageSessions.closeSession(platform.platform, by, { sessionId, reason: "mine" }),
      () => legacyTls.setLegacyTls(platform.platform, by, { device, isAllowed: false }),
      () => legacyTls.showLegacyTls(platform.platform, by, { device }),
    ]
  ) {
    await assert.rejects(use, /Cannot (find|close) the (session|device)/, String(use));
  }
  assert.deepEqual(await manageSessions.listSessions(platform.platform, by), []);
  assert.deepEqual(await dump(platform.queries, owner.tenant.customerId), before);
});

eachDatabase("an agent or site of another customer is as good as unknown where versions are pinned", async () => {
  await using platform = await startTestPlatform();
  const owner = await customerWithEverything(platform, "Owner");
  const by = { actor: "platform" as const, tenant: (await platform.customer("Stranger")).tenant.customerId };
  const site = (await owner.tenant.get<{ site_id: string }>(
    "SELECT site_id FROM sites WHERE customer_id = :customer",
  ))!.site_id;
  const before = await dump(platform.queries, owner.tenant.customerId);
  for (const whose of [{ agentId: owner.agentId }, { site }]) {
    await assert.rejects(updatePins.showPin(platform.platform, by, whose), /Cannot find the (agent|site)/);
    await assert.rejects(updatePins.setPin(platform.platform, by, { ...whose, pin: "hold" }), /Cannot find the/);
  }
  await updatePins.setPin(platform.platform, by, { pin: "hold" });
  assert.deepEqual(await dump(platform.queries, owner.tenant.customerId), before);
});

eachDatabase("an agent reaches nothing of another customer over the wire", async () => {
  await using platform = await startTestPlatform();
  const owner = await customerWithEverything(platform, "Owner");
  const stranger = await activatedAgent(platform, await platform.customer("Stranger"));
  const before = await dump(platform.queries, owner.tenant.customerId);
  const [task] = await tasks.taskRows(owner.tenant);
  using client = connect(platform, stranger.identity);
  const result = TaskResult.create({ taskId: task!.task_id, state: TaskState.SUCCEEDED });
  const poll = await call(client, { method: client.poll, request: pollOf(stranger, { taskResults: [result] }) });
  // As for a task that nobody made: what is acknowledged says nothing about what there is.
  assert.deepEqual([poll.tasks, poll.config, poll.acknowledgedTaskIds], [[], undefined, [task!.task_id]]);
  // The same device, record id and installation id as the owner's.
  const borrowed = { ...stranger, installationId: owner.installationId, runId: owner.runId };
  const records = [recordOf(readingOf({ total: 7 }))];
  await call(client, { method: client.upload, request: batchOf(borrowed, { sequence: 1, records }) });
  assert.deepEqual(await dump(platform.queries, owner.tenant.customerId), before);
  assert.equal((await listedDevices.deviceRows(stranger.tenant))[0]?.total, 7);
  assert.equal((await listedDevices.deviceRows(owner.tenant))[0]?.total, 1000);
});
