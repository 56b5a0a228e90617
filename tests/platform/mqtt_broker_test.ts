import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import tls from "node:tls";
import type { IClientOptions } from "mqtt";
import { mqttTopic } from "../../common/protocol/mqtt.ts";
import { maybeAgent } from "../../platform/agents/agents.ts";
import { revokeAgent, setAgentConfig, showAgent } from "../../platform/agents/manage_agents.ts";
import { brokerAliveMs, isOnline, noteBroker, notePresence, withBrokers } from "../../platform/agents/presence.ts";
import { startMqtt } from "../../platform/edge/mqtt/start_mqtt.ts";
import { createTask } from "../../platform/tasks/manage_tasks.ts";
import { PlatformConfig } from "../../proto/gen/opendca/v1/config.ts";
import { RefusalReason, SignedTask, Task, TaskResult, TaskState } from "../../proto/gen/opendca/v1/task.ts";
import { slowInPostgres } from "../fixtures/each_database.ts";
import { mqttClient } from "../fixtures/mqtt_client.ts";
import { activatedAgent, startTestPlatform, type TestAgent, type TestPlatform } from "../fixtures/platform_fixture.ts";
import { soon, until } from "../fixtures/until.ts";

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
  slowInPostgres(
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

/** What the platform's log says of refusals. */
function refusals({ events }: TestPlatform): string[] {
  return events.filter(({ event }) => event === "mqttRefused").map(({ fields }) => String(fields.why));
}

async function audited({ queries }: TestPlatform, action: string): Promise<string[]> {
  const rows = await queries.all<{ detail: string }>("SELECT detail FROM audit_log WHERE action = :action", { action });
  return rows.map(({ detail }) => detail);
}

Deno.test("an agent can neither subscribe nor publish to what is not its own, and each try is logged", async () => {
  await using platform = await startTestPlatform({ mqtt: both });
  const customer = await platform.customer("Acme");
  const mallory = await activatedAgent(platform, customer);
  const victim = await activatedAgent(platform, customer);
  const own = mqttTopic(mallory.agentId, "task");
  {
    await using spy = await mqttClient(urlOf(platform, "tls"), optionsOf(platform, mallory));
    const foreign = [
      mqttTopic(victim.agentId, "task"),
      mqttTopic(victim.agentId, "presence"),
      mqttTopic(mallory.agentId, "presence"),
      "opendca/v1/a/+/task",
      "opendca/v1/a/#",
      "opendca/#",
      "#",
      "+/+/+/+/+",
      "$SYS/#",
      `$share/group/${mqttTopic(victim.agentId, "task")}`,
      `${own}/#`,
    ];
    for (const topic of foreign) assert.deepEqual(await spy.subscribe(topic), [128], topic);
    assert.equal(refusals(platform).length, foreign.length);
    assert.deepEqual(await spy.subscribe(own), [1]);
    const { taskId } = await createTask(platform.platform, by(victim), {
      agentId: victim.agentId,
      payload: ping,
      validMs: 60_000,
    });
    const mine = await createTask(platform.platform, by(mallory), {
      agentId: mallory.agentId,
      payload: ping,
      validMs: 60_000,
    });
    await until("its own task", () => spy.received.length > 0);
    const ids = spy.received.map(({ payload }) => Task.decode(SignedTask.decode(payload).task).taskId);
    assert.deepEqual([ids, ids.includes(taskId)], [[mine.taskId], false]);
  }
  await using listener = await mqttClient(urlOf(platform, "tls"), optionsOf(platform, victim));
  await listener.subscribe([mqttTopic(victim.agentId, "task"), mqttTopic(victim.agentId, "wake")]);
  await until("its own task", () => listener.received.length === 1);
  for (
    const [topic, retain] of [
      [mqttTopic(victim.agentId, "task"), false],
      [mqttTopic(victim.agentId, "wake"), false],
      [mqttTopic(victim.agentId, "progress"), false],
      [mqttTopic(mallory.agentId, "task"), false],
      [mqttTopic(mallory.agentId, "progress"), true],
      ["$SYS/broker/x", false],
      ["other", false],
    ] as const
  ) {
    const before = refusals(platform).length;
    await using writer = await mqttClient(urlOf(platform, "tls"), optionsOf(platform, mallory));
    const closed = new Promise<void>((resolve) => writer.client.on("close", () => resolve()));
    writer.client.on("error", () => {});
    writer.client.publish(topic, "x", { qos: 1, retain });
    await soon("the connection ends", closed);
    assert.equal(refusals(platform).length, before + 1, topic);
  }
  assert.equal(listener.received.length, 1, "and nothing came through");
  await until("the audit log has it", async () => (await audited(platform, "mqttRefused")).length > 0);
});

slowInPostgres(
  "what an agent refused of what a broker brought is in the audit log, whichever task it was",
  async () => {
    await using platform = await startTestPlatform({ mqtt: both });
    const agent = await activatedAgent(platform, await platform.customer("Acme"));
    const { agentId } = agent;
    const { taskId } = await createTask(platform.platform, by(agent), { agentId, payload: ping, validMs: 60_000 });
    await using mqtt = await mqttClient(urlOf(platform, "tls"), optionsOf(platform, agent));
    const refusals = [
      [taskId, RefusalReason.REPEATED, "REPEATED"],
      ["00000000-0000-4000-8000-000000000001", RefusalReason.EXPIRED, "EXPIRED"],
      ["00000000-0000-4000-8000-000000000002", RefusalReason.WRONG_AGENT, "WRONG_AGENT"],
      // A forged task has no id that could be believed.
      ["", RefusalReason.BAD_SIGNATURE, "BAD_SIGNATURE"],
    ] as const;
    for (const [taskId, refusal] of refusals) {
      const told = TaskResult.fromPartial({ taskId, state: TaskState.REFUSED, refusal, message: "refused" });
      const payload = Buffer.from(TaskResult.encode(told).finish());
      await soon("it is taken", mqtt.client.publishAsync(mqttTopic(agentId, "progress"), payload, { qos: 1 }));
    }
    const details = () => audited(platform, "mqttTaskRefused");
    await until("all are in the audit log", async () => (await details()).length === refusals.length);
    const told = (await details()).map((detail) => JSON.parse(detail));
    assert.deepEqual(told.map(({ agent, reason }) => [agent, reason]), refusals.map(([, , why]) => [agentId, why]));
    const row = await platform.queries.get<{ state: string }>("SELECT state FROM tasks");
    assert.notEqual(row!.state, "refused", "a broker cannot end a task");
  },
);

Deno.test("a broker takes no client id and no last will but the agent's own", async () => {
  await using platform = await startTestPlatform({ mqtt: both });
  const customer = await platform.customer("Acme");
  const agent = await activatedAgent(platform, customer), other = await activatedAgent(platform, customer);
  const will = (topic: string, retain = false) => ({ topic, payload: "offline" as never, qos: 1 as const, retain });
  for (
    const more of [
      { clientId: other.agentId },
      { clientId: "", clean: true },
      { clientId: "a".repeat(70) },
      { will: will(mqttTopic(other.agentId, "presence")) },
      { will: will(mqttTopic(agent.agentId, "progress")) },
      { will: will(mqttTopic(agent.agentId, "presence"), true) },
    ]
  ) {
    await assert.rejects(mqttClient(urlOf(platform, "tls"), optionsOf(platform, agent, more)));
  }
  assert.equal(refusals(platform).length, 6);
  await using _ = await mqttClient(
    urlOf(platform, "tls"),
    optionsOf(platform, agent, { will: will(mqttTopic(agent.agentId, "presence")) }),
  );
});

slowInPostgres("a broker takes no one without a certificate that the platform knows", async () => {
  await using platform = await startTestPlatform({ mqtt: both });
  await using elsewhere = await startTestPlatform();
  const stranger = await activatedAgent(elsewhere, await elsewhere.customer("Acme"));
  for (const way of ["tls", "wss"] as const) {
    const clientId = stranger.agentId;
    await assert.rejects(mqttClient(urlOf(platform, way), optionsOf(platform, stranger)));
    await assert.rejects(mqttClient(urlOf(platform, way), { ca: platform.serverAuthority, clientId }));
    await assert.rejects(
      mqttClient(urlOf(platform, way), { ca: platform.serverAuthority, clientId, username: clientId, password: "x" }),
    );
  }
  assert.ok(platform.events.some(({ event }) => event === "mqttConnectionsRefused"));
});

async function isShownOnline({ platform, clock }: TestPlatform, agent: TestAgent): Promise<boolean> {
  const { row } = await showAgent(platform, by(agent), { agentId: agent.agentId });
  return isOnline(row, clock.now().getTime());
}

slowInPostgres("an agent that is revoked loses its connection at once, and gets no other", async () => {
  await using platform = await startTestPlatform({ mqtt: both });
  const agent = await activatedAgent(platform, await platform.customer("Acme"));
  await using mqtt = await mqttClient(urlOf(platform, "wss"), optionsOf(platform, agent));
  await until("it is shown", () => isShownOnline(platform, agent));
  const closed = new Promise<void>((resolve) => mqtt.client.on("close", () => resolve()));
  await revokeAgent(platform.platform, by(agent), { agentId: agent.agentId, reason: "test" });
  await soon("the connection ends", closed);
  await until("it is shown as gone", async () => !await isShownOnline(platform, agent));
  await assert.rejects(mqttClient(urlOf(platform, "wss"), optionsOf(platform, agent)));
});

Deno.test("a broker ends what sends too much, garbage or nothing, and goes on", async () => {
  await using platform = await startTestPlatform({ mqtt: both });
  const agent = await activatedAgent(platform, await platform.customer("Acme"));
  const { privateKeyPem: key, chain: cert } = agent.identity;
  const garbage = [
    // A PUBLISH of 200 MB, of which the header is enough.
    new Uint8Array([0x30, 0x80, 0x80, 0xe4, 0x5f, 0, 3, 1, 2, 3]),
    new Uint8Array([0x30, 0xff, 0xff, 0xff, 0xff, 0xff]),
    new Uint8Array(1000),
    new TextEncoder().encode("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
  ];
  for (const bytes of garbage) {
    const socket = tls.connect({
      host: "localhost",
      port: platform.mqttPorts!.tls!,
      ca: platform.serverAuthority,
      key,
      cert,
    });
    socket.on("error", () => {});
    socket.write(bytes);
    const closed = new Promise<void>((resolve) => socket.on("close", () => resolve()));
    await soon("the connection ends", closed);
  }
  await using mqtt = await mqttClient(urlOf(platform, "tls"), optionsOf(platform, agent));
  mqtt.client.on("error", () => {});
  const closed = new Promise<void>((resolve) => mqtt.client.on("close", () => resolve()));
  mqtt.client.publish(mqttTopic(agent.agentId, "progress"), "x".repeat(100_000), { qos: 1 });
  await soon("the connection ends", closed);
  await using again = await mqttClient(urlOf(platform, "tls"), optionsOf(platform, agent));
  assert.deepEqual(await again.subscribe(mqttTopic(agent.agentId, "wake")), [1]);
});

slowInPostgres(
  "a task, a configuration and a revocation by another process reach the agent that is connected",
  async () => {
    await using platform = await startTestPlatform({ mqtt: both });
    await using other = await platform.another();
    const customer = await platform.customer("Acme");
    const agent = await activatedAgent(platform, customer);
    await activatedAgent(platform, customer);
    await using mqtt = await mqttClient(urlOf(platform, "tls"), optionsOf(platform, agent));
    await mqtt.subscribe([mqttTopic(agent.agentId, "task"), mqttTopic(agent.agentId, "wake")]);
    const { agentId } = agent;
    await createTask(other.platform, by(agent), { agentId, payload: ping, validMs: 60_000 });
    await until("the task", () => mqtt.received.some(({ topic }) => topic.endsWith("/task")));
    await setAgentConfig(other.platform, by(agent), { agentId, config: PlatformConfig.create({}) });
    await until("the wake-up", () => mqtt.received.some(({ topic }) => topic.endsWith("/wake")));
    const closed = new Promise<void>((resolve) => mqtt.client.on("close", () => resolve()));
    await revokeAgent(other.platform, by(agent), { agentId, reason: "test" });
    await soon("the connection ends", closed);
  },
);

Deno.test("what could not be looked up is looked up again, without anything new", async () => {
  await using platform = await startTestPlatform();
  const agent = await activatedAgent(platform, await platform.customer("Acme"));
  let failures = 0;
  const { store } = platform.platform;
  const failing = {
    ...platform.platform,
    store: {
      ...store,
      // Tells nothing by itself, as when a connection to the database was lost.
      listen: (channel: string, told: (agentId?: string) => void) => {
        if (channel === "task") queueMicrotask(() => told());
        return () => {};
      },
      transaction:
        ((work, options) =>
          options?.readOnly && failures++ < 3
            ? Promise.reject(new Error("the database is away"))
            : store.transaction(work, options)) as typeof store.transaction,
    },
  };
  await createTask(platform.platform, by(agent), { agentId: agent.agentId, payload: ping, validMs: 60_000 });
  const sent: string[] = [];
  await using _ = await startMqtt(failing, () =>
    Promise.resolve({
      isShared: false,
      isUp: () => true,
      send(agentId: string, kind: string) {
        sent.push(`${kind} ${agentId}`);
        return Promise.resolve(true);
      },
      checkAgain: () => {},
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }));
  await until("the task", () => sent.length > 0);
  assert.deepEqual(sent, [`task ${agent.agentId}`]);
  assert.ok(failures > 3);
  assert.equal(platform.events.filter(({ event }) => event === "mqttFailed").length, 3);
});

slowInPostgres(
  "an agent is shown as connected while its broker says that it is there, and not for longer",
  async () => {
    await using platform = await startTestPlatform({ mqtt: both });
    await using dead = await platform.another();
    const agent = await activatedAgent(platform, await platform.customer("Acme"));
    const { agentId } = agent;
    const shown = () => isShownOnline(platform, agent);
    assert.equal(await shown(), false);
    {
      await using mqtt = await mqttClient(urlOf(platform, "tls"), optionsOf(platform, agent));
      await mqtt.subscribe(mqttTopic(agentId, "task"));
      await until("it is shown", shown);
    }
    await until("it is gone", async () => !await shown());
    platform.clock.advance(1000);
    // Of a process that was killed, nothing says that it is gone.
    await dead.platform.store.transaction(async (tx) => {
      const at = platform.clock.now();
      await noteBroker(tx, { brokerId: "killed", at });
      await notePresence(tx.tenant(agent.tenant.customerId), { agentId, brokerId: "killed", isOnline: true, at });
    });
    assert.equal(await shown(), true);
    platform.clock.advance(brokerAliveMs);
    assert.equal(await shown(), false);
  },
);

Deno.test("an agent that has gone from one broker to another is not offline when the first one notices", async () => {
  await using platform = await startTestPlatform();
  const agent = await activatedAgent(platform, await platform.customer("Acme"));
  const { agentId } = agent, at = platform.clock.now();
  const later = (ms: number) => new Date(at.getTime() + ms);
  const row = await platform.platform.store.transaction(async (tx) => {
    const tenant = tx.tenant(agent.tenant.customerId);
    for (const brokerId of ["first", "second"]) await noteBroker(tx, { brokerId, at });
    await notePresence(tenant, { agentId, brokerId: "first", isOnline: true, at });
    await notePresence(tenant, { agentId, brokerId: "second", isOnline: true, at: later(1000) });
    await notePresence(tenant, { agentId, brokerId: "first", isOnline: false, at: later(2000) });
    return (await withBrokers(tx, [(await maybeAgent(tenant, agentId))!]))[0]!;
  });
  assert.equal(isOnline(row, at.getTime()), true);
});
