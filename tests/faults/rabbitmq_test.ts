/** Three nodes of Debian's RabbitMQ as docs/mqtt-rabbitmq.md has them, between two platform processes and agents. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { systemClock } from "../../common/core/clock.ts";
import { openDatabase } from "../../common/host/sqlite.ts";
import { mqttTopic } from "../../common/protocol/mqtt.ts";
import { revokeAgent } from "../../platform/agents/manage_agents.ts";
import { platformUser } from "../../platform/edge/mqtt/external_broker.ts";
import { serveMqtt } from "../../platform/edge/mqtt/start_mqtt.ts";
import { createTask } from "../../platform/tasks/manage_tasks.ts";
import { type SignedTask, Task } from "../../proto/gen/opendca/v1/task.ts";
import { openTaskMemory } from "../../src/store/task_memory.ts";
import { startTaskRunner } from "../../src/tasks/task_runner.ts";
import { freePort } from "../fixtures/free_port.ts";
import { mqttClient } from "../fixtures/mqtt_client.ts";
import { agentOptions, endpointOf, type LinkScene, startLink } from "../fixtures/mqtt_scene.ts";
import { peerTest } from "../fixtures/peers.ts";
import { activatedAgent, startTestPlatform, type TestAgent, type TestPlatform } from "../fixtures/platform_fixture.ts";
import { type Rabbitmq, startRabbitmq } from "../fixtures/rabbitmq_peer.ts";
import { until } from "../fixtures/until.ts";

const idOf = ({ task }: SignedTask) => Task.decode(task).taskId;
const operator = { kind: "operator", name: "eva" } as const;

/** What runs the tasks of an agent, as in the agent itself. */
interface Runs extends AsyncDisposable {
  take(task: SignedTask, how: { isAgain: boolean }): void;
  /** Targets of the tasks in the order in which they were started. */
  started: string[];
}

async function startRuns({ platform, clock }: TestPlatform, { agentId }: TestAgent): Promise<Runs> {
  await using stack = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir();
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const db = openDatabase(`${folder}/tasks.db`);
  stack.defer(() => db.close());
  const started: string[] = [];
  const runner = stack.use(startTaskRunner({
    memory: openTaskMemory(db),
    clock: systemClock,
    agentId,
    signingKeys: () => [Buffer.from(platform.signingKey.publicKey).toString("base64")],
    handler(payload) {
      if (payload.$case === "ping") started.push(payload.value.target);
      return Promise.resolve(undefined);
    },
    spoolResult: () => {},
    report() {},
  }));
  const moved = stack.move();
  return {
    started,
    take: (task, how) => void runner.takePushed(task, clock.now(), how),
    [Symbol.asyncDispose]: () => moved.disposeAsync(),
  };
}

interface Scene {
  platform: TestPlatform;
  rabbitmq: Rabbitmq;
  agents: TestAgent[];
  links: LinkScene[];
  /** By agent. */
  runs: Runs[];
}

/** Each task has a target of its own, by which what runs it is known. */
const targets = new Map<string, string>();
let pings = 0;

async function ping({ platform }: Scene, { agentId, tenant }: TestAgent): Promise<string> {
  const number = pings++, target = `10.1.${number >> 8}.${number & 255}`;
  const task = await createTask(platform.platform, { actor: operator, tenant: tenant.customerId }, {
    agentId,
    payload: { $case: "ping", value: { target, count: 1 } },
    validMs: 600_000,
  });
  targets.set(task.taskId, target);
  return task.taskId;
}

/** From the node with this index on. */
function rotated<T>(all: readonly T[], from: number): T[] {
  return [...all.slice(from), ...all.slice(0, from)];
}

async function serve(
  platform: TestPlatform,
  rabbitmq: Rabbitmq,
  { first, accessPort }: { first: number; accessPort?: number },
) {
  return await serveMqtt(platform.platform, {
    certificate: { certificatePem: "", privateKeyPem: "" },
    authority: platform.platform.serverAuthority,
    external: {
      urls: rotated(rabbitmq.nodes, first).map(({ port }) => `mqtts://localhost:${port}`),
      ca: rabbitmq.authority.pem,
    },
    access: accessPort === undefined ? undefined : { host: "127.0.0.1", port: accessPort },
    againMs: 500,
  });
}

/** RabbitMQ closes the connection of one that begins with MQTT 5, which then goes on with 3.1.1. */
async function untilConnected(link: LinkScene): Promise<void> {
  await until("it is connected", async () => {
    await link.clock.advance(10_000);
    return link.link.status.endpoint !== null;
  });
}

/** Each task came to its agent; more than once only where the broker says so, or the agent was away. */
async function untilAllCame({ links }: Scene, made: ReadonlyMap<string, number>): Promise<void> {
  const isThere = ([taskId, index]: [string, number]) => links[index]!.tasks.some((task) => idOf(task) === taskId);
  await until("all tasks came", async () => {
    for (const link of links) await link.clock.advance(60_000);
    return [...made].every(isThere);
  });
}

async function knowsNothingOfOthers(scene: Scene): Promise<void> {
  const { rabbitmq: { nodes, authority }, agents: [agent, other], links } = scene;
  const url = `mqtts://localhost:${nodes[0]!.port}`;
  const options = { ca: authority.pem, key: other!.identity.privateKeyPem, cert: other!.identity.chain };
  await links[1]![Symbol.asyncDispose]();
  const clientId = other!.agentId;
  const foreign = [mqttTopic(agent!.agentId, "task"), "#", "opendca/v1/a/+/task", mqttTopic(clientId, "progress")];
  // RabbitMQ ends the connection.
  for (const topic of foreign) {
    await using spy = await mqttClient(url, { ...options, clientId });
    await assert.rejects(spy.subscribe(topic), topic);
  }
  for (const kind of ["task", "wake", "presence", "progress"] as const) {
    await using spy = await mqttClient(url, { ...options, clientId });
    const ended = new Promise<void>((resolve) => spy.client.on("close", () => resolve()));
    spy.client.publish(mqttTopic(agent!.agentId, kind), "offline", { qos: 1 }, () => {});
    await ended;
  }
  await using spy = await mqttClient(url, { ...options, clientId });
  assert.deepEqual(await spy.subscribe(mqttTopic(clientId, "task")), [1]);
  for (const wrong of [agent!.agentId, "opendca-platform-1", "another"]) {
    await assert.rejects(mqttClient(url, { ...options, clientId: wrong }), wrong);
  }
  await assert.rejects(mqttClient(url, { ca: authority.pem, clientId: agent!.agentId }), "without a certificate");
  // RabbitMQ takes a name of the client instead of that of its certificate.
  for (const username of [platformUser, agent!.agentId, clientId]) {
    const posing = { ...options, clientId: username === platformUser ? `${platformUser}-1` : username, username };
    await assert.rejects(mqttClient(url, { ...posing, password: "any" }), username);
    await assert.rejects(mqttClient(url, { ...posing, password: "" }), username);
  }
  const taskId = await ping(scene, agent!);
  await until("its task", () => links[0]!.tasks.some((task) => idOf(task) === taskId));
  assert.deepEqual(spy.received, []);
}

async function survivesANode(scene: Scene): Promise<void> {
  const { rabbitmq, agents, links, runs } = scene;
  const made = new Map<string, number>();
  const isMaking = { now: true };
  const making = (async () => {
    for (let i = 0; isMaking.now; i++) {
      made.set(await ping(scene, agents[i % agents.length]!), i % agents.length);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  })();
  await until("some tasks came", () => links[0]!.tasks.length > 5);
  // The first process, and the first agent, are connected to it.
  await rabbitmq.nodes[0]!.kill();
  const before = made.size;
  await until("tasks were made after it", () => made.size > before + 20);
  isMaking.now = false;
  await making;
  await untilAllCame(scene, made);
  for (const [index, { started }] of runs.entries()) {
    const wanted = [...made].filter(([, agent]) => agent === index).map(([taskId]) => targets.get(taskId)!);
    await until("all were started", () => wanted.every((target) => started.includes(target)));
    assert.deepEqual(
      started.filter((target, at) => started.indexOf(target) !== at),
      [],
      `agent ${index} started these twice`,
    );
  }
  for (const [index, link] of links.entries()) {
    const ids = link.tasks.map(idOf);
    const twice = ids.filter((id, at) => ids.indexOf(id) !== at);
    // The broker may repeat what was not acknowledged; the platform sends nothing twice that has come.
    assert.ok(twice.length <= 3, `agent ${index} got ${twice.length} of ${ids.length} twice`);
  }
  assert.equal(links[0]!.failed().length > 0, true, "the first agent lost its connection");
}

async function endsTheRevoked(scene: Scene): Promise<void> {
  const { platform, agents, links } = scene, last = agents.length - 1;
  // An attempt that the broker has let in before the revocation may end after it.
  await untilConnected(links[last]!);
  const connections = links[last]!.connected().length;
  const failures = links[last]!.failed().length;
  const { agentId, tenant } = agents[last]!;
  await revokeAgent(platform.platform, { actor: operator, tenant: tenant.customerId }, { agentId, reason: "test" });
  await until("its session is ended, and no other is opened", async () => {
    await links[last]!.clock.advance(60_000);
    return links[last]!.failed().length > failures + 2;
  });
  assert.equal(links[last]!.connected().length, connections);
  const reasons = links[last]!.failed().slice(failures).map(({ error }) => error.message);
  assert.ok(reasons.some((reason) => /does not accept|connection was closed/.test(reason)), reasons.join("\n"));
}

peerTest("RabbitMQ loses nothing, and has no task run twice, when one of three nodes is killed", [
  "rabbitmq-server",
  "epmd",
], async (t) => {
  await using platform = await startTestPlatform();
  const accessPort = freePort();
  await using rabbitmq = await startRabbitmq(platform.platform, { accessPort });
  await using second = await platform.another();
  await using _first = await serve(platform, rabbitmq, { first: 0, accessPort });
  await using _second = await serve(second, rabbitmq, { first: 1 });
  for (const each of [platform, second]) {
    await until("the platform is connected", () => each.events.some(({ event }) => event === "mqttBrokerConnected"));
  }
  const customer = await platform.customer("Acme");
  const agents = [0, 1, 2].map(() => undefined as unknown as TestAgent);
  for (const index of agents.keys()) agents[index] = await activatedAgent(platform, customer);
  await using stack = new AsyncDisposableStack();
  const links: LinkScene[] = [];
  const runs: Runs[] = [];
  for (const agent of agents) runs.push(stack.use(await startRuns(platform, agent)));
  const scene: Scene = { platform, rabbitmq, agents, links, runs };
  const link = (index: number) =>
    stack.use(startLink({
      ...agentOptions(platform, agents[index]!),
      trust: { ca: { pem: rabbitmq.authority.pem }, pins: [] },
      endpoints: rotated(rabbitmq.nodes, index).map(({ port }) => endpointOf("tls", port)),
      onTask: (task, how) => runs[index]!.take(task, how),
    }));
  for (const index of agents.keys()) links.push(link(index));
  for (const each of links) await untilConnected(each);
  assert.equal(links[0]!.link.status.version, "3.1.1");
  await t.step("an agent can neither read nor write what is another's", () => knowsNothingOfOthers(scene));
  links[1] = link(1);
  await untilConnected(links[1]);
  await t.step(
    "a node is killed with tasks in flight, and each is started once by its agent",
    () => survivesANode(scene),
  );
  await t.step("a revoked agent loses its connection and gets no other", () => endsTheRevoked(scene));
});
