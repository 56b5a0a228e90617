/** FetchUpdate to readers that hang: what waits for them in memory, and when their place is free. */
import assert from "node:assert/strict";
import { chunkBytes } from "../../platform/releases/chunk_bytes.ts";
import { eachDatabase } from "../fixtures/each_database.ts";
import { connect, type TestAgent } from "../fixtures/platform_fixture.ts";
import { fetchReason, fetchUpdate, fileBytesOf } from "../fixtures/release_folder.ts";
import { passThrough, startTcpProxy } from "../fixtures/tcp_proxy.ts";
import { until } from "../fixtures/until.ts";
import { type UpdateScene, updateScene, watchStore } from "../fixtures/update_streams.ts";

const large = { "linux-x64": fileBytesOf(96 * chunkBytes) };
/* Where the last part of it begins: a call that is let in has it soon. */
const nearEnd = 95 * chunkBytes;

/**
 * A call of an agent on a line that stands still until it is resumed: below gRPC's client, which reads some megabytes
 * ahead.
 */
async function stalledFetch({ platform, sha256 }: UpdateScene, { identity }: TestAgent) {
  const proxy = await startTcpProxy(Number(platform.target.split(":")[1]));
  let isStopped = false;
  const stops: (() => void)[] = [], goes: (() => void)[] = [];
  proxy.handle = (connection) => {
    passThrough(connection);
    const { server, client } = connection;
    stops.push(() => {
      server.unpipe(client);
      server.pause();
    });
    goes.push(() => server.pipe(client));
  };
  const client = connect({ ...platform, target: `localhost:${proxy.port}` }, identity);
  const fetched = fetchUpdate(client, { sha256 }, () => {
    if (isStopped) return;
    isStopped = true;
    for (const stop of stops) stop();
  });
  await until("the line stands still", () => isStopped);
  return {
    fetched,
    resume: () => goes.forEach((go) => go()),
    async [Symbol.asyncDispose]() {
      client.close();
      proxy.cut();
      await proxy[Symbol.asyncDispose]();
    },
  };
}

eachDatabase("who reads nothing makes the platform read a part of the file, and gets all when it goes on", async () => {
  await using all = await updateScene({}, { content: large });
  const agent = await all.agent();
  const watched = watchStore(all.platform);
  await using stalled = await stalledFetch(all, agent);
  let before = -1;
  await until("no more is read", async () => {
    const same = watched.count === before;
    before = watched.count;
    await new Promise((resolve) => setTimeout(resolve, 500));
    return same;
  });
  // The system's buffers of three sockets hold some megabytes; without a limit it is all of 24 MiB.
  assert(watched.count < 80, `${watched.count} transactions for a reader that takes nothing`);
  assert(await agent.poll(), "on another connection");
  stalled.resume();
  const whole = await stalled.fetched;
  assert.equal(fetchReason(whole), "whole");
  assert(watched.count > 96);
});

eachDatabase("a reader that takes nothing for too long is cut off", async () => {
  await using all = await updateScene({ stallMs: 300, streams: 1 }, { content: large });
  await using stalled = await stalledFetch(all, await all.agent());
  const { client } = await all.agent();
  await until(
    "its place is free",
    async () => fetchReason(await fetchUpdate(client, { sha256: all.sha256, offset: nearEnd })) === "whole",
  );
  stalled.resume();
  assert.notEqual(fetchReason(await stalled.fetched), "whole");
});
