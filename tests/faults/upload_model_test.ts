import assert from "node:assert/strict";
import { inPostgres } from "../fixtures/each_database.ts";
import { checkUploads } from "../fixtures/upload_model.ts";

inPostgres("Upload stores in PostgreSQL what the model stores, in hundreds of random runs", async () => {
  const { deaths, forks } = await checkUploads(250);
  assert.ok(deaths > 0 && forks > 0, `the steps hold crashes and forks: ${deaths} and ${forks}`);
});
