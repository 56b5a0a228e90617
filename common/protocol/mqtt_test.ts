import assert from "node:assert/strict";
import fc from "fast-check";
import {
  answerPings,
  maxPacketToAgent,
  MqttFrameError,
  mqttFrameWatch,
  mqttKinds,
  mqttTopic,
  parseMqttTopic,
} from "./mqtt.ts";

for (const kind of mqttKinds) {
  Deno.test(`parseMqttTopic() reads what mqttTopic() makes for ${kind}`, () => {
    assert.deepEqual(parseMqttTopic(mqttTopic("agt-abc", kind)), { agentId: "agt-abc", kind });
  });
}

for (
  const topic of [
    "",
    "opendca/v1/a/",
    "opendca/v1/a/agt-abc",
    "opendca/v1/a/agt-abc/",
    "opendca/v1/a//wake",
    "opendca/v1/a/+/wake",
    "opendca/v1/a/#",
    "opendca/v1/a/agt-abc/wake/more",
    "opendca/v1/a/agt-abc/WAKE",
    "opendca/v1/a/agt abc/wake",
    "opendca/v2/a/agt-abc/wake",
    "/opendca/v1/a/agt-abc/wake",
    "$share/x/opendca/v1/a/agt-abc/wake",
    "$SYS/broker/uptime",
    `opendca/v1/a/${"a".repeat(65)}/wake`,
    `opendca/v1/a/agt-abc/${"wake".repeat(1000)}`,
  ]
) {
  Deno.test(`parseMqttTopic() is undefined for "${topic.slice(0, 60)}"`, () => {
    assert.equal(parseMqttTopic(topic), undefined);
  });
}

function packet(type: number, length: number): Uint8Array {
  const header = [type << 4];
  let left = length;
  do {
    header.push(left % 128 + (left >= 128 ? 128 : 0));
    left = Math.floor(left / 128);
  } while (left > 0);
  return new Uint8Array([...header, ...new Uint8Array(length)]);
}

Deno.test("mqttFrameWatch() passes packets of any size up to its limit, however they are cut", () => {
  fc.assert(fc.property(
    fc.array(fc.record({ type: fc.integer({ min: 1, max: 15 }), length: fc.integer({ min: 0, max: 300 }) })),
    fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }),
    (packets, steps) => {
      const bytes = new Uint8Array(packets.flatMap(({ type, length }) => [...packet(type, length)]));
      const watch = mqttFrameWatch(303);
      for (let at = 0, i = 0; at < bytes.length; i++) {
        const step = steps[i % steps.length]!;
        watch(bytes.subarray(at, at + step));
        at += step;
      }
    },
  ));
});

for (const [over, length] of [[0, 127 - 2], [1, 127 - 1], [16_384, 16_384]] as const) {
  Deno.test(`mqttFrameWatch() ${over > 0 ? "refuses" : "takes"} a packet of ${length} bytes at a limit of 127`, () => {
    const watch = mqttFrameWatch(127);
    // The header alone decides: nothing of the packet is kept.
    const header = packet(3, length).subarray(0, length > 127 ? 4 : 2);
    if (over > 0) assert.throws(() => watch(header), MqttFrameError);
    else watch(header);
  });
}

for (
  const [name, bytes] of [
    ["an HTTP answer cut after a length of five bytes", [0x48, 0xff, 0xff, 0xff, 0xff, 0xff]],
    ["zeros", [0, 0, 0, 0]],
    ["a length of 256 MB", [0x30, 0xff, 0xff, 0xff, 0x7f]],
  ] as const
) {
  Deno.test(`mqttFrameWatch() refuses ${name}`, () => {
    const watch = mqttFrameWatch(maxPacketToAgent);
    assert.throws(() => watch(new Uint8Array(bytes)), MqttFrameError);
  });
}

Deno.test("answerPings() answers while the other end reads, and then no more", () => {
  let listener: ((data: Uint8Array) => void) | undefined;
  const answers: string[] = [];
  const webSocket = {
    bufferedAmount: 0,
    on: (_: "ping", told: (data: Uint8Array) => void) => void (listener = told),
    pong: (data: Uint8Array) => void answers.push(new TextDecoder().decode(data)),
  };
  answerPings(webSocket);
  const ping = (text: string) => listener!(new TextEncoder().encode(text));
  ping("1");
  webSocket.bufferedAmount = 1_000_000;
  ping("2");
  webSocket.bufferedAmount = 0;
  ping("3");
  assert.deepEqual(answers, ["1", "3"]);
});
