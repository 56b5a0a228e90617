import assert from "node:assert/strict";
import type { DatagramPort } from "../snmp/datagram_hub.ts";
import { createSendGate } from "./send_gate.ts";

function scene(window: { fromMs: number; untilMs: number } | undefined) {
  const wall = { ms: 1000 };
  const sent: number[] = [];
  const port: DatagramPort = {
    send(bytes) {
      sent.push(bytes[0]!);
      return Promise.resolve();
    },
    receive: () => Promise.resolve({ bytes: Uint8Array.of(7), address: "127.0.0.1", port: 161 }),
    close: () => {},
  };
  const gate = createSendGate(window, { now: () => new Date(wall.ms) });
  const guarded = gate.guard(port);
  return { wall, sent, gate, guarded, send: (id: number) => guarded.send(Uint8Array.of(id), "127.0.0.1", 161) };
}

const steps: [name: string, window: { fromMs: number; untilMs: number } | undefined, atMs: number[], want: number[]][] =
  [
    ["sends until the last millisecond", { fromMs: 0, untilMs: 2000 }, [1000, 1999, 2000, 2001], [1000, 1999]],
    ["stays closed when the clock is put back", { fromMs: 0, untilMs: 2000 }, [1000, 2000, 1500], [1000]],
    ["sends nothing when the clock is put back before the hours", { fromMs: 900, untilMs: 2000 }, [1000, 899], [1000]],
    ["sends nothing when the clock jumps over the end", { fromMs: 0, untilMs: 2000 }, [1000, 9e9], [1000]],
    ["sends at any time without a window", undefined, [0, 9e9, 1], [0, 9e9, 1]],
    [
      "sends at any time in a window without ends",
      { fromMs: -Infinity, untilMs: Infinity },
      [0, 9e9, 1],
      [0, 9e9, 1],
    ],
  ];
for (const [name, window, atMs, want] of steps) {
  Deno.test(`createSendGate() ${name}`, async () => {
    const { wall, sent, send, gate } = scene(window);
    for (const [id, ms] of atMs.entries()) {
      wall.ms = ms;
      await send(id);
    }
    assert.deepEqual(sent.map((id) => atMs[id]), want);
    assert.equal(gate.closed.aborted, want.length < atMs.length);
  });
}

Deno.test("createSendGate() sends nothing by any socket once it was closed, and still receives", async () => {
  const { sent, send, gate, guarded } = scene(undefined);
  gate.close();
  await send(1);
  assert.deepEqual(sent, []);
  assert.deepEqual((await guarded.receive())?.bytes, Uint8Array.of(7));
});
