import assert from "node:assert/strict";
import type { Datagram, DatagramPort } from "./datagram_hub.ts";
import { createProbeSockets } from "./probe_sockets.ts";

/** Sockets that take `room` datagrams each and hold the next one until they are drained, as the system does. */
function fullSockets({ room, most }: { room: number; most: number }) {
  const sockets: { taken: number[]; drain(): void }[] = [];

  function open(): DatagramPort | undefined {
    if (sockets.length === most) return undefined;
    const taken: number[] = [];
    let left = room;
    let drained = Promise.withResolvers<void>();
    sockets.push({
      taken,
      drain() {
        left = room;
        drained.resolve();
        drained = Promise.withResolvers();
      },
    });
    return {
      async send(bytes, address) {
        if (address === "127.0.0.255") throw new Deno.errors.PermissionDenied("broadcast");
        while (left === 0) await drained.promise;
        left--;
        taken.push(bytes[0]!);
      },
      receive: () => Promise.resolve(undefined),
      close() {},
    };
  }

  const probes = createProbeSockets({ first: open()!, open, pause: () => Promise.resolve() });
  const datagram = (n: number, address = "127.0.0.1") => ({ bytes: Uint8Array.of(n), address, port: 161 });
  const refused: string[] = [];
  const sendAll = (datagrams: Datagram[]) =>
    probes.send(datagrams, ({ address }, error) => refused.push(`${address}: ${(error as Error).message}`));
  const send = (n: number) => sendAll([datagram(n)]);
  return { sockets, send, sendAll, datagram, refused };
}

Deno.test("createProbeSockets() uses one socket while it has space", async () => {
  const { sockets, send } = fullSockets({ room: 1000, most: 8 });
  for (let n = 0; n < 200; n++) await send(n);
  await Promise.all([...Array(20).keys()].map((n) => send(n)));
  assert.equal(sockets.length, 1);
  assert.equal(sockets[0]!.taken.length, 220);
});

Deno.test("createProbeSockets() opens a further socket when all are full, without waiting", async () => {
  const { sockets, send } = fullSockets({ room: 10, most: 8 });
  for (let n = 0; n < 35; n++) await send(n);
  assert.equal(sockets.length, 4);
  assert.deepEqual(sockets.flatMap(({ taken }) => taken), [...Array(35).keys()]);
});

Deno.test("createProbeSockets() waits if there is no further socket, and loses nothing", async () => {
  const { sockets, send } = fullSockets({ room: 3, most: 2 });
  for (let n = 0; n < 6; n++) await send(n);
  let done = false;
  const last = send(6).then(() => done = true);
  for (let turns = 0; turns < 100; turns++) await undefined;
  assert.equal(done, false);
  sockets[0]!.drain();
  await last;
  assert(sockets[0]!.taken.includes(6));
  // The socket that was free first is the one that goes on.
  await send(7);
  assert(sockets[0]!.taken.includes(7));
});

Deno.test("createProbeSockets() reports a refused destination to its sender, and continues", async () => {
  const { sockets, send, sendAll, datagram, refused } = fullSockets({ room: 100, most: 8 });
  await sendAll([datagram(1, "127.0.0.255")]);
  await sendAll([datagram(2), datagram(3, "127.0.0.255"), datagram(4)]);
  await send(5);
  assert.deepEqual(sockets.map(({ taken }) => taken), [[2, 4, 5]]);
  assert.deepEqual(refused, ["127.0.0.255: broadcast", "127.0.0.255: broadcast"]);
});

Deno.test("createProbeSockets() sends the rejected part of a burst through further sockets, then one at a time", async () => {
  const { sockets, sendAll, datagram } = fullSockets({ room: 10, most: 8 });
  await sendAll([datagram(255)]);
  const burst = (from: number, count: number) => [...Array(count).keys()].map((i) => datagram(from + i));
  assert.deepEqual(await sendAll(burst(0, 8)), { mayReuse: true });
  // The full socket keeps copies of seven, whose octets it still needs.
  assert.deepEqual(await sendAll(burst(8, 8)), { mayReuse: false });
  assert.deepEqual(sockets.map(({ taken }) => taken), [[255, ...Array(9).keys()], [9, 10, 11, 12, 13, 14, 15]]);
  assert.deepEqual(await sendAll(burst(16, 3)), { mayReuse: true });
  await sendAll(burst(19, 9));
  assert.deepEqual(sockets.slice(1).flatMap(({ taken }) => taken), [...Array(28).keys()].slice(9));
  assert.equal(sockets.length, 3);
  sockets[0]!.drain();
});
