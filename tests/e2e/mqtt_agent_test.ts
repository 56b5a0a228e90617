/** Agent and platform as programs, which talk by MQTT beside gRPC: the platform asks for a poll once an hour alone. */
import assert from "node:assert/strict";
import { type AgentScene, startScene } from "../fixtures/agent_fixture.ts";
import { freePort } from "../fixtures/free_port.ts";
import { maybeLibfaketime, peerTest } from "../fixtures/peers.ts";
import { until } from "../fixtures/until.ts";
import { withClock } from "../faults/faketime.ts";

const ignore = Deno.build.os !== "linux";

interface MqttScene {
  scene: AgentScene;
  ports: { tls: number; wss: number };
  startPlatform(): ReturnType<AgentScene["startPlatform"]>;
}

/** `way`: what the agent tries first. */
async function mqttScene(scene: AgentScene, way: "tls" | "wss"): Promise<MqttScene> {
  const ports = { tls: freePort(), wss: freePort() };
  const brokers = [`"mqtts://localhost:${ports.tls}"`, `"wss://localhost:${ports.wss}"`];
  if (way === "wss") brokers.reverse();
  const file = await Deno.readTextFile(scene.config);
  await Deno.writeTextFile(scene.config, file.replace("  ca:", `  mqtt: [${brokers}]\n  ca:`));
  const listen = ["--mqtt-listen", `127.0.0.1:${ports.tls}`, "--mqtt-wss-listen", `127.0.0.1:${ports.wss}`];
  return { scene, ports, startPlatform: () => scene.startPlatform("--poll-seconds", "1h", ...listen) };
}

Deno.test({
  name: "tasks reach an agent by MQTT that polls once an hour, also those of a time when the platform was killed",
  ignore,
  async fn() {
    await using scene = await startScene({ network: 241, printers: 3 });
    const { ports, startPlatform } = await mqttScene(scene, "wss");
    await using platform = await startPlatform();
    await using agent = await scene.startAgent();
    await agent.line((line) => line.includes('"mqttConnected"'));
    assert.match(
      await scene.admin("task", "scan", scene.agentId, "--target", "127.241.0.1-3", "--wait"),
      /^succeeded: 3 printers, 3 of 3 addresses answered/,
    );
    assert.match(
      await scene.admin("task", "read", scene.agentId, "127.241.0.2", "--wait"),
      /^succeeded: 1 printer, 1 of 1 address answered/,
    );
    const status = (await scene.opendca("status")).out;
    assert.match(status, new RegExp(`^mqtt +wss://localhost:${ports.wss} connected .* ago, MQTT 3.1.1$`, "m"));
    assert.match(await scene.admin("agent", "show", scene.agentId), /^MQTT +connected since /m);
    assert.match(await scene.admin("agent", "list"), new RegExp(`MQTT[^]*${scene.agentId}.* connected`));

    await platform.kill("SIGKILL");
    await agent.line((line) => line.includes('"mqttFailed"'));
    const taskId = await scene.admin("task", "refresh-config", scene.agentId);
    await using _again = await startPlatform();
    await agent.line((line) => line.includes('"taskFinished"') && line.includes(taskId));
    assert.equal(agent.lines.filter((line) => line.includes(taskId) && line.includes('"taskReceived"')).length, 1);
    const failures = agent.lines.filter((line) => line.includes('"mqttFailed"')).length;
    assert.ok(failures < 20, `${failures} tries: a storm`);
  },
});

Deno.test({
  name: "a scan is cancelled while it runs, and its progress is shown",
  ignore,
  async fn() {
    await using scene = await startScene({ network: 242, printers: 2, rate: 10 });
    const { startPlatform } = await mqttScene(scene, "tls");
    await using _platform = await startPlatform();
    await using agent = await scene.startAgent();
    await agent.line((line) => line.includes('"mqttConnected"'));
    const taskId = await scene.admin("task", "scan", scene.agentId);
    await agent.line((line) => line.includes('"taskReceived"') && line.includes(taskId));
    assert.match(await scene.admin("task", "cancel", taskId), /the agent is asked to stop it|cancelled/);
    await agent.line((line) => line.includes('"taskFinished"') && line.includes(taskId));
    const line = agent.lines.find((line) => line.includes('"taskFinished"') && line.includes(taskId))!;
    assert.equal(JSON.parse(line).state, "cancelled");
    const again = await scene.admin("task", "ping", scene.agentId, "127.242.0.1", "--wait").catch(String);
    assert.match(again, /127\.242\.0\.1|ping/, "and the next task is done");
  },
});

const takesClock = maybeLibfaketime() !== undefined;

for (const [network, offset, name] of [[243, "+1d", "a day ahead"], [245, "-1d", "a day behind"]] as const) {
  peerTest(
    `an agent whose clock is ${name} runs the tasks that a broker brings`,
    takesClock ? [] : ["faketime"],
    async () => {
      // A certificate that is older is good for a clock of yesterday as well.
      await using scene = await startScene({ network, printers: 1, madeWithin: withClock("-3d") });
      const { startPlatform } = await mqttScene(scene, "tls");
      await using _platform = await startPlatform();
      scene.within = withClock(offset);
      await using agent = await scene.startAgent();
      await agent.line((line) => line.includes('"mqttConnected"'));
      await agent.line((line) => line.includes('"pollAnswered"'));
      // By the agent's clock it has long expired, or is of tomorrow.
      const order = ["task", "read", scene.agentId, `127.${network}.0.1`, "--valid-minutes", "5", "--wait"];
      assert.match(await scene.admin(...order), /^succeeded: 1 printer,/);
    },
  );
}

Deno.test({
  name: "MQTT brings tasks while gRPC is down, and polls bring them while MQTT is down",
  ignore,
  async fn() {
    await using scene = await startScene({ network: 244, printers: 1 });
    const { ports } = await mqttScene(scene, "tls");
    await using agent = scene.spawnAgent();
    await agent.line((line) => line.includes('"agentStarted"'));
    const finished = (taskId: string) => agent.line((line) => line.includes('"taskFinished"') && line.includes(taskId));
    const states = () => scene.store<{ state: string }>("SELECT state FROM tasks").map(({ state }) => state);
    const mqtt = ["--mqtt-listen", `127.0.0.1:${ports.tls}`];
    {
      await using first = await scene.startPlatform(...mqtt);
      await agent.line((line) => line.includes('"mqttConnected"'));
      // The platform's time comes with a poll.
      await agent.line((line) => line.includes('"pollAnswered"'));
      await first.kill("SIGTERM");
    }
    const before = agent.lines.length;
    {
      // The last `--listen` counts: no agent finds gRPC there.
      await using second = await scene.startPlatform("--listen", `127.0.0.1:${freePort()}`, ...mqtt);
      await agent.line((line) => line.includes('"mqttConnected"'), before);
      const taskId = await scene.admin("task", "read", scene.agentId, "127.244.0.1");
      await finished(taskId);
      assert.ok(!agent.lines.slice(before).some((line) => line.includes('"pollAnswered"')), "no poll came through");
      assert.ok(!states().includes("succeeded"), "what became of it goes by gRPC");
      await second.kill("SIGTERM");
    }
    await using _third = await scene.startPlatform();
    await finished(await scene.admin("task", "read", scene.agentId, "127.244.0.1"));
    await until("both are told", () => states().join() === "succeeded,succeeded");
    const last = agent.lines.findLastIndex((line) => line.includes('"mqttConnected"'));
    assert.ok(agent.lines.slice(last).some((line) => line.includes('"mqttFailed"')), "MQTT is down");
  },
});
