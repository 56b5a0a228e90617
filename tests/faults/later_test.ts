/** Procedures of docs/operations.md about what comes back later, or at another time: whole programs, and clocks that are moved. */
import assert from "node:assert/strict";
import { type AgentScene, spooledIds, startScene, totalAt } from "../fixtures/agent_fixture.ts";
import { assertExactlyOnce, type StoredRecord, storedRecordsSql } from "../fixtures/exactly_once.ts";
import { maybeProgram, peerTest, postgresServer } from "../fixtures/peers.ts";
import { startPostgres } from "../fixtures/postgres_server.ts";
import { type RunningProgram, runProgram, startProgram } from "../fixtures/start_program.ts";
import { until } from "../fixtures/until.ts";
import { clockTest, withClock } from "./faketime.ts";

/** An agent that finds its tasks at its first poll, until it has done them and sent all; ids of what it spooled. */
async function done(scene: AgentScene, ...tasks: string[]): Promise<string[]> {
  await using agent = await scene.startAgent();
  for (const task of tasks) await agent.line((line) => line.includes('"taskFinished"') && line.includes(task));
  await until("the spool is empty", async () => (await scene.status()).spool?.depth === 0);
  await agent.kill("SIGTERM");
  return spooledIds(agent);
}

const shown = async (scene: AgentScene) => (await scene.opendca("config", "show")).out;

peerTest(
  "an agent goes on with a platform that pg_restore has brought back elsewhere, and has the configuration of then",
  [postgresServer],
  async () => {
    await using server = await startPostgres({ isDurable: true });
    await using database = await server.database("own");
    await using scene = await startScene({ network: 171, printers: 2, database: database.url });
    const { folder } = scene;
    const configure = async (pollIntervalSeconds: number) => {
      const file = `${folder}/config.json`;
      await Deno.writeTextFile(file, JSON.stringify({ pollIntervalSeconds }));
      return await scene.admin("task", "set-config", scene.agentId, "--file", file);
    };
    const dump = `${server.folder}/monday.dump`;
    let kept: string[], since: string[];
    {
      await using platform = await scene.startPlatform();
      const scan = () => scene.admin("task", "scan", scene.agentId);
      kept = await done(scene, await configure(40), await scan());
      await asPostgres("pg_dump", "-h", server.folder, "-Fc", "-f", dump, database.name);
      await scene.admin("backup", `${folder}/backup`);
      since = await done(scene, await configure(50), await scan());
      assert.match(await shown(scene), /poll\.interval +50s +platform/);
      await platform.kill("SIGTERM");
    }
    await Deno.rename(`${folder}/platform`, `${folder}/lost`);
    await Deno.rename(`${folder}/backup`, `${folder}/platform`);
    await server.sql(`DROP DATABASE "${database.name}"`);
    await server.sql(`CREATE DATABASE "${database.name}" OWNER owner ENCODING 'UTF8' TEMPLATE template0`);
    await asPostgres("pg_restore", "-h", server.folder, "--exit-on-error", "-d", database.name, dump);
    // As after an upgrade: nothing is to be done for a dump of this version.
    await scene.admin("database", "migrate", "--database", database.ownerUrl);
    assert.doesNotMatch(await scene.admin("database", "check"), /: (?!ok$)/m);

    await using _platform = await scene.startPlatform();
    const again = await done(scene, await scene.admin("task", "scan", scene.agentId));
    assert.match(await shown(scene), /poll\.interval +40s +platform/);
    const lost = new Set(since);
    const stored = await server.sql(storedRecordsSql, database.name) as unknown as StoredRecord[];
    assert.equal(assertExactlyOnce(stored, [...kept, ...again].filter((id) => !lost.has(id)), totalAt), 0);
    // Ends with another exit code if an entry is missing.
    await scene.admin("audit", "verify");
  },
);

async function asPostgres(program: string, ...args: string[]): Promise<void> {
  const path = maybeProgram(program) ?? `/usr/lib/postgresql/15/bin/${program}`;
  const command = Deno.uid() === 0 ? ["runuser", "-u", "postgres", "--", path, ...args] : [path, ...args];
  const { code, stderr } = await new Deno.Command(command[0]!, { args: command.slice(1) }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
}

/** The platform and the agent of a scene with a clock that is this far off. */
function at(scene: AgentScene, offset: string) {
  const within = withClock(offset), data = `${scene.folder}/platform`;
  return {
    within,
    async platform(): Promise<RunningProgram> {
      const serve = [
        "serve",
        "--listen",
        `127.0.0.1:${scene.port}`,
        "--host-name",
        "localhost",
        "--poll-seconds",
        "30",
      ];
      const program = startProgram("platform/main.ts", ["--data", data, ...serve], {}, within);
      await program.line((line) => line.includes('"ready"'));
      return program;
    },
    async admin(...args: string[]): Promise<string> {
      const { code, out, err } = await runProgram("platform/main.ts", ["--data", data, ...args], {}, within);
      assert.equal(code, 0, err);
      return out.trim();
    },
  };
}

clockTest(
  "an agent that was away until its certificate ended keeps what it reads, and sends it with a new code",
  async () => {
    await using scene = await startScene({ network: 172, printers: 2 });
    const later = at(scene, "+100d");
    await using _platform = await later.platform();
    scene.within = later.within;
    const ids: string[] = [];
    {
      await using agent = await scene.startAgent();
      await agent.line((line) => line.includes("hint") && line.includes("activate again"));
      await agent.line((line) => line.includes('"sweepEnded"'));
      await until("its readings wait", async () => ((await scene.status()).spool?.depth ?? 0) >= 2);
      await agent.kill("SIGTERM");
      ids.push(...spooledIds(agent));
    }
    const doctor = await scene.opendca("doctor");
    assert.equal(doctor.code, 77, doctor.out);
    assert.match(doctor.out, /Cannot use the certificate of this agent as it expired at/);
    const check = await scene.opendca("update", "--check");
    assert.equal(check.code, 77, check.err);
    assert.match(check.err, /expired/);
    const { code, err } = await scene.opendca("activate", await later.admin("code", "create"));
    assert.equal(code, 0, err);
    await using agent = await scene.startAgent();
    await until("all is sent", async () => (await scene.status()).spool?.depth === 0);
    await agent.kill("SIGTERM");
    ids.push(...spooledIds(agent));
    assert.equal(assertExactlyOnce(scene.store<StoredRecord>(storedRecordsSql), ids, totalAt), 0);
    const agents: { suspectedCloneAt: unknown }[] = JSON.parse(await later.admin("--json", "agent", "list"));
    assert.deepEqual(agents.map((each) => each.suspectedCloneAt), [null, null]);
  },
);

const days = 30;
clockTest(`a platform whose clock is ${days} days off dates readings by it, and goes on when it is set`, async () => {
  await using scene = await startScene({ network: 173, printers: 2 });
  const off = at(scene, `+${days}d`);
  const ids: string[] = [];
  {
    await using platform = await off.platform();
    ids.push(...await done(scene, await off.admin("task", "scan", scene.agentId)));
    assert.match((await scene.opendca("doctor")).out, /30 days behind localhost/);
    await platform.kill("SIGTERM");
  }
  await using _platform = await scene.startPlatform();
  const right = await done(scene, await scene.admin("task", "scan", scene.agentId));
  const stored = scene.store<StoredRecord & { observed_at: number }>("SELECT * FROM records");
  assert.equal(assertExactlyOnce(scene.store<StoredRecord>(storedRecordsSql), [...ids, ...right], totalAt), 0);
  const dayOf = (id: string) => {
    const { observed_at } = stored.find(({ record_id }) => record_id === id)!;
    return Math.round((observed_at - Date.now()) / 86_400_000);
  };
  assert.deepEqual([...new Set(ids.map(dayOf))], [days]);
  assert.deepEqual([...new Set(right.map(dayOf))], [0]);
});

clockTest("a platform whose clock is behind refuses agents, which keep their readings until it is set", async () => {
  await using scene = await startScene({ network: 174, printers: 2 });
  const ids: string[] = [];
  {
    await using platform = await at(scene, "-30d").platform();
    await using agent = await scene.startAgent();
    await agent.line((line) => line.includes('"pollFailed"'));
    await until("its readings wait", async () => ((await scene.status()).spool?.depth ?? 0) >= 2);
    await agent.kill("SIGTERM");
    await platform.kill("SIGTERM");
    ids.push(...spooledIds(agent));
  }
  await using _platform = await scene.startPlatform();
  await using agent = await scene.startAgent();
  await until("all is sent", async () => (await scene.status()).spool?.depth === 0);
  await agent.kill("SIGTERM");
  ids.push(...spooledIds(agent));
  const stored = scene.store<StoredRecord>(storedRecordsSql);
  assert.equal(assertExactlyOnce(stored, ids, totalAt), 0);
});
