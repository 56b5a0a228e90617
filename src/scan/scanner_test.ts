import assert from "node:assert/strict";
import { FakeClock } from "../../tests/fixtures/fake_clock.ts";
import { defaultPlan, planToWire } from "../snmp/credential.ts";
import type { DatagramHub, DatagramListener } from "../snmp/datagram_hub.ts";
import { encodeCommunityMessage, PduType } from "../snmp/message.ts";
import { parseTargets } from "../targets/parse_targets.ts";
import { startScanner } from "./scanner.ts";
import { createSendGate } from "./send_gate.ts";
import { maybeMessage } from "./sweep_shard.ts";
import type { FromScanner } from "./worker_messages.ts";

/** A scanner that has asked all `addresses` of its shard, by default its only one; nobody answers but by `answer`. */
async function askedScanner(addresses: number, ofShard = addresses) {
  const clock = new FakeClock();
  const sent = new Map<string, Uint8Array>();
  const probes = new Map<string, number>();
  const told: FromScanner[] = [];
  let listener: DatagramListener = () => false;
  const hub: DatagramHub = {
    probe(datagrams) {
      for (const { address, bytes } of datagrams) {
        sent.set(address, bytes.slice());
        probes.set(address, (probes.get(address) ?? 0) + 1);
      }
      return Promise.resolve({ mayReuse: true });
    },
    send: () => Promise.resolve(),
    listenTo: () => () => {},
    holdSessions: () => () => {},
    setSweep: (sweep) => listener = sweep,
    counters: { sent: 0, received: 0, stray: 0 },
    close: () => Promise.resolve(),
  };
  const last = `127.0.${(addresses - 1) >> 8}.${(addresses - 1) & 255}`;
  const space = await parseTargets([`127.0.0.0-${last}`], {
    exclude: [],
    port: 161,
    maxAddresses: 100_000,
    resolve: () => Promise.reject(new Error("no names here")),
    readTextFile: () => Promise.reject(new Error("no files here")),
  });
  const scanner = startScanner({
    space,
    seed: 1,
    credentials: planToWire(defaultPlan(["public"])),
    ratePerSecond: 0,
    timeoutMs: 1000,
    retries: 1,
    deviceDeadlineMs: 60_000,
    maxReading: 4,
    scope: "full",
    capture: null,
  }, { hub, gate: createSendGate(undefined, clock), clock, post: (message) => told.push(message) });
  scanner.take({ id: 1, from: 0, to: ofShard, skip: [] });
  await clock.advance(0);

  function answer(address: string, from = { address, port: 161 }): boolean {
    const request = maybeMessage(sent.get(address)!)!;
    assert(request.version !== 3);
    const bytes = encodeCommunityMessage({ ...request, pdu: { ...request.pdu, type: PduType.response } });
    return listener(bytes, from.address, from.port);
  }

  return {
    clock,
    scanner,
    answer,
    /** Of each address that was asked. */
    probes,
    /** Who was found and cannot be read, with the reason. */
    async unread() {
      await scanner.stop({ atOnce: true });
      return told.flatMap((message) => message.type === "unread" ? message.devices : [])
        .map(({ key, reason, answeredFrom }) => [key, reason, answeredFrom]);
    },
    isDone: () => told.some(({ type }) => type === "shardDone"),
    /** Whether nothing of the shard has to be done again. */
    isComplete: () => told.some((message) => message.type === "shardDone" && message.complete),
    [Symbol.asyncDispose]: () => scanner.stop({ atOnce: true }),
  };
}

Deno.test("startScanner() takes late answers for ten seconds while the scan goes on", async () => {
  await using scan = await askedScanner(600);
  await scan.clock.advance(9_000);
  assert.equal(scan.answer("127.0.0.7"), true);
  assert.equal(scan.answer("127.0.0.7"), true, "the second answer of a device is none to nobody");
  await scan.clock.advance(2_000);
  assert.equal(scan.answer("127.0.0.8"), true);
  assert.deepEqual(await scan.unread(), [["127.0.0.8 161", "late", undefined]]);
});

Deno.test("startScanner() waits five timeouts for late answers at the end of a small scan", async () => {
  await using scan = await askedScanner(3);
  scan.scanner.last();
  await scan.clock.advance(4_800);
  assert.equal(scan.isDone(), false);
  assert.equal(scan.answer("127.0.0.1"), true);
  await scan.clock.advance(1_000);
  assert.equal(scan.answer("127.0.0.2"), true);
  assert.equal(scan.answer("127.0.0.2"), true);
  assert.equal(scan.answer("127.0.0.1"), true, "it was read");
  assert.deepEqual(await scan.unread(), [["127.0.0.2 161", "late", undefined]]);
});

Deno.test("startScanner() names who answers from another address or port, once, and reads nobody there", async () => {
  await using scan = await askedScanner(3);
  assert.equal(scan.answer("127.0.0.1", { address: "127.0.0.200", port: 161 }), false);
  assert.equal(scan.answer("127.0.0.1", { address: "127.0.0.201", port: 161 }), false);
  assert.equal(scan.answer("127.0.0.2", { address: "127.0.0.2", port: 4711 }), false);
  assert.equal(scan.answer("127.0.0.0"), true);
  assert.equal(scan.answer("127.0.0.0", { address: "127.0.0.200", port: 161 }), false);
  assert.deepEqual(await scan.unread(), [
    ["127.0.0.1 161", "elsewhere", "127.0.0.200 port 161"],
    ["127.0.0.2 161", "elsewhere", "127.0.0.2 port 4711"],
  ]);
});

Deno.test("startScanner() ends a silent shard after five timeouts", async () => {
  await using scan = await askedScanner(3);
  await scan.clock.advance(3_000);
  scan.scanner.last();
  await scan.clock.advance(1_900);
  assert.equal(scan.isDone(), false);
  await scan.clock.advance(200);
  assert.equal(scan.isDone(), true);
});

Deno.test("startScanner() waits for nobody at the end of a large scan in which nobody was late", async () => {
  await using scan = await askedScanner(600);
  scan.scanner.last();
  await scan.clock.advance(1_600);
  assert.equal(scan.isDone(), true);
});

Deno.test("startScanner() waits at the end of a large scan in which somebody was late", async () => {
  await using scan = await askedScanner(600);
  await scan.clock.advance(2_000);
  assert.equal(scan.answer("127.0.1.7"), true);
  scan.scanner.last();
  await scan.clock.advance(2_500);
  assert.equal(scan.answer("127.0.1.8"), true);
});

Deno.test("startScanner() that is stopped while it waits for late answers has done what it was to do", async () => {
  await using scan = await askedScanner(600);
  await scan.clock.advance(3_000);
  await scan.scanner.stop({ atOnce: true });
  await scan.clock.advance(0);
  assert.equal(scan.isComplete(), true);
});

Deno.test("startScanner() that is stopped before the second try has its shard done again", async () => {
  await using scan = await askedScanner(600);
  await scan.clock.advance(200);
  await scan.scanner.stop({ atOnce: true });
  await scan.clock.advance(0);
  assert.deepEqual([scan.isDone(), scan.isComplete()], [true, false]);
});

Deno.test("startScanner() asks a shard again of which nobody is heard while nearly all others answer", async () => {
  await using scan = await askedScanner(400, 200);
  await scan.clock.advance(100);
  const heard = [...scan.probes.keys()];
  heard.forEach((address) => scan.answer(address));
  scan.scanner.take({ id: 2, from: 200, to: 400, skip: [] });
  await scan.clock.advance(60_000);
  const silent = [...scan.probes].filter(([address]) => !heard.includes(address));
  assert.equal(silent.length, 200);
  assert(silent.every(([, count]) => count === 6), `${new Set(silent.map(([, count]) => count))}`);
});

Deno.test("startScanner() asks a shard twice in which as few answer as in the others", async () => {
  await using scan = await askedScanner(400, 200);
  await scan.clock.advance(100);
  const first = [...scan.probes.keys()];
  first.slice(0, 3).forEach((address) => scan.answer(address));
  scan.scanner.take({ id: 2, from: 200, to: 400, skip: [] });
  await scan.clock.advance(60_000);
  const second = [...scan.probes].filter(([address]) => !first.includes(address));
  assert(second.every(([, count]) => count === 2), `${new Set(second.map(([, count]) => count))}`);
});
