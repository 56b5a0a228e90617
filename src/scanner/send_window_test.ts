import assert from "node:assert/strict";
import type { DatagramHub } from "../snmp/datagram_hub.ts";
import { withinWindow } from "./send_window.ts";

function scene(window: { fromMs: number; untilMs: number } | undefined) {
  const wall = { ms: 1000 };
  const sent: number[] = [];
  let closings = 0;
  const hub: DatagramHub = {
    send(bytes) {
      sent.push(bytes[0]!);
      return Promise.resolve();
    },
    listenTo: () => () => {},
    setSweep: () => {},
    counters: { sent: 0, received: 0, stray: 0 },
    close: () => Promise.resolve(),
  };
  const closable = withinWindow(hub, {
    window,
    clock: { now: () => new Date(wall.ms) },
    onClosed: () => closings++,
  });
  const send = (id: number) => closable.hub.send(Uint8Array.of(id), "127.0.0.1", 161);
  return { wall, sent, send, closable, closings: () => closings };
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
  Deno.test(`withinWindow() ${name}`, async () => {
    const { wall, sent, send, closings } = scene(window);
    for (const [id, ms] of atMs.entries()) {
      wall.ms = ms;
      await send(id);
    }
    assert.deepEqual(sent.map((id) => atMs[id]), want);
    assert.equal(closings(), want.length === atMs.length ? 0 : 1);
  });
}

Deno.test("withinWindow() sends nothing once it was closed", async () => {
  const { sent, send, closable, closings } = scene(undefined);
  closable.closeSending();
  await send(1);
  assert.deepEqual([sent, closings(), closable.isClosed()], [[], 1, true]);
});
