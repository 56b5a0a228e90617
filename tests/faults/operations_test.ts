/** Procedures of docs/operations.md that whole programs are needed for. */
import assert from "node:assert/strict";
import { type AgentScene, spooledIds, startScene, totalAt } from "../fixtures/agent_fixture.ts";
import { assertExactlyOnce, type StoredRecord, storedRecordsSql } from "../fixtures/exactly_once.ts";
import { until } from "../fixtures/until.ts";

const ignore = Deno.build.os !== "linux";

async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.remove(to, { recursive: true }).catch(() => {});
  const { code, stderr } = await new Deno.Command("cp", { args: ["-a", from, to] }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
}

async function activate(scene: AgentScene, code: string): Promise<string> {
  const { code: exitCode, err, out } = await scene.opendca("activate", code);
  assert.equal(exitCode, 0, err);
  return /agt-\w+/.exec(out)![0];
}

/** The agent, until the task to scan has ended; ids of what it has spooled. */
async function scanned(scene: AgentScene, agentId: string): Promise<string[]> {
  await scene.admin("task", "scan", agentId);
  await using agent = await scene.startAgent();
  await agent.line((line) => line.includes('"taskFinished"'));
  await until("the spool is empty", async () => (await scene.status()).spool?.depth === 0);
  await agent.kill("SIGTERM");
  return spooledIds(agent);
}

Deno.test({
  name: "an agent that was activated after the backup goes on with a new code, and loses nothing that it had not sent",
  ignore,
  async fn() {
    await using scene = await startScene({ network: 253, printers: 3, activated: false });
    const backup = `${scene.folder}/backup`;
    const code = await scene.admin("code", "create");
    let lost: string[], waiting: string[];
    {
      await using platform = await scene.startPlatform();
      await scene.admin("backup", backup);
      const agentId = await activate(scene, code);
      lost = await scanned(scene, agentId);
      await scene.admin("task", "scan", agentId);
      await using agent = await scene.startAgent();
      await agent.line((line) => line.includes('"taskReceived"'));
      await platform.kill("SIGKILL");
      await agent.line((line) => line.includes('"taskFinished"'));
      await agent.kill("SIGTERM");
      waiting = spooledIds(agent);
    }
    assert(lost.length >= 3 && waiting.length >= 3);
    await copyFolder(backup, `${scene.folder}/platform`);
    await using _platform = await scene.startPlatform();
    {
      await using agent = await scene.startAgent();
      await agent.line((line) => line.includes("hint") && line.includes("activate again"));
      await agent.kill("SIGTERM");
      waiting.push(...spooledIds(agent));
    }
    const doctor = await scene.opendca("doctor");
    assert.match(doctor.out, /hint: activate again/);
    // The code of before was open when the backup was made.
    const agentId = await activate(scene, code);
    const again = await scanned(scene, agentId);
    const stored = scene.store<StoredRecord>(storedRecordsSql);
    assert.equal(assertExactlyOnce(stored, [...waiting, ...again].filter((id) => !lost.includes(id)), totalAt), 0);
  },
});

Deno.test({
  name: "an agent moves to another machine with the readings that wait, and its printers stay the same devices",
  ignore,
  async fn() {
    await using scene = await startScene({ network: 254, printers: 3 });
    const state = `${scene.folder}/state`, old = `${scene.folder}/old`;
    let ids: string[];
    {
      await using platform = await scene.startPlatform();
      ids = await scanned(scene, scene.agentId);
      await scene.admin("task", "scan", scene.agentId);
      await using agent = await scene.startAgent();
      await agent.line((line) => line.includes('"taskReceived"'));
      await platform.kill("SIGKILL");
      await agent.line((line) => line.includes('"taskFinished"'));
      await agent.kill("SIGTERM");
      ids.push(...spooledIds(agent));
    }
    await Deno.rename(state, old);
    await Deno.remove(`${scene.folder}/guard`, { recursive: true });
    await using _platform = await scene.startPlatform();
    const agentId = await activate(scene, await scene.admin("code", "create"));
    await scene.admin("agent", "revoke", scene.agentId, "--reason", "moved");
    for (const { name } of Deno.readDirSync(old)) {
      if (/^(spool|inventory)\.db(-wal)?$/.test(name)) await Deno.copyFile(`${old}/${name}`, `${state}/${name}`);
    }
    ids.push(...await scanned(scene, agentId));
    assert.equal(assertExactlyOnce(scene.store<StoredRecord>(storedRecordsSql), ids, totalAt), 0);
    assert.equal(JSON.parse(await scene.admin("--json", "device", "list")).length, 3);
    assert.equal((await scene.opendca("ledger", "--verify")).code, 0);
    const agents: { agentId: string; suspectedCloneAt: unknown }[] = JSON.parse(
      await scene.admin("--json", "agent", "list"),
    );
    assert.deepEqual(agents.map((each) => [each.agentId, each.suspectedCloneAt]), [
      [scene.agentId, null],
      [agentId, null],
    ]);
  },
});

Deno.test({
  name: "a platform that has lost its keys goes on with new ones beside its store",
  ignore,
  async fn() {
    await using scene = await startScene({ network: 255, printers: 1 });
    const data = `${scene.folder}/platform`, fresh = `${scene.folder}/fresh`;
    const code = await scene.admin("code", "create");
    // Makes keys in a new data directory.
    await scene.admin("customer", "list", "--data", fresh);
    const replace = async (...names: string[]) => {
      for (const name of names) await Deno.remove(`${data}/${name}`);
      await assert.rejects(
        scene.admin("customer", "list"),
        /ended with 78: error: Cannot use the store as ".*" is mis/,
      );
      for (const name of names) await Deno.copyFile(`${fresh}/${name}`, `${data}/${name}`);
      assert.match(await scene.admin("customer", "list"), /Acme/);
    };
    await Deno.remove(`${data}/server.pem`);
    await replace("server-authority.key", "server-authority.pem", "signing.key", "code-pepper.key");
    {
      // platform.ca of the agent leads to the new authority.
      await using platform = await scene.startPlatform();
      await using agent = await scene.startAgent();
      await agent.line((line) => line.includes('"pollAnswered"'));
      await agent.kill("SIGTERM");
      await platform.kill("SIGTERM");
    }
    await replace("agent-authority.key", "agent-authority.pem");
    await using _platform = await scene.startPlatform();
    {
      await using agent = await scene.startAgent();
      await agent.line((line) => line.includes("hint") && line.includes("activate again"));
      await agent.kill("SIGTERM");
    }
    // Its digest had the old pepper.
    assert.equal((await scene.opendca("activate", code)).code, 77);
    await scanned(scene, await activate(scene, await scene.admin("code", "create")));
    assert.equal(JSON.parse(await scene.admin("--json", "device", "list")).length, 1);
  },
});
