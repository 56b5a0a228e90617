import assert from "node:assert/strict";
import { expectedMissing } from "./loss_estimate.ts";
import { FakeClock } from "../../tests/fixtures/fake_clock.ts";
import { encodeCommunityMessage, PduType } from "../snmp/message.ts";
import { communityProbe, probeFor } from "../snmp/probe.ts";
import { Tag } from "../snmp/value.ts";
import type { Target } from "../targets/address_space.ts";
import { type Found, idOf, maybeMessage, type SweepOptions, sweepShard } from "./sweep_shard.ts";

const v2c = communityProbe(1, "public");
const v1 = communityProbe(0, "public");

/** A network of `size` addresses in which `answers` says who answers which try (counted from 1) of which version. */
function network(size: number, answers: (host: number, attempt: number, version: number) => boolean) {
  const clock = new FakeClock();
  const abort = new AbortController();
  const found: Found[] = [];
  const sent: { host: number; version: number; atMs: number }[] = [];
  const refusals: string[] = [];
  const targets = Array.from({ length: size }, (_, i): Target => ({
    family: 4,
    address: `127.0.0.${i + 1}`,
    port: 161,
    hostname: null,
  }));
  const options: SweepOptions = {
    size,
    firstId: 0x01000000,
    targetAt: (position) => targets[position],
    roundsFor: () => [[v2c], [v1]],
    retries: 1,
    maxRounds: 6,
    expectedMissing: () => 0,
    timeoutMs: () => 1000,
    onAnswer: () => {},
    clock,
    signal: abort.signal,
    pace: () => undefined,
    throttle: () => undefined,
    receive: () => Promise.resolve(),
    send: (datagrams) => {
      for (const { bytes, address } of datagrams) {
        const message = maybeMessage(bytes);
        assert(message !== undefined && message.version !== 3);
        const host = targets.findIndex((target) => target.address === address);
        sent.push({ host, version: message.version, atMs: clock.monotonicMs() });
        const attempt = sent.filter((packet) => packet.host === host).length;
        if (answers(host, attempt, message.version)) answer(bytes, address);
      }
      return Promise.resolve({ mayReuse: true });
    },
    onFound: (one) => found.push(one),
    onRefused: (_target, message) => refusals.push(message),
    onFirstRoundSent: () => {},
    onProbed: () => {},
  };
  const sweep = sweepShard(options);

  function answer(request: Uint8Array, from: string, changes: { id?: number; type?: number } = {}): boolean {
    const message = maybeMessage(request);
    assert(message !== undefined && message.version !== 3);
    const reply = encodeCommunityMessage({
      ...message,
      pdu: {
        ...message.pdu,
        type: changes.type ?? PduType.response,
        requestId: changes.id ?? message.pdu.requestId,
        varbinds: [{ oid: "1.3.6.1.2.1.1.1.0", tag: Tag.octetString, value: new TextEncoder().encode("Laser") }],
      },
    });
    return sweep.accept(reply, from, 161, maybeMessage(reply)!);
  }

  return { clock, abort, found, sent, refusals, options, sweep, answer };
}

Deno.test("sweepShard() asks a clean network twice, once in each version", async () => {
  const net = network(5, () => false);
  const run = net.sweep.run();
  await net.clock.advance(10_000);
  await run;
  assert.equal(net.sent.length, 10);
  assert.deepEqual(net.sent.filter(({ host }) => host === 0).map(({ version, atMs }) => [version, atMs]), [[1, 0], [
    0,
    500,
  ]]);
});

Deno.test("sweepShard() waits as long as answers are found to take meanwhile, and for those that are in the socket", async () => {
  const net = network(3, () => false);
  let timeoutMs = 1000;
  net.options.timeoutMs = () => timeoutMs;
  let isOver = false;
  const run = net.sweep.run().then(() => isOver = true);
  const answerOf = (host: number) => net.answer(probeFor(v2c, net.options.firstId + host), `127.0.0.${host + 1}`);
  await net.clock.advance(1400);
  // Another shard's devices answer after two seconds.
  timeoutMs = 2500;
  await net.clock.advance(1500);
  assert.equal(isOver, false);
  assert.equal(answerOf(0), true);
  // The wait ends at 3,000 ms, and what came meanwhile is received after that.
  await net.clock.advance(101);
  assert.equal(answerOf(1), true);
  await net.clock.advance(20_000);
  await run;
  assert.deepEqual(net.found.map(({ target, probeTiming }) => [target.address, probeTiming !== undefined]), [
    ["127.0.0.1", true],
    ["127.0.0.2", true],
  ]);
});

Deno.test("sweepShard() never has more than two probes outstanding for one host, however many credentials there are", async () => {
  const net = network(3, () => false);
  const others = ["a", "b", "c"].map((name) => communityProbe(1, name));
  net.options.roundsFor = () => [[v2c, ...others], [v1, ...others]];
  const run = sweepShard(net.options).run();
  await net.clock.advance(60_000);
  await run;
  const times = net.sent.filter(({ host }) => host === 0).map(({ atMs }) => atMs);
  assert.equal(times.length, 8);
  for (const time of times) {
    const outstanding = times.filter((other) => other <= time && other > time - 1000).length;
    assert(outstanding <= 2, `${outstanding} outstanding after ${time} ms`);
  }
});

Deno.test("sweepShard() asks again those who were silent, once the system looks for nobody any more, and tells whom it found", async () => {
  // Both probes of the second host are lost before they leave; its answer says nothing of how slow it is.
  const net = network(3, (host, attempt) => host === 0 ? attempt === 1 : host === 1 && attempt === 3);
  const foundAgain: string[] = [], turns: string[] = [], times: number[] = [];
  let probed = 0;
  net.options.onProbed = (count) => probed += count;
  net.options.onAnswer = (ms) => times.push(ms);
  net.options.secondPass = {
    afterMs: 3100,
    onFound: ({ address }) => foundAgain.push(address),
    turn() {
      turns.push(`begin ${net.clock.monotonicMs()}`);
      return Promise.resolve(() => void turns.push(`end ${net.clock.monotonicMs()}`));
    },
  };
  const run = net.sweep.run();
  await net.clock.advance(20_000);
  await run;
  assert.deepEqual(foundAgain, ["127.0.0.2"]);
  assert.deepEqual(net.found.map(({ probeTiming }) => probeTiming?.afterMs), [0, undefined]);
  assert.deepEqual([probed, times], [3, [0]]);
  assert.deepEqual(net.sent.filter(({ host }) => host === 2).map(({ version, atMs }) => [version, atMs]), [
    [1, 0],
    [0, 500],
    [1, 3600],
    [0, 4100],
  ]);
  assert.deepEqual(turns.slice(0, 2), ["begin 0", "end 500"]);
  assert(turns.includes("begin 3600") && turns.includes("end 4100"));
});

Deno.test("sweepShard() tries credentials in their order: the second only where the first was not answered", async () => {
  const net = network(2, (host, attempt) => host === 0 ? attempt === 1 : attempt === 2);
  net.options.roundsFor = () => [[v2c, communityProbe(1, "second")]];
  const run = net.sweep.run();
  await net.clock.advance(10_000);
  await run;
  assert.deepEqual(net.found.map(({ community }) => community?.name), ["public", "second"]);
  assert.equal(net.sent.filter(({ host }) => host === 0).length, 1);
});

Deno.test("sweepShard() does not ask again who has answered", async () => {
  const net = network(4, (host) => host === 2);
  const run = net.sweep.run();
  await net.clock.advance(10_000);
  await run;
  assert.deepEqual(net.found.map(({ target }) => target.address), ["127.0.0.3"]);
  assert.equal(net.sent.filter(({ host }) => host === 2).length, 1);
});

Deno.test("sweepShard() goes on for as long as the last try found somebody", async () => {
  const net = network(6, (host, attempt) => attempt > host);
  const run = net.sweep.run();
  await net.clock.advance(60_000);
  await run;
  assert.equal(net.found.length, 6);
});

Deno.test("sweepShard() asks again for whom loss may have kept away, though the last try found nobody", async () => {
  // The fourth host answers its fourth try; the third try finds nobody.
  const net = network(4, (host, attempt) => attempt > (host === 3 ? 3 : 1));
  net.options.expectedMissing = (found, rounds) => expectedMissing(found, { rounds, share: 0.28 });
  const run = net.sweep.run();
  await net.clock.advance(60_000);
  await run;
  assert.equal(net.found.length, 4);
});

Deno.test("sweepShard() stops at the limit of rounds", async () => {
  const net = network(20, (host, attempt) => attempt > host);
  const run = net.sweep.run();
  await net.clock.advance(60_000);
  await run;
  assert.equal(net.found.length, 6);
  assert.equal(net.sent.filter(({ host }) => host === 19).length, 6);
});

Deno.test("sweepShard() finds agents that speak only SNMPv1", async () => {
  const net = network(3, (host, _attempt, version) => host === 1 && version === 0);
  const run = net.sweep.run();
  await net.clock.advance(10_000);
  await run;
  assert.deepEqual(net.found.map(({ community }) => community), [{ version: "1", name: "public" }]);
});

Deno.test("ShardSweep.accept() takes an answer to the first try after the second was sent", async () => {
  const net = network(1, () => false);
  const run = net.sweep.run();
  await net.clock.advance(900);
  const late = v2c.bytes.slice();
  new DataView(late.buffer).setUint32(v2c.idOffset, 0x01000000);
  assert.equal(net.answer(late, "127.0.0.1"), true);
  await net.clock.advance(10_000);
  await run;
  assert.equal(net.found.length, 1);
});

const forged = [
  { name: "from another address", from: "127.0.0.9", changes: {} },
  { name: "with an id of another address", from: "127.0.0.1", changes: { id: 0x01000001 } },
  { name: "with an id that was never sent", from: "127.0.0.1", changes: { id: 7 } },
  { name: "that is no response", from: "127.0.0.1", changes: { type: PduType.get } },
];
for (const { name, from, changes } of forged) {
  Deno.test(`ShardSweep.accept() refuses an answer ${name}`, async () => {
    const net = network(2, () => false);
    const run = net.sweep.run();
    await net.clock.advance(0);
    const request = v2c.bytes.slice();
    new DataView(request.buffer).setUint32(v2c.idOffset, 0x01000000);
    assert.equal(idOf(maybeMessage(request)!), 0x01000000);
    assert.equal(net.answer(request, from, changes), false);
    await net.clock.advance(10_000);
    await run;
    assert.equal(net.found.length, 0);
  });
}

Deno.test("sweepShard() waits for nobody when everybody has answered", async () => {
  const net = network(3, () => true);
  const run = net.sweep.run();
  await net.clock.advance(0);
  await run;
  assert.equal(net.clock.monotonicMs(), 0);
  assert.equal(net.found.length, 3);
});

Deno.test("sweepShard() reports a refused destination once and goes on", async () => {
  const net = network(3, () => false);
  net.options.send = (datagrams, onRefused) => {
    for (const datagram of datagrams) onRefused(datagram, new Error("Network is unreachable"));
    return Promise.resolve({ mayReuse: true });
  };
  const run = sweepShard(net.options).run();
  await net.clock.advance(10_000);
  await run;
  assert.deepEqual(net.refusals, ["Network is unreachable"]);
});

Deno.test("sweepShard() ends at once when it is aborted", async () => {
  const net = network(3, () => false);
  const run = net.sweep.run();
  await net.clock.advance(100);
  net.abort.abort(new Error("stopped"));
  await assert.rejects(run, /stopped/);
});

Deno.test("sweepShard() leaves the octets of a burst alone while a socket still needs them", async () => {
  const net = network(40, () => false);
  const bursts: { bytes: Uint8Array; wanted: string }[][] = [];
  net.options.send = (datagrams) => {
    bursts.push(datagrams.map(({ bytes }) => ({ bytes, wanted: bytes.toHex() })));
    return Promise.resolve({ mayReuse: bursts.length > 1 });
  };
  const run = net.sweep.run();
  await net.clock.advance(10_000);
  await run;
  assert.deepEqual(bursts.map(({ length }) => length), [32, 8, 32, 8]);
  for (const { bytes, wanted } of bursts[0]!) assert.equal(bytes.toHex(), wanted);
});

Deno.test("sweepShard() hands IPv4 and IPv6 addresses over apart, and all before it waits for its pace", async () => {
  const net = network(6, () => false);
  const bursts: string[][] = [];
  const addresses = ["127.0.0.1", "127.0.0.2", "::1", "::2", "127.0.0.3", "127.0.0.4"];
  net.options.targetAt = (position) => {
    const address = addresses[position]!;
    return { family: address.includes(":") ? 6 : 4, address, port: 161, hostname: null };
  };
  net.options.send = (datagrams) => {
    bursts.push(datagrams.map(({ address }) => address));
    return Promise.resolve({ mayReuse: true });
  };
  let taken = 0, probed = 0;
  const pace = Promise.withResolvers<void>();
  net.options.pace = () => ++taken === 6 ? pace.promise : undefined;
  net.options.onProbed = (count) => probed += count;
  const run = net.sweep.run();
  await net.clock.advance(0);
  assert.deepEqual(bursts, [["127.0.0.1", "127.0.0.2"], ["::1", "::2"], ["127.0.0.3"]]);
  assert.equal(probed, 5);
  net.abort.abort(new Error("stopped"));
  pace.resolve();
  await assert.rejects(run, /stopped/);
  // What was not sent any more is not taken for asked.
  assert.equal(bursts.length, 3);
});

Deno.test("sweepShard() does not ask an address again whose answer waits in the socket", async () => {
  const net = network(3, () => false);
  net.options.receive = () => {
    for (let host = 0; host < 3; host++) {
      net.answer(probeFor(v2c, net.options.firstId + host), `127.0.0.${host + 1}`);
    }
    return Promise.resolve();
  };
  const run = net.sweep.run();
  await net.clock.advance(10_000);
  await run;
  assert.equal(net.found.length, 3);
  assert.equal(net.sent.length, 3);
});

Deno.test("sweepShard() sends a further round only while no other shard sends its first", async () => {
  const net = network(3, () => false);
  let first: PromiseWithResolvers<void> | undefined = Promise.withResolvers();
  net.options.firstRounds = () => first?.promise;
  const run = net.sweep.run();
  await net.clock.advance(800);
  assert.deepEqual(net.sent.map(({ atMs }) => atMs), [0, 0, 0]);
  // Who answers meanwhile is not asked again.
  net.answer(probeFor(v2c, net.options.firstId), "127.0.0.1");
  first.resolve();
  first = undefined;
  await net.clock.advance(10_000);
  await run;
  assert.deepEqual(net.sent.slice(3, 5).map(({ host, atMs }) => [host, atMs]), [[1, 800], [2, 800]]);
});
