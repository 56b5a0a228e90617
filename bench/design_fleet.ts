/**
 * The fleet of bench/design_load.ts: agents of one dealer, and their printers, each of which was uploaded once. It is made
 * without waiting for the disk, and stays in its folder for further runs.
 */
import { systemClock } from "../common/core/clock.ts";
import type { Reading } from "../common/reading/reading.ts";
import { openPlatform } from "../platform/compose.ts";
import { defaultRetention, dropOld } from "../platform/devices/retention.ts";
import { upload } from "../platform/devices/upload.ts";
import { parseDatabaseUrl } from "../platform/store/postgres/database_url.ts";
import { type PostgresServer, startPostgres } from "../tests/fixtures/postgres_server.ts";
import { type BenchAgent, makeAgents, nextBatch } from "./platform_agents.ts";
import { realisticReadings } from "./uplink_load.ts";

export interface Fleet {
  database: string;
  agents: BenchAgent[];
  readings: Reading[];
  printersOfAgent: number;
  /** Of each device without readings of this run. */
  bytesPerDevice: number;
  /** Runs so far: an agent's meters go on from one to the next. */
  runs: number;
}

/** Uploads of one customer take turns, so that a small fleet has some customers as well. */
const agentsOfCustomer = 100, customersAtLeast = 20;
const uploadsAtOnce = 8;
const stepsOfRun = 100_000;
/** As docs/scaling.md has it. */
const settings = ["shared_buffers=512MB", "max_wal_size=2GB"];

/** PostgreSQL in the folder, as in production. */
export function startDurable(folder: string): Promise<PostgresServer> {
  return startPostgres({ folder, isKept: true, isDurable: true, settings });
}

/** Makes the fleet, or takes that of the run before. Throws for a folder with another one. */
export async function fleetIn(folder: string, size: { agents: number; devices: number }): Promise<Fleet> {
  const file = `${folder}/fleet.json`, printersOfAgent = Math.max(1, Math.round(size.devices / size.agents));
  const known: Fleet | undefined = await Deno.readTextFile(file).then(JSON.parse, () => undefined);
  if (known !== undefined && (known.agents.length !== size.agents || known.printersOfAgent !== printersOfAgent)) {
    throw new Error(
      `Cannot use ${folder} as it has ${known.agents.length} agents with ${known.printersOfAgent} printers each: ` +
        "name another folder, or these numbers",
    );
  }
  const fleet = known ?? await makeFleet(folder, { agents: size.agents, printersOfAgent });
  const runs = fleet.runs + 1;
  await Deno.writeTextFile(file, JSON.stringify({ ...fleet, runs }));
  // Each run is a restart of the agent, and a new spool.
  const begun = { runs, sequence: 0, steps: runs * stepsOfRun, latestMs: Date.now() };
  const agents = fleet.agents.map((agent) => ({
    ...agent,
    ...begun,
    runId: crypto.randomUUID(),
    epoch: crypto.randomUUID(),
  }));
  return { ...fleet, agents, runs };
}

async function makeFleet(
  folder: string,
  { agents: count, printersOfAgent }: { agents: number; printersOfAgent: number },
): Promise<Fleet> {
  const begin = performance.now();
  console.log(`making ${count} agents with ${printersOfAgent} printers each …`);
  const readings = await realisticReadings(1000);
  await Deno.mkdir(`${folder}/pg`, { recursive: true });
  await using server = await startPostgres({ folder: `${folder}/pg`, isKept: true, settings });
  const { name: database, url, sql } = await server.database("own");
  await using platform = await openPlatform({
    dataDirectory: `${folder}/platform`,
    database: parseDatabaseUrl(url),
    clock: systemClock,
    log() {},
    quotas: { agentBytes: Infinity, customerBytes: Infinity },
  });
  // Else all rows would be in the default partition, as no process has been there before.
  await dropOld(platform.store, { now: systemClock.now(), retention: defaultRetention });
  const agents = await makeAgents(platform, count, Math.min(agentsOfCustomer, Math.ceil(count / customersAtLeast)));
  console.log(`  agents after ${((performance.now() - begin) / 1000).toFixed(0)} s`);
  const sizeNow = async () => Number((await sql("SELECT pg_database_size(current_database()) AS bytes"))[0]!.bytes);
  const before = await sizeNow();
  // Neighbours are of one customer, whose uploads take turns.
  const lanes = Array.from({ length: uploadsAtOnce }, (_, lane) => {
    const first = Math.floor(lane * count / uploadsAtOnce), next = Math.floor((lane + 1) * count / uploadsAtOnce);
    return agents.slice(first, next);
  });
  await Promise.all(lanes.map(async (lane) => {
    for (const agent of lane) {
      const batch = nextBatch(agent, { readings, printers: printersOfAgent, count: printersOfAgent });
      const { rejections } = await upload(platform, agent, batch);
      if (rejections.length > 0) throw new Error(`The platform rejected a batch: ${rejections[0]!.message}`);
    }
  }));
  await sql("VACUUM ANALYZE");
  const seconds = (performance.now() - begin) / 1000;
  const bytesPerDevice = (await sizeNow() - before) / (count * printersOfAgent);
  console.log(
    `  ${count * printersOfAgent} devices after ${seconds.toFixed(0)} s, ${bytesPerDevice.toFixed(0)} bytes each`,
  );
  return { database, agents, readings, printersOfAgent, bytesPerDevice, runs: 0 };
}
