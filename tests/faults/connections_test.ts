/**
 * Strangers who hold connections by the hundred: agents get through from elsewhere, and from behind the same address.
 * What a stranger does never comes to the store.
 */
import assert from "node:assert/strict";
import net from "node:net";
import { fileURLToPath } from "node:url";
import { eachDatabase } from "../fixtures/each_database.ts";
import { maybeProgram } from "../fixtures/peers.ts";
import { activatedAgent, startTestPlatform } from "../fixtures/platform_fixture.ts";
import { checkHeld, dial, type Held, held, limits, outside, untilPolled } from "../fixtures/strangers.ts";
import { until } from "../fixtures/until.ts";

for (const [name, hold] of Object.entries(outside)) {
  Deno.test(`${name}: ended after seconds, and agents get through meanwhile`, () => checkHeld(hold, { each: 60 }));
}

eachDatabase("three thousand connections of a hundred sources leave the room of agents", async () => {
  await using platform = await startTestPlatform({ connections: limits });
  const agent = await activatedAgent(platform, await platform.customer("Acme"));
  const all: Held[] = [];
  for (let round = 0; round < 30; round++) {
    for (let i = 0; i < 100; i++) all.push(dial(platform, `127.0.1.${i + 1}`));
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await untilPolled(platform, agent);
  for (const each of all) each[Symbol.dispose]();
});

Deno.test({
  name: "accepting goes on after the process had no descriptor left",
  ignore: Deno.build.os !== "linux" || maybeProgram("prlimit") === undefined,
  async fn() {
    const script = fileURLToPath(new URL("accepting_child.ts", import.meta.url));
    const child = new Deno.Command(maybeProgram("prlimit")!, {
      args: ["--nofile=400:400", Deno.execPath(), "run", "--no-prompt", "--allow-net", "--allow-read", script],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    try {
      const reader = child.stdout.getReader();
      const port = Number(new TextDecoder().decode((await reader.read()).value));
      reader.releaseLock();
      // The runtime itself opens a few more things after the start.
      await new Promise((resolve) => setTimeout(resolve, 1000));
      const all = Array.from({ length: 700 }, () => {
        const socket = net.connect({ host: "127.0.0.1", port });
        return { socket, ...held(socket) };
      });
      const open = () => [...Deno.readDirSync(`/proc/${child.pid}/fd`)].length;
      await until("it has no descriptor left", () => open() >= 399);
      // It tries to accept one more.
      await new Promise((resolve) => setTimeout(resolve, 500));
      for (const each of all) each[Symbol.dispose]();
      await until("one is taken again", async () => {
        const { promise, resolve } = Promise.withResolvers<boolean>();
        const socket = net.connect({ host: "127.0.0.1", port });
        using _ = held(socket);
        socket.once("data", () => resolve(true));
        const timer = setTimeout(() => resolve(false), 500);
        const isTaken = await promise;
        clearTimeout(timer);
        return isTaken;
      });
    } finally {
      const stderr = new Response(child.stderr).text();
      child.kill("SIGKILL");
      await child.status;
      // Not by luck: the listener had ended.
      assert.match(await stderr, /listeningAnew/);
    }
  },
});
