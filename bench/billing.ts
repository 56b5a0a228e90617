/**
 * `deno task bench:billing [--devices N]`: a month of 5,000 devices is made a statement, and a year of meters of 50,000
 * devices (N) is exported, on SQLite and on PostgreSQL. The floor is the time that writing as
 * many bytes to a file takes.
 */
import { exportMeters } from "../platform/billing/export_meters.ts";
import { makeStatement } from "../platform/billing/make_statement.ts";
import { daysOfMonth } from "../platform/billing/period.ts";
import { parseDatabaseUrl } from "../platform/store/postgres/database_url.ts";
import { openPostgresStore } from "../platform/store/postgres/postgres_store.ts";
import { openSqliteStore } from "../platform/store/sqlite/sqlite_store.ts";
import type { RowsOf, Store } from "../platform/store/store.ts";
import { startPostgres } from "../tests/fixtures/postgres_server.ts";
import { billingScene } from "../tests/platform/billing_scene.ts";
import { programOptions } from "../tools/program_options.ts";
import { createGoals } from "./goals.ts";

const { values: { devices } } = programOptions("deno task bench:billing [--devices N]", { devices: 50_000 });
const dayMs = 86_400_000, meters = ["total", "mono", "color"];
const goals = createGoals();

const facts = {
  network: "office",
  manufacturer: "Example",
  model: "LX-100",
  hostname: null,
  firmware: null,
  location: null,
  state: "idle",
  first_seen_at: 0,
  last_seen_at: 0,
  agent_seen_at: 0,
};

const samples: RowsOf = {
  table: "samples",
  key: ["device_id", "kind", "name", "observed_at", "origin"],
  columns: ["device_id", "kind", "name", "observed_at", "origin", "value", "unit", "level"],
};

{
  const folder = await Deno.makeTempDir();
  await using store = openSqliteStore(`${folder}/platform.db`);
  await measure("SQLite", store);
  await Deno.remove(folder, { recursive: true });
}
{
  await using server = await startPostgres();
  await using database = await server.database("own");
  await using store = await openPostgresStore(parseDatabaseUrl(database.url));
  await measure("PostgreSQL", store);
}
goals.print();

async function measure(name: string, store: Store): Promise<void> {
  // A sample of each meter on each day of five weeks.
  await using month = await billingScene(store, "Month");
  await fill(month, { devices: 5000, from: "2026-02-25T12:00:00Z", count: 40, stepMs: dayMs });
  let start = performance.now();
  const { rows } = await makeStatement(month.platform, month.by, daysOfMonth("2026-03"));
  const seconds = (performance.now() - start) / 1000;
  console.log(`${name}: statement of ${rows} rows in ${seconds.toFixed(2)} s`);
  goals.atMost(`${name}: a month of 5,000 devices is billed`, seconds, 2, " s");

  // A sample of each meter in each month.
  await using year = await billingScene(store, "Year");
  await fill(year, { devices, from: "2025-04-01T12:00:00Z", count: 12, stepMs: 30 * dayMs });
  const path = await Deno.makeTempFile();
  let lines = 0, bytes = 0, most = 0;
  start = performance.now();
  const before = Deno.memoryUsage().rss;
  {
    using file = await Deno.open(path, { write: true, truncate: true });
    const period = { from: Date.parse("2025-04-01T00:00:00Z"), until: Date.parse("2026-04-01T00:00:00Z") };
    for await (const part of exportMeters(year.platform, year.by, period)) {
      await file.write(part);
      bytes += part.length;
      for (const byte of part) if (byte === 10) lines++;
      most = Math.max(most, Deno.memoryUsage().rss);
    }
  }
  const rate = lines / ((performance.now() - start) / 1000), grown = (most - before) / 2 ** 20;
  console.log(
    `${name}: ${lines} lines, ${(bytes / 2 ** 20).toFixed(0)} MiB, ${rate.toFixed(0)} a second, ${
      grown.toFixed(0)
    } MiB more memory`,
  );
  goals.atLeast(`${name}: a year of meters is exported`, rate, 50_000, " rows/s");
  goals.atMost(`${name}: memory that the export takes`, grown, 100, " MiB");
  start = performance.now();
  await Deno.writeFile(path, new Uint8Array(bytes));
  console.log(`floor: ${(lines / ((performance.now() - start) / 1000)).toFixed(0)} rows a second are written as bytes`);
  await Deno.remove(path);
}

type Scene = Awaited<ReturnType<typeof billingScene>>;

async function fill(
  { platform: { store }, by, agents }: Scene,
  { devices, from, count, stepMs }: { devices: number; from: string; count: number; stepMs: number },
): Promise<void> {
  const begin = Date.parse(from);
  for (let first = 0; first < devices; first += 500) {
    await store.transaction(async (tx) => {
      const tenant = tx.tenant(by.tenant), rows = [], made = [];
      for (let n = first; n < Math.min(first + 500, devices); n++) {
        const device_id = `dev-${by.tenant.slice(4, 8)}${String(n).padStart(8, "0")}`;
        made.push({
          ...facts,
          device_id,
          agent_id: agents[0],
          serial: `SN${n}`,
          address: `10.${n >> 16}.${n >> 8 & 255}.${n & 255}`,
        });
        for (let i = 0; i < count; i++) {
          for (const name of meters) {
            rows.push({
              device_id,
              kind: "meter",
              name,
              observed_at: begin + i * stepMs,
              origin: "",
              value: n + i * 37,
              unit: "impressions",
              level: "",
            });
          }
        }
      }
      await tenant.insertMany({ table: "devices", key: ["device_id"], columns: Object.keys(made[0]!) }, made);
      await tenant.insertMany(samples, rows);
    });
  }
  if (store.engine === "postgres") await store.transaction((tx) => tx.run("ANALYZE samples"));
}
