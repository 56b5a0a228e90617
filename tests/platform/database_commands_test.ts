/** `opendca-platform` on PostgreSQL, and from SQLite to it, as a program with the permissions of its task. */
import assert from "node:assert/strict";
import type { Finding } from "../../platform/store/postgres/check_database.ts";
import { peerTest, postgresServer } from "../fixtures/peers.ts";
import { sharedPostgres, type TestDatabase } from "../fixtures/postgres_server.ts";
import { type ProcessOutput, runProgram, startProgram } from "../fixtures/start_program.ts";

interface Installation {
  folder: string;
  database: TestDatabase;
  /** Fails unless it ends with 0. */
  run(url: string | undefined, ...args: string[]): Promise<string>;
  fails(url: string | undefined, ...args: string[]): Promise<ProcessOutput>;
}

function databaseTest(name: string, body: (installation: Installation) => Promise<void>): void {
  peerTest(name, [postgresServer], async () => {
    await using database = await (await sharedPostgres()).database("empty");
    const folder = await Deno.makeTempDir();
    const run = (url: string | undefined, args: string[]) =>
      runProgram("platform/main.ts", ["--data", folder, ...args], url === undefined ? {} : { OPENDCA_DATABASE: url });
    try {
      await body({
        folder,
        database,
        async run(url, ...args) {
          const { code, out, err } = await run(url, args);
          assert.equal(code, 0, err);
          return out;
        },
        fails: (url, ...args) => run(url, args),
      });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

databaseTest(
  "opendca-platform migrates, checks and serves PostgreSQL with the permissions of its task",
  async (parts) => {
    const { database: { url, ownerUrl, sql }, run, fails, folder } = parts;
    const early = await fails(url, "customer", "list");
    assert.deepEqual([
      early.code,
      /current value is 0/.test(early.err),
      /database migrate --role opendca/.test(early.err),
    ], [
      78,
      true,
      true,
    ], early.err);
    assert.match(
      await run(undefined, "--database", ownerUrl, "database", "migrate"),
      /^migrated from version 0 to \d+; opendca has its rights\n$/,
    );
    assert.match(await run(ownerUrl, "database", "migrate"), /^version \d+ already; opendca has its rights\n$/);
    await run(url, "customer", "create", "Acme");
    await run(url, "site", "create", "Berlin", "--customer", "ACME");
    assert.match(await run(url, "code", "create"), /^[\dA-Z]{4}-[\dA-Z]{4}-[\dA-Z]{4}\n$/);
    const twice = await fails(url, "customer", "create", "acme");
    assert.deepEqual([twice.code, /the name is taken/.test(twice.err)], [64, true], twice.err);
    assert.match(await run(url, "audit", "verify"), /^3 entries, unbroken/);
    await assert.rejects(Deno.stat(`${folder}/platform.db`), Deno.errors.NotFound);

    await using server = startProgram("platform/main.ts", [
      "--data",
      folder,
      "--database",
      url,
      "serve",
      "--listen",
      "127.0.0.1:0",
    ]);
    await server.line((line) => line.includes('"ready"'));
    assert.equal((await server.kill("SIGTERM")).code, 0);
    assert.equal(server.err(), "");

    // The shared server of the tests does not sync.
    const check = await fails(url, "database", "check", "--json");
    assert.equal(check.code, 78);
    const findings: Finding[] = JSON.parse(check.out);
    assert.deepEqual(findings.map(({ what, fault }) => [what, fault === undefined]), [
      ["row-level security", true],
      ["rights", true],
      ["encoding", true],
      ["durability", false],
      ["audit log", true],
    ]);
    const owner = await fails(ownerUrl, "customer", "list");
    assert.deepEqual([owner.code, /as this role owns the tables/.test(owner.err)], [78, true], owner.err);
    // A data directory without the keys of the installation would lock every agent out.
    await Deno.remove(`${folder}/signing.key`);
    const keyless = await fails(url, "customer", "list");
    assert.deepEqual([keyless.code, /signing.key" is missing/.test(keyless.err)], [78, true], keyless.err);
    assert.equal((await sql("SELECT 1 FROM customers")).length, 1);
  },
);

databaseTest(
  "opendca-platform database copy moves an installation, and no command goes on with the file",
  async (parts) => {
    const { database: { url, ownerUrl }, run, fails } = parts;
    const none = await fails(ownerUrl, "database", "copy");
    assert.deepEqual([none.code, /Cannot find a store/.test(none.err)], [78, true], none.err);
    await run(undefined, "customer", "create", "Acme");
    await run(undefined, "site", "create", "Berlin");
    await run(undefined, "code", "create");
    const lists = [["customer", "list"], ["site", "list"], ["code", "list"], ["audit", "list"], ["audit", "verify"]];
    const listed = async (at: string | undefined) => {
      const texts = [];
      for (const list of lists) texts.push(await run(at, "--json", ...list));
      return texts;
    };
    const before = await listed(undefined);
    assert.equal(await run(undefined, "database", "check"), "file: ok\naudit log: ok\n");
    const unnamed = await fails(undefined, "database", "copy");
    assert.deepEqual([unnamed.code, /without a database/.test(unnamed.err)], [64, true], unnamed.err);

    assert.match(await run(ownerUrl, "database", "copy"), /^audit_log +3$/m);
    assert.deepEqual(await listed(url), before);
    for (const command of [["customer", "list"], ["serve"], ["database", "check"]]) {
      const old = await fails(undefined, ...command);
      assert.deepEqual([old.code, /it was moved to PostgreSQL/.test(old.err), /OPENDCA_DATABASE/.test(old.err)], [
        78,
        true,
        true,
      ], old.err);
    }
    const again = await fails(ownerUrl, "database", "copy");
    assert.deepEqual([again.code, /it was moved to PostgreSQL/.test(again.err)], [78, true], again.err);
  },
);

databaseTest(
  "opendca-platform says what is wrong with a database, without its password",
  async ({ database, fails }) => {
    const away = await fails("postgres://u:secret@127.0.0.1:1/d", "customer", "list");
    assert.equal(away.code, 69, away.err);
    const wrong = await fails("sqlite:secret", "customer", "list");
    assert.equal(wrong.code, 64, wrong.err);
    const missing = await fails(database.url.replace("?", "x?").replace("@", ":secret@"), "customer", "list");
    assert.deepEqual([missing.code, /does not exist/.test(missing.err)], [78, true], missing.err);
    for (const { err } of [away, wrong, missing]) {
      assert.doesNotMatch(err, /secret/);
      assert.match(err, /^error: .*\nhint: .*\n$/);
    }
  },
);
