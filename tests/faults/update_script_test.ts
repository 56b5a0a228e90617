/** update.sh as real root, against an agent that is in the hands of an attacker, and killed at each of its steps. */
import assert from "node:assert/strict";
import { type ScriptScene, scriptTest } from "../fixtures/update_script_scene.ts";
import { twoKeys } from "../fixtures/update_scene.ts";

function assertSettled(scene: ScriptScene): void {
  scene.assertWhole();
  assert.ok(scene.names(scene.lib).every((name) => !name.startsWith(".update-")), scene.names(scene.lib).join());
  assert.ok(!scene.names(scene.state).includes("pending.json"));
  assert.equal(scene.current(), scene.confirmed());
}

scriptTest("a request is installed, the service restarted, and the version kept when it polls", async (scene) => {
  scene.polls("0.1.0", "0.2.0");
  await scene.asAgent("echo 0.1.0 aaaa 2026-12-01T09:00:00.000Z >polled");
  await scene.ask(scene.release("0.2.0"), "1");
  const { said } = await scene.run();
  assert.match(said, /opendca 0\.2\.0 has polled, and is kept/);
  assert.deepEqual(scene.systemctl(), ["reset-failed opendca-agent.service", "restart opendca-agent.service"]);
  assert.equal(scene.current(), "0.2.0");
  assert.equal(scene.result()?.outcome, "installed");
  assertSettled(scene);
  assert.equal(Deno.lstatSync(`${scene.lib}/0.2.0/opendca`).uid, 0);
  // Nothing is done twice; the next one is done by the version that is confirmed now.
  assert.equal((await scene.run()).said, "");
  await scene.ask(scene.release("0.3.0"), "2");
  scene.polls("0.3.0");
  await scene.run();
  assert.deepEqual(scene.names(scene.lib), ["0.2.0", "0.3.0", "confirmed", "current"]);
  assertSettled(scene);
});

scriptTest("a version that does not poll is returned from; an old poll of it does not count", async (scene) => {
  scene.polls("0.1.0");
  await scene.asAgent("echo 0.2.0 bbbb 2026-12-01T09:00:00.000Z >polled");
  await scene.ask(scene.release("0.2.0"), "1");
  const { said } = await scene.run();
  assert.match(said, /opendca 0\.2\.0 did not poll: the version before it runs again/);
  assert.deepEqual(scene.systemctl().filter((line) => line.startsWith("restart")).length, 2);
  assert.equal(scene.current(), "0.1.0");
  assert.equal(scene.result()?.outcome, "returned");
  assertSettled(scene);
  assert.deepEqual(scene.names(scene.lib), ["0.1.0", "confirmed", "current"]);
  await scene.ask(scene.release("0.2.0"), "2");
  assert.match((await scene.run()).said, /was installed before, and did not poll in time/);
  assert.equal(scene.result()?.outcome, "returned");
});

scriptTest(
  "where the version before does not poll either, the release is tried again, three times in all",
  async (scene) => {
    await scene.asAgent("echo 0.1.0 aaaa 2026-12-01T09:00:00.000Z >polled");
    for (const [id, outcome] of [["1", "failed"], ["2", "failed"], ["3", "returned"]] as const) {
      await scene.ask(scene.release("0.2.0"), id);
      assert.match((await scene.run()).said, /opendca 0\.1\.0 does not poll either: the platform cannot be reached/);
      assert.deepEqual([scene.current(), scene.result()?.outcome], ["0.1.0", outcome]);
      assertSettled(scene);
    }
    scene.polls("0.1.0", "0.2.0", "0.3.0");
    await scene.ask(scene.release("0.2.0"), "4");
    assert.match((await scene.run()).said, /was installed before, and did not poll in time/);
    await scene.ask(scene.release("0.3.0"), "5");
    await scene.run();
    assert.equal(scene.current(), "0.3.0");
    assertSettled(scene);
  },
);

scriptTest("after an outage the release is installed when the platform is there again", async (scene) => {
  await scene.asAgent("echo 0.1.0 aaaa 2026-12-01T09:00:00.000Z >polled");
  await scene.ask(scene.release("0.2.0"), "1");
  await scene.run();
  scene.polls("0.1.0", "0.2.0");
  await scene.ask(scene.release("0.2.0"), "2");
  await scene.run();
  assert.deepEqual([scene.current(), scene.result()?.outcome], ["0.2.0", "installed"]);
  assertSettled(scene);
});

scriptTest("a service that is stopped is not started, and the release may be tried again", async (scene) => {
  scene.agentState("inactive");
  await scene.ask(scene.release("0.2.0"), "1");
  await scene.run();
  assert.deepEqual(scene.systemctl(), [""]);
  assert.equal(scene.current(), "0.1.0");
  assert.equal(scene.result()?.outcome, "failed");
  assertSettled(scene);
});

scriptTest("without a confirmed program nothing is done, and what to do is said", async (scene) => {
  await Deno.remove(`${scene.lib}/confirmed`);
  await scene.ask(scene.release("0.2.0"), "1");
  assert.match((await scene.run()).said, /error: Cannot update as .*confirmed" is missing: run install\.sh/);
  assert.equal(scene.current(), "0.1.0");
});

const attacks: [name: string, script: (scene: ScriptScene) => string, said: RegExp][] = [
  [
    "a link to a file of root as program",
    ({ secret }) => `ln -sf ${secret} opendca`,
    /Cannot copy the file.*Permission denied/,
  ],
  [
    "a link to a file of root as manifest",
    ({ secret }) => `ln -sf ${secret} opendca.manifest`,
    /Cannot trust the release manifest/,
  ],
  [
    "a link to a file of root as request",
    ({ secret }) => `ln -sf ${secret} request`,
    /Cannot read the request.*Permission denied/,
  ],
  ["a link to memory without end as program", () => "ln -sf /dev/zero opendca", /file is not the one that was signed/],
  ["a pipe as program", () => "rm opendca; mkfifo opendca", /it did not come within 2 seconds/],
  [
    "a pipe as request",
    () => "rm request; mkfifo request",
    /Cannot read the request.*it did not come within 1 seconds/,
  ],
  ["a pipe as manifest", () => "rm opendca.manifest; mkfifo opendca.manifest", /Cannot trust the release manifest/],
  ["a folder as program", () => "rm opendca; mkdir opendca", /Cannot copy the file.*Is a directory/],
  ["a longer program", () => "echo x >>opendca", /file is not the one that was signed/],
  ["a shorter program", () => "head -c 100 opendca >x; mv x opendca", /file is not the one that was signed/],
  ["another program", () => "printf '#!/bin/sh\\nexit 0\\n' >opendca", /file is not the one that was signed/],
  ["no program", () => "rm opendca", /Cannot copy the file.*No such file/],
  [
    "a manifest without end",
    () => "rm opendca.manifest; ln -s /dev/zero opendca.manifest",
    /Cannot trust the release manifest/,
  ],
  ["a request without end", () => "rm request; ln -s /dev/zero request", /^$/],
  [
    "options and commands as request",
    () => "echo '--lib /tmp $(touch pwned) `touch pwned`; touch pwned' >request",
    /^$/,
  ],
  ["a path as version", ({ names }) => (void names, `echo "1 ../../x ${"ab".repeat(32)}" >request`), /^$/],
  [
    "its folder as a link to one of root",
    ({ folder }) => `cd ..; rm -rf update; ln -s ${folder}/roots update`,
    /Cannot read the request.*Permission denied/,
  ],
];

for (const [name, script, said] of attacks) {
  scriptTest(`an agent in other hands gets nothing by ${name}`, async (scene) => {
    scene.polls("0.1.0", "0.2.0");
    await scene.ask(scene.release("0.2.0"), "1");
    await Deno.mkdir(`${scene.folder}/roots`, { mode: 0o700 });
    // The files of the scene are root's; the agent's user owns the folder.
    await scene.asAgent(`for each in *; do cp "$each" x && mv -f x "$each"; done; ${script(scene)}`);
    const output = await scene.run();
    if (said.source === "^$") assert.equal(output.said, "");
    else assert.match(output.said, said);
    assert.equal(scene.current(), "0.1.0");
    assertSettled(scene);
    assert.deepEqual(scene.names(scene.lib), ["0.1.0", "confirmed", "current"]);
    assert.equal(await Deno.readTextFile(scene.secret), "root's");
    for (const each of [scene.folder, scene.lib, scene.state]) assert.ok(!scene.names(each).includes("pwned"));
    assert.doesNotMatch(output.said + JSON.stringify(scene.result() ?? ""), /root's/);
  });
}

scriptTest("a poll that is no poll is none: words of a shell, links, pipes", async (scene) => {
  await scene.ask(scene.release("0.2.0"), "1");
  for (
    const script of [
      "echo '0.2.0 * $(touch pwned) `touch pwned`' >polled",
      "mkfifo polled",
      `ln -s ${scene.secret} polled`,
    ]
  ) {
    await scene.asAgent(`rm -f polled; ${script}`);
    await Deno.remove(`${scene.state}/state.json`).catch(() => {});
    await scene.ask(scene.release("0.2.0"), crypto.randomUUID());
    await scene.run();
    assert.equal(scene.current(), "0.1.0");
    assert.equal(scene.result()?.outcome, "returned");
  }
  assert.ok(!scene.names(scene.from).includes("pwned"));
});

scriptTest("what one stolen key signed is not installed, whatever the agent says", async (scene) => {
  scene.polls("0.2.0");
  await scene.ask(scene.release("0.2.0", { keys: twoKeys.slice(0, 1) }), "1");
  assert.match((await scene.run()).said, /signed by 1 of 3 known keys: 2 are needed/);
  assert.equal(scene.current(), "0.1.0");
});

for (const works of [true, false]) {
  const name = `kill -9 after each step leaves one whole version, if the new one ${works ? "polls" : "does not"}`;
  scriptTest(name, async (scene) => {
    let killAt = 1;
    for (let version = 2;; version++, killAt++) {
      const next = `0.${version}.0`, before = scene.current();
      scene.polls("0.1.0", ...(works ? [next] : []));
      await scene.ask(scene.release(next), String(version));
      const { killed } = await scene.run({ killAt });
      scene.assertWhole();
      await scene.run();
      assertSettled(scene);
      assert.equal(scene.current(), works ? next : "0.1.0", `killed at ${killAt}, from ${before}`);
      assert.equal(scene.result()?.version, next);
      if (!killed) break;
    }
    assert.ok(killAt > 6, `only ${killAt} steps`);
  });
}
