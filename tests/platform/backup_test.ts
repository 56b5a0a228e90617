/** `opendca-platform backup`: a data directory of its own, made while the server writes. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { inPostgres } from "../fixtures/each_database.ts";
import { batchOf, readingOf, recordOf, startBench } from "../fixtures/platform_uploads.ts";
import { runProgram } from "../fixtures/start_program.ts";
import { withPlatform } from "./commands.ts";

const keys = [
  "agent-authority.key",
  "agent-authority.pem",
  "code-pepper.key",
  "server-authority.key",
  "server-authority.pem",
  "server.pem",
  "signing.key",
];

Deno.test("backup copies keys and store of one moment, while the server writes", async () => {
  await using bench = await startBench({ isForPrograms: true });
  const { agent, platform: { folder } } = bench;
  let sequence = 0;
  const upload = async () => {
    const { highestContiguousSequence } = await bench.upload(
      batchOf(agent, { sequence: ++sequence, records: [recordOf(readingOf())] }),
    );
    return Number(highestContiguousSequence);
  };
  const before = await upload();
  let isDone = false;
  const target = `${folder}/backup`;
  const backup = runProgram("platform/main.ts", ["--data", folder, "backup", target]).finally(() => isDone = true);
  while (!isDone) await upload();
  const { code, out, err } = await backup;
  assert.deepEqual([code, out, err], [0, `${target} has keys and store: ${keys.length + 1} files\n`, ""]);
  assert(sequence > before + 3, "nothing was written meanwhile");

  const files = [...Deno.readDirSync(target)].map(({ name }) => name).sort();
  assert.deepEqual(files, [...keys, "platform.db"].sort());
  for (const name of files) assert.equal(Deno.statSync(`${target}/${name}`).mode! & 0o777, 0o600, name);
  for (const name of keys) {
    assert.equal(Deno.readTextFileSync(`${target}/${name}`), Deno.readTextFileSync(`${folder}/${name}`));
  }
  using store = new DatabaseSync(`${target}/platform.db`);
  assert.deepEqual({ ...store.prepare("PRAGMA integrity_check").get() }, { integrity_check: "ok" });
  const { last, batches, records } = store.prepare(
    "SELECT max(sequence) AS last, count(*) AS batches, (SELECT count(*) FROM records) AS records FROM batches",
  ).get() as Record<string, number>;
  assert.deepEqual([batches, records], [last, last]);
  assert(last! >= before, "what was acknowledged before is missing");
});

Deno.test("backup says what is wrong, and writes over nothing", () =>
  withPlatform(async (run, { folder }) => {
    const nothing = await run("backup", `${folder}/backup`, "--data", `${folder}/new`);
    assert.deepEqual([nothing.code, nothing.stderr], [
      64,
      `error: Cannot back up "${folder}/new" as there is no platform in it\nhint: name its data directory with --data\n`,
    ]);
    await run("customer", "create", "Acme");
    const full = await run("backup", folder);
    assert.equal(full.code, 64);
    assert.match(full.stderr, /as it is not empty\nhint: name a new folder$/m);
    await Deno.writeTextFile(`${folder}/file`, "");
    const file = await run("backup", `${folder}/file/backup`);
    assert.equal(file.code, 69);
    assert.match(file.stderr, /^error: Cannot write the backup ".*" as another kind of file has its name$/m);
    assert.equal((await run("backup", `${folder}/backup`)).code, 0);
    assert.equal((await run("customer", "list", "--data", `${folder}/backup`)).stdout.includes("Acme"), true);
  }));

inPostgres("backup copies the keys alone, and says so", () =>
  withPlatform(async (run, { folder }) => {
    await run("customer", "create", "Acme");
    const { code, stdout } = await run("backup", `${folder}/backup`);
    assert.equal(code, 0);
    assert.match(stdout, /has the keys: \d files; the database is backed up by pg_dump$/m);
    assert.equal([...Deno.readDirSync(`${folder}/backup`)].some(({ name }) => name.endsWith(".db")), false);
  }));
