import assert from "node:assert/strict";
import { eachDatabase, isPostgres } from "../fixtures/each_database.ts";
import { checkUploads } from "../fixtures/upload_model.ts";

eachDatabase("Upload stores what the model stores, whatever comes in whichever order", async () => {
  // In PostgreSQL each takes several times as long; tests/faults has more of them.
  const { deaths, forks } = await checkUploads(isPostgres() ? 8 : 30);
  if (!isPostgres()) assert.ok(deaths > 0 && forks > 0, `the steps hold crashes and forks: ${deaths} and ${forks}`);
});
