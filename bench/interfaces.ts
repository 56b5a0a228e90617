/**
 * `deno task bench:interfaces [--devices N]`: lists of the REST and OData interfaces over HTTPS, ten requests a second,
 * with 50,000 devices in SQLite and 500,000 in PostgreSQL (N is the latter), in customers of 5,000; and how long after an
 * upload its webhook arrives. Requests start at their time, whether those before them have been answered or not. The floor
 * is what a token may do itself, over the same connections: it needs the token alone.
 */
import { createServer } from "node:http";
import { Agent, request as httpsRequest } from "node:https";
import type { AddressInfo } from "node:net";
import { createWebhook } from "../platform/interfaces/webhooks.ts";
import { readingOf } from "../tests/fixtures/platform_uploads.ts";
import { startPostgres } from "../tests/fixtures/postgres_server.ts";
import { type ProgramsScene, programsScene } from "../tests/platform/programs_scene.ts";
import { operator } from "../tests/platform/users_fixture.ts";
import { programOptions } from "../tools/program_options.ts";
import { createGoals } from "./goals.ts";
import { alignColumns } from "./measure.ts";
import { fillFleet } from "./portal_fleet.ts";

const requests = 60, stepMs = 100, uploads = 20;
const webhooks = { allowed: ["127.0.0.1"] };

const { values: { devices: wanted } } = programOptions("deno task bench:interfaces [--devices N]", {
  devices: 500_000,
});
const goals = createGoals();
const rows: string[][] = [["DATABASE", "REQUEST", "P50", "P95"]];
await inDatabase("SQLite", 50_000, await programsScene({ webhooks }));
{
  await using server = await startPostgres();
  await using database = await server.database("own");
  // The platform's role may not.
  const analyze = () => database.sql("VACUUM ANALYZE");
  await inDatabase("PostgreSQL", wanted, await programsScene({ database, webhooks }), analyze);
}
console.log(alignColumns(rows));
goals.print();

async function inDatabase(
  name: string,
  devices: number,
  started: ProgramsScene,
  analyze?: () => Promise<unknown>,
): Promise<void> {
  await using scene = started;
  const { customerId, deviceId } = await fillFleet(scene, devices);
  await analyze?.();
  const { text, get } = await scene.program();
  const root = `/api/v1/customers/${customerId}`;
  const { next } = (await get(`${root}/devices?limit=1000`)).json;
  const odata = (query: Record<string, string>) =>
    `/odata/v1/Devices?${new URLSearchParams({ $top: "100", ...query })}`;
  const paths = {
    "REST token (floor)": "/api/v1/token",
    "REST devices": `${root}/devices`,
    "REST devices, behind 1,000": `${root}/devices?cursor=${next}`,
    "REST devices, low": `${root}/devices?low=true`,
    "REST device": `${root}/devices/${deviceId}`,
    "REST supplies, low": `${root}/supplies?low=true`,
    "REST alerts, open": `${root}/alerts?open=true`,
    "OData devices of all customers": odata({}),
    "OData devices, with their number": odata({ $count: "true" }),
    "OData devices, sorted": odata({ $orderby: "Serial" }),
    "OData devices, behind 20,000": odata({ $skip: "20000" }),
    "OData devices, filtered": odata({ $filter: `CustomerId eq '${customerId}' and LowSupplies gt 0` }),
  };
  for (const [what, path] of Object.entries(paths)) {
    // The scene's clock stands still, by which a token may make so many requests a minute.
    scene.platform.clock.advance(60_000);
    const times = await measure(scene, { path, text }), { p50, p95 } = percentiles(times);
    rows.push([name, what, `${p50.toFixed(0)} ms`, `${p95.toFixed(0)} ms`]);
    if (!what.includes("floor")) goals.atMost(`${name}, ${what}, p95`, p95, 100, " ms");
  }
  const { p50, p95, most } = percentiles(await measureWebhooks(scene));
  rows.push([name, "webhook after an upload", `${p50.toFixed(0)} ms`, `${p95.toFixed(0)} ms`]);
  goals.atMost(`${name}, slowest webhook after an upload`, most / 1000, 2, " s");
}

function percentiles(times: number[]): { p50: number; p95: number; most: number } {
  times.sort((a, b) => a - b);
  return {
    p50: times[Math.floor(times.length * 0.5)]!,
    p95: times[Math.floor(times.length * 0.95)]!,
    most: times.at(-1)!,
  };
}

async function measure(scene: ProgramsScene, { path, text }: { path: string; text: string }): Promise<number[]> {
  using connections = { agent: new Agent({ keepAlive: true }), [Symbol.dispose]: () => connections.agent.destroy() };
  const startMs = performance.now();
  return await Promise.all(Array.from({ length: requests }, async (_, i) => {
    const atMs = startMs + i * stepMs;
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, atMs - performance.now())));
    await answered(scene, { path, text, agent: connections.agent });
    return performance.now() - atMs;
  }));
}

function answered(
  { platform }: ProgramsScene,
  { path, text, agent }: { path: string; text: string; agent: Agent },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = httpsRequest({
      host: "localhost",
      port: platform.portal!.port,
      ca: platform.serverAuthority,
      path,
      agent,
      headers: { authorization: `Bearer ${text}` },
    }, (response) => {
      if (response.statusCode !== 200) {
        reject(new Error(`Cannot measure ${path}: it is answered ${response.statusCode}`));
      }
      response.resume().on("error", reject).on("end", resolve);
    });
    request.on("error", reject);
    request.end();
  });
}

/** Milliseconds from the start of an upload of a new device to the arrival of what is told of it. */
async function measureWebhooks(scene: ProgramsScene): Promise<number[]> {
  let arrived = Promise.withResolvers<void>();
  const server = createServer((request, response) => {
    request.resume();
    response.end();
    arrived.resolve();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, events = ["device.new"];
    await createWebhook(scene.platform.platform, operator, { url, events, description: "", customer: scene.other });
    await scene.platform.queries.tenant(scene.other).run(
      "INSERT INTO sites (customer_id, site_id, name, created_at) VALUES (:customer, 'sit-bench0000001', 'Bench', 0)",
    );
    const times: number[] = [];
    for (let i = 0; i < uploads; i++) {
      arrived = Promise.withResolvers();
      const began = performance.now();
      await scene.devices(scene.other, "sit-bench0000001", [
        readingOf({ address: `10.9.0.${i + 1}`, serial: `BENCH${10_000 + i}` }),
      ]);
      await arrived.promise;
      times.push(performance.now() - began);
    }
    return times;
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}
