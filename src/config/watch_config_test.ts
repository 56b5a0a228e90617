import assert from "node:assert/strict";
import { FakeClock } from "../../tests/fixtures/fake_clock.ts";
import { ConfigError } from "../../common/core/errors.ts";
import { parseAgentConfig } from "./read_config.ts";
import { type ConfigChange, watchConfig } from "./watch_config.ts";

function configOf(level: string) {
  if (level === "bad") throw new ConfigError("Cannot read it");
  return parseAgentConfig(
    `platform: { rootDomain: example.com, endpoints: [dca.example.com] }\nlog: { level: ${level} }`,
    { file: "agent.yaml", env: () => undefined, readFile: () => "" },
  );
}

function start() {
  const clock = new FakeClock();
  const changes: ConfigChange[] = [];
  const problems: string[] = [];
  const recovered: number[] = [];
  const disk = { level: "info", reads: 0, watched: true, listening: true };
  let touch = () => {};
  let hangUp = () => {};
  const watch = watchConfig({
    path: "/etc/agent.yaml",
    initial: configOf("info"),
    read: (path) => {
      assert.equal(path, "/etc/agent.yaml");
      disk.reads++;
      return Promise.resolve().then(() => configOf(disk.level));
    },
    onChange: (change) => changes.push(change),
    onProblem: (error) => problems.push((error as Error).message),
    onRecovered: () => recovered.push(problems.length),
    clock,
    watch: (_, changed) => {
      touch = changed;
      return () => disk.watched = false;
    },
    signals: (callback) => {
      hangUp = callback;
      return () => disk.listening = false;
    },
  });
  const write = (level: string) => {
    disk.level = level;
    touch();
  };
  return { clock, changes, problems, recovered, disk, watch, write, hangUp: () => hangUp() };
}

Deno.test("watchConfig() reads once, half a second after the last of several changes", async () => {
  const { clock, changes, disk, watch, write } = start();
  for (const level of ["bad", "bad", "debug"]) {
    write(level);
    await clock.advance(499);
  }
  assert.equal(disk.reads, 0);
  await clock.advance(1);
  assert.equal(disk.reads, 1);
  assert.deepEqual(changes.map(({ before, config, changes }) => [before.log.level, config.log.level, changes]), [
    ["info", "debug", ["log.level"]],
  ]);
  await watch[Symbol.asyncDispose]();
});

Deno.test("watchConfig() reads a file that never comes to rest after five seconds", async () => {
  const { clock, disk, watch, write } = start();
  for (let ms = 0; ms < 5000; ms += 250) {
    assert.equal(disk.reads, 0, `at ${ms} ms`);
    write("debug");
    await clock.advance(250);
  }
  assert.equal(disk.reads, 1);
  await watch[Symbol.asyncDispose]();
});

Deno.test("watchConfig() keeps the old configuration when the file is bad, and reports the same mistake once", async () => {
  const { clock, changes, problems, watch, write } = start();
  for (const level of ["bad", "bad", "warn"]) {
    write(level);
    await clock.advance(1000);
  }
  assert.deepEqual(problems, ["Cannot read it"]);
  assert.deepEqual(changes.map(({ before, config }) => [before.log.level, config.log.level]), [["info", "warn"]]);
  write("bad");
  await clock.advance(1000);
  assert.equal(problems.length, 2);
  await watch[Symbol.asyncDispose]();
});

Deno.test("watchConfig() reads at once on a signal, and reports a mistake each time", async () => {
  const { clock, changes, problems, disk, watch, hangUp } = start();
  disk.level = "bad";
  hangUp();
  hangUp();
  await clock.advance(0);
  assert.equal(problems.length, 2);
  disk.level = "error";
  await watch.reload();
  assert.deepEqual(changes.map(({ config }) => config.log.level), ["error"]);
  await watch[Symbol.asyncDispose]();
});

Deno.test("watchConfig() does not call back for a file that says the same", async () => {
  const { clock, changes, disk, watch, write } = start();
  write("info");
  await clock.advance(1000);
  assert.equal(disk.reads, 1);
  assert.deepEqual(changes, []);
  await watch[Symbol.asyncDispose]();
});

Deno.test("watchConfig() does nothing more once it is disposed of", async () => {
  const { clock, changes, disk, watch, write, hangUp } = start();
  write("debug");
  await watch[Symbol.asyncDispose]();
  hangUp();
  await clock.advance(10_000);
  assert.deepEqual([disk.reads, disk.watched, disk.listening, changes.length, clock.waiting], [0, false, false, 0, 0]);
});

Deno.test("watchConfig() tells once that a broken file is again as what runs", async () => {
  const { clock, changes, recovered, watch, write } = start();
  for (const level of ["info", "bad", "bad", "info", "info"]) {
    write(level);
    await clock.advance(500);
  }
  assert.deepEqual([changes, recovered], [[], [1]]);
  await watch[Symbol.asyncDispose]();
});
