import assert from "node:assert/strict";
import { encodeReleaseKeys } from "../../../common/release/release_keys.ts";
import { withPlatform } from "../../../tests/platform/commands.ts";
import { slowInPostgres } from "../../../tests/fixtures/each_database.ts";
import {
  fileBytesOf,
  madeRelease,
  type ReleaseOptions,
  trustedReleaseKeys,
  writeRelease,
} from "../../../tests/fixtures/release_folder.ts";
import { AgentStatus } from "../../../proto/gen/opendca/v1/agent_service.ts";
import { UpdatePhase } from "../../../proto/gen/opendca/v1/update.ts";
import { phaseName } from "./release_commands.ts";

/* The commands run at 2026-03-02. */
const times = { issuedAt: "2026-03-01T00:00:00Z", expiresAt: "2026-09-01T00:00:00Z" };

async function withRelease(options: ReleaseOptions, body: (folder: string, keys: string) => Promise<void>) {
  const folder = await Deno.makeTempDir();
  try {
    await writeRelease(folder, madeRelease({ ...times, ...options }));
    await Deno.writeTextFile(`${folder}/trusted.keys`, encodeReleaseKeys(trustedReleaseKeys));
    await body(folder, `${folder}/trusted.keys`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

slowInPostgres("a release is added, rolled out, paused, resumed and withdrawn on the command line", () =>
  withRelease(
    { content: { "linux-x64": fileBytesOf(1000) }, rollout: { percent: 50 } },
    (folder, keys) =>
      withPlatform(async (run) => {
        const out = async (...args: string[]) => {
          const { code, stdout, stderr } = await run(...args);
          assert.deepEqual([code, stderr], [0, ""], args.join(" "));
          return stdout;
        };
        const refused = async (code: number, says: RegExp, ...args: string[]) => {
          const ran = await run(...args);
          assert.equal(ran.code, code, ran.stderr);
          assert.match(ran.stderr, says);
          assert(!/report it/.test(ran.stderr), "no bug");
        };
        assert.equal(await out("release", "list"), "no releases yet: opendca-platform release add FOLDER\n");
        await refused(77, /development build.*\nhint: name the file of keys/, "release", "add", folder);
        assert.equal(await out("release", "add", folder, "--keys", keys), "0.2.0: stored for linux-x64\n");
        assert.equal(
          await out("release", "add", folder, "--keys", keys),
          "0.2.0: its manifest was there; no file stored\n",
        );
        assert.match(await out("release", "list"), /^0\.2\.0 +added +0 % +0 +0 +0 +0 +linux-x64$/m);
        assert.equal(await out("release", "rollout", "0.2.0"), "0.2.0 is offered to 1 % of all agents\n");
        assert.equal(await out("release", "rollout", "0.2.0"), "0.2.0 is offered to 5 % of all agents (was 1 %)\n");
        await refused(64, /its manifest permits 50 %/, "release", "rollout", "0.2.0", "--percent", "51");
        await refused(64, /number from 0 to 100/, "release", "rollout", "0.2.0", "--percent", "101");
        await refused(64, /--percent and --default/, "release", "rollout", "0.2.0", "--percent", "1", "--default");
        await out("customer", "create", "Acme");
        const site = (await out("site", "create", "Berlin")).trim();
        const whose = ["--customer", "Acme", "--site", "Berlin"];
        assert.equal(
          await out("release", "rollout", "0.2.0", "--percent", "50", ...whose),
          `0.2.0 is offered to 50 % of ${site}\n`,
        );
        assert.match(await out("release", "show", "0.2.0"), /^Roll-out +all 5 %, Berlin 50 %$/m);
        assert.equal(
          await out("release", "rollout", "0.2.0", "--default", ...whose),
          `0.2.0 is offered to ${site} as to the larger group\n`,
        );
        await refused(64, /required option '--reason/, "release", "pause", "0.2.0");
        assert.equal(await out("release", "pause", "0.2.0", "--reason", "test"), "0.2.0 is paused\n");
        await refused(64, /Cannot pause 0.2.0 as it is paused: test/, "release", "pause", "0.2.0", "--reason", "test");
        assert.equal(await out("release", "resume", "0.2.0"), "0.2.0 is offered again\n");
        await refused(64, /Cannot resume 0.2.0 as it is offered/, "release", "resume", "0.2.0");
        assert.equal(await out("release", "withdraw", "0.2.0", "--reason", "test"), "0.2.0 is withdrawn\n");
        await refused(64, /Cannot roll out 0.2.0 as it is withdrawn/, "release", "rollout", "0.2.0");
        await refused(77, /as it was withdrawn/, "release", "add", folder, "--keys", keys);
        const [row] = JSON.parse(await out("release", "list", "--json"));
        assert.deepEqual([row.state, row.reason, row.changedBy], ["withdrawn", "test", "operator:eva"]);
        const audit = await out("audit", "list", "--json");
        assert.deepEqual(
          JSON.parse(audit).map(({ action }: { action: string }) => action).filter((a: string) =>
            a.startsWith("release")
          ),
          [
            "releaseAdded",
            "releaseAdded",
            ...Array(4).fill("releaseRolledOut"),
            "releasePaused",
            "releaseResumed",
            "releaseWithdrawn",
          ],
        );
      }),
  ));

slowInPostgres(
  "pins are set, shown and taken back; what an agent said of an update has no control characters",
  () =>
    withPlatform(async (run, { openStore }) => {
      const out = async (...args: string[]) => (await run(...args)).stdout;
      const customer = (await out("customer", "create", "Acme")).trim();
      const site = (await out("site", "create", "Berlin")).trim();
      assert.equal(await out("customer", "update", "Acme", "--hold"), `${customer} is offered no release\n`);
      assert.equal(
        await out("site", "update", "Berlin", "--pin", "0.2.0"),
        `${site} is offered 0.2.0, and no later release\n`,
      );
      assert.equal(await out("site", "update", "Berlin", "--default"), `${site} is offered releases as its customer\n`);
      assert.match(
        (await run("site", "update", "Berlin", "--pin", "0.2.0", "--hold")).stderr,
        /--pin, --hold and --default/,
      );
      assert.match((await run("site", "update", "Berlin", "--pin", "new")).stderr, /Cannot use "new" as a version/);
      const message = "disk full\u001b[31m\u0007\u202e";
      const status = AgentStatus.encode(AgentStatus.create({
        updateTarget: "linux-x64",
        update: {
          version: "0.2.0",
          phase: UpdatePhase.FAILED,
          message,
          bytesDone: 0n,
          bytesTotal: 0n,
          since: undefined,
        },
      })).finish();
      {
        await using store = await openStore();
        await store.transaction((tx) =>
          tx.tenant(customer).run(
            `INSERT INTO agents (customer_id, agent_id, site_id, installation_id, state, created_at, hostname, version,
             last_seen_at, status, update_offered, update_told)
           VALUES (:customer, 'agt-1', :site, 'i', 'active', 0, 'h', '0.1.0', 0, :status, '0.2.0', :told)`,
            { site, status, told: JSON.stringify(["0.2.0", UpdatePhase.FAILED, message]) },
          )
        );
      }
      await out("agent", "update", "agt-1", "--pin", "0.2.0");
      const shown = await out("agent", "show", "agt-1");
      assert.match(shown, /^Update +0\.2\.0 failed: disk full.*; pinned to 0\.2\.0$/m);
      // deno-lint-ignore no-control-regex
      assert(!/[\x00-\x09\x0b-\x1f\u202e]/.test(shown), JSON.stringify(shown));
      assert.match(await out("agent", "list"), /0\.2\.0 failed/);
      const json = JSON.parse(await out("agent", "show", "agt-1", "--json"));
      assert.deepEqual([json.updatePin, json.updateOffered, json.status.update.phase], [
        "0.2.0",
        "0.2.0",
        "UPDATE_PHASE_FAILED",
      ]);
    }),
);

slowInPostgres("a roll-out that paused itself is a problem of status", () =>
  withPlatform(async (run, { sql }) => {
    await run("customer", "create", "Acme");
    await sql(
      `INSERT INTO releases (version, manifest, state, reason, changed_by, changed_at, added_at, counted_since)
       VALUES ('0.2.0', '', 'paused', 'it failed on 3 of 9 agents that tried', 'platform', 0, 0, 0),
         ('0.1.0', '', 'paused', 'mine', 'operator:eva', 0, 0, 0)`,
    );
    const { stdout } = await run("status");
    assert.match(stdout, /^problem +the roll-out of 0\.2\.0 paused itself: it failed on 3 of 9 agents that tried$/m);
    assert(!/0\.1\.0/.test(stdout), "an operator knows what an operator has paused");
    const { code, stdout: line } = await run("status", "--check");
    assert.equal(code, 1);
    assert.match(
      line,
      /^OPENDCA-PLATFORM WARNING - the roll-out of 0\.2\.0 paused itself.* paused_rollouts=1;0;;0 not_evaluated=0;0;;0$/m,
    );
  }));

Deno.test("phaseName() has a word for each phase, and a number for one of a later protocol", () => {
  const phases = Object.values(UpdatePhase).filter((phase): phase is UpdatePhase =>
    typeof phase === "number" && phase >= 0
  );
  assert.equal(new Set(phases.map(phaseName)).size, phases.length);
  assert(phases.every((phase) => /^[a-z]+$/.test(phaseName(phase))));
  assert.equal(phaseName(99), "phase 99");
});
