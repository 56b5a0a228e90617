/** A server of PostgreSQL that is restarted or dies under those who listen. */
import { parseDatabaseUrl } from "../../platform/store/postgres/database_url.ts";
import { openPostgresStore } from "../../platform/store/postgres/postgres_store.ts";
import { inPostgres } from "../fixtures/each_database.ts";
import { hear, notify } from "../fixtures/heard.ts";
import { startPostgres } from "../fixtures/postgres_server.ts";
import { until } from "../fixtures/until.ts";

inPostgres("listen() goes on, and tells that it may have missed something, after the server has gone", async () => {
  await using server = await startPostgres();
  await using database = await server.database("own");
  const open = () => openPostgresStore(parseDatabaseUrl(database.url));
  await using store = await open();
  await using other = await open();
  const heard = await hear(store);
  const losses: [string, "fast" | "immediate"][] = [
    ["the server was restarted", "fast"],
    ["the server was killed", "immediate"],
  ];
  for (const [what, mode] of losses) {
    const before = heard.unsure;
    await server.stop(mode);
    await server.start();
    await until(`it listens again after ${what}`, () => heard.unsure > before);
    await notify(other, what);
    await until(`it is told after ${what}`, () => heard.notes.at(-1) === what);
  }
  heard.stop();
});
