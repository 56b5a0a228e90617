import assert from "node:assert/strict";
import { createTask } from "../../platform/tasks/manage_tasks.ts";
import { Task, TaskResult, TaskState } from "../../proto/gen/opendca/v1/task.ts";
import { type FakeBroker, startFakeBroker } from "../fixtures/fake_broker.ts";
import { agentOptions, endpointOf, startLink } from "../fixtures/mqtt_scene.ts";
import { mqttClient } from "../fixtures/mqtt_client.ts";
import {
  activatedAgent,
  call,
  connect,
  pemOfDer,
  startTestPlatform,
  type TestAgent,
  type TestPlatform,
} from "../fixtures/platform_fixture.ts";
import { newKeyAndCsr } from "../fixtures/platform_fixture.ts";
import { createTestAuthority } from "../fixtures/test_authority.ts";
import { until } from "../fixtures/until.ts";

const anyPort = { host: "127.0.0.1", port: 0 };

function ping(platform: TestPlatform, agent: TestAgent) {
  return createTask(platform.platform, {
    actor: { kind: "operator", name: "eva" },
    tenant: agent.tenant.customerId,
  }, {
    agentId: agent.agentId,
    payload: { $case: "ping", value: { target: "10.1.0.7", count: 1 } },
    validMs: 60_000,
  });
}

for (const kind of ["tls", "wss"] as const) {
  Deno.test(`a link connects to the platform's broker over ${kind}, is woken once and gets its open tasks`, async () => {
    await using platform = await startTestPlatform({ mqtt: { tls: anyPort, wss: anyPort } });
    const agent = await activatedAgent(platform, await platform.customer("Acme"));
    const { taskId } = await ping(platform, agent);
    const endpoints = [endpointOf(kind, platform.mqttPorts![kind]!)];
    const scene = startLink({ ...agentOptions(platform, agent), endpoints });
    await using _ = scene;
    await until("the task is there", () => scene.tasks.length === 1);
    assert.equal(Task.decode(scene.tasks[0]!.task).taskId, taskId);
    // The embedded broker does not know MQTT 5, and says so.
    const name = `${endpoints[0]!.kind}://localhost:${endpoints[0]!.port}`;
    assert.deepEqual(scene.events, [{ event: "mqttConnected", endpoint: name, version: "3.1.1" }]);
    assert.equal(scene.wakes, 1);
    const online = () => platform.queries.get("SELECT 1 FROM agents WHERE mqtt_online_at > 0");
    await until("the platform knows that it is there", async () => await online() !== undefined);
    scene.link.progress(TaskResult.fromPartial({ taskId, state: TaskState.RUNNING, progress: { done: 3, total: 9 } }));
    const state = async () => (await platform.queries.get<{ state: string }>("SELECT state FROM tasks"))!.state;
    await until("the platform knows that it runs", async () => await state() === "running");
    await scene.link[Symbol.asyncDispose]();
    const offline = () => platform.queries.get("SELECT 1 FROM agents WHERE mqtt_offline_at >= mqtt_online_at");
    await until("the platform knows that it is gone", async () => await offline() !== undefined);
  });
}

Deno.test("after a renewal a link connects with the new certificate, and the old one is refused", async () => {
  await using platform = await startTestPlatform({ mqtt: { tls: anyPort } });
  const agent = await activatedAgent(platform, await platform.customer("Acme"));
  let identity = agent.identity;
  const port = platform.mqttPorts!.tls!;
  const scene = startLink({
    ...agentOptions(platform, agent),
    endpoints: [endpointOf("tls", port)],
    certificate: () => ({
      keyPem: identity.privateKeyPem,
      certificatePem: identity.chain,
      notAfter: new Date(Date.now() + 86_400_000),
    }),
  });
  await using _ = scene;
  await scene.until("mqttConnected", 1);
  const { privateKeyPem, csr } = await newKeyAndCsr();
  using client = connect(platform, agent.identity);
  const { certificates } = await call(client, { method: client.renew, request: { csr } });
  identity = { privateKeyPem, chain: pemOfDer(certificates!.chain[0]!) };
  scene.link.renewed();
  await scene.until("mqttConnected", 2);
  // Without a pause, and without a fault.
  assert.deepEqual(scene.failed(), []);
  // The platform has seen the new one in use, and takes the old one for a while only.
  platform.clock.advance(3_600_000);
  const { privateKeyPem: key, chain: cert } = agent.identity;
  const old = { ca: platform.serverAuthority, key, cert, clientId: agent.agentId };
  await assert.rejects(mqttClient(`mqtts://localhost:${port}`, old));
  await ping(platform, agent);
  await until("the task is there", () => scene.tasks.length === 1);
});

Deno.test("of several brokers without MQTT 5 that only close the connection, one try fails; others are not tried with 5", async () => {
  await using stack = new AsyncDisposableStack();
  const brokers: FakeBroker[] = [], authority = await createTestAuthority();
  for (const _ of [1, 2, 3]) brokers.push(stack.use(await startFakeBroker({ closesVersion5: true, authority })));
  const scene = stack.use(startLink({
    trust: { ca: { pem: authority.pem }, pins: [] },
    endpoints: brokers.map(({ port }) => endpointOf("tls", port)),
  }));
  const untilConnected = (times: number) =>
    until("it is connected", async () => {
      await scene.clock.advance(10_000);
      return scene.connected().length >= times;
    });
  await untilConnected(1);
  const failed = () => brokers.reduce((sum, { closed }) => sum + closed, 0);
  assert.equal(failed(), 1);
  // The one that it has goes away, and another one is right at once.
  await brokers.find(({ sessions }) => sessions > 0)!.cutOff();
  await scene.until("mqttFailed", 2);
  await untilConnected(2);
  assert.equal(brokers.filter(({ sessions }) => sessions > 0).length, 2);
  assert.equal(failed(), 1, "no other try with MQTT 5");
  assert.equal(scene.link.status.version, "3.1.1");
});
