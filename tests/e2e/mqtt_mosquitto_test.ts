/** Debian's mosquitto: its restarts, its WebSockets, its lists of revoked agents, and what it keeps. */
import assert from "node:assert/strict";
import { mqttTopic } from "../../common/protocol/mqtt.ts";
import { revokeAgent } from "../../platform/agents/manage_agents.ts";
import { keepAccessList, keepRevocationList } from "../../platform/edge/mqtt/broker_files.ts";
import { ownCertificate } from "../../platform/edge/mqtt/external_broker.ts";
import { startMosquitto } from "../fixtures/mosquitto_peer.ts";
import { idsOf, linkOf, ping, served, withMosquitto } from "../fixtures/mosquitto_scene.ts";
import { mqttClient, type TestMqttClient } from "../fixtures/mqtt_client.ts";
import { agentOptions, endpointOf, startLink } from "../fixtures/mqtt_scene.ts";
import { peerTest } from "../fixtures/peers.ts";
import { activatedAgent, startTestPlatform, type TestAgent } from "../fixtures/platform_fixture.ts";
import { until } from "../fixtures/until.ts";

peerTest(
  "tasks come by mosquitto's WebSockets, of its own topics only",
  ["mosquitto"],
  () =>
    withMosquitto(async (scene) => {
      const { platform, mosquitto, agent, other } = scene;
      await using _mqtt = await served(scene);
      const link = startLink({
        ...agentOptions(platform, agent),
        trust: { ca: { pem: mosquitto.authority.pem }, pins: [] },
        endpoints: [endpointOf("wss", mosquitto.webPort)],
      });
      await using _ = link;
      await link.until("mqttConnected", 1);
      await using spy = await mqttClient(`wss://localhost:${mosquitto.webPort}/mqtt`, {
        ca: mosquitto.authority.pem,
        key: other.identity.privateKeyPem,
        cert: other.identity.chain,
        clientId: agent.agentId,
      });
      await spy.subscribe([mqttTopic(agent.agentId, "task"), "#"]);
      const { taskId } = await ping(scene, agent);
      await until("the task", () => link.tasks.length > 0);
      assert.deepEqual([idsOf(link.tasks), link.failed(), spy.received], [[taskId], [], []]);
    }),
);

peerTest("mosquitto refuses a revoked agent by the list of the platform, from SIGHUP on", ["mosquitto"], async () => {
  await using platform = await startTestPlatform();
  const folder = await Deno.makeTempDir();
  await using _folder = { [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }) };
  // Mosquitto drops root.
  await Deno.chmod(folder, 0o755);
  const crl = `${folder}/agents.crl`;
  await (await keepRevocationList(platform.platform, crl))[Symbol.asyncDispose]();
  await using mosquitto = await startMosquitto(platform.platform, { crl });
  const customer = await platform.customer("Acme");
  const agent = await activatedAgent(platform, customer), other = await activatedAgent(platform, customer);
  await using _mqtt = await served({ platform, mosquitto }, platform, { crl });
  const connect = ({ agentId, identity }: TestAgent) =>
    mqttClient(`mqtts://localhost:${mosquitto.agentPort}`, {
      ca: mosquitto.authority.pem,
      key: identity.privateKeyPem,
      cert: identity.chain,
      clientId: agentId,
    });
  await using stays = await connect(agent);
  await (await connect(other))[Symbol.asyncDispose]();
  const written = () => platform.events.filter(({ event }) => event === "mqttCrlWritten").length;
  const before = written();
  const by = { actor: { kind: "operator", name: "eva" }, tenant: customer.tenant.customerId } as const;
  await revokeAgent(platform.platform, by, { agentId: other.agentId, reason: "test" });
  await until("the list is written", () => written() > before);
  Deno.kill(mosquitto.pid(), "SIGHUP");
  await until("it is refused", () =>
    connect(other).then(async (client) => {
      await client[Symbol.asyncDispose]();
      return false;
    }, () => true));
  assert.ok(stays.client.connected, "nobody else is disconnected");
  await using _again = await connect(agent);
});

peerTest("a revoked agent gets and says nothing by mosquitto's WebSockets, from SIGHUP on", ["mosquitto"], async () => {
  await using platform = await startTestPlatform();
  const folder = await Deno.makeTempDir();
  await using _folder = { [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }) };
  // Mosquitto drops root.
  await Deno.chmod(folder, 0o755);
  const acl = `${folder}/agents.acl`;
  await (await keepAccessList(platform.platform, acl))[Symbol.asyncDispose]();
  await using mosquitto = await startMosquitto(platform.platform, { acl });
  const customer = await platform.customer("Acme");
  const agents = [await activatedAgent(platform, customer), await activatedAgent(platform, customer)] as const;
  const [agent, revoked] = agents;
  await using _mqtt = await served({ platform, mosquitto }, platform, { acl });
  const ca = mosquitto.authority.pem;
  const connect = ({ agentId: clientId, identity: { privateKeyPem: key, chain: cert } }: TestAgent) =>
    mqttClient(`wss://localhost:${mosquitto.webPort}/mqtt`, { ca, key, cert, clientId });
  await using own = await mqttClient(`mqtts://localhost:${mosquitto.platformPort}`, {
    ca,
    ...await ownCertificate(platform.platform.serverAuthority, new Date()),
    clientId: "observer",
  });
  await own.subscribe(mqttTopic("+", "presence"));
  /** Whether it gets what the platform sends to it, and the platform what it says. */
  const reaches = async (agent: TestAgent, client: TestMqttClient) => {
    const mark = crypto.randomUUID();
    await client.client.publishAsync(mqttTopic(agent.agentId, "presence"), mark, { qos: 1 });
    await own.client.publishAsync(mqttTopic(agent.agentId, "task"), mark, { qos: 1 });
    // What the others get comes later.
    await own.client.publishAsync(mqttTopic(agents[0].agentId, "wake"), mark, { qos: 1 });
    const heard = ({ received }: TestMqttClient) => received.some(({ payload }) => payload.toString() === mark);
    await until("the other has it", () => heard(stays));
    return [heard(client), heard(own)];
  };
  await using stays = await connect(agent);
  await stays.subscribe([mqttTopic(agent.agentId, "wake"), mqttTopic(agent.agentId, "task")]);
  {
    await using before = await connect(revoked);
    await before.subscribe(mqttTopic(revoked.agentId, "task"));
    assert.deepEqual(await reaches(revoked, before), [true, true]);
  }
  const written = () => platform.events.filter(({ event }) => event === "mqttAclWritten").length, times = written();
  const by = { actor: { kind: "operator", name: "eva" }, tenant: customer.tenant.customerId } as const;
  await revokeAgent(platform.platform, by, { agentId: revoked.agentId, reason: "test" });
  await until("the list is written", () => written() > times);
  Deno.kill(mosquitto.pid(), "SIGHUP");
  await until("it reaches nothing", async () => {
    await using after = await connect(revoked);
    await after.subscribe([mqttTopic(revoked.agentId, "task"), "#"]);
    const [gets, says] = await reaches(revoked, after);
    return !gets && !says;
  });
  assert.deepEqual(await reaches(agent, stays), [true, true]);
});

peerTest(
  "mosquitto is restarted with tasks in flight, and none is lost",
  ["mosquitto"],
  () =>
    withMosquitto(async (scene) => {
      await using _mqtt = await served(scene);
      const link = linkOf(scene, scene.agent);
      await using _ = link;
      await link.until("mqttConnected", 1);
      await scene.mosquitto.stop();
      await link.until("mqttFailed", 1);
      const made = [await ping(scene, scene.agent), await ping(scene, scene.agent)];
      await scene.mosquitto.start();
      await until("it is connected again", async () => {
        await link.clock.advance(60_000);
        return link.connected().length > 1;
      });
      // Whichever of the two is connected first.
      await until("the tasks", () => link.tasks.length >= 2);
      assert.deepEqual([...new Set(idsOf(link.tasks))].toSorted(), made.map(({ taskId }) => taskId).toSorted());
    }),
);

peerTest(
  "a task that was made while mosquitto was away reaches an agent that stays, once the platform is back",
  ["mosquitto"],
  () =>
    withMosquitto(async (scene) => {
      // The agent is connected before the platform: nothing else makes it known.
      const link = linkOf(scene, scene.agent);
      await using _ = link;
      await link.until("mqttConnected", 1);
      const before = await ping(scene, scene.agent);
      await using second = await scene.platform.another();
      await using _first = await served(scene);
      await until("the task", () => link.tasks.length >= 1);
      await using _second = await served(scene, second);
      const last = await ping(scene, scene.agent);
      await until("the last", () => idsOf(link.tasks).includes(last.taskId));
      assert.deepEqual(idsOf(link.tasks), [before.taskId, last.taskId], "each once, of two processes");
    }),
);

peerTest(
  "what mosquitto keeps for an agent that is away is not sent again when it is back",
  ["mosquitto"],
  () =>
    withMosquitto(async (scene) => {
      await using _mqtt = await served(scene);
      const first = linkOf(scene, scene.agent);
      await first.until("mqttConnected", 1);
      await first[Symbol.asyncDispose]();
      const { taskId } = await ping(scene, scene.agent);
      const row = () => scene.platform.queries.get("SELECT 1 FROM tasks WHERE pushed_at IS NOT NULL");
      await until("mosquitto has it", async () => await row() !== undefined);
      scene.platform.clock.advance(1000);
      const back = scene.platform.clock.now().getTime();
      const link = linkOf(scene, scene.agent);
      await using _ = link;
      await until("the task", () => link.tasks.length >= 1);
      // What would have been sent when it came back comes before this.
      const online = () => scene.platform.queries.get("SELECT 1 FROM agents WHERE mqtt_online_at >= :back", { back });
      await until("the platform knows", async () => await online() !== undefined);
      const last = await ping(scene, scene.agent);
      await until("the last", () => idsOf(link.tasks).includes(last.taskId));
      assert.deepEqual(idsOf(link.tasks), [taskId, last.taskId]);
    }),
);

peerTest(
  "what an agent has said nothing of some seconds after it is back is sent again",
  ["mosquitto"],
  () =>
    withMosquitto(async (scene) => {
      await using _mqtt = await served(scene, scene.platform, { againMs: 300 });
      const first = linkOf(scene, scene.agent);
      await first.until("mqttConnected", 1);
      const { taskId } = await ping(scene, scene.agent);
      await until("the task", () => first.tasks.length >= 1);
      // Accepted, and lost with its machine.
      await first[Symbol.asyncDispose]();
      scene.platform.clock.advance(1000);
      const link = linkOf(scene, scene.agent);
      await using _ = link;
      await until("the task again", () => idsOf(link.tasks).includes(taskId));
    }),
);

peerTest(
  "what mosquitto has not acknowledged is not sent for good",
  ["mosquitto"],
  () =>
    withMosquitto(async (scene) => {
      const { mosquitto, platform, agent } = scene;
      await using _mqtt = await served(scene);
      // It takes the bytes and does nothing.
      Deno.kill(mosquitto.pid(), "SIGSTOP");
      const { taskId } = await ping(scene, agent);
      const pushedAt = async () =>
        (await platform.queries.get<{ pushed_at: number | null }>("SELECT pushed_at FROM tasks WHERE task_id = :id", {
          id: taskId,
        }))!.pushed_at;
      await until("it is on its way", async () => await pushedAt() !== null);
      await mosquitto.stop();
      await until("it is free again", async () => await pushedAt() === null);
      await mosquitto.start();
      const link = linkOf(scene, agent);
      await using _ = link;
      await until("the task", () => idsOf(link.tasks).includes(taskId));
    }),
);
