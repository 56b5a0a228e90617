/** PostgreSQL that is killed, full, hung or has no room for a connection: calls end with store-busy, nothing is lost or stored twice. */
import assert from "node:assert/strict";
import { spooledIds, startScene, totalAt } from "../fixtures/agent_fixture.ts";
import { assertExactlyOnce, type StoredRecord, storedRecordsSql } from "../fixtures/exactly_once.ts";
import { peerTest, postgresServer, succeeds, systemTest } from "../fixtures/peers.ts";
import { call, connect, pollOf, reasonOf } from "../fixtures/platform_fixture.ts";
import { batchOf, readingOf, recordOf, startBench } from "../fixtures/platform_uploads.ts";
import { type PostgresServer, startPostgres, type TestDatabase } from "../fixtures/postgres_server.ts";
import { until } from "../fixtures/until.ts";
import { startUploading } from "../fixtures/uploading_customers.ts";

const stored = async (database: TestDatabase) => await database.sql(storedRecordsSql) as unknown as StoredRecord[];

/** Processes that serve the platform. */
async function backends(server: PostgresServer): Promise<number[]> {
  const rows = await server.sql("SELECT pid FROM pg_stat_activity WHERE usename = 'opendca'");
  return rows.map(({ pid }) => Number(pid));
}

const kills: { name: string; kill(server: PostgresServer): Promise<void> }[] = [
  { name: "stopped at once", kill: (server) => server.stop("immediate").then(() => server.start()) },
  { name: "restarted", kill: (server) => server.stop("fast").then(() => server.start()) },
  {
    name: "recovering from a process that was killed",
    async kill(server) {
      for (const pid of (await backends(server)).slice(0, 1)) Deno.kill(pid, "SIGKILL");
    },
  },
  {
    name: "killed with SIGKILL",
    async kill(server) {
      Deno.kill(server.pid(), "SIGKILL");
      // The others of it end when they see that.
      await until("the server starts again", () => server.start().then(() => true, () => false));
    },
  },
];

peerTest(
  "uploads outlive a database server that is stopped, restarted and killed under them",
  [postgresServer],
  async () => {
    await using server = await startPostgres({ isDurable: true });
    await using database = await server.database("own");
    await using bench = await startBench({ database });
    const uploads = startUploading(bench.platform, ["One", "Two", "Three"]);
    const { promised } = uploads;
    for (const { name, kill } of kills) {
      const before = promised.length;
      await uploads.until("uploads are answered", () => promised.length >= before + 9);
      await kill(server);
      const after = promised.length;
      await uploads.until(`uploads go on after the server was ${name}`, () => promised.length >= after + 9);
    }
    await uploads.end();
    assert(uploads.busy > 0, "no call noticed anything");
    const records = await stored(database);
    assert.deepEqual(records.map(({ record_id }) => record_id).sort(), promised.sort());
    assert.equal((await database.sql("SELECT 1 FROM devices")).length, 3);
  },
);

peerTest(
  "calls end with store-busy while the database has no room for a connection, or is away",
  [postgresServer],
  async () => {
    await using server = await startPostgres({ settings: ["max_connections=6", "superuser_reserved_connections=2"] });
    await using database = await server.database("own");
    await using bench = await startBench({ database });
    const batch = batchOf(bench.agent, { sequence: 1, records: [recordOf(readingOf())] });
    // All connections that are not kept for the superuser: the platform may take one again before this has them, and one
    // that was just closed counts for a moment longer.
    const held: AsyncDisposable[] = [];
    await until("all connections are held", async () => {
      await server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'opendca'");
      while (held.length < 4) {
        try {
          held.push(await server.hold(database.ownerUrl));
        } catch {
          return false;
        }
      }
      return true;
    });
    assert.equal(await reasonOf(bench.upload(batch)), "store-busy");
    for (const hold of held) await hold[Symbol.asyncDispose]();
    await until("the upload is taken", async () => await reasonOf(bench.upload(batch)) === "answered");
    await server.stop("fast");
    const next = batchOf(bench.agent, { sequence: 2, records: [recordOf(readingOf({ total: 2 }))] });
    assert.equal(await reasonOf(bench.upload(next)), "store-busy");
    using client = connect(bench.platform, bench.agent.identity);
    assert.equal(await reasonOf(call(client, { method: client.poll, request: pollOf(bench.agent) })), "store-busy");
    await server.start();
    await until("the upload is taken", async () => await reasonOf(bench.upload(next)) === "answered");
    assert.equal((await stored(database)).length, 2);
  },
);

peerTest("calls end with store-busy while the database hangs, and go on when it does", [postgresServer], async () => {
  await using server = await startPostgres();
  await using database = await server.database("own");
  await using bench = await startBench({
    database,
    databaseLimits: { statementTimeoutMs: 1000, connectTimeoutMs: 2000 },
  });
  const batch = batchOf(bench.agent, { sequence: 1, records: [recordOf(readingOf())] });
  const hung = [server.pid(), ...await backends(server)];
  for (const pid of hung) Deno.kill(pid, "SIGSTOP");
  try {
    assert.equal(await reasonOf(bench.upload(batch)), "store-busy");
  } finally {
    for (const pid of hung) Deno.kill(pid, "SIGCONT");
  }
  await until("the upload is taken", async () => await reasonOf(bench.upload(batch)) === "answered");
  assert.equal((await stored(database)).length, 1);
});

const mounted = [
  "unshare",
  "-m",
  "sh",
  "-ec",
  'mount -t tmpfs -o "size=24M,mode=0700,uid=$(id -u postgres)" none "$0/small"; exec "$@"',
];
const canMount = await succeeds(["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"]) && Deno.uid() === 0;

systemTest(
  "calls end with store-busy while the database's disk is full, and go on when there is room",
  { needs: "mounts by the superuser", allowed: canMount, programs: [postgresServer] },
  async () => {
    const folder = Deno.makeTempDirSync({ prefix: "opendca-pg-" });
    Deno.mkdirSync(`${folder}/small`);
    await using server = await startPostgres({ folder, within: [...mounted, folder] });
    await server.sql(`CREATE TABLESPACE small LOCATION '${folder}/small'`);
    await using database = await server.database("own");
    await server.sql(`ALTER DATABASE ${database.name} SET TABLESPACE small`);
    await using bench = await startBench({ database });
    await bench.upload(batchOf(bench.agent, { sequence: 1, records: [recordOf(readingOf())] }));
    // As far as it goes: dd ends with an error then.
    await assert.rejects(server.sql(`COPY (SELECT 1) TO PROGRAM 'dd if=/dev/zero of=${folder}/small/ballast bs=4096'`));
    const records = Array.from({ length: 100 }, (_, n) => recordOf(readingOf({ total: n })));
    const batch = batchOf(bench.agent, { sequence: 2, records });
    assert.equal(await reasonOf(bench.upload(batch)), "store-busy");
    await server.sql(`COPY (SELECT 1) TO PROGRAM 'rm ${folder}/small/ballast'`);
    await until("the upload is taken", async () => await reasonOf(bench.upload(batch)) === "answered");
    assert.equal((await stored(database)).length, 1 + 100);
  },
);

peerTest(
  "opendca run loses and doubles nothing when the platform and the database server are killed",
  [postgresServer],
  async () => {
    await using server = await startPostgres({ isDurable: true });
    await using database = await server.database("own");
    await using scene = await startScene({ network: 229, printers: 6, database: database.url });
    let platform = await scene.startPlatform();
    const ids: string[] = [];
    for (let round = 0; round < 3; round++) {
      await scene.admin("task", "scan", scene.agentId);
      await using agent = await scene.startAgent();
      const moments = ["recordsSpooled", "taskFinished", "batchSent"];
      await agent.line((line) => line.includes(`"${moments[round]}"`));
      await server.stop("immediate");
      if (round === 1) await platform.kill("SIGKILL");
      if (round === 2) await agent.kill("SIGKILL");
      await server.start();
      if (round === 1) platform = await scene.startPlatform();
      if (round !== 2) {
        await until("the spool is empty", async () => (await scene.status()).spool?.depth === 0);
        await agent.kill("SIGKILL");
      }
      ids.push(...spooledIds(agent));
    }
    await using agent = await scene.startAgent();
    await until("the spool is empty", async () => (await scene.status()).spool?.depth === 0);
    ids.push(...spooledIds(agent));
    await agent.kill("SIGTERM");
    assert(ids.length >= 12, `only ${ids.length} records were made, so little was proven`);
    assertExactlyOnce(await stored(database), ids, totalAt);
    await platform[Symbol.asyncDispose]();
  },
);
