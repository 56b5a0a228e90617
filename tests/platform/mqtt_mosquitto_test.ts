/** Debian's mosquitto as docs/mqtt-mosquitto.md has it, between platform processes and agents.; more in tests/e2e. */
import assert from "node:assert/strict";
import { mqttTopic } from "../../common/protocol/mqtt.ts";
import { revokeAgent } from "../../platform/agents/manage_agents.ts";
import { idsOf, linkOf, ping, served, withMosquitto } from "../fixtures/mosquitto_scene.ts";
import { mqttClient } from "../fixtures/mqtt_client.ts";
import { peerTest } from "../fixtures/peers.ts";
import { soon, until } from "../fixtures/until.ts";

peerTest(
  "two processes of the platform send a task once by mosquitto, and know who is there",
  ["mosquitto"],
  () =>
    withMosquitto(async (scene) => {
      await using second = await scene.platform.another();
      await using _first = await served(scene);
      await using _second = await served(scene, second);
      const link = linkOf(scene, scene.agent);
      await using _ = link;
      await link.until("mqttConnected", 1);
      assert.equal(link.connected()[0]!.event === "mqttConnected" && link.link.status.version, "5");
      const online = () => scene.platform.queries.get("SELECT 1 FROM agents WHERE mqtt_online_at > 0");
      await until("the platform knows", async () => await online() !== undefined);
      const made = [await ping(scene, scene.agent), await ping(scene, scene.agent)];
      await until("the tasks", () => link.tasks.length >= 2);
      // What a second process would have sent comes before this.
      const last = await ping(scene, scene.agent);
      await until("the last", () => idsOf(link.tasks).includes(last.taskId));
      assert.deepEqual(idsOf(link.tasks).toSorted(), [...made, last].map(({ taskId }) => taskId).toSorted());
    }),
);

peerTest(
  "a revoked agent loses its connection to mosquitto",
  ["mosquitto"],
  () =>
    withMosquitto(async (scene) => {
      const { platform, agent: { agentId, tenant } } = scene;
      await using _mqtt = await served(scene);
      const link = linkOf(scene, scene.agent);
      await using _ = link;
      await link.until("mqttConnected", 1);
      const by = { actor: { kind: "operator", name: "eva" }, tenant: tenant.customerId } as const;
      await revokeAgent(platform.platform, by, { agentId, reason: "test" });
      await link.until("mqttFailed", 1);
    }),
);

peerTest(
  "with mosquitto an agent gets nothing of another's, and cannot say anything for it",
  ["mosquitto"],
  () =>
    withMosquitto(async (scene) => {
      const { platform, mosquitto, agent, other } = scene;
      await using _mqtt = await served(scene);
      const link = linkOf(scene, agent);
      await using _ = link;
      await link.until("mqttConnected", 1);
      const options = {
        ca: mosquitto.authority.pem,
        key: other.identity.privateKeyPem,
        cert: other.identity.chain,
        clientId: agent.agentId,
      };
      // The client id of another does not end its session: the broker goes by the certificate.
      await using spy = await mqttClient(`mqtts://localhost:${mosquitto.agentPort}`, options);
      await spy.subscribe([mqttTopic(agent.agentId, "task"), "opendca/#", "#", mqttTopic(agent.agentId, "presence")]);
      const publish = (topic: string, text: string, retain: boolean) =>
        soon(`mosquitto acknowledges ${topic}`, spy.client.publishAsync(topic, text, { qos: 1, retain }));
      for (const kind of ["task", "wake", "presence", "progress"] as const) {
        await publish(mqttTopic(agent.agentId, kind), "offline", false);
      }
      await publish(mqttTopic(other.agentId, "task"), "x", true);
      const { taskId } = await ping(scene, agent);
      await until("its task", () => link.tasks.length > 0);
      assert.deepEqual([idsOf(link.tasks), link.wakes, link.failed()], [[taskId], 1, []]);
      assert.deepEqual(spy.received, []);
      // On the platform's listener it could end the session of whom it likes.
      await assert.rejects(mqttClient(`mqtts://localhost:${mosquitto.platformPort}`, options));
      const next = await ping(scene, agent);
      await until("its next task", () => link.tasks.length > 1);
      assert.deepEqual(idsOf(link.tasks), [taskId, next.taskId]);
      const offline = await platform.queries.get("SELECT 1 FROM agents WHERE agent_id = :id AND mqtt_offline_at > 0", {
        id: agent.agentId,
      });
      assert.equal(offline, undefined, "nobody can say that it is gone");
      await assert.rejects(
        mqttClient(`mqtts://localhost:${mosquitto.agentPort}`, {
          ca: mosquitto.authority.pem,
          clientId: agent.agentId,
        }),
      );
    }),
);
