import assert from "node:assert/strict";
import { slowInPostgres } from "../../../tests/fixtures/each_database.ts";
import { type Installation, now, type RunCommand, withPlatform } from "../../../tests/platform/commands.ts";
import { addAgent, markRevoked, notePoll, suspectClone } from "../../agents/agents.ts";
import { appendAudit } from "../../audit/audit_log.ts";
import { loadAuthority } from "../../keys/authority.ts";
import { createServerCertificate } from "../../keys/server_certificate.ts";
import { looseQueries, looseTenant } from "../../../tests/fixtures/loose_queries.ts";

const minute = 60_000;

/** A customer a name, each with agents that polled so many minutes ago. */
function withAgents(
  agents: Record<string, (number | "never")[]>,
  body: (run: RunCommand, installation: Installation) => Promise<void>,
) {
  return withPlatform(async (run, installation) => {
    for (const [name, polled] of Object.entries(agents)) {
      const { customerId } = JSON.parse((await run("customer", "create", name, "--json")).stdout);
      const made = await run("site", "create", "Berlin", "--customer", name, "--json");
      const { siteId } = JSON.parse(made.stdout);
      await using store = await installation.openStore();
      const tenant = looseTenant(store, customerId);
      for (const [i, ago] of polled.entries()) {
        const at = new Date(now.getTime() - 600 * minute);
        const agentId = await addAgent(tenant, {
          siteId,
          installationId: "i",
          hostname: `${name}-${i}`,
          version: "1",
          at,
        });
        if (ago === "never") continue;
        await notePoll(tenant, {
          agentId,
          at: new Date(now.getTime() - ago * minute),
          version: "1",
          hostname: `${name}-${i}`,
          status: new Uint8Array(),
          effectiveConfigHash: "",
          effectiveConfig: undefined,
          pollSeconds: 300,
        });
      }
    }
    await body(run, installation);
  });
}

slowInPostgres(
  "status names agents of every customer that do not report",
  () =>
    withAgents({ Acme: [1, 17], Blue: [2, "never"] }, async (run) => {
      const { stdout, code } = await run("status");
      assert.equal(code, 0);
      assert.match(stdout, /^agents +4 active, 2 silent$/m);
      assert.match(stdout, /^problem +agt-\w{12} \(Acme, Berlin, Acme-1\) did not report for 17 minutes, 3 polls: /m);
      assert.match(
        stdout,
        /^problem +agt-\w{12} \(Blue, Berlin, Blue-1\) never reported since its activation 10 hours ago/m,
      );
      const shown = JSON.parse((await run("status", "--json")).stdout);
      assert.deepEqual([shown.agents.silent, shown.problems.length], [2, 2]);
    }),
);

const checks: [name: string, agents: Record<string, (number | "never")[]>, code: number, says: RegExp][] = [
  ["nobody", {}, 0, /^OPENDCA-PLATFORM OK - 0 agents report \| agents=0;;;0 silent=0;0;;0 /],
  ["agents that report", { Acme: [1, 3] }, 0, /^OPENDCA-PLATFORM OK - 2 agents report \| agents=2/],
  [
    "one silent agent of two",
    { Acme: [1], Blue: [60] },
    1,
    /^OPENDCA-PLATFORM WARNING - agt-\w+ \(Blue, Berlin, Blue-0\) /,
  ],
  ["silent agents alone", { Acme: [60, 90] }, 2, /^OPENDCA-PLATFORM CRITICAL - .* \| agents=2;;;0 silent=2/],
  [
    "a customer with a bar in its name",
    { "A|B": [60, 1] },
    1,
    /^OPENDCA-PLATFORM WARNING - [^|]*A\/B[^|]* \| [^|]*\n$/,
  ],
  ["many silent agents", { Acme: [1, 60, 60, 60, 60, 60, 60, 60] }, 1, /; 2 more \|/],
];
for (const [name, agents, code, says] of checks) {
  slowInPostgres(`status --check of ${name} ends with ${code}`, () =>
    withAgents(agents, async (run) => {
      const ran = await run("status", "--check");
      assert.deepEqual([ran.code, ran.stderr], [code, ""]);
      assert.match(ran.stdout, says);
      assert.equal(JSON.parse((await run("status", "--check", "--json")).stdout).check.exitCode, code);
    }));
}

slowInPostgres(
  "status says which agents are in doubt, and nothing of revoked ones",
  () =>
    withAgents({ Acme: [1, 900] }, async (run, { openStore }) => {
      const agents: { agentId: string; customerId: string; hostname: string }[] = JSON.parse(
        (await run("agent", "list", "--json")).stdout,
      );
      // Agents of one moment are listed by their ids, which are made up.
      const [first, second] = ["Acme-0", "Acme-1"].map((name) => agents.find(({ hostname }) => hostname === name)!);
      {
        await using store = await openStore();
        const tenant = looseTenant(store, first!.customerId);
        await suspectClone(tenant, { agentId: first!.agentId, reason: "two processes take turns", at: now });
        await markRevoked(tenant, { agentId: second!.agentId, reason: "x", at: now });
      }
      const { stdout } = await run("status");
      assert.match(stdout, /^agents +1 active, 1 in doubt, 1 revoked$/m);
      assert.match(stdout, /seems to run twice: two processes take turns$/m);
      assert.equal((await run("status", "--check")).code, 1);
    }),
);

// Of PostgreSQL: tests/faults/postgres_test.ts has a server that is away.
Deno.test("status --check of a store that cannot be read is unknown", () =>
  withPlatform(async (run, { folder }) => {
    await run("customer", "create", "Acme");
    await Deno.writeTextFile(`${folder}/platform.db`, "no database at all, but text");
    const ran = await run("status", "--check");
    assert.deepEqual([ran.code, ran.stderr], [3, ""]);
    assert.match(ran.stdout, /^OPENDCA-PLATFORM UNKNOWN - [^\n|]+\n$/);
  }));

slowInPostgres(
  "status of an empty platform says what is next",
  () =>
    withPlatform(async (run) =>
      assert.match((await run("status")).stdout, /^next +opendca-platform customer create NAME$/m)
    ),
);

slowInPostgres(
  "status warns of guessed activation codes for a day after the alarm",
  () =>
    withAgents({ Acme: [1] }, async (run, { openStore }) => {
      const alarm = async (minutesAgo: number, attempts: number) => {
        await using store = await openStore();
        await appendAudit(looseQueries(store), {
          at: new Date(now.getTime() - minutesAgo * minute),
          customerId: null,
          actor: "platform",
          action: "codeGuessing",
          subject: "activation codes",
          detail: { attempts, sources: 1 },
        });
      };
      await alarm(24 * 60 + 1, 299);
      assert.equal((await run("status", "--check")).code, 0, "it is over");
      await alarm(23 * 60, 300);
      const checked = await run("status", "--check");
      assert.equal(checked.code, 1);
      assert.match(
        checked.stdout,
        /^OPENDCA-PLATFORM WARNING - activation codes are being guessed: 300 wrong ones within an hour, at \S+Z from 1 source \|.* code_guessing=1;0;;0 paused_rollouts=0;0;;0 not_evaluated=0;0;;0\n$/,
      );
      const { stdout } = await run("status");
      assert.match(stdout, /^problem +activation codes are being guessed: 300 wrong/m);
      assert.match(stdout, /^next +opendca-platform audit list$/m);
      assert.equal(JSON.parse((await run("status", "--json")).stdout).codeGuessing.attempts, 300);
    }),
);

Deno.test("status says that the certificate of the server ends within 30 days", () =>
  withAgents({ Acme: [1] }, async (run, { folder }) => {
    const authority = await loadAuthority({
      certificatePem: await Deno.readTextFile(`${folder}/server-authority.pem`),
      privateKeyPem: await Deno.readTextFile(`${folder}/server-authority.key`),
    });
    // It lasts for 397 days.
    for (const [days, says] of [[31, false], [30, false], [29, true], [-1, true]] as const) {
      const made = new Date(now.getTime() + (days - 397) * 24 * 60 * minute);
      const files = await createServerCertificate(authority, { names: ["localhost"], now: made });
      await Deno.writeTextFile(`${folder}/server.pem`, files.certificatePem + files.privateKeyPem);
      const { code, stdout } = await run("status", "--check");
      assert.deepEqual([code, /WARNING - the server's certificate ends on 20\d\d-/.test(stdout)], [Number(says), says]);
      assert.equal(/^problem +the server's certificate ends/m.test((await run("status")).stdout), says);
    }
  }));
