/** Reloading with a real file, a real signal and a real log file. */
import assert from "node:assert/strict";
import { readAgentConfig } from "../../src/config/read_config.ts";
import { type ConfigChange, watchConfig } from "../../src/config/watch_config.ts";
import { systemClock } from "../../common/core/clock.ts";
import { denoLogDisk } from "../../src/host/log_disk.ts";
import { onHangUp, watchFile } from "../../src/host/watch_file.ts";
import { openLog } from "../../src/log/open_log.ts";

const platform = "platform: { rootDomain: example.com, endpoints: [dca.example.com] }\n";
const parts = { env: () => undefined, readTextFile: (path: string) => Deno.readTextFile(path) };

/** As the system's, but nothing waits. */
const clock = { ...systemClock, sleep: () => Promise.resolve() };

async function withWatch(
  body: (path: string, next: () => Promise<ConfigChange>) => Promise<void>,
  watch: typeof watchFile = watchFile,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/agent.yaml`;
  await Deno.writeTextFile(path, platform);
  let came = Promise.withResolvers<ConfigChange>();
  const watching = watchConfig({
    path,
    initial: await readAgentConfig(path, parts),
    read: (path) => readAgentConfig(path, parts),
    onChange: (change) => came.resolve(change),
    // A file that is read while it is written.
    onProblem: () => {},
    onRecovered: () => {},
    clock,
    watch,
    signals: onHangUp,
  });
  try {
    await body(path, async () => {
      const change = await came.promise;
      came = Promise.withResolvers();
      return change;
    });
  } finally {
    await watching[Symbol.asyncDispose]();
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("watchFile() sees a file that is written in place, and one that takes its place", async () => {
  await withWatch(async (path, next) => {
    await Deno.writeTextFile(path, `${platform}log: { level: debug }\n`);
    assert.equal((await next()).config.log.level, "debug");
    await Deno.writeTextFile(`${path}.new`, `${platform}log: { level: warn }\n`);
    await Deno.rename(`${path}.new`, path);
    assert.deepEqual((await next()).changes, ["log.level"]);
  });
});

Deno.test({
  name: "onHangUp() has the file read again on SIGHUP",
  ignore: Deno.build.os === "windows",
  fn: () =>
    withWatch(async (path, next) => {
      await Deno.writeTextFile(path, `${platform}log: { level: debug }\n`);
      Deno.kill(Deno.pid, "SIGHUP");
      assert.equal((await next()).config.log.level, "debug");
    }, (path, changed) => watchFile(`${path}.other`, changed)),
});

Deno.test("openLog() with real files rotates and keeps them from the world", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/agent.log`;
  const log = openLog({ level: "info", format: "auto", file: { path, maxBytes: 200, keep: 2 } }, {
    clock: systemClock,
    disk: denoLogDisk,
    stdout: { isTerminal: false, write: () => Promise.resolve() },
    stderr: { write: (text) => assert.fail(text) },
    env: () => undefined,
  });
  for (let n = 0; n < 9; n++) log.logger.info("batchSent", { n });
  await log[Symbol.asyncDispose]();
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
  assert.deepEqual(names, ["agent.log", "agent.log.1", "agent.log.2"]);
  assert.equal(JSON.parse((await Deno.readTextFile(path)).trimEnd().split("\n").at(-1)!).n, 8);
  if (Deno.build.os !== "windows") assert.equal((await Deno.stat(path)).mode! & 0o007, 0);
  await Deno.remove(folder, { recursive: true });
});
