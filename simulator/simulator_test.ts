import assert from "node:assert/strict";
import { UnavailableError } from "../common/core/errors.ts";
import {
  type CommunityMessage,
  decodeMessage,
  encodeCommunityMessage,
  type Pdu,
  PduType,
} from "../src/snmp/message.ts";
import { type DeviceOptions, objectsOf } from "./device.ts";
import { type Simulator, type SimulatorOptions, startSimulator } from "./simulator.ts";

const sysName = "1.3.6.1.2.1.1.5.0";
const objects = objectsOf({ [sysName]: "printer", "1.3.6.1.2.1.1.3.0": { tag: 0x43, value: 5 } });

interface Client extends Disposable {
  send(
    request: { oid?: string; requestId?: number; community?: string; version?: 0 | 1; type?: number },
  ): Promise<void>;
  sendOctets(octets: Uint8Array): Promise<void>;
  receive(): Promise<{ octets: Uint8Array; pdu: Pdu; from: string }>;
}

function clientOf(simulator: Simulator, device = 0): Client {
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const { address: hostname, port } = simulator.endpoints[device]!;
  async function sendOctets(octets: Uint8Array): Promise<void> {
    await socket.send(octets, { transport: "udp", hostname, port });
  }
  return {
    sendOctets,
    send: ({ oid = sysName, requestId = 1, community = "public", version = 1, type = PduType.get }) =>
      sendOctets(encodeCommunityMessage({
        version,
        community: new TextEncoder().encode(community),
        pdu: { type, requestId, errorStatus: 0, errorIndex: 0, varbinds: [{ oid, tag: 5, value: null }] },
      })),
    async receive() {
      const [octets, from] = await socket.receive(new Uint8Array(65536));
      const { hostname, port } = from as Deno.NetAddr;
      const pdu = octets[0] === 0x30 && octets.length > 20
        ? (decodeMessage(octets) as CommunityMessage).pdu
        : undefined;
      return { octets, pdu: pdu!, from: `${hostname}:${port}` };
    },
    [Symbol.dispose]: () => socket.close(),
  };
}

/** Sends requests 1, 2, … and gives the id of the first answer: those before it were not answered. */
async function firstAnswered(client: Client, requests: Parameters<Client["send"]>[0][]): Promise<number> {
  for (const [i, request] of requests.entries()) await client.send({ ...request, requestId: i + 1 });
  return (await client.receive()).pdu.requestId;
}

async function withSimulator(
  device: Partial<DeviceOptions>,
  body: (simulator: Simulator, client: Client) => Promise<void>,
  options: Partial<SimulatorOptions> = {},
): Promise<void> {
  await using simulator = await startSimulator({ devices: [{ name: "one", objects, ...device }], ...options });
  using client = clientOf(simulator);
  await body(simulator, client);
}

Deno.test("startSimulator() answers from the address that was asked and counts", () =>
  withSimulator({}, async (simulator, client) => {
    await client.send({ requestId: 9 });
    const { pdu, from } = await client.receive();
    const { address, port } = simulator.endpoints[0]!;
    assert.equal(from, `${address}:${port}`);
    assert.deepEqual([pdu.requestId, pdu.varbinds], [9, [objects[0]]]);
    assert.deepEqual([simulator.packetsReceived, simulator.packetsSent, simulator.requests("one")], [1, 1, 1]);
    assert.equal(simulator.requests(`${address}:${port}`), 1);
    assert.throws(() => simulator.requests("two"), RangeError);
  }));

Deno.test("startSimulator() does not answer a wrong community, a version it lacks, or what is no message", () =>
  withSimulator({ versions: ["2c"], communities: ["secret"] }, async (simulator, client) => {
    await client.sendOctets(Uint8Array.of(0x30, 0x80, 1));
    await client.sendOctets(new Uint8Array());
    const requests = [{ community: "public" }, { community: "secret", version: 0 as const }, { community: "secret" }];
    assert.equal(await firstAnswered(client, requests), 3);
    assert.equal(simulator.packetsReceived, 5);
  }));

Deno.test("startSimulator() gives each device its own socket, objects and counts", async () => {
  const devices = ["a", "b"].map((name) => ({ name, objects: objectsOf({ [sysName]: name }) }));
  await using simulator = await startSimulator({ devices });
  using client = clientOf(simulator, 1);
  await client.send({});
  assert.deepEqual((await client.receive()).pdu.varbinds[0]!.value, Uint8Array.of(98));
  assert.deepEqual([simulator.requests("a"), simulator.requests("b")], [0, 1]);
});

Deno.test("startSimulator() frees what it bound when a later device cannot be bound", async () => {
  const sockets = [0, 0].map((port) => Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port }));
  const [free, taken] = sockets.map((socket) => (socket.addr as Deno.NetAddr).port) as [number, number];
  sockets[0]!.close();
  await assert.rejects(startSimulator({ devices: [free, taken].map((port) => ({ objects, port })) }), UnavailableError);
  await using _again = await startSimulator({ devices: [{ objects, port: free }] });
  sockets[1]!.close();
});

Deno.test("Simulator.log tells who asked for what, only when it was asked to", async () => {
  await withSimulator({}, async (simulator, client) => {
    await client.send({ type: PduType.getNext });
    await client.receive();
    const [{ from: _, atMs: __, ...entry } = { from: "", atMs: 0 }] = simulator.log;
    assert.deepEqual(entry, { device: "one", version: "2c", type: PduType.getNext, oids: [sysName] });
  }, { log: true });
  await withSimulator({}, async (simulator, client) => {
    await client.send({});
    await client.receive();
    assert.deepEqual(simulator.log, []);
  });
});

Deno.test("Simulator.setObjects() and removeObjects() change a running device", () =>
  withSimulator({}, async (simulator, client) => {
    simulator.setObjects("one", objectsOf({ [sysName]: "changed", "1.3.6.1.9.1": 4 }));
    await client.send({});
    assert.deepEqual((await client.receive()).pdu.varbinds, objectsOf({ [sysName]: "changed" }));
    await client.send({ oid: "1.3.6.1.9.1" });
    assert.equal((await client.receive()).pdu.varbinds[0]!.value, 4);
    simulator.removeObjects("one", "1.3.6.1.2.1");
    await client.send({ oid: "1.3", type: PduType.getNext });
    assert.equal((await client.receive()).pdu.varbinds[0]!.oid, "1.3.6.1.9.1");
  }));

Deno.test("Simulator.setFaults() starts and ends faults of a running device", () =>
  withSimulator({}, async (simulator, client) => {
    simulator.setFaults("one", [{ kind: "silence", times: 2 }]);
    assert.equal(await firstAnswered(client, [{}, {}, {}]), 3);
    simulator.setFaults("one", [{ kind: "genErr" }]);
    await client.send({});
    assert.equal((await client.receive()).pdu.errorStatus, 5);
    simulator.setFaults("one", []);
    await client.send({});
    assert.equal((await client.receive()).pdu.errorStatus, 0);
  }));

Deno.test("startSimulator() drops GetBulk with the fault drop-bulk and answers the rest", () =>
  withSimulator({ faults: [{ kind: "drop-bulk" }] }, async (_, client) => {
    assert.equal(await firstAnswered(client, [{ type: PduType.getBulk }, { type: PduType.getNext }]), 2);
  }));

Deno.test("startSimulator() answers from elsewhere with the fault wrong-address", () =>
  withSimulator({ faults: [{ kind: "wrong-address" }] }, async (_, client) => {
    await client.send({});
    assert.match((await client.receive()).from, /^127\.0\.128\.1:/);
  }));

Deno.test("startSimulator() sends half an answer, garbage and 60 kB with those faults", () =>
  withSimulator({}, async (simulator, client) => {
    async function answerWith(kind: "truncate" | "garbage" | "huge"): Promise<Uint8Array> {
      simulator.setFaults("one", [{ kind }]);
      await client.send({});
      try {
        return (await client.receive()).octets;
      } catch {
        // What the client cannot decode is what the fault is for.
        return new Uint8Array();
      }
    }
    assert.ok((await answerWith("huge")).length > 60_000);
    assert.ok((await answerWith("truncate")).length < 40);
    assert.ok((await answerWith("garbage")).length <= 200);
  }));

Deno.test("startSimulator() answers the next request before a delayed one, and ends without waiting for it", async () => {
  const sleeping = Promise.withResolvers<void>();
  const clock = {
    now: () => 0,
    sleep: (_: number, signal: AbortSignal) => {
      sleeping.resolve();
      return new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    },
  };
  await withSimulator({ faults: [{ kind: "delay", times: 1 }] }, async (simulator, client) => {
    assert.equal(await firstAnswered(client, [{}, {}]), 2);
    await sleeping.promise;
    assert.equal(simulator.packetsSent, 1);
  }, { clock });
});

Deno.test("startSimulator() counts sysUpTime.0 on with the clock, and leaves that of a recording", async () => {
  let now = 1000;
  const clock = { now: () => now, sleep: () => Promise.resolve() };
  const upTime = { oid: "1.3.6.1.2.1.1.3.0" };
  await withSimulator({ upTimeSeconds: 60 }, async (_, client) => {
    now += 2500;
    await client.send(upTime);
    assert.equal((await client.receive()).pdu.varbinds[0]!.value, 6250);
  }, { clock });
  await withSimulator({}, async (_, client) => {
    await client.send(upTime);
    assert.equal((await client.receive()).pdu.varbinds[0]!.value, 5);
  });
});

Deno.test("Simulator.sets counts Set requests", () =>
  withSimulator({}, async (simulator, client) => {
    await client.send({ type: PduType.set });
    assert.equal((await client.receive()).pdu.errorStatus, 6);
    assert.equal(simulator.sets, 1);
  }));
