import assert from "node:assert/strict";
import { type DatagramPort, startDatagramHub } from "./datagram_hub.ts";

interface FakePort extends DatagramPort {
  sentTo: string[];
  deliver(address: string, port: number): void;
}

function fakePort(): FakePort {
  let end = (_?: { bytes: Uint8Array; address: string; port: number }) => {};
  const port: FakePort = {
    sentTo: [],
    send(_bytes, address) {
      port.sentTo.push(address);
      return Promise.resolve();
    },
    receive: () => new Promise((resolve) => end = resolve),
    deliver: (address, port) => end({ bytes: Uint8Array.of(1), address, port }),
    close: () => end(),
  };
  return port;
}

Deno.test("DatagramHub asks each device through the socket that serves the fewest, and always through the same", async () => {
  const [first, second, third] = [fakePort(), fakePort(), fakePort()];
  const hub = startDatagramHub({ ipv4: first, ipv6: undefined, moreSessions: { 4: [second, third], 6: [] } });
  const stops = ["10.0.0.1", "10.0.0.2", "10.0.0.3"].map((address) => hub.listenTo(address, 161, () => true));
  // A second session with the same device.
  stops.push(hub.listenTo("10.0.0.1", 161, () => true));
  for (let i = 0; i < 2; i++) {
    for (const address of ["10.0.0.1", "10.0.0.2", "10.0.0.3"]) await hub.send(Uint8Array.of(1), address, 161);
  }
  assert.deepEqual([first, second, third].map(({ sentTo }) => new Set(sentTo).size), [1, 1, 1]);
  stops[1]!();
  stops[1]!();
  const free = [first, second, third].find(({ sentTo }) => sentTo.includes("10.0.0.2"))!;
  hub.listenTo("10.0.0.4", 161, () => true);
  await hub.send(Uint8Array.of(1), "10.0.0.4", 161);
  assert.equal(free.sentTo.at(-1), "10.0.0.4");
  await hub.close();
});

Deno.test("DatagramHub takes an answer from whichever socket it comes in", async () => {
  const [first, second] = [fakePort(), fakePort()];
  const hub = startDatagramHub({ ipv4: first, ipv6: undefined, moreSessions: { 4: [second], 6: [] } });
  const answers: string[] = [];
  hub.listenTo("10.0.0.1", 161, (_bytes, address) => answers.push(address) > 0);
  for (const port of [first, second]) port.deliver("10.0.0.1", 161);
  for (let i = 0; i < 10; i++) await Promise.resolve();
  assert.equal(answers.length, 2);
  assert.deepEqual(hub.counters, { sent: 0, received: 2, stray: 0 });
  await hub.close();
});

Deno.test("DatagramHub sends what nobody listens for through its first socket", async () => {
  const [first, second] = [fakePort(), fakePort()];
  const hub = startDatagramHub({ ipv4: first, ipv6: undefined, moreSessions: { 4: [second], 6: [] } });
  await hub.send(Uint8Array.of(1), "10.0.0.9", 161);
  assert.deepEqual([first.sentTo, second.sentTo], [["10.0.0.9"], []]);
  await hub.close();
});

Deno.test("DatagramHub holds the sockets of sessions, and those of the sweep only if they are the same", async () => {
  const [sessions, probes] = [fakePort(), fakePort()];
  const hub = startDatagramHub({ ipv4: sessions, ipv6: undefined, openMore: once(probes) });
  const heard: string[] = [];
  hub.listenTo("10.0.0.1", 161, (_, address) => heard.push(address) > 0);
  hub.setSweep((_, address) => heard.push(address) > 0);
  await hub.probe([{ bytes: Uint8Array.of(1), address: "10.0.0.2", port: 161 }], () => {});
  const deliver = async (port: FakePort, address: string) => {
    port.deliver(address, 161);
    for (let turn = 0; turn < 10; turn++) await undefined;
  };
  const releases = [hub.holdSessions(), hub.holdSessions()];
  // The receive under way when it is held ends as usual.
  for (let i = 0; i < 2; i++) await deliver(sessions, "10.0.0.1");
  for (let i = 0; i < 2; i++) await deliver(probes, "10.0.0.2");
  assert.deepEqual(heard, ["10.0.0.1", "10.0.0.2", "10.0.0.2"]);
  releases[0]!();
  await deliver(sessions, "10.0.0.1");
  assert.equal(heard.length, 3);
  releases[1]!();
  for (let turn = 0; turn < 10; turn++) await undefined;
  await deliver(sessions, "10.0.0.1");
  assert.equal(heard.length, 4);
  await hub.close();

  const only = fakePort();
  const sharing = startDatagramHub({ ipv4: only, ipv6: undefined });
  let received = 0;
  sharing.setSweep(() => ++received > 0);
  await sharing.probe([{ bytes: Uint8Array.of(1), address: "10.0.0.2", port: 161 }], () => {});
  sharing.holdSessions();
  for (let i = 0; i < 2; i++) await deliver(only, "10.0.0.2");
  assert.equal(received, 2);
  await sharing.close();
});

function once(port: FakePort): () => FakePort | undefined {
  let left: FakePort | undefined = port;
  return () => {
    const first = left;
    left = undefined;
    return first;
  };
}
