/** Lists of OData that take long: what they are told, and how many of a token ask the database at a time. */
import assert from "node:assert/strict";
import { inPostgres } from "../fixtures/each_database.ts";
import { readingOf } from "../fixtures/platform_uploads.ts";
import { until } from "../fixtures/until.ts";
import { programsScene } from "./programs_scene.ts";

inPostgres(
  "a list that takes too long says what to filter by, and four of a token are asked for at a time",
  async () => {
    await using scene = await programsScene({ databaseLimits: { statementTimeoutMs: 5000, lockTimeoutMs: 60_000 } });
    await scene.devices(scene.acme, scene.berlin, [readingOf({ address: "10.1.0.1", serial: "SN00001" })]);
    const program = await scene.program(), other = await scene.program(), { platform, queries } = scene.platform;
    const path = `/odata/v1/Devices?${new URLSearchParams({ $filter: "contains(Model,'x')" })}`;
    assert.equal((await program.get(path)).status, 200);
    const locked = Promise.withResolvers<void>(), end = Promise.withResolvers<void>();
    const holding = platform.store.transaction(async (tx) => {
      await tx.run("LOCK TABLE devices IN ACCESS EXCLUSIVE MODE");
      locked.resolve();
      await end.promise;
    });
    await locked.promise;
    const waiting = async () =>
      (await queries.get<{ n: number }>(
        "SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
      ))!.n;
    const own = Array.from({ length: 7 }, () => program.get(path));
    await until("four wait for the database", async () => await waiting() === 4);
    const another = other.get(path);
    await until("those of another token are not held up", async () => await waiting() === 5);
    const first = await Promise.race(own);
    end.resolve();
    await holding;
    assert.equal(first.status, 501);
    assert.match(first.json.error.message, /^Cannot look for these devices .*: filter by CustomerId, or by Serial/);
    const statuses = (await Promise.all(own)).map(({ status }) => status);
    assert(statuses.filter((status) => status === 200).length >= 3, statuses.join());
    assert([200, 501].includes((await another).status));
    assert.equal((await program.get(path)).status, 200);
  },
);
