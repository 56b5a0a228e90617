/**
 * `deno task bench:portal [--devices N]`: pages of the portal over HTTPS for 200 people, each with a page every 20
 * seconds, with 50,000 devices in SQLite and 500,000 in PostgreSQL (N is the latter), in customers of 5,000. Requests
 * start at their time, whether those before them have been answered or not; the time is from there. The floor is the portal's style sheet, which
 * needs no database, over the same connections.
 */
import { Agent, request as httpsRequest } from "node:https";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { LevelKind, type Reading } from "../proto/gen/opendca/v1/reading.ts";
import { newId } from "../platform/store/new_id.ts";
import type { Tenant } from "../platform/store/store.ts";
import { createCustomer, createSite } from "../platform/customers/customers.ts";
import { readingOf } from "../tests/fixtures/platform_uploads.ts";
import { startPostgres } from "../tests/fixtures/postgres_server.ts";
import { type PortalScene, portalScene, type Visitor } from "../tests/platform/portal_scene.ts";
import { operator } from "../tests/platform/users_fixture.ts";
import { createGoals, type Goals } from "./goals.ts";
import { alignColumns } from "./measure.ts";

const perCustomer = 5000;
const people = 200, everySeconds = 20, requests = 60;
const lowEvery = 40;

const { values } = parseArgs({ args: Deno.args, options: { devices: { type: "string", default: "500000" } } });
const goals = createGoals();
const rows: string[][] = [["DATABASE", "PAGE", "P50", "P95", "COMPRESSED"]];
await inDatabase("SQLite", 50_000, await portalScene());
{
  await using server = await startPostgres();
  await using database = await server.database("own");
  await inDatabase("PostgreSQL", Number(values.devices), await portalScene({ database }));
}
console.log(alignColumns(rows));
goals.print();

async function inDatabase(name: string, devices: number, started: PortalScene): Promise<void> {
  await using scene = started;
  const { customerId, deviceId } = await fill(scene, devices);
  const user = await scene.signedIn("eva@partner.example");
  const root = `/customers/${customerId}`;
  const pages = {
    "style sheet (floor)": "/portal.css",
    "overview": "/",
    "devices, filtered": `${root}/devices?model=LX&low=1`,
    "devices, page 40": `${root}/devices?page=40`,
    "device": `${root}/devices/${deviceId}`,
    "low supplies": `${root}/supplies`,
  };
  for (const [page, path] of Object.entries(pages)) await measurePage({ name, page, path, scene, user, goals });
}

interface Measured {
  name: string;
  page: string;
  path: string;
  scene: PortalScene;
  user: Visitor;
  goals: Goals;
}

async function measurePage({ name, page, path, scene, user, goals }: Measured): Promise<void> {
  const { body, status } = await user.get(path);
  if (status !== 200) throw new Error(`Cannot measure ${path} as it is answered by ${status}`);
  const stepMs = 1000 * everySeconds / people;
  using connections = { agent: new Agent({ keepAlive: true }), [Symbol.dispose]: () => connections.agent.destroy() };
  const startMs = performance.now();
  const times = await Promise.all(Array.from({ length: requests }, async (_, i) => {
    const atMs = startMs + i * stepMs;
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, atMs - performance.now())));
    await answered(scene, user, { path, agent: connections.agent });
    return performance.now() - atMs;
  }));
  times.sort((a, b) => a - b);
  const p50 = times[Math.floor(times.length * 0.5)]!, p95 = times[Math.floor(times.length * 0.95)]!;
  const kilobytes = gzipSync(body).length / 1024;
  rows.push([name, page, `${p50.toFixed(0)} ms`, `${p95.toFixed(0)} ms`, `${kilobytes.toFixed(1)} kB`]);
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

/** Copies of one uploaded device; the id of the first customer, and of one of its devices. */
async function fill(scene: PortalScene, devices: number): Promise<{ customerId: string; deviceId: string }> {
  const { platform: { platform, queries }, acme, berlin } = scene;
  const low = { ...readingOf(), supplies: [supply(5), supply(60)] } as unknown as Reading;
  const [first] = await scene.devices(acme, berlin, [low]);
  const of = (table: string) =>
    queries.get<Record<string, unknown>>(`SELECT * FROM ${table} WHERE device_id = :id`, { id: first! });
  const device = (await of("devices"))!, state = (await of("device_state"))!;
  for (let customer = 0; customer * perCustomer < devices; customer++) {
    const tenantId = customer === 0 ? acme : await newCustomer(scene, customer);
    const agentId = customer === 0
      ? String(device.agent_id)
      : await copiedAgent(scene, tenantId, String(device.agent_id));
    await platform.store.transaction((tx) =>
      copies(tx.tenant(tenantId), { device, state, agentId, count: perCustomer - (customer === 0 ? 1 : 0) })
    );
  }
  if (platform.store.engine === "postgres") await queries.run("ANALYZE");
  return { customerId: acme, deviceId: first! };
}

async function newCustomer({ platform: { platform } }: PortalScene, number: number): Promise<string> {
  const customer = { name: `Customer ${number}`, dealer: "Print Partner" };
  const { customer_id: tenant } = await createCustomer(platform, operator, customer);
  await createSite(platform, { ...operator, tenant }, { name: "Office" });
  return tenant;
}

async function copiedAgent({ platform: { queries } }: PortalScene, tenantId: string, like: string): Promise<string> {
  const agent = (await queries.get<Record<string, never>>("SELECT * FROM agents WHERE agent_id = :like", { like }))!;
  const site =
    (await queries.get<{ site_id: string }>("SELECT site_id FROM sites WHERE customer_id = :id", { id: tenantId }))!;
  const agentId = newId("agt");
  const { customer_id: _, ...copied } = agent;
  const row = { ...copied, agent_id: agentId, site_id: site.site_id, installation_id: crypto.randomUUID() };
  const columns = Object.keys(row);
  const names = columns.join(", "), marks = columns.map((name) => `:${name}`).join(", ");
  await queries.tenant(tenantId).run(`INSERT INTO agents (customer_id, ${names}) VALUES (:customer, ${marks})`, row);
  return agentId;
}

async function copies(
  tenant: Tenant,
  { device, state, agentId, count }: {
    device: Record<string, unknown>;
    state: Record<string, unknown>;
    agentId: string;
    count: number;
  },
): Promise<void> {
  const ids = Array.from({ length: count }, () => newId("dev"));
  const ofAgent = { agent_id: agentId };
  const write = async (table: string, key: string[], like: Record<string, unknown>, more: (n: number) => object) => {
    const columns = Object.keys(like).filter((name) => name !== "customer_id" && name !== "rowid");
    await tenant.insertMany(
      { table, key, columns },
      ids.map((device_id, n) => ({ ...like, ...ofAgent, device_id, ...more(n) })),
    );
  };
  await write("devices", ["device_id"], device, (n) => ({
    address: `10.${n >> 16}.${n >> 8 & 255}.${n & 255}`,
    serial: `SER${n}`,
  }));
  await write("device_state", ["device_id"], state, (n) => ({ low: n % lowEvery === 0 ? 1 : 0 }));
}

function supply(percent: number) {
  const level = { kind: LevelKind.EXACT, percent, level: percent, capacity: 100, unit: "percent" };
  return { index: `1.${percent}`, kind: "toner", colorant: "black", description: "Toner", partNumber: "TN-1", level };
}
