/** A PostgreSQL primary with a synchronous standby, which is promoted behind HAProxy: what was acknowledged is there, once. */
import assert from "node:assert/strict";
import type { Batch } from "../../proto/gen/opendca/v1/batch.ts";
import { UnavailableError } from "../../common/core/errors.ts";
import { parseDatabaseUrl } from "../../platform/store/postgres/database_url.ts";
import { openPostgresStore } from "../../platform/store/postgres/postgres_store.ts";
import { storedRecordsSql } from "../fixtures/exactly_once.ts";
import { startHaproxy } from "../fixtures/haproxy.ts";
import { peerTest, postgresServer } from "../fixtures/peers.ts";
import { reasonOf } from "../fixtures/platform_fixture.ts";
import { batchOf, readingOf, recordOf, startBench } from "../fixtures/platform_uploads.ts";
import { type PostgresServer, startPostgres, startStandby } from "../fixtures/postgres_server.ts";
import { until } from "../fixtures/until.ts";
import { startUploading } from "../fixtures/uploading_customers.ts";

const socketOf = ({ folder }: PostgresServer) => `${folder}/.s.PGSQL.5432`;

peerTest(
  "a standby that is promoted behind HAProxy in mid-upload has every record that was acknowledged, once",
  ["haproxy", postgresServer],
  async () => {
    await using primary = await startPostgres({ isDurable: true });
    await primary.sql("CREATE ROLE opendca_check LOGIN");
    await primary.sql("CREATE DATABASE opendca");
    const database = await primary.database("own");
    await using standby = await startStandby(primary);
    await assert.rejects(openPostgresStore(parseDatabaseUrl(standby.url(database.name))), (error) => {
      assert(error instanceof UnavailableError, String(error));
      assert.match(error.message, /as it is a standby/);
      return true;
    });
    await using haproxy = await startHaproxy({ sockets: [socketOf(primary), socketOf(standby)] });
    const url = `postgres://opendca@127.0.0.1:${haproxy.port}/${database.name}`;
    // It takes both for available until it has asked them, and goes from one to the other.
    let inTurn = 0;
    await until("HAProxy has found the primary", async () => {
      const isPrimary = await openPostgresStore(parseDatabaseUrl(url))
        .then((store) => store[Symbol.asyncDispose]()).then(() => true, () => false);
      inTurn = isPrimary ? inTurn + 1 : 0;
      return inTurn === 6;
    });

    await using bench = await startBench({ database: { ...database, url } });
    const uploads = startUploading(bench.platform, ["One", "Two", "Three"]);
    const { promised } = uploads;
    await uploads.until("uploads are answered", () => promised.length >= 18);
    Deno.kill(primary.pid(), "SIGKILL");
    await uploads.until("uploads fail", () => uploads.busy > 0);
    const before = promised.length;
    await standby.promote();
    await uploads.until("uploads go on", () => promised.length >= before + 18);
    await uploads.end();
    const records = await standby.sql(storedRecordsSql, database.name);
    assert.deepEqual(records.map(({ record_id }) => record_id).sort(), promised.sort());
    assert.equal((await standby.sql("SELECT 1 FROM devices", database.name)).length, 3);
  },
);

peerTest(
  "nothing is acknowledged while the synchronous standby is away, not even what a crashed primary has stored",
  [postgresServer],
  async () => {
    await using primary = await startPostgres({ isDurable: true });
    const database = await primary.database("own");
    await using standby = await startStandby(primary);
    const databaseLimits = { statementTimeoutMs: 500, lockTimeoutMs: 500 };
    await using bench = await startBench({ database, databaseLimits });
    const batches = [1, 2].map((sequence) =>
      batchOf(bench.agent, { sequence, records: [recordOf(readingOf({ total: sequence }))] })
    );
    const stored = async (server: PostgresServer) => (await server.sql(storedRecordsSql, database.name)).length;
    const [first, batch] = batches as [Batch, Batch];
    await bench.upload(first);
    await standby.stop("fast");
    assert.equal(await reasonOf(bench.upload(batch)), "store-busy");
    await primary.stop("immediate");
    await primary.start();
    assert.equal(await stored(primary), 2, "it is stored, and on this server only");
    assert.equal(await reasonOf(bench.upload(batch)), "store-busy");
    await standby.start();
    await until("the upload is answered", async () => await reasonOf(bench.upload(batch)) === "answered");
    await standby.promote();
    assert.equal(await stored(standby), 2);
  },
);
