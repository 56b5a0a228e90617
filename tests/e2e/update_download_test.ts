/** A release from `release add` to the file in an agent's folder: platform and agent are processes, and one is killed. */
import assert from "node:assert/strict";
import { encodeReleaseKeys } from "../../common/release/release_keys.ts";
import { startScene } from "../fixtures/agent_fixture.ts";
import { fileBytesOf, madeRelease, trustedReleaseKeys, writeRelease } from "../fixtures/release_folder.ts";
import { startProgram } from "../fixtures/start_program.ts";
import { until } from "../fixtures/until.ts";
import type { UpdatingAgent } from "./updating_agent.ts";

Deno.test({
  name: "an agent downloads what it is offered, through a platform that is killed meanwhile, and says how far it is",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using scene = await startScene({ network: 233, printers: 1 });
    const content = { "linux-x64": fileBytesOf(6_000_000) };
    const folder = `${scene.folder}/release`, keys = `${folder}/trusted.keys`;
    await Deno.mkdir(folder);
    await writeRelease(folder, madeRelease({ content }));
    await Deno.writeTextFile(keys, encodeReleaseKeys(trustedReleaseKeys));
    const [{ installation_id: installationId }] = scene.store<{ installation_id: string }>(
      "SELECT installation_id FROM agents",
    ) as [{ installation_id: string }];

    const first = await scene.startPlatform("--update-rate", "1");
    const options: UpdatingAgent = {
      stateDirectory: `${scene.folder}/state`,
      port: scene.port,
      ca: `${scene.folder}/platform/server-authority.pem`,
      keys,
      installationId,
    };
    const agentFile = new URL("updating_agent.ts", import.meta.url).pathname as `/${string}`;
    const within = [Deno.execPath(), "run", "--no-prompt", "--no-check", "--allow-all"];
    await using agent = startProgram(agentFile, [JSON.stringify(options)], {}, within);

    // Added and rolled out by other processes while the server runs.
    assert.equal(await scene.admin("release", "add", folder, "--keys", keys), "0.2.0: stored for linux-x64");
    await scene.admin("release", "rollout", "0.2.0", "--percent", "100");
    const doneOf = (text: string): number => JSON.parse(text).bytesDone ?? 0;
    await agent.line((text) => text.includes('"DOWNLOADING"') && doneOf(text) > 500_000);
    await first.kill("SIGKILL");
    await using _second = await scene.startPlatform();
    const { length } = agent.lines;
    // Not from the beginning.
    const again = await agent.line((text) => text.includes('"DOWNLOADING"') && doneOf(text) > 0, length);
    assert(doneOf(again) >= 500_000, again);
    await agent.line((text) => text.includes('"INSTALLING"'));
    assert.deepEqual(
      new Uint8Array(await Deno.readFile(`${options.stateDirectory}/update/opendca`)),
      new Uint8Array(content["linux-x64"]),
    );
    await until("the platform knows", async () => {
      const { phases, state } = JSON.parse(await scene.admin("release", "show", "0.2.0", "--json"));
      return state === "offered" && phases.installing === 1;
    });
    assert.match(await scene.admin("agent", "show", scene.agentId), /^Update +0\.2\.0 installing since /m);
  },
});
