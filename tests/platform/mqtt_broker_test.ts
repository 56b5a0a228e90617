import assert from "node:assert/strict";
import type { IClientOptions } from "mqtt";
import { mqttTopic } from "../../common/protocol/mqtt.ts";
import { createTask } from "../../platform/tasks/manage_tasks.ts";
import { SignedTask, Task } from "../../proto/gen/opendca/v1/task.ts";
import { eachDatabase } from "../fixtures/each_database.ts";
import { mqttClient } from "../fixtures/mqtt_client.ts";
import { activatedAgent, startTestPlatform, type TestAgent, type TestPlatform } from "../fixtures/platform_fixture.ts";
import { until } from "../fixtures/until.ts";

const anyPort = { host: "127.0.0.1", port: 0 };
const both = { tls: anyPort, wss: anyPort };

function urlOf({ mqttPorts }: TestPlatform, way: "tls" | "wss"): string {
  return way === "tls" ? `mqtts://localhost:${mqttPorts!.tls}` : `wss://localhost:${mqttPorts!.wss}/mqtt`;
}

function optionsOf(platform: TestPlatform, agent: TestAgent, more: IClientOptions = {}): IClientOptions {
  const { privateKeyPem: key, chain: cert } = agent.identity;
  return { ca: platform.serverAuthority, key, cert, clientId: agent.agentId, clean: false, ...more };
}

function by(agent: TestAgent) {
  return { actor: { kind: "operator", name: "eva" }, tenant: agent.tenant.customerId } as const;
}

const ping = { $case: "ping", value: { target: "10.1.0.7", count: 1 } } as const;

for (const way of ["tls", "wss"] as const) {
  eachDatabase(
    `an agent gets a task at once by MQTT over ${way}, and those that were waiting when it came`,
    async () => {
      await using platform = await startTestPlatform({ mqtt: both });
      const agent = await activatedAgent(platform, await platform.customer("Acme"));
      const waiting = await createTask(platform.platform, by(agent), {
        agentId: agent.agentId,
        payload: ping,
        validMs: 60_000,
      });
      await using mqtt = await mqttClient(urlOf(platform, way), optionsOf(platform, agent));
      assert.deepEqual(await mqtt.subscribe([mqttTopic(agent.agentId, "task"), mqttTopic(agent.agentId, "wake")]), [
        1,
        1,
      ]);
      await until("the waiting task", () => mqtt.received.length === 1);
      const next = await createTask(platform.platform, by(agent), {
        agentId: agent.agentId,
        payload: ping,
        validMs: 60_000,
      });
      await until("the new task", () => mqtt.received.length === 2);
      const ids = mqtt.received.map(({ payload }) => Task.decode(SignedTask.decode(payload).task).taskId);
      assert.deepEqual(ids, [waiting.taskId, next.taskId]);
      assert.deepEqual(mqtt.received.map(({ qos, retain }) => [qos, retain]), [[1, false], [1, false]]);
    },
  );
}
