/** What a command does to an agent wakes those who wait for it in the server, which has a connection of its own. */
import assert from "node:assert/strict";
import { revokedChannel, wakeChannel } from "../../platform/store/channels.ts";
import { newTaskChannel } from "../../platform/tasks/tasks.ts";
import { eachDatabase, maybeTestDatabase } from "../fixtures/each_database.ts";
import { activatedAgent, startTestPlatform } from "../fixtures/platform_fixture.ts";
import { endedHere } from "../fixtures/platform_here.ts";
import { until } from "../fixtures/until.ts";

eachDatabase("a task, a configuration and a revocation of a command wake who listens for the agent", async () => {
  await using database = await maybeTestDatabase();
  await using server = await startTestPlatform({
    isForPrograms: true,
    ...(database === undefined ? {} : { database }),
  });
  const { agentId } = await activatedAgent(server, await server.customer("Acme"));
  const config = `${server.folder}/config.json`;
  Deno.writeTextFileSync(config, '{"pollIntervalSeconds":300}');
  const { store } = server.platform;
  for (
    const [channel, ...args] of [
      [newTaskChannel, "task", "scan", agentId],
      [wakeChannel, "agent", "configure", agentId, "--file", config],
      [revokedChannel, "agent", "revoke", agentId, "--reason", "test"],
    ] as const
  ) {
    const told: (string | undefined)[] = [];
    const stop = store.listen(channel, (payload) => told.push(payload));
    await until("listening has begun", () => told.length > 0);
    told.length = 0;
    const env: Record<string, string> = database === undefined ? {} : { OPENDCA_DATABASE: database.url };
    const { code, err } = await endedHere(["--data", server.folder, ...args], env);
    assert.equal(code, 0, err);
    // In SQLite the file only tells that something was written.
    const wanted = store.engine === "sqlite" ? undefined : agentId;
    await until(`${args.join(" ")} is told`, () => told.includes(wanted));
    stop();
  }
});
