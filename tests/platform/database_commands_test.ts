/**
 * `opendca-platform` on PostgreSQL, and from SQLite to it. What needs a permission of its own runs as a program with those
 * of its task: the rest runs here, without a second to start.
 */
import assert from "node:assert/strict";
import type { Finding } from "../../platform/store/postgres/check_database.ts";
import { deviceRows } from "../../platform/devices/listed_devices.ts";
import { AlertSeverity, type Reading } from "../../proto/gen/opendca/v1/reading.ts";
import { peerTest, postgresServer } from "../fixtures/peers.ts";
import { activatedAgent, call, connect, pollOf, startTestPlatform } from "../fixtures/platform_fixture.ts";
import { batchOf, readingOf, recordOf } from "../fixtures/platform_uploads.ts";
import { endedHere } from "../fixtures/platform_here.ts";
import { sharedPostgres, type TestDatabase } from "../fixtures/postgres_server.ts";
import { type ProcessOutput, runProgram, startProgram } from "../fixtures/start_program.ts";
import { withPlatform } from "./commands.ts";

interface Installation {
  folder: string;
  database: TestDatabase;
  /** Fails unless it ends with 0. */
  run(url: string | undefined, ...args: string[]): Promise<string>;
  /** The same as a program. */
  program(url: string | undefined, ...args: string[]): Promise<string>;
  fails(url: string | undefined, ...args: string[]): Promise<ProcessOutput>;
}

function databaseTest(name: string, body: (installation: Installation) => Promise<void>): void {
  peerTest(name, [postgresServer], async () => {
    await using database = await (await sharedPostgres()).database("empty");
    const folder = await Deno.makeTempDir();
    const env = (url: string | undefined): Record<string, string> => url === undefined ? {} : { OPENDCA_DATABASE: url };
    const here = (url: string | undefined, args: string[]) => endedHere(["--data", folder, ...args], env(url));
    const outOf = async (ran: Promise<ProcessOutput>) => {
      const { code, out, err } = await ran;
      assert.equal(code, 0, err);
      return out;
    };
    try {
      await body({
        folder,
        database,
        run: (url, ...args) => outOf(here(url, args)),
        program: (url, ...args) => outOf(runProgram("platform/main.ts", ["--data", folder, ...args], env(url))),
        fails: (url, ...args) => here(url, args),
      });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

databaseTest(
  "opendca-platform migrates, checks and serves PostgreSQL with the permissions of its task (slow)",
  async (parts) => {
    const { database: { url, ownerUrl, sql }, run, program, fails, folder } = parts;
    const early = await fails(url, "customer", "list");
    assert.deepEqual([
      early.code,
      /as it has no tables yet$/m.test(early.err),
      /database migrate --role opendca/.test(early.err),
    ], [
      78,
      true,
      true,
    ], early.err);
    assert.match(
      await program(undefined, "--database", ownerUrl, "database", "migrate"),
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
      ["releases", true],
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
    const { database: { url, ownerUrl }, run, program, fails } = parts;
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
    assert.equal(await run(undefined, "database", "check"), "file: ok\naudit log: ok\nreleases: ok\n");
    const unnamed = await fails(undefined, "database", "copy");
    assert.deepEqual([unnamed.code, /without a database/.test(unnamed.err)], [64, true], unnamed.err);

    assert.match(await program(ownerUrl, "database", "copy"), /^audit_log +3$/m);
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

/** Of two devices: meters that grow, a reading without meters, an alert, and one that comes late. */
function variedReadings(now: Date): Reading[] {
  const hours = (count: number) => new Date(now.getTime() - count * 3_600_000);
  const alerts = [{ severity: AlertSeverity.WARNING, group: "cover", description: "Door open", since: undefined }];
  return [
    readingOf({ total: 10, observedAt: hours(30) }),
    readingOf({ total: 20, observedAt: hours(3), address: "10.1.0.9" }),
    { ...readingOf({ total: 30, observedAt: hours(2), address: "10.1.0.9" }), alerts },
    { ...readingOf({ observedAt: hours(1), address: "10.1.0.9" }), meters: [] },
    readingOf({ total: 15, observedAt: hours(20) }),
    readingOf({ serial: "\u00c4\u00d6-77", address: "10.1.0.8", total: 9_007_199_254_740_991, observedAt: hours(4) }),
  ];
}

function readingCommands(agentId: string, deviceId: string): string[][] {
  return [
    ["status"],
    ["customer", "list"],
    ["site", "list"],
    ["code", "list"],
    ["agent", "list"],
    ["agent", "show", agentId],
    ["agent", "ledger-heads", agentId],
    ["task", "list"],
    ["task", "list", "--agent", agentId],
    ["device", "list"],
    ["device", "list", "--silent", "2h"],
    ["device", "show", deviceId],
    ["device", "show", "\u00c4\u00d6-77"],
    ["meter", "list", deviceId],
    ["meter", "history", deviceId],
    ["meter", "history", deviceId, "--name", "total", "--limit", "2"],
    ["reading", "list"],
    ["reading", "list", "--low"],
    ["audit", "list"],
    ["audit", "list", "--customer", "ACME", "--limit", "3"],
    ["audit", "verify"],
  ];
}

peerTest(
  "every command that reads prints the same on SQLite and, after the copy, on PostgreSQL",
  [postgresServer],
  async (t) => {
    await using platform = await startTestPlatform({ isForPrograms: true });
    await using database = await (await sharedPostgres()).database("empty");
    const customer = await platform.customer("Acme");
    await platform.code(customer);
    const agent = await activatedAgent(platform, customer);
    using client = connect(platform, agent.identity);
    const records = variedReadings(platform.clock.now()).map((reading) => recordOf(reading));
    await call(client, { method: client.upload, request: batchOf(agent, { sequence: 1, records }) });
    await call(client, {
      method: client.poll,
      request: pollOf(agent, {}, { ledgerHead: { number: 7n, hash: "b".repeat(64) } }),
    });

    const environment: Record<string, string> = { USER: "eva", OPENDCA_PLATFORM_DATA: platform.folder };
    await withPlatform(
      async (run) => {
        const printed = async (...args: string[]) => {
          const { code, stdout, stderr } = await run(...args);
          assert.equal(code, 0, stderr);
          return stdout;
        };
        await printed("task", "ping", agent.agentId, "10.1.0.7");
        const [device] = await deviceRows(agent.tenant);
        const deviceId = device!.device_id;
        const commands = readingCommands(agent.agentId, deviceId);
        const all = async () => {
          const texts: string[] = [];
          for (const command of commands) {
            texts.push(
              await printed("--json", ...command),
              await printed("--wide", ...command),
            );
          }
          return texts;
        };
        const before = await all();
        await printed("--database", database.ownerUrl, "database", "copy");
        environment.OPENDCA_DATABASE = database.url;
        const after = await all();
        for (const [i, command] of commands.entries()) {
          await t.step(command.slice(0, 2).join(" "), () => {
            assert.equal(after[2 * i], before[2 * i]);
            assert.equal(after[2 * i + 1], before[2 * i + 1]);
          });
        }
      },
      {},
      environment,
    );
  },
);
