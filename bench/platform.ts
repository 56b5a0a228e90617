/**
 * `deno task bench:platform [--seconds N] [--connections N]`: simulated agents over real mutual TLS against one platform
 * process, first on SQLite, then on PostgreSQL on the same machine with fsync on. Beside it, PostgreSQL's own COPY of the
 * rows that were stored, into a table without indices: the floor.
 *
 * Three loads: that of 10,000 agents with 500,000 printers at 5-minute polls (34 agents a second connect, poll, upload what
 * is due, and leave); as much as it takes; and connections that are only held. The agents share the machine; processor time
 * is that of the platform and of PostgreSQL alone.
 */
import { getPriority, setPriority } from "node:os";
import { DatabaseSync } from "node:sqlite";
import { systemClock } from "../common/core/clock.ts";
import type { Reading } from "../common/reading/reading.ts";
import { openPlatform } from "../platform/compose.ts";
import { parseDatabaseUrl } from "../platform/store/postgres/database_url.ts";
import { startPostgres } from "../tests/fixtures/postgres_server.ts";
import { programOptions } from "../tools/program_options.ts";
import { createGoals } from "./goals.ts";
import { alignColumns, postgresCpuSeconds, usageOf } from "./measure.ts";
import { type BenchAgent, clientOf, makeAgents, nextBatch, poll, type Server, upload } from "./platform_agents.ts";
import { measureFloor } from "./platform_floor.ts";
import { realisticReadings } from "./uplink_load.ts";

const { values: { seconds, connections } } = programOptions(
  "deno task bench:platform [--seconds N] [--connections N]; with --portal, the design load: see --portal --help",
  { seconds: 20, connections: 10_000 },
);
const root = new URL("../", import.meta.url).pathname;

/** Of 10,000 agents with 50 printers each. */
const agentsPerSecond = 34, printersOfAgent = 50, readingsOfPoll = 10;
/** A certificate may have 8 connections. */
const connectionsOfAgent = 8;

interface Steady {
  pollsPerSecond: number;
  readingsPerSecond: number;
  p50Ms: number;
  p99Ms: number;
  /** Sessions that did not come to their end: on one address, connections beyond the limit of a source are closed. */
  failed: number;
  /** Of all cores. */
  share: number;
  /** Processor time of platform and database. */
  cpuMsPerSession: number;
}

interface Result {
  name: string;
  steady: Steady;
  saturated: { readingsPerSecond: number; cpuMsPerReading: number; bytesPerReading: number };
  held: { connections: number; megabytes: number };
  copyPerSecond: number | undefined;
}

interface Engine {
  name: string;
  databaseUrl: string | undefined;
  /** Processor time of the database's server so far. */
  databaseCpu(): number;
  storedBytes(folder: string): Promise<number>;
  copyPerSecond(): Promise<number | undefined>;
}

interface Bed {
  platformPid: number;
  engine: Engine;
  server: Server;
  agents: BenchAgent[];
  readings: readonly Reading[];
  folder: string;
}

const percentile = (sorted: readonly number[], share: number) =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;

const cpuOf = ({ platformPid, engine }: Bed) => usageOf(platformPid).cpuSeconds + engine.databaseCpu();

/* Polls of an agent are limited to 20 a minute. */
const steadyAgents = 200;
const warmed = new WeakSet<BenchAgent>();

/** Printers are made once, and read for years. */
async function warmUp(bed: Bed, agents: readonly BenchAgent[], printers: number): Promise<void> {
  for (const agent of agents) {
    if (warmed.has(agent)) continue;
    warmed.add(agent);
    using client = clientOf(bed.server, agent.identity);
    await upload(client, nextBatch(agent, { readings: bed.readings, printers, count: printers }));
  }
}

/** Each agent connects, polls, uploads and leaves; begun at their times, however long the ones before take. */
async function steadyLoad(bed: Bed): Promise<Steady> {
  // Of all customers, as those who report in one second are.
  const every = Math.floor(bed.agents.length / steadyAgents);
  const agents = bed.agents.filter((_, i) => i % every === 0).slice(0, steadyAgents);
  await warmUp(bed, agents, printersOfAgent);
  const times: number[] = [];
  const sessions: Promise<void>[] = [];
  let failed = 0, firstFailure: unknown;
  const cpuBefore = cpuOf(bed), begin = performance.now();
  const timed = async (work: Promise<unknown>) => {
    const start = performance.now();
    await work;
    times.push(performance.now() - start);
  };
  for (let i = 0; i < seconds * agentsPerSecond; i++) {
    const waitMs = begin + i * 1000 / agentsPerSecond - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    const agent = agents[i % agents.length]!;
    const batch = nextBatch(agent, { readings: bed.readings, printers: printersOfAgent, count: readingsOfPoll });
    sessions.push(
      (async () => {
        using client = clientOf(bed.server, agent.identity);
        await timed(poll(client, agent));
        await timed(upload(client, batch));
      })().catch((error) => {
        failed++;
        firstFailure ??= error;
      }),
    );
  }
  await Promise.all(sessions);
  if (failed > 0) console.log(`${failed} sessions failed, the first with: ${firstFailure}`);
  const elapsed = (performance.now() - begin) / 1000, cpu = cpuOf(bed) - cpuBefore;
  times.sort((a, b) => a - b);
  return {
    pollsPerSecond: (sessions.length - failed) / elapsed,
    readingsPerSecond: (sessions.length - failed) * readingsOfPoll / elapsed,
    failed,
    p50Ms: percentile(times, 0.5),
    p99Ms: percentile(times, 0.99),
    share: cpu / elapsed / navigator.hardwareConcurrency,
    cpuMsPerSession: cpu * 1000 / sessions.length,
  };
}

/**
 * A few agents with a backlog that was encoded beforehand, each with its next batch as soon as the last one is
 * acknowledged.
 */
async function saturate(bed: Bed): Promise<Result["saturated"]> {
  const perBatch = 200, mostPerSecond = 8000;
  // Of different customers, so that no lock of a customer's is what is measured.
  const agents = Array.from({ length: 8 }, (_, n) => bed.agents[n * 50 + 49]!);
  using clients = new DisposableStack();
  await warmUp(bed, agents, perBatch);
  const backlog = agents.map((agent) => ({
    client: clients.use(clientOf(bed.server, agent.identity)),
    batches: Array.from(
      { length: Math.ceil(seconds * mostPerSecond / perBatch / agents.length) },
      () => nextBatch(agent, { readings: bed.readings, printers: perBatch, count: perBatch }),
    ),
  }));
  const cpuBefore = cpuOf(bed), bytesBefore = await bed.engine.storedBytes(bed.folder), begin = performance.now();
  let stored = 0;
  await Promise.all(backlog.map(async ({ client, batches }) => {
    for (const batch of batches) {
      if (performance.now() - begin > seconds * 1000) break;
      await upload(client, batch);
      stored += perBatch;
    }
  }));
  const elapsed = (performance.now() - begin) / 1000;
  return {
    readingsPerSecond: stored / elapsed,
    cpuMsPerReading: (cpuOf(bed) - cpuBefore) * 1000 / stored,
    bytesPerReading: (await bed.engine.storedBytes(bed.folder) - bytesBefore) / stored,
  };
}

async function hold(bed: Bed): Promise<Result["held"]> {
  const clients: Disposable[] = [];
  const agents = bed.agents.flatMap((agent) => Array.from({ length: connectionsOfAgent }, () => agent));
  try {
    for (let at = 0; at < connections; at += 20) {
      await Promise.all(
        agents.slice(at, Math.min(at + 20, connections)).map(async (agent) => {
          const client = clientOf(bed.server, agent.identity);
          clients.push(client);
          // The limit of polls of one agent is no matter here.
          await poll(client, agent).catch(() => {});
        }),
      );
    }
    const { stdout } = await new Deno.Command("ss", {
      args: ["-Htn", "state", "established", `sport = :${bed.server.port}`],
    })
      .output();
    const held = new TextDecoder().decode(stdout).trim().split("\n").length;
    const status = Deno.readTextFileSync(`/proc/${bed.platformPid}/status`);
    return { connections: held, megabytes: Number(/^VmRSS:\s+(\d+)/m.exec(status)![1]) / 1024 };
  } finally {
    for (const client of clients) client[Symbol.dispose]();
  }
}

const noSteady = {
  pollsPerSecond: NaN,
  readingsPerSecond: NaN,
  failed: NaN,
  p50Ms: NaN,
  p99Ms: NaN,
  share: NaN,
  cpuMsPerSession: NaN,
};
const noSaturated = { readingsPerSecond: NaN, cpuMsPerReading: NaN, bytesPerReading: NaN };

async function measureEngine(engine: Engine, readings: readonly Reading[]): Promise<Result> {
  const folder = await Deno.makeTempDir();
  const database = engine.databaseUrl === undefined ? undefined : parseDatabaseUrl(engine.databaseUrl);
  const agents = await (async () => {
    await using platform = await openPlatform({ dataDirectory: folder, database, clock: systemClock, log: () => {} });
    return await makeAgents(platform, Math.max(1250, Math.ceil(connections / connectionsOfAgent)));
  })();
  const options = [
    "--data",
    folder,
    "--listen",
    "127.0.0.1:0",
    "--agent-quota",
    "100000",
    "--customer-quota",
    "1000000",
  ];
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--allow-all", `${root}platform/main.ts`, "serve", ...options],
    env: engine.databaseUrl === undefined ? {} : { OPENDCA_DATABASE: engine.databaseUrl },
    stdout: "piped",
    stderr: "null",
  }).spawn();
  let ended: Deno.CommandStatus | undefined;
  process.status.then((status) => ended = status);
  // Agents have machines of their own: the platform goes first.
  const besides = agentsAfterPlatform();
  try {
    const reader = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const { port, target, ca } = JSON.parse((await reader.read()).value!);
    const server = { port, target, authorityPem: await Deno.readTextFile(ca) };
    const bed = { platformPid: process.pid, engine, server, agents, readings, folder };
    /* What fails misses its goals, and the rest is measured. */
    const attempt = async <T>(what: string, work: () => Promise<T>, failed: T): Promise<T> => {
      console.log(`  ${what} …`);
      return await work().catch((error) => {
        console.log(`  ${what} failed: ${error}`);
        return failed;
      });
    };
    return {
      name: engine.name,
      steady: await attempt("10,000 agents", () => steadyLoad(bed), noSteady),
      saturated: await attempt("saturation", () => saturate(bed), noSaturated),
      copyPerSecond: await attempt("COPY", () => engine.copyPerSecond(), undefined),
      held: await attempt("connections", () => hold(bed), { connections: 0, megabytes: NaN }),
    };
  } finally {
    // It may be what failed.
    if (ended === undefined) process.kill("SIGTERM");
    else console.log(`the platform ended before the benchmark did: ${JSON.stringify(ended)}`);
    await process.status;
    besides[Symbol.dispose]();
    await Deno.remove(folder, { recursive: true });
  }
}

/** Lower priority for this process, until disposed: what is started meanwhile inherits it. */
function agentsAfterPlatform(): Disposable {
  const before = getPriority();
  setPriority(before + 10);
  return {
    [Symbol.dispose]() {
      try {
        setPriority(before);
      } catch {
        console.log("not root: the next database has the lower priority of the agents as well");
      }
    },
  };
}

const sqlite: Engine = {
  name: "SQLite",
  databaseUrl: undefined,
  databaseCpu: () => 0,
  storedBytes(folder) {
    using database = new DatabaseSync(`${folder}/platform.db`, { readOnly: true });
    const pragma = (name: string) => Number(Object.values(database.prepare(`PRAGMA ${name}`).get()!)[0]);
    return Promise.resolve(pragma("page_count") * pragma("page_size"));
  },
  copyPerSecond: () => Promise.resolve(undefined),
};

console.log("reading the simulated fleet …");
const readings = await realisticReadings(1000);
const results: Result[] = [];
console.log("measuring the floor …");
const floor = await measureFloor();
console.log("running on SQLite …");
results.push(await measureEngine(sqlite, readings));
console.log("running on PostgreSQL …");
{
  await using postgres = await startPostgres({
    isDurable: true,
    settings: ["shared_buffers=512MB", "max_wal_size=2GB"],
  });
  await using database = await postgres.database("own");
  const one = async (sql: string) => Number(Object.values((await database.sql(sql))[0]!)[0]);
  results.push(
    await measureEngine({
      name: "PostgreSQL",
      databaseUrl: database.url,
      databaseCpu: () => postgresCpuSeconds(database.url),
      storedBytes: () => one("SELECT pg_database_size(current_database())"),
      async copyPerSecond() {
        const file = `${new URL(database.url).searchParams.get("host")}/data/records.copy`;
        const rows = await one("SELECT count(*) FROM records");
        await database.sql(`COPY (SELECT * FROM records) TO '${file}' WITH (FORMAT binary)`);
        await database.sql("CREATE TABLE copied AS SELECT * FROM records LIMIT 0");
        const begin = performance.now();
        await database.sql(`COPY copied FROM '${file}' WITH (FORMAT binary)`);
        const elapsed = (performance.now() - begin) / 1000;
        await database.sql("DROP TABLE copied");
        return rows / elapsed;
      },
    }, readings),
  );
}

const table = [["", ...results.map(({ name }) => name)]];
const row = (name: string, value: (result: Result) => string) => table.push([name, ...results.map(value)]);
row("polls/s, each on a new connection", ({ steady }) => steady.pollsPerSecond.toFixed(0));
row("readings/s with them", ({ steady }) => steady.readingsPerSecond.toFixed(0));
row("sessions that failed", ({ steady }) => String(steady.failed));
row("p50 ms", ({ steady }) => steady.p50Ms.toFixed(0));
row("p99 ms", ({ steady }) => steady.p99Ms.toFixed(0));
row("share of the machine", ({ steady }) => `${(steady.share * 100).toFixed(0)} %`);
row("CPU ms/session", ({ steady }) => steady.cpuMsPerSession.toFixed(1));
row("readings/s at saturation", ({ saturated }) => saturated.readingsPerSecond.toFixed(0));
row("CPU ms/reading", ({ saturated }) => saturated.cpuMsPerReading.toFixed(2));
row("bytes stored/reading", ({ saturated }) => saturated.bytesPerReading.toFixed(0));
row("raw COPY, rows/s", ({ copyPerSecond }) => copyPerSecond?.toFixed(0) ?? "-");
row("connections held", ({ held }) => String(held.connections));
row("MB with them", ({ held }) => held.megabytes.toFixed(0));
console.log(`\n${alignColumns(table)}\n`);

for (const [name, { perSecond, cpuMs }] of Object.entries(floor)) {
  console.log(`floor, ${name}: ${perSecond.toFixed(0)}/s, ${cpuMs.toFixed(2)} ms of the server's processor time`);
}
console.log("");

const goals = createGoals();
for (const { name, steady, saturated, held } of results) {
  goals.atMost(`${name}: p99 of polls and uploads`, steady.p99Ms, 250, " ms");
  goals.atMost(`${name}: share of the machine`, steady.share, 0.5);
  goals.atMost(`${name}: sessions that failed`, steady.failed, 0);
  goals.atLeast(`${name}: polls a second`, steady.pollsPerSecond, agentsPerSecond * 0.97);
  goals.atLeast(`${name}: readings a second at saturation`, saturated.readingsPerSecond, 4000);
  goals.all(`${name}: connections held`, held.connections, connections);
  goals.atMost(`${name}: memory with them`, held.megabytes, 1500, " MB");
}
goals.print();
