import assert from "node:assert/strict";
import { ConnectionGate, gateLimitsFor } from "./connection_gate.ts";

const limits = {
  mostConnections: 12,
  mostAnonymous: 6,
  anonymousOfSource: 3,
  ofAgent: 2,
  withoutCallMs: 10_000,
  anonymousMs: 60_000,
  sureMs: 1000,
};

type Driven = ConnectionGate & {
  advance(ms: number): void;
  /** Peers that were told to go, in order. */
  closed: string[];
  come(peer: string): boolean;
};

function driven(): Driven {
  let ms = 0;
  const gate = new ConnectionGate(limits, () => ms);
  const closed: string[] = [];
  const come = (peer: string) =>
    gate.enter(peer, () => {
      closed.push(peer);
      gate.leave(peer);
    });
  return Object.assign(gate, { advance: (by: number) => void (ms += by), closed, come });
}

Deno.test("one source has so many anonymous connections; while all are new, the next one is refused", () => {
  const gate = driven();
  assert.deepEqual([1, 2, 3, 4].map((port) => gate.come(`10.0.0.1:${port}`)), [true, true, true, false]);
  assert.equal(gate.come("10.0.0.2:1"), true);
  assert.deepEqual(gate.closed, []);
});

Deno.test("a connection by which much comes between two events of its calls is closed, others stay", () => {
  const gate = driven(), bytes = { flood: 0, agent: 0 };
  const come = (peer: string, which: keyof typeof bytes) =>
    assert.ok(gate.enter(peer, () => gate.closed.push(peer), { bytesRead: () => bytes[which] }));
  come("10.0.0.1:1", "flood");
  come("10.0.0.2:1", "agent");
  for (let round = 0; round < 5; round++) {
    const end = gate.callBegan("10.0.0.2:1", "agt-1");
    bytes.agent += 900;
    gate.cutFloods(1000);
    end();
  }
  bytes.flood = 1000;
  gate.cutFloods(1000);
  assert.deepEqual(gate.closed, []);
  bytes.flood = 1001;
  gate.cutFloods(1000);
  gate.cutFloods(1000);
  assert.deepEqual(gate.closed, ["10.0.0.1:1"]);
  assert.deepEqual(gate.takeCounts(), { refused: 1, replaced: 0, expired: 0, source: "10.0.0.1" });
});

Deno.test("the oldest anonymous connection of the source goes for a new one, one with a call last", () => {
  const gate = driven();
  gate.come("10.0.0.2:1");
  for (const port of [1, 2, 3]) gate.come(`10.0.0.1:${port}`);
  gate.callBegan("10.0.0.1:1", undefined);
  gate.advance(1000);
  assert.equal(gate.come("10.0.0.1:4"), true);
  assert.deepEqual(gate.closed, ["10.0.0.1:2"]);
  assert.deepEqual(gate.takeCounts(), { refused: 0, replaced: 1, expired: 0, source: "10.0.0.1" });
});

Deno.test("IPv6 of one /56 is one source, and IPv4 in IPv6 is IPv4", () => {
  const gate = driven();
  for (const port of [1, 2, 3]) gate.come(`::ffff:10.0.0.1:${port}`);
  assert.equal(gate.come("10.0.0.1:4"), false);
  const last = [1, 2, 3, 4].map((net) => gate.come(`2001:db8:0:100${net}::1:50`));
  assert.deepEqual(last, [true, true, true, false]);
});

Deno.test("many sources leave the room that is reserved for agents", () => {
  const gate = driven();
  const came = Array.from({ length: 100 }, (_, i) => gate.come(`10.0.1.${i}:1`)).filter(Boolean).length;
  assert.equal(came, limits.mostAnonymous);
  gate.advance(1000);
  // An agent among them is not anonymous once it has called, and the next one finds room again.
  for (const agent of ["a", "b", "c", "d", "e", "f"]) {
    assert.equal(gate.come(`10.0.2.1:${agent.charCodeAt(0)}`), true);
    gate.callBegan(`10.0.2.1:${agent.charCodeAt(0)}`, agent)();
  }
  assert.equal(gate.closed.length, 1, "the others had room");
});

Deno.test("where all places are taken, the oldest anonymous connection goes for a new one, and never an agent's", () => {
  const gate = driven();
  for (let agent = 0; agent < 10; agent++) {
    assert.equal(gate.come(`10.0.2.${agent}:1`), true);
    gate.callBegan(`10.0.2.${agent}:1`, `agent-${agent}`)();
  }
  for (const peer of ["10.0.1.1:1", "10.0.1.2:1"]) assert.equal(gate.come(peer), true);
  assert.equal(gate.come("10.0.3.1:1"), false, "all are new");
  gate.advance(1000);
  for (const peer of ["10.0.3.1:1", "10.0.3.2:1"]) assert.equal(gate.come(peer), true);
  assert.deepEqual(gate.closed, ["10.0.1.1:1", "10.0.1.2:1"]);
  for (const peer of ["10.0.3.1:1", "10.0.3.2:1"]) gate.callBegan(peer, `agent-${peer}`)();
  gate.advance(1000);
  assert.equal(gate.come("10.0.4.1:1"), false, "all are of agents");
  assert.equal(gate.closed.length, 2);
});

Deno.test("a connection without a call ends after seconds, one with calls after a minute, an agent's never", () => {
  const gate = driven();
  gate.come("10.0.0.1:1");
  gate.come("10.0.0.2:1");
  gate.callBegan("10.0.0.2:1", undefined);
  gate.come("10.0.0.3:1");
  gate.callBegan("10.0.0.3:1", "agent")();
  gate.advance(9999);
  gate.expire();
  assert.deepEqual(gate.closed, []);
  gate.advance(1);
  gate.expire();
  assert.deepEqual(gate.closed, ["10.0.0.1:1"]);
  gate.advance(50_000);
  gate.expire();
  assert.deepEqual(gate.closed, ["10.0.0.1:1", "10.0.0.2:1"]);
  gate.advance(1_000_000);
  gate.expire();
  assert.equal(gate.closed.length, 2);
  // Revoked meanwhile: its next call is refused, and it counts as nobody.
  gate.callBegan("10.0.0.3:1", undefined)();
  gate.expire();
  assert.deepEqual(gate.closed.at(-1), "10.0.0.3:1");
});

Deno.test("an agent keeps its newest connections, and those with a call", () => {
  const gate = driven();
  for (const port of [1, 2, 3]) {
    gate.come(`10.0.0.1:${port}`);
    const end = gate.callBegan(`10.0.0.1:${port}`, "agent");
    if (port > 1) end();
  }
  assert.deepEqual(gate.closed, ["10.0.0.1:2"]);
});

Deno.test("whatever comes and goes, the counts hold and nothing is left over", () => {
  for (let seed = 1; seed <= 300; seed++) {
    let random = seed;
    const next = (below: number) => (random = (random * 48_271) % 2_147_483_647) % below;
    const gate = driven();
    const open = new Set<string>();
    const ends: (() => void)[] = [];
    for (let port = 1; port < 200; port++) {
      const peer = `10.0.0.${next(6)}:${port}`;
      if (gate.come(peer)) open.add(peer);
      for (const peer of gate.closed) open.delete(peer);
      assert.ok(open.size <= limits.mostConnections, `seed ${seed}`);
      const some = [...open][next(Math.max(1, open.size))];
      if (some !== undefined && next(3) === 0) {
        ends.push(gate.callBegan(some, next(2) === 0 ? undefined : "a" + next(9)));
      }
      if (some !== undefined && next(4) === 0) {
        gate.leave(some);
        open.delete(some);
      }
      if (next(3) === 0) ends.splice(next(ends.length + 1), 1)[0]?.();
      gate.advance(next(4000));
      gate.expire();
    }
    for (const peer of open) gate.leave(peer);
    gate.advance(100_000);
    const fresh = Array.from({ length: limits.mostAnonymous }, (_, i) => gate.come(`10.9.0.${i}:1`));
    assert.ok(fresh.every(Boolean), `seed ${seed}`);
  }
});

for (
  const [descriptors, mostConnections, mostAnonymous] of [[20_000, 10_000, 5000], [1024, 768, 384], [80, 16, 8], [
    16,
    4,
    2,
  ]]
) {
  Deno.test(`with ${descriptors} descriptors there is room for ${mostConnections} connections`, () => {
    const limits = gateLimitsFor(descriptors!);
    assert.deepEqual([limits.mostConnections, limits.mostAnonymous], [mostConnections, mostAnonymous]);
  });
}
