import assert from "node:assert/strict";
import { createPublicKey, verify } from "node:crypto";
import { Buffer } from "node:buffer";
import { PlatformConfig } from "../../proto/gen/opendca/v1/config.ts";
import { type SignedTask, Task, TaskResult, TaskState } from "../../proto/gen/opendca/v1/task.ts";
import { PollRequest } from "../../proto/gen/opendca/v1/agent_service.ts";
import { signTask } from "../../common/protocol/signed_task.ts";
import { configDocument, keepAgentConfig } from "../../platform/agents/agent_configs.ts";
import { markRevoked, maybeAgent } from "../../platform/agents/agents.ts";
import { auditRows, auditVerdict } from "../../platform/audit/audit_log.ts";
import { addTask, taskRows } from "../../platform/tasks/tasks.ts";
import { eachDatabase } from "../fixtures/each_database.ts";
import {
  activatedAgent,
  call,
  connect,
  newKeyAndCsr,
  pemOfDer,
  pollOf,
  reasonOf,
  startTestPlatform,
  type TestAgent,
  type TestPlatform,
} from "../fixtures/platform_fixture.ts";
import { batchOf, readingOf, recordOf } from "../fixtures/platform_uploads.ts";

async function ask(platform: TestPlatform, agent: TestAgent, options: { minutes: number }): Promise<string> {
  const taskId = crypto.randomUUID();
  const at = platform.clock.now();
  const expiresAt = new Date(at.getTime() + options.minutes * 60_000);
  const task = Task.create({
    taskId,
    agentId: agent.agentId,
    issuedAt: at,
    expiresAt,
    payload: { $case: "ping", value: { target: "10.1.0.7", count: 4 } },
  });
  const signed = signTask(platform.platform.signingKey, task);
  await addTask(agent.tenant, { taskId, agentId: agent.agentId, kind: "ping", signed, at, expiresAt });
  return taskId;
}

function isSigned({ task, signature }: SignedTask, publicKey: Uint8Array): boolean {
  const key = createPublicKey({
    key: { kty: "OKP", crv: "Ed25519", x: Buffer.from(publicKey).toString("base64url") },
    format: "jwk",
  });
  return verify(null, Buffer.concat([Buffer.from("opendca.task.v1\0"), task]), key, signature);
}

eachDatabase("Poll gives a configuration whose hash the agent does not have", async () => {
  await using platform = await startTestPlatform();
  const agent = await activatedAgent(platform, await platform.customer("Acme"));
  using client = connect(platform, agent.identity);
  const poll = (configHash: string) => call(client, { method: client.poll, request: pollOf(agent, { configHash }) });
  assert.equal((await poll("")).config, undefined);
  const document = configDocument(PlatformConfig.fromPartial({ pollIntervalSeconds: 77 }));
  await keepAgentConfig(agent.tenant, { agentId: agent.agentId, document, at: new Date() });
  const answer = await poll("");
  assert.deepEqual(PlatformConfig.decode(answer.config!.content).pollIntervalSeconds, 77);
  assert.equal(answer.nextPollSeconds, 77);
  assert.equal((await poll(answer.config!.hash)).config, undefined);
});

eachDatabase("Poll asks once for an effective configuration that the platform does not hold", async () => {
  await using platform = await startTestPlatform();
  const agent = await activatedAgent(platform, await platform.customer("Acme"));
  using client = connect(platform, agent.identity);
  const poll = (more: Partial<PollRequest>) => call(client, { method: client.poll, request: pollOf(agent, more) });
  assert.equal((await poll({ effectiveConfigHash: "h1" })).sendEffectiveConfig, true);
  assert.equal((await poll({ effectiveConfigHash: "h1", effectiveConfig: "a: 1" })).sendEffectiveConfig, false);
  assert.equal((await poll({ effectiveConfigHash: "h1" })).sendEffectiveConfig, false);
  assert.equal((await poll({ effectiveConfigHash: "h2" })).sendEffectiveConfig, true);
});

eachDatabase("Poll gives a signed task until a result of it arrives", async () => {
  await using platform = await startTestPlatform();
  const agent = await activatedAgent(platform, await platform.customer("Acme"));
  using client = connect(platform, agent.identity);
  const poll = (more: Partial<PollRequest> = {}) => call(client, { method: client.poll, request: pollOf(agent, more) });
  const taskId = await ask(platform, agent, { minutes: 60 });
  for (const _ of [1, 2]) {
    const [signed, ...others] = (await poll()).tasks;
    assert.equal(others.length, 0);
    assert.ok(isSigned(signed!, agent.signingPublicKey));
    const forged = { ...signed!, task: Buffer.from(signed!.task) };
    forged.task[5]! ^= 1;
    assert.ok(!isSigned(forged, agent.signingPublicKey));
    assert.deepEqual([Task.decode(signed!.task).taskId, Task.decode(signed!.task).agentId], [taskId, agent.agentId]);
  }
  const result = (state: TaskState) => TaskResult.create({ taskId, state, message: "", at: new Date() });
  const answer = await poll({ taskResults: [result(TaskState.RUNNING)] });
  assert.deepEqual([answer.tasks, answer.acknowledgedTaskIds], [[], [taskId]]);
  await poll({ taskResults: [result(TaskState.SUCCEEDED)] });
  await poll({ taskResults: [result(TaskState.RUNNING)] });
  await poll({ taskResults: [result(TaskState.FAILED)] });
  assert.deepEqual((await taskRows(agent.tenant)).map(({ state }) => state), ["succeeded"]);
});

eachDatabase("Poll does not give an expired task", async () => {
  await using platform = await startTestPlatform();
  const agent = await activatedAgent(platform, await platform.customer("Acme"));
  using client = connect(platform, agent.identity);
  await ask(platform, agent, { minutes: 1 });
  platform.clock.advance(60_000);
  assert.deepEqual((await call(client, { method: client.poll, request: pollOf(agent) })).tasks, []);
  assert.deepEqual((await taskRows(agent.tenant)).map(({ state }) => state), ["expired"]);
});

eachDatabase("Poll refuses a status without ids, and more than it keeps", async () => {
  await using platform = await startTestPlatform();
  const agent = await activatedAgent(platform, await platform.customer("Acme"));
  using client = connect(platform, agent.identity);
  for (
    const request of [
      PollRequest.create({}),
      pollOf(agent, {}, { runId: "" }),
      pollOf(agent, {}, { agentEpoch: "not an id" }),
      pollOf(agent, { effectiveConfig: "x".repeat(256 * 1024 + 1) }),
    ]
  ) {
    assert.equal(await reasonOf(call(client, { method: client.poll, request })), "invalid-request");
  }
});

eachDatabase("Renew gives a certificate for another key, and ends the one before when it is used", async () => {
  await using platform = await startTestPlatform();
  const agent = await activatedAgent(platform, await platform.customer("Acme"));
  using before = connect(platform, agent.identity);
  const { privateKeyPem, csr } = await newKeyAndCsr();
  const { certificates } = await call(before, { method: before.renew, request: { csr } });
  platform.clock.advance(3_600_000);
  const poll = (client: typeof before) => reasonOf(call(client, { method: client.poll, request: pollOf(agent) }));
  assert.equal(await poll(before), "answered", "the old one counts until the new one is used");
  using after = connect(platform, { privateKeyPem, chain: pemOfDer(certificates!.chain[0]!) });
  assert.equal(await poll(after), "answered");
  assert.equal(await poll(before), "answered", "calls under way are let through");
  platform.clock.advance(3_600_000);
  assert.equal(await poll(before), "certificate-replaced");
  assert.equal(await poll(after), "answered");
});

eachDatabase("a revoked agent is refused every call at once, with the reason", async () => {
  await using platform = await startTestPlatform();
  const agent = await activatedAgent(platform, await platform.customer("Acme"));
  using client = connect(platform, agent.identity);
  await call(client, { method: client.poll, request: pollOf(agent) });
  assert.ok(await markRevoked(agent.tenant, { agentId: agent.agentId, reason: "lost", at: new Date() }));
  const { csr } = await newKeyAndCsr();
  const upload = batchOf(agent, { sequence: 1, records: [recordOf(readingOf())] });
  assert.deepEqual(
    [
      await reasonOf(call(client, { method: client.poll, request: pollOf(agent) })),
      await reasonOf(call(client, { method: client.upload, request: upload })),
      await reasonOf(call(client, { method: client.renew, request: { csr } })),
    ],
    ["agent-revoked", "agent-revoked", "agent-revoked"],
  );
  assert.equal((await maybeAgent(agent.tenant, agent.agentId))?.state, "revoked");
});

eachDatabase("a certificate is refused after its end, by the platform's own clock", async () => {
  await using platform = await startTestPlatform();
  const agent = await activatedAgent(platform, await platform.customer("Acme"));
  using client = connect(platform, agent.identity);
  platform.clock.advance(90 * 86_400_000);
  assert.equal(
    await reasonOf(call(client, { method: client.poll, request: pollOf(agent) })),
    "certificate-required",
  );
});

eachDatabase("the audit log tells the life of an agent and holds together", async () => {
  await using platform = await startTestPlatform();
  const agent = await activatedAgent(platform, await platform.customer("Acme"));
  using client = connect(platform, agent.identity);
  await call(client, { method: client.renew, request: { csr: (await newKeyAndCsr()).csr } });
  const { queries } = platform;
  const actions = (await auditRows(queries, { customerId: agent.tenant.customerId, limit: 10 })).map(({ action }) =>
    action
  );
  assert.deepEqual(actions, ["agentActivated", "certificateRenewed"]);
  assert.equal((await auditVerdict(queries)).brokenAt, undefined);
});
