/** A platform that was restored from a backup: agents go on, no reading comes twice, and what is lost is said. */
import assert from "node:assert/strict";
import { runPlatform } from "../../platform/edge/cli/run_platform.ts";
import { openPlatform, serve } from "../../platform/compose.ts";
import { agentRows } from "../../platform/agents/agents.ts";
import { totalAt } from "../fixtures/agent_fixture.ts";
import { assertExactlyOnce, type StoredRecord, storedRecordsSql } from "../fixtures/exactly_once.ts";
import { hour, minute, type Office, openOffice } from "../fixtures/office_agent.ts";
import { passThrough, refuseConnection } from "../fixtures/tcp_proxy.ts";
import { looseQueries } from "../fixtures/loose_queries.ts";

const ignore = Deno.build.os !== "linux";
const schedule = "{ fullSweepEvery: 24h, statusEvery: 10m, metersEvery: 20m, jitter: 0% }";

/** Runs a command of the platform on a data directory; returns what it prints. */
async function onPlatform(office: Office, folder: string, ...args: string[]): Promise<string> {
  let out = "";
  const code = await runPlatform(["--data", folder, ...args], {
    clock: office.platformClock,
    env: (name) => name === "USER" ? "eva" : undefined,
    account: "uid 7",
    columns: 100,
    tableWidth: Infinity,
    stdout: (text) => Promise.resolve(void (out += text)),
    stderr: (text) => Promise.resolve(void (out += text)),
    readTextFile: (path) => Deno.readTextFile(path),
    untilStopped: () => Promise.resolve(),
    openPlatform,
    serve,
  });
  assert.equal(code, 0, out);
  return out;
}

const idsOf = (records: readonly StoredRecord[]) => new Set(records.map(({ record_id }) => record_id));

const cases = [
  { name: "nothing was acknowledged since", readMs: 0, offlineMs: 20 * minute },
  { name: "batches were acknowledged since", readMs: hour, offlineMs: 20 * minute },
  { name: "batches were acknowledged since, and no reading waits", readMs: hour, offlineMs: 0 },
];
for (const { name, readMs, offlineMs } of cases) {
  Deno.test({
    name: `opendca run goes on with a platform that was restored from a backup: ${name}`,
    ignore,
    async fn() {
      await using office = await openOffice({ network: 251, printers: 3, schedule });
      const { clock, proxy, platform: lost } = office;
      const backup = `${office.folder}/backup`;
      await using _agent = await office.startAgent();
      await office.pass(hour / 2, minute);
      await office.assertAllThere();
      const before = idsOf(await office.stored());
      await clock.during(onPlatform(office, lost.folder, "backup", backup));
      await office.pass(readMs, minute);
      if (readMs > 0) await office.assertAllThere();
      proxy.handle = refuseConnection;
      proxy.cut();
      const lastSent = office.logged("batchSent").at(-1)!.sequence;
      const gone = [...idsOf(await office.stored())].filter((id) => !before.has(id));
      assert.equal(gone.length > 0, readMs > 0);
      await office.pass(offlineMs, minute);
      assert.equal((await office.status()).spool.depth > 0, offlineMs > 0);

      assert.equal(await onPlatform(office, backup, "database", "check"), "file: ok\naudit log: ok\nreleases: ok\n");
      await using restored = await openPlatform({
        dataDirectory: backup,
        clock: office.platformClock,
        log() {},
      });
      await using server = await serve(restored, { host: "127.0.0.1", port: 0, names: ["localhost"] });
      proxy.target = server.port;
      proxy.handle = passThrough;
      await office.pass(hour, minute);
      assert.equal((await office.status()).spool.depth, 0, "the spool is not emptied");
      const stored = await looseQueries(restored.store).all<StoredRecord>(storedRecordsSql);
      const spooled = office.logged("recordsSpooled").flatMap((line) => line.ids as string[]);
      const promised = spooled.filter((id) => !gone.includes(id));
      assert.equal(assertExactlyOnce(stored, promised, totalAt), 0);
      assert(promised.length > before.size + 9, "too little was read after the restore");

      // What is lost is said on both sides, and nothing else is.
      const said = office.logged("batchesLost").map(({ first, last }) => [Number(first) > 1, last]);
      assert.deepEqual(said, readMs > 0 ? [[true, lastSent]] : []);
      const codes = (await office.status()).faults.map(({ code }) => code);
      assert.deepEqual(codes.toSorted(), readMs > 0 ? ["batches-lost", "epoch-begun"] : []);
      const status = await onPlatform(office, backup, "status");
      assert.equal(
        /says: The platform has lost batch(es \d+ to)? \d+, acknowledged earlier/.test(status),
        readMs > 0,
        status,
      );
      // Neither takes the other for a copy.
      const { suspected_clone_reason, ledger_rewound_reason } = (await agentRows(
        looseQueries(restored.store).tenant(office.tenant.customerId),
      ))[0]!;
      assert.deepEqual([suspected_clone_reason, ledger_rewound_reason], [null, null]);
    },
  });
}
