import assert from "node:assert/strict";
import { FakeClock } from "../../tests/fixtures/fake_clock.ts";
import type { Credential } from "./credential.ts";
import { Secret } from "../../common/core/secret.ts";
import { type DatagramHub, type DatagramPort, startDatagramHub } from "./datagram_hub.ts";
import {
  type CommunityMessage,
  decodeMessage,
  encodeCommunityMessage,
  encodeScopedPdu,
  encodeV3Message,
  type Pdu,
  PduType,
  type V3Message,
} from "./message.ts";
import "./enable_usm.ts";
import { openSession, SnmpError, type SnmpSession } from "./session.ts";
import { Tag } from "./value.ts";

const target = { address: "127.0.0.1", port: 161 };
const community: Credential = { kind: "community", name: "c", versions: ["2c", "1"], community: new Secret("public") };
const user: Credential = {
  kind: "usm",
  name: "u",
  user: "monitor",
  level: "authNoPriv",
  auth: { protocol: "sha256", key: new Secret("monitor-auth-key") },
  priv: null,
  context: "",
};

type Reply = { bytes: Uint8Array; address?: string; port?: number };

/** A hub over a socket whose peer answers each datagram with what `respond` returns. */
async function withPeer(
  respond: (bytes: Uint8Array, count: number) => Reply[],
  use: (hub: DatagramHub) => Promise<void>,
): Promise<void> {
  const queue: { bytes: Uint8Array; address: string; port: number }[] = [];
  let wake = () => {};
  let closed = false;
  let count = 0;
  const port: DatagramPort = {
    send(bytes) {
      for (const reply of respond(bytes, ++count)) queue.push({ ...target, ...reply });
      wake();
      return Promise.resolve();
    },
    async receive() {
      while (queue.length === 0 && !closed) await new Promise<void>((resolve) => wake = resolve);
      return queue.shift();
    },
    close() {
      closed = true;
      wake();
    },
  };
  const hub = startDatagramHub({ ipv4: port, ipv6: undefined });
  try {
    await use(hub);
  } finally {
    await hub.close();
  }
}

function communitySession(hub: DatagramHub, version: "1" | "2c" = "2c"): SnmpSession {
  return openSession(hub, target, community, { version, timeoutMs: () => 30, retries: 1, pace: () => undefined });
}

/** A hub that keeps what is sent; `listeners` gets those that are to be told of answers. */
function recordingHub(sent: Uint8Array[], listeners: ((bytes: Uint8Array) => boolean)[]): DatagramHub {
  return {
    send(bytes) {
      sent.push(bytes);
      return Promise.resolve();
    },
    probe: () => Promise.resolve({ mayReuse: true }),
    listenTo(address, port, listener) {
      listeners.push((bytes) => listener(bytes, address, port));
      return () => {};
    },
    holdSessions: () => () => {},
    setSweep() {},
    counters: { sent: 0, received: 0, stray: 0 },
    close: () => Promise.resolve(),
  };
}

function answer(bytes: Uint8Array, changes: Partial<Pdu> = {}): Uint8Array {
  const request = decodeMessage(bytes) as CommunityMessage;
  return encodeCommunityMessage({
    ...request,
    pdu: {
      ...request.pdu,
      type: PduType.response,
      errorStatus: 0,
      errorIndex: 0,
      varbinds: request.pdu.varbinds.map(({ oid }, i) => ({ oid, tag: Tag.integer, value: i + 1 })),
      ...changes,
    },
  });
}

Deno.test("SnmpSession.get() gives the values in the order of the request", async () => {
  await withPeer((bytes) => [{ bytes: answer(bytes) }], async (hub) => {
    const session = communitySession(hub);
    assert.deepEqual((await session.get(["1.3.1", "1.3.2"])).map(({ value }) => value), [1, 2]);
    session.close();
  });
});

Deno.test("SnmpSession.getBulk() sorts a cut answer by what was asked", async () => {
  const varbinds = ["1.3.1.1", "1.3.2.1", "1.3.1.2"].map((oid) => ({ oid, tag: Tag.integer, value: 1 }));
  await withPeer((bytes) => [{ bytes: answer(bytes, { varbinds }) }], async (hub) => {
    const session = communitySession(hub);
    const lists = await session.getBulk(["1.3.1", "1.3.2"], 0, 5);
    assert.deepEqual(lists.map((list) => list.map(({ oid }) => oid)), [["1.3.1.1", "1.3.1.2"], ["1.3.2.1"]]);
    session.close();
  });
});

Deno.test("SnmpSession.getBulk() takes no more than it asked for", async () => {
  const varbinds = Array.from({ length: 5000 }, (_, i) => ({ oid: `1.3.1.${i}`, tag: Tag.integer, value: 1 }));
  await withPeer((bytes) => [{ bytes: answer(bytes, { varbinds }) }], async (hub) => {
    const session = communitySession(hub);
    assert.equal((await session.getBulk(["1.3.1"], 0, 5))[0]?.length, 5);
    session.close();
  });
});

const failures = [
  { name: "noSuchName with its index", pdu: { errorStatus: 2, errorIndex: 2 }, failure: "noSuchName", index: 2 },
  { name: "tooBig", pdu: { errorStatus: 1, errorIndex: 0 }, failure: "tooBig", index: undefined },
  { name: "genErr", pdu: { errorStatus: 5, errorIndex: 1 }, failure: "agentError", index: 1 },
  {
    name: "an error-status that does not exist",
    pdu: { errorStatus: 99, errorIndex: 0 },
    failure: "agentError",
    index: 0,
  },
  { name: "too few values", pdu: { varbinds: [] }, failure: "malformed", index: undefined },
];
for (const { name, pdu, failure, index } of failures) {
  Deno.test(`SnmpSession.get() fails on ${name}`, async () => {
    await withPeer((bytes) => [{ bytes: answer(bytes, pdu) }], async (hub) => {
      const session = communitySession(hub);
      await assert.rejects(session.get(["1.3.1", "1.3.2"]), (error: Error) => {
        assert(error instanceof SnmpError);
        assert.equal(error.failure, failure);
        assert.equal(error.detail.errorIndex, index);
        return true;
      });
      session.close();
    });
  });
}

const ignored: { name: string; reply: (bytes: Uint8Array) => Reply; malformed: number }[] = [
  { name: "from another address", reply: (bytes) => ({ bytes: answer(bytes), address: "127.0.0.2" }), malformed: 0 },
  { name: "from another port", reply: (bytes) => ({ bytes: answer(bytes), port: 162 }), malformed: 0 },
  { name: "with another request-id", reply: (bytes) => ({ bytes: answer(bytes, { requestId: 7 }) }), malformed: 0 },
  { name: "that is a request", reply: (bytes) => ({ bytes }), malformed: 0 },
  { name: "that is garbage", reply: () => ({ bytes: Uint8Array.of(0x30, 0x84, 1, 2, 3) }), malformed: 2 },
];
for (const { name, reply, malformed } of ignored) {
  Deno.test(`SnmpSession.get() ignores an answer ${name}`, async () => {
    await withPeer((bytes) => [reply(bytes)], async (hub) => {
      const session = communitySession(hub);
      await assert.rejects(session.get(["1.3.1"]), { failure: "timeout" });
      assert.equal(session.malformed, malformed);
      session.close();
    });
  });
}

Deno.test("SnmpSession.get() asks again when the first datagram is lost", async () => {
  await withPeer((bytes, count) => count === 1 ? [] : [{ bytes: answer(bytes) }], async (hub) => {
    const session = communitySession(hub);
    assert.equal((await session.get(["1.3.1"])).length, 1);
    assert.equal(hub.counters.sent, 2);
    session.close();
  });
});

Deno.test("SnmpSession.get() takes the late answer to its first datagram, and knows how long it took", async () => {
  const clock = new FakeClock();
  const asked: Uint8Array[] = [];
  const took: (number | undefined)[] = [];
  const listeners: ((bytes: Uint8Array) => boolean)[] = [];
  const session = openSession(recordingHub(asked, listeners), target, community, {
    timeoutMs: (unanswered) => 1000 * 2 ** unanswered,
    retries: 5,
    pace: () => undefined,
    onAnswer: (ms) => took.push(ms),
    clock,
  });
  const getting = session.get(["1.3.1"]);
  await clock.advance(4000);
  assert.equal(asked.length, 3, "at 0, 1 and 3 seconds");
  assert.equal(new Set(asked.map((bytes) => (decodeMessage(bytes) as CommunityMessage).pdu.requestId)).size, 3);
  assert(listeners[0]!(answer(asked[0]!)));
  assert.equal((await getting).length, 1);
  assert(listeners[0]!(answer(asked[2]!)), "nor is the answer to a repetition a stray one");
  assert(!listeners[0]!(answer(asked[2]!)), "but the second answer to one datagram is");
  assert.deepEqual(took, [4000, 1000]);
  session.close();
});

for (const { patience, tries } of [{ patience: "short", tries: 3 }, { patience: "long", tries: 8 }] as const) {
  Deno.test(`SnmpSession.get() with ${patience} patience asks a device that has answered ${tries} times`, async () => {
    const clock = new FakeClock();
    const asked: Uint8Array[] = [];
    const listeners: ((bytes: Uint8Array) => boolean)[] = [];
    const session = openSession(recordingHub(asked, listeners), target, community, {
      timeoutMs: () => 1000,
      retries: 7,
      pace: () => undefined,
      clock,
    });
    const first = session.get(["1.3.1"]);
    await clock.advance(0);
    listeners[0]!(answer(asked.pop()!));
    await first;
    const silent = assert.rejects(session.get(["1.3.1"], patience), { failure: "timeout" });
    await clock.advance(60_000);
    await silent;
    assert.equal(asked.length, tries);
    session.close();
  });
}

Deno.test("SnmpSession.get() of a v3 session asks for the engine again when it is late", async () => {
  const clock = new FakeClock();
  const asked: Uint8Array[] = [];
  const session = openSession(recordingHub(asked, []), target, user, {
    timeoutMs: (unanswered) => 1000 * 2 ** unanswered,
    retries: 2,
    pace: () => undefined,
    clock,
  });
  const silent = assert.rejects(session.get(["1.3.1"]), { failure: "timeout" });
  await clock.advance(7000);
  await silent;
  assert.equal(asked.length, 3);
  session.close();
  await assert.rejects(session.get(["1.3.1"]), { failure: "closed" });
});

Deno.test("SnmpSession.close() ends an open request", async () => {
  await withPeer(() => [], async (hub) => {
    const session = communitySession(hub);
    const asking = assert.rejects(session.get(["1.3.1"]), { failure: "closed" });
    await Promise.resolve();
    session.close();
    await asking;
  });
});

/** Answers engine discovery, then every request without authentication, as somebody without the key could. */
function forger(bytes: Uint8Array): Reply[] {
  const request = decodeMessage(bytes) as V3Message;
  const isDiscovery = request.engineId.length === 0;
  const engineId = Uint8Array.fromHex("8000000001020304");
  const scoped = encodeScopedPdu({
    contextEngineId: engineId,
    contextName: new Uint8Array(),
    pdu: {
      type: isDiscovery ? PduType.report : PduType.response,
      requestId: request.scopedPdu?.pdu.requestId ?? 0,
      errorStatus: 0,
      errorIndex: 0,
      varbinds: [{ oid: isDiscovery ? "1.3.6.1.6.3.15.1.1.4.0" : "1.3.1", tag: Tag.counter32, value: 1 }],
    },
  });
  const { packet } = encodeV3Message({
    ...request,
    msgFlags: 0,
    engineId,
    engineBoots: 1,
    engineTime: 1,
    authParameters: new Uint8Array(),
    privParameters: new Uint8Array(),
  }, scoped);
  return [{ bytes: packet }];
}

Deno.test("SnmpSession.get() drops an unauthenticated answer to an authenticated request", async () => {
  await withPeer(forger, async (hub) => {
    const session = openSession(hub, target, user, { timeoutMs: () => 30, retries: 0, pace: () => undefined });
    await assert.rejects(session.get(["1.3.1"]), { failure: "timeout" });
    assert.equal(session.malformed, 1);
    assert.equal(session.engineId(), "8000000001020304");
    session.close();
  });
});

Deno.test("SnmpSession.get() asks once more, and not for ever, after reports that anybody could have sent", async () => {
  const signed: number[] = [];
  const respond = (bytes: Uint8Array): Reply[] => {
    const request = decodeMessage(bytes) as V3Message;
    if (request.engineId.length === 0) return forger(bytes);
    signed.push(request.engineBoots);
    const scoped = encodeScopedPdu({
      contextEngineId: request.engineId,
      contextName: new Uint8Array(),
      pdu: {
        type: PduType.report,
        requestId: 0,
        errorStatus: 0,
        errorIndex: 0,
        varbinds: [{ oid: "1.3.6.1.6.3.15.1.1.2.0", tag: Tag.counter32, value: 1 }],
      },
    });
    const { packet } = encodeV3Message({
      ...request,
      msgFlags: 0,
      engineBoots: 40 + signed.length,
      engineTime: 1,
      authParameters: new Uint8Array(),
      privParameters: new Uint8Array(),
    }, scoped);
    return [{ bytes: packet }];
  };
  await withPeer(respond, async (hub) => {
    const session = openSession(hub, target, user, { timeoutMs: () => 30, retries: 0, pace: () => undefined });
    await assert.rejects(session.get(["1.3.1"]), (error: Error) => {
      assert(error instanceof SnmpError);
      assert.equal(error.detail.usm, "notInTimeWindow");
      return true;
    });
    assert.deepEqual(signed, [1, 41]);
    session.close();
  });
});

const nobody: Credential = { ...user, level: "noAuthNoPriv", auth: null };
const reportOids = { unknownEngine: "1.3.6.1.6.3.15.1.1.4.0", unknownUser: "1.3.6.1.6.3.15.1.1.3.0" };

/** Answers a v3 request without keys: its discovery, then it itself with one integer. */
function v3Answer(bytes: Uint8Array, changes: Partial<Pdu> = {}): Uint8Array {
  const request = decodeMessage(bytes) as V3Message;
  const isDiscovery = request.engineId.length === 0;
  const engineId = Uint8Array.fromHex("8000000001020304");
  const scoped = encodeScopedPdu({
    contextEngineId: engineId,
    contextName: new Uint8Array(),
    pdu: {
      type: isDiscovery ? PduType.report : PduType.response,
      requestId: request.scopedPdu!.pdu.requestId,
      errorStatus: 0,
      errorIndex: 0,
      varbinds: isDiscovery
        ? [{ oid: reportOids.unknownEngine, tag: Tag.counter32, value: 1 }]
        : request.scopedPdu!.pdu.varbinds.map(({ oid }) => ({ oid, tag: Tag.integer, value: 7 })),
      ...changes,
    },
  });
  return encodeV3Message({ ...request, msgFlags: 0, engineId, engineBoots: 1, engineTime: 1 }, scoped).packet;
}

/** A v3 session under a clock of the test, and what it has sent. */
function openV3(retries: number) {
  const clock = new FakeClock();
  const asked: Uint8Array[] = [];
  const listeners: ((bytes: Uint8Array) => boolean)[] = [];
  const session = openSession(recordingHub(asked, listeners), target, nobody, {
    timeoutMs: () => 1000,
    retries,
    pace: () => undefined,
    clock,
  });
  return { clock, asked, session, receive: (bytes: Uint8Array) => listeners[0]!(bytes) };
}

Deno.test("a v3 session goes on waiting after an answer with a value that nobody can read", async () => {
  const { clock, asked, session, receive } = openV3(1);
  const asking = session.get(["1.3.1"]);
  await clock.advance(0);
  assert(receive(v3Answer(asked[0]!)));
  // A value of a type that SNMP does not have: its lengths are right, and the library refuses it.
  assert(receive(v3Answer(asked[1]!, { varbinds: [{ oid: "1.3.1", tag: 0x4f, value: Uint8Array.of(1) }] })));
  assert.equal(session.malformed, 1);
  assert.equal(session.answers, 0);
  await clock.advance(1000);
  assert.equal(asked.length, 3, "it is asked again in its time");
  assert(receive(v3Answer(asked[2]!)));
  assert.deepEqual((await asking).map(({ value }) => value), [7]);
  session.close();
});

Deno.test("a v3 session counts a message whose lengths lie, and hands it to nobody", async () => {
  const { clock, asked, session, receive } = openV3(0);
  const asking = session.get(["1.3.1"]);
  await clock.advance(0);
  receive(v3Answer(asked[0]!));
  const lying = v3Answer(asked[1]!);
  lying[lying.length - 2] = 9;
  assert(receive(lying));
  assert(receive(lying.subarray(0, 20)));
  assert.equal(session.malformed, 2);
  assert(receive(v3Answer(asked[1]!)));
  assert.equal((await asking)[0]!.value, 7);
  session.close();
});

Deno.test("a late answer to a v3 request that was given up leaves the open one alone", async () => {
  const { clock, asked, session, receive } = openV3(1);
  const first = assert.rejects(session.get(["1.3.1"]), { failure: "timeout" });
  await clock.advance(2000);
  await first;
  assert.equal(asked.length, 2);
  const second = session.get(["1.3.2"]);
  await clock.advance(0);
  assert(receive(v3Answer(asked[0]!)), "the late discovery");
  assert.equal(asked.length, 3, "and the request that waited for it is not sent");
  await clock.advance(1000);
  assert.equal(asked.length, 4, "the discovery of the open one is repeated");
  assert(receive(v3Answer(asked[2]!)));
  assert(receive(v3Answer(asked[4]!)));
  assert.equal((await second)[0]!.oid, "1.3.2");
  session.close();
});

Deno.test("a v3 session asks nobody again who refuses a later request for its user", async () => {
  const { clock, asked, session, receive } = openV3(0);
  const first = session.get(["1.3.1"]);
  await clock.advance(0);
  receive(v3Answer(asked[0]!));
  receive(v3Answer(asked[1]!));
  await first;
  const varbinds = [{ oid: reportOids.unknownUser, tag: Tag.counter32, value: 1 }];
  const refused = assert.rejects(session.get(["1.3.1"]), (error: Error) => {
    assert(error instanceof SnmpError);
    assert.equal(error.detail.usm, "unknownUserName");
    return true;
  });
  await clock.advance(0);
  receive(v3Answer(asked[2]!, { type: PduType.report, varbinds }));
  await refused;
  assert.equal(asked.length, 3);
  session.close();
});
