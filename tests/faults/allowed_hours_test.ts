/** Allowed hours, seen from the network: a real agent, the time of receipt of each datagram, and a clock that the test sets. */
import assert from "node:assert/strict";
import { openInventory } from "../../src/store/inventory.ts";
import { startScene } from "../fixtures/agent_fixture.ts";
import { maybeLibfaketime, systemTest } from "../fixtures/peers.ts";
import { port } from "../fixtures/scan_fixture.ts";
import { until as untilTrue } from "../fixtures/until.ts";

const minute = 60_000;
const library = maybeLibfaketime();

/** Sockets that answer nobody, and when they received something. */
function openSilence(
  addresses: readonly string[],
): AsyncDisposable & { received: { address: string; atMs: number }[] } {
  const received: { address: string; atMs: number }[] = [];
  const sockets = addresses.map((hostname) => Deno.listenDatagram({ transport: "udp", hostname, port }));
  const loops = sockets.map(async (socket, i) => {
    for await (const _ of socket) received.push({ address: addresses[i]!, atMs: Date.now() });
  });
  return {
    received,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.close();
      await Promise.all(loops);
    },
  };
}

const until = (atMs: number) => new Promise((resolve) => setTimeout(resolve, Math.max(0, atMs - Date.now())));

systemTest(
  "a sweep ends with the allowed hours, and goes on in the next ones where it stopped, over kill -9",
  { needs: "libfaketime", allowed: library !== undefined },
  async () => {
    // Two windows of a minute each, with time between them for a busy machine, a little in the future of this one.
    const first = Math.floor(Date.now() / minute) * minute + 3 * minute, second = first + 10 * minute;
    const text = (ms: number) => new Date(ms).toISOString().slice(11, 16);
    const windows = [first, second].map((at) => `"${text(at)}-${text(at + minute)}"`);
    await using scene = await startScene({
      network: 229,
      printers: 6,
      rate: 160,
      more:
        `schedule: { statusEvery: 24h, metersEvery: 31d, jitter: 0%, allowedHours: { hours: [${windows}], timeZone: UTC } }`,
    });
    // A sweep that was cut off goes on at once, and of other addresses it starts over: the test need not wait for the first.
    {
      using inventory = openInventory(`${scene.folder}/state/inventory.db`);
      const anew = { digest: "", seed: 0, size: 254, activeMs: 0, answered: 0, printers: 0, done: [], begun: [] };
      inventory.setMark("sweepPosition:office", JSON.stringify({ ...anew, begunAt: "2026-01-01T00:00:00Z" }));
    }
    const silent = Array.from({ length: 248 }, (_, i) => `127.229.0.${i + 7}`);
    await using silence = openSilence(silent);
    const { received } = silence;
    const offsetFile = `${scene.folder}/offset`;
    let offsetMs = 0;
    const setClock = (fakeMs: number) => {
      offsetMs = fakeMs - Date.now();
      Deno.writeTextFileSync(`${offsetFile}.new`, `${offsetMs < 0 ? "" : "+"}${offsetMs / 1000}s\n`);
      Deno.renameSync(`${offsetFile}.new`, offsetFile);
    };
    const realMs = (fakeMs: number) => fakeMs - offsetMs;
    scene.within = [
      "env",
      `LD_PRELOAD=${library}`,
      `FAKETIME_TIMESTAMP_FILE=${offsetFile}`,
      "FAKETIME_NO_CACHE=1",
      "FAKETIME_DONT_FAKE_MONOTONIC=1",
    ];
    const has = (event: string) => (line: string) => line.includes(`"${event}"`);

    setClock(first + 5_000);
    let endMs: number;
    {
      await using agent = scene.spawnAgent();
      await agent.line(has("sweepBegun"));
      while (received.length < 250) await until(Date.now() + 20);
      // The clock is set, as a person would, to two seconds before the end.
      setClock(first + minute - 2_000);
      endMs = realMs(first + minute);
      const { reason, done } = JSON.parse(await agent.line(has("sweepInterrupted")));
      assert.deepEqual([reason, done > 0 && done < 254], ["The allowed hours have ended", true], `${done} done`);
      await until(endMs + 1_000);
      // The command has the clock of the agent.
      const percent = Math.floor(100 * done / 254);
      const shown = `office: discovery scan interrupted, ${percent} % done, no discovery scan yet`;
      await untilTrue("status shows it", async () => (await scene.opendca("status")).out.includes(shown));
      await agent.kill("SIGKILL");
    }
    const before = [...received];
    assert.ok(before.at(-1)!.atMs < endMs, `${before.at(-1)!.atMs - endMs} ms after the end`);

    setClock(second - 5_000);
    const beginMs = realMs(second);
    await using agent = scene.spawnAgent();
    const begun = JSON.parse(await agent.line(has("sweepBegun")));
    assert.ok(begun.done > 0, "it goes on");
    const ended = JSON.parse(await agent.line(has("sweepEnded")));
    assert.deepEqual([ended.addresses, ended.printers], [254, 6], "of both parts");
    const after = received.slice(before.length);
    assert.ok(after[0]!.atMs >= beginMs, `${beginMs - after[0]!.atMs} ms before the hours began`);
    const [asked, askedAgain] = [before, after].map((list) => new Set(list.map(({ address }) => address)));
    assert.equal(asked!.union(askedAgain!).size, silent.length, "every address was asked");
    // Asked twice is what was under way: at most four shards of 32 addresses, of which the answers were waited for.
    const twice = asked!.intersection(askedAgain!).size;
    assert.ok(twice <= 128, `${twice} of ${asked!.size} were asked again`);
    assert.ok(asked!.size - twice >= begun.done - 6, `${asked!.size - twice} of ${begun.done} were not`);
  },
);
