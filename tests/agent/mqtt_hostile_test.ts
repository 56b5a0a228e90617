/** Brokers that an agent must not suffer from: each connection ends with one event, and the next one waits. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { mqttTopic } from "../../common/protocol/mqtt.ts";
import { SignedTask } from "../../proto/gen/opendca/v1/task.ts";
import { type FakeBroker, type FakeBrokerOptions, publishPacket, startFakeBroker } from "../fixtures/fake_broker.ts";
import { endpointOf, type LinkScene, startLink } from "../fixtures/mqtt_scene.ts";
import { until } from "../fixtures/until.ts";

const agentId = "agt-test";
const task = (bytes: number) =>
  SignedTask.encode({ task: Buffer.alloc(bytes), signature: Buffer.alloc(64), keyId: "k" }).finish();

interface Scene {
  broker: FakeBroker;
  scene: LinkScene;
}

function hostileTest(
  name: string,
  options: FakeBrokerOptions,
  body: (scene: Scene) => Promise<void>,
  kind: "tls" | "wss" = "tls",
): void {
  Deno.test(name, async () => {
    await using broker = await startFakeBroker(options);
    const scene = startLink({
      agentId,
      trust: { ca: { pem: broker.ca }, pins: [] },
      endpoints: [endpointOf(kind, broker.port)],
      stepTimeoutMs: 3000,
    });
    await using _ = scene;
    await body({ broker, scene });
  });
}

/** The link is without a connection, has said so once, and dials no more until its time has come. */
async function assertWaits({ broker, scene }: Scene, fault: RegExp): Promise<void> {
  await scene.until("mqttFailed", 1);
  assert.match(scene.failed()[0]!.error.message, fault);
  const { connections } = broker;
  await scene.clock.advance(1999);
  assert.equal(broker.connections, connections, "it dials without a pause");
  await scene.clock.advance(1);
  await scene.until("mqttFailed", 2);
  assert.equal(scene.failed().length, 2);
  assert.equal(scene.failed()[1]!.waitMs, 4000, "and the pauses grow");
}

hostileTest("10,000 wake-ups are one connection that ends, and a few polls", {
  onSubscribed: (socket) => {
    const one = publishPacket(mqttTopic(agentId, "wake"), new Uint8Array());
    for (let i = 0; i < 100; i++) socket.write(Buffer.concat(Array(100).fill(one)));
  },
}, async ({ broker, scene }) => {
  await assertWaits({ broker, scene }, /more than (200 messages|1000 packets) at once/);
  assert.ok(scene.wakes <= 12, `${scene.wakes} wake-ups`);
});

hostileTest("10,000 retained tasks are not run", {
  onSubscribed: (socket) => {
    const one = publishPacket(mqttTopic(agentId, "task"), task(100), { retain: true });
    for (let i = 0; i < 100; i++) socket.write(Buffer.concat(Array(100).fill(one)));
  },
}, async ({ broker, scene }) => {
  await assertWaits({ broker, scene }, /more than (200 messages|1000 packets) at once/);
  assert.equal(scene.tasks.length, 0);
});

for (
  const [name, packet] of [
    // Each is answered by the library, whether the broker reads the answers or not.
    ["releases of messages (PUBREL)", [0x62, 2, 0, 1]],
    ["answers to pings", [0xd0, 0]],
    ["acknowledgements", [0x40, 2, 0, 9]],
  ] as const
) {
  hostileTest(`5,000 ${name} are one connection that ends`, {
    onSubscribed: (socket) => {
      const many = Buffer.concat(Array(100).fill(Buffer.from(packet)));
      for (let i = 0; i < 50; i++) socket.write(many);
    },
  }, (scene) => assertWaits(scene, /more than 1000 packets at once/));
}

hostileTest("a task of 5 MB ends the connection at its header", {
  onSubscribed: (socket) => void socket.write(publishPacket(mqttTopic(agentId, "task"), task(5_000_000))),
}, async ({ broker, scene }) => {
  await assertWaits({ broker, scene }, /a packet of 50001\d\d bytes/);
  assert.equal(scene.tasks.length, 0);
});

hostileTest("a task that cannot be read ends the connection", {
  onSubscribed: (socket) => void socket.write(publishPacket(mqttTopic(agentId, "task"), Buffer.from([0xff, 0xff]))),
}, (scene) => assertWaits(scene, /brings a task that cannot be read/));

hostileTest("five tasks that the platform did not sign end the connection", {
  onSubscribed: (socket) => {
    for (let i = 0; i < 20; i++) socket.write(publishPacket(mqttTopic(agentId, "task"), task(i), { id: i + 1 }));
  },
}, async (scene) => {
  scene.scene.isOfPlatform = false;
  await scene.scene.until("mqttFailed", 1);
  assert.equal(scene.scene.tasks.length, 5);
  await assertWaits(scene, /tasks that the platform did not sign/);
});

hostileTest("what is for another agent, or under another topic, is passed by", {
  onSubscribed: (socket) => {
    for (const topic of [mqttTopic("agt-other", "task"), "x", mqttTopic(agentId, "presence"), "$SYS/broker"]) {
      socket.write(publishPacket(topic, task(1)));
    }
    socket.write(publishPacket(mqttTopic(agentId, "task"), task(7)));
  },
}, async ({ scene }) => {
  await until("its own task", () => scene.tasks.length > 0);
  assert.deepEqual(scene.tasks.map(({ task }) => task.length), [7]);
});

for (
  const [name, onConnection, fault] of [
    ["zeros", (socket) => socket.write(new Uint8Array(1000)), /does not speak MQTT/],
    ["a page of HTTP", (socket) => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), /./],
    [
      "an announced 256 MB",
      (socket) => socket.write(new Uint8Array([0x30, 0xff, 0xff, 0xff, 0x7f])),
      /a packet of 268435455/,
    ],
    ["an end at once", (socket) => socket.end(), /closed/],
    ["silence", () => {}, /timeout|No answer/],
    ["a refusal", (socket) => socket.write(new Uint8Array([0x20, 2, 0, 5])), /does not accept the agent's certificate/],
  ] as [string, (socket: import("node:tls").TLSSocket) => void, RegExp][]
) {
  hostileTest(
    `a broker that answers with ${name} is waited for`,
    { onConnection },
    (scene) => assertWaits(scene, fault),
  );
}

for (
  const [name, answer] of [
    ["404", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"],
    ["a redirect", "HTTP/1.1 302 Found\r\nLocation: wss://localhost:1/mqtt\r\nContent-Length: 0\r\n\r\n"],
    ["a page without end", "HTTP/1.1 200 OK\r\n\r\n" + "x".repeat(100_000)],
    ["headers of 100 kB", `HTTP/1.1 101 Switching Protocols\r\nX: ${"x".repeat(100_000)}\r\n\r\n`],
    ["garbage", "\u0000\u0001\u0002garbage\r\n\r\n"],
  ] as const
) {
  hostileTest(
    `a WebSocket that is answered with ${name} is waited for, and nobody else is dialled`,
    { onConnection: (socket) => void socket.once("data", () => socket.write(answer)) },
    (scene) => assertWaits(scene, /./),
    "wss",
  );
}

Deno.test("an endpoint that does not answer is passed by for the next one", async () => {
  await using broker = await startFakeBroker({});
  await using closed = await startFakeBroker({ onConnection: (socket) => socket.destroy() });
  const scene = startLink({
    agentId,
    trust: { ca: { pem: `${closed.ca}\n${broker.ca}` }, pins: [] },
    endpoints: [endpointOf("tls", closed.port), endpointOf("tls", broker.port)],
  });
  await using _ = scene;
  await scene.until("mqttFailed", 1);
  assert.equal(broker.connections, 0);
  await scene.clock.advance(2000);
  await scene.until("mqttConnected", 1);
  await until("it says that it is there", () => broker.published.length > 0);
  assert.deepEqual(broker.published, [`${mqttTopic(agentId, "presence")} online`]);
  await scene.link[Symbol.asyncDispose]();
  await until("and that it goes", () => broker.published.at(-1) === `${mqttTopic(agentId, "presence")} offline`);
});
