/**
 * `deno task bench:portal [--devices N]`: pages of the portal over HTTPS for 200 people, each with a page every 20
 * seconds, with 50,000 devices in SQLite and 500,000 in PostgreSQL (N is the latter), in customers of 5,000. Requests
 * start at their time, whether those before them have been answered or not; the time is from there. The floor is the portal's style sheet, which
 * needs no database, over the same connections.
 */
import { Agent, request as httpsRequest } from "node:https";
import { gzipSync } from "node:zlib";
import { startPostgres } from "../tests/fixtures/postgres_server.ts";
import { type PortalScene, portalScene, type Visitor } from "../tests/platform/portal_scene.ts";
import { programOptions } from "../tools/program_options.ts";
import { createGoals, type Goals } from "./goals.ts";
import { alignColumns, postgresCpuSeconds, usageOf } from "./measure.ts";
import { fillFleet } from "./portal_fleet.ts";

const people = 200, everySeconds = 20, requests = 60;

const { values: { devices: wanted } } = programOptions("deno task bench:portal [--devices N]", { devices: 500_000 });
const goals = createGoals();
const rows: string[][] = [["DATABASE", "PAGE", "P50", "P95", "CPU", "COMPRESSED"]];
await inDatabase("SQLite", 50_000, { scene: await portalScene(), cpu: () => 0 });
{
  await using server = await startPostgres();
  await using database = await server.database("own");
  const cpu = () => postgresCpuSeconds(database.url);
  // As autovacuum does in a minute; the platform's role may not.
  const analyze = () => database.sql("VACUUM ANALYZE");
  await inDatabase("PostgreSQL", wanted, { scene: await portalScene({ database }), cpu, analyze });
}
console.log(alignColumns(rows));
goals.print();

/** `cpu`: seconds of the database's server so far. */
async function inDatabase(
  name: string,
  devices: number,
  { scene: started, cpu, analyze }: { scene: PortalScene; cpu(): number; analyze?: () => Promise<unknown> },
): Promise<void> {
  await using scene = started;
  const { customerId, deviceId } = await fillFleet(scene, devices);
  await analyze?.();
  const user = await scene.signedIn("eva@partner.example");
  const root = `/customers/${customerId}`;
  const pages = {
    "style sheet (floor)": "/portal.css",
    "overview": "/",
    "devices, filtered": `${root}/devices?model=LX&low=1`,
    "devices, page 40": await laterPage(user, `${root}/devices`, 40),
    "device": `${root}/devices/${deviceId}`,
    "devices, searched": `${root}/devices?q=ser12`,
    "devices, by pages": `${root}/devices?sort=-pages`,
    "find a device": "/devices?q=SER12",
    "low supplies": `${root}/supplies`,
  };
  for (const [page, path] of Object.entries(pages)) {
    await measurePage({ name, page, path, scene, user, goals, cpu });
  }
}

/** The address of a page that is reached by so many links to the next one. */
async function laterPage(user: Visitor, path: string, pages: number): Promise<string> {
  if (pages === 0) return path;
  const [, next] = /rel="next" href="([^"]*)"/.exec((await user.get(path)).body)!;
  return await laterPage(user, next!.replaceAll("&amp;", "&"), pages - 1);
}

interface Measured {
  name: string;
  page: string;
  path: string;
  scene: PortalScene;
  user: Visitor;
  goals: Goals;
  cpu(): number;
}

async function measurePage({ name, page, path, scene, user, goals, cpu }: Measured): Promise<void> {
  const { body, status } = await user.get(path);
  if (status !== 200) throw new Error(`Cannot measure ${path} as it is answered by ${status}`);
  const stepMs = 1000 * everySeconds / people;
  using connections = { agent: new Agent({ keepAlive: true }), [Symbol.dispose]: () => connections.agent.destroy() };
  const cpuNow = () => usageOf(Deno.pid).cpuSeconds + cpu();
  const startMs = performance.now(), startCpu = cpuNow();
  const times = await Promise.all(Array.from({ length: requests }, async (_, i) => {
    const atMs = startMs + i * stepMs;
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, atMs - performance.now())));
    await answered(scene, user, { path, agent: connections.agent });
    return performance.now() - atMs;
  }));
  const cpuMs = (cpuNow() - startCpu) * 1000 / requests;
  times.sort((a, b) => a - b);
  const p50 = times[Math.floor(times.length * 0.5)]!, p95 = times[Math.floor(times.length * 0.95)]!;
  const kilobytes = gzipSync(body).length / 1024;
  rows.push([
    name,
    page,
    `${p50.toFixed(0)} ms`,
    `${p95.toFixed(0)} ms`,
    `${cpuMs.toFixed(0)} ms`,
    `${kilobytes.toFixed(1)} kB`,
  ]);
  if (page.includes("floor")) return;
  goals.atMost(`${name}, ${page}, p95`, p95, 150, " ms");
  goals.atMost(`${name}, ${page}, compressed`, kilobytes, 60, " kB");
}

function answered(
  { platform }: PortalScene,
  { cookies }: Visitor,
  { path, agent }: { path: string; agent: Agent },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const request = httpsRequest({
      host: "localhost",
      port: platform.portal!.port,
      ca: platform.serverAuthority,
      path,
      agent,
      headers: { cookie, "accept-encoding": "gzip" },
    }, (response) => {
      response.resume().on("error", reject).on("end", resolve);
    });
    request.on("error", reject);
    request.end();
  });
}
