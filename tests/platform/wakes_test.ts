/** What a command does to an agent wakes those who wait for it in the server, which is another process. */
import assert from "node:assert/strict";
import { eachDatabase, maybeTestDatabase } from "../fixtures/each_database.ts";
import { activatedAgent, startTestPlatform } from "../fixtures/platform_fixture.ts";
import { runProgram } from "../fixtures/start_program.ts";
import { until } from "../fixtures/until.ts";

eachDatabase("a task, a configuration and a revocation of a command wake who listens for the agent", async () => {
  await using database = await maybeTestDatabase();
  await using server = await startTestPlatform(database === undefined ? {} : { database });
  const { agentId } = await activatedAgent(server, await server.customer("Acme"));
  const config = `${server.folder}/config.json`;
  Deno.writeTextFileSync(config, '{"pollIntervalSeconds":300}');
  const { store } = server.platform;
  const told: (string | undefined)[] = [];
  const stop = store.listen("agent", (payload) => told.push(payload));
  await until("listening has begun", () => told.length > 0);
  // In SQLite the file only tells that something was written.
  const wanted = store.engine === "sqlite" ? undefined : agentId;
  for (
    const args of [
      ["task", "scan", agentId],
      ["agent", "configure", agentId, "--file", config],
      ["agent", "revoke", agentId, "--reason", "test"],
    ]
  ) {
    told.length = 0;
    const env: Record<string, string> = database === undefined ? {} : { OPENDCA_DATABASE: database.url };
    const { code, err } = await runProgram("platform/main.ts", ["--data", server.folder, ...args], env);
    assert.equal(code, 0, err);
    await until(`${args.join(" ")} is told`, () => told.includes(wanted));
  }
  stop();
});
