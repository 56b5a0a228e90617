import assert from "node:assert/strict";
import { isPostgres, slowInPostgres } from "../../../tests/fixtures/each_database.ts";
import { AgentStatus } from "../../../proto/gen/opendca/v1/agent_service.ts";
import { type Installation, now, type RunCommand, withPlatform } from "../../../tests/platform/commands.ts";
import { addAgent, noteConfigRefusals, notePoll } from "../../agents/agents.ts";
import { noteLedgerHead } from "../../agents/ledger_heads.ts";
import { looseTenant } from "../../../tests/fixtures/loose_queries.ts";

/** Runs commands on a platform with one agent, of which the store can be changed before. */
function withAgent(
  body: (run: RunCommand, agent: { agentId: string } & Pick<Installation, "sql">) => Promise<void>,
  files: Record<string, string> = {},
): Promise<void> {
  return withPlatform(async (run, { openStore, sql }) => {
    await run("customer", "create", "Acme");
    const { siteId } = JSON.parse((await run("site", "create", "Berlin", "--json")).stdout);
    const { customerId } = JSON.parse((await run("site", "list", "--json")).stdout)[0];
    let agentId: string;
    {
      await using store = await openStore();
      const tenant = looseTenant(store, customerId);
      agentId = await addAgent(tenant, {
        siteId,
        installationId: "i",
        hostname: "server-1",
        version: "0.1.0",
        at: now,
      });
      const ledgerHead = { number: 9n, hash: "b".repeat(64) };
      await notePoll(tenant, {
        agentId,
        at: now,
        version: "0.1.0",
        hostname: "server-1",
        status: AgentStatus.encode(AgentStatus.fromPartial({ knownDevices: 3, ledgerHead })).finish(),
        effectiveConfigHash: "",
        effectiveConfig: undefined,
        pollSeconds: 300,
      });
      await noteConfigRefusals(tenant, { agentId, refusals: ["range 10.0.0.0/8 is not allowed"] });
      await noteLedgerHead(tenant, { agentId, number: 10, hash: "a".repeat(64), at: now });
      await noteLedgerHead(tenant, { agentId, number: 9, hash: "b".repeat(64), at: now });
    }
    await body(run, { agentId, sql });
  }, files);
}

slowInPostgres(
  "agent show tells what the policy refused, and that the ledger was rewound",
  () =>
    withAgent(async (run, { agentId }) => {
      const { stdout } = await run("agent", "show", agentId);
      assert.match(stdout, /^State +active, ledger\?$/m);
      assert.match(stdout, /^Ledger +rewound: entry 10 was reported before entry 9$/m);
      assert.match(stdout, /^Ledger head +entry 9$/m);
      assert.match(stdout, /^Refused +range 10\.0\.0\.0\/8 is not allowed$/m);
      const shown = JSON.parse((await run("agent", "show", agentId, "--json")).stdout);
      assert.deepEqual([shown.configRefusals, shown.ledgerRewoundAt], [
        ["range 10.0.0.0/8 is not allowed"],
        now.toISOString(),
      ]);
    }),
);

slowInPostgres("agent ledger-heads lists the heads, latest first", () =>
  withAgent(async (run, { agentId }) => {
    assert.deepEqual((await run("agent", "ledger-heads", agentId)).stdout.split("\n"), [
      "ENTRY  HASH                              FIRST TOLD           REWOUND",
      "    9  bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb  2026-03-02 08:00:00  yes",
      "   10  aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa  2026-03-02 08:00:00  -",
      "",
    ]);
    const [latest] = JSON.parse((await run("agent", "ledger-heads", agentId, "--json")).stdout);
    assert.deepEqual(latest, {
      number: 9,
      hash: "b".repeat(64),
      firstToldAt: now.toISOString(),
      rewound: "entry 10 was reported before entry 9",
    });
  }));

slowInPostgres("task set-config is what the next polls give as well", () =>
  withAgent(async (run, { agentId }) => {
    await run("agent", "configure", agentId, "--file", "before.json");
    assert.equal((await run("task", "set-config", agentId, "--file", "after.json")).code, 0);
    const shown = JSON.parse((await run("agent", "show", agentId, "--json")).stdout);
    assert.deepEqual(shown.platformConfig, { pollIntervalSeconds: 90 });
  }, { "before.json": '{"pollIntervalSeconds": 60}', "after.json": '{"pollIntervalSeconds": 90}' }));

const mistakes = [
  { text: '{"pollIntervalSeconds": 29}', says: /pollIntervalSeconds is 29, not a whole number from 30 to 86400/ },
  { text: '{"pollIntervalSeconds": -1}', says: /pollIntervalSeconds is -1/ },
  { text: '{"pollIntervalSeconds": 86401}', says: /pollIntervalSeconds is 86401/ },
  { text: '{"pollIntervalSeconds": 5000000000}', says: /pollIntervalSeconds is 5000000000/ },
  { text: '{"pollIntervalSeconds": 60.5}', says: /see "pollIntervalSeconds"/ },
  { text: '{"schedule": {"statusIntervalSeconds": 59}}', says: /schedule\.statusIntervalSeconds is 59/ },
  {
    text: '{"schedule": {"allowedHours": [{"endMinute": 1441}]}}',
    says: /schedule\.allowedHours\.0\.endMinute is 1441/,
  },
  { text: '{"sites": [{"ranges": ["10.1.0.0/24"]}]}', says: /sites\.0\.name is empty/ },
  { text: '{"sites": [{"name": "a"}, {"name": "a"}]}', says: /sites\.1\.name is "a" a second time/ },
  { text: '{"sites": [{"name": "a", "schedule": {"sweepIntervalSeconds": 1}}]}', says: /sites\.0\.schedule\.sweep/ },
  { text: JSON.stringify({ maskedFields: ["x".repeat(102_400)] }), says: /has 1\d{5} bytes, at most 102400/ },
  { text: "null", says: /the whole/ },
  { text: '{"sites": [null]}', says: /the whole|sites/ },
  { text: '{"schedule": null}', says: /schedule/ },
  { text: "[]", says: /the whole/ },
];
for (const { text, says } of mistakes) {
  // Refused before the store is asked.
  Deno.test(`agent configure refuses ${text.slice(0, 80)}`, () =>
    withAgent(async (run, { agentId }) => {
      const { code, stderr } = await run("agent", "configure", agentId, "--file", "c.json");
      assert.match(stderr, says);
      assert.equal(code, 78);
    }, { "c.json": text }));
}

slowInPostgres(
  "task list is of an agent that there is, and tells an expired task",
  () =>
    withAgent(async (run, { agentId, sql }) => {
      assert.equal((await run("task", "list", "--agent", "agt-0")).code, 64);
      for (const args of [["ping", agentId, "10.1.0.7"], ["scan", agentId, "--known"], ["diagnostics", agentId]]) {
        assert.equal((await run("task", ...args)).code, 0, args.join(" "));
      }
      await sql(`UPDATE tasks SET expires_at = ${now.getTime()} WHERE kind = 'ping'`);
      const tasks = JSON.parse((await run("task", "list", "--agent", agentId, "--json")).stdout);
      assert.deepEqual(
        tasks.map(({ kind, state }: { kind: string; state: string }) => [kind, state]).toSorted(),
        [["diagnostics", "waiting"], ["ping", "expired"], ["scanNow", "waiting"]],
      );
    }),
);

slowInPostgres("task list names each task by its command", () =>
  withAgent(async (run, { agentId }) => {
    const typed = [
      ["read", agentId, "10.1.0.7"],
      ["read", agentId, "hp-4-lab.example.com"],
      ["scan", agentId],
      ["scan", agentId, "--known"],
      ["scan", agentId, "--network", "Lab", "--target", "10.1.0.7"],
      ["scan", agentId, "--target", "10.1.0.0/28"],
      ["scan", agentId, "--target", "10.1.0.7-10.1.0.9"],
      ["scan", agentId, "--target", "10.1.0.7", "10.1.0.8"],
      ["ping", agentId, "10.1.0.7"],
      ["diagnostics", agentId],
      ["refresh-config", agentId],
      ["set-config", agentId, "--file", "c.json"],
    ];
    for (const args of typed) assert.equal((await run("task", ...args)).code, 0, args.join(" "));
    const wanted = typed.map(([command]) => command!).toSorted();
    const listed: { command: string }[] = JSON.parse((await run("task", "list", "--json")).stdout);
    assert.deepEqual(listed.map(({ command }) => command).toSorted(), wanted);
    const { stdout } = await run("task", "list");
    assert.deepEqual(wanted.filter((command) => !new RegExp(`  ${command}  `).test(stdout)), [], stdout);
  }, { "c.json": '{"pollIntervalSeconds":300}' }));

slowInPostgres("task scan refuses more targets than fit into a message", () =>
  withAgent(async (run, { agentId }) => {
    const targets = Array.from({ length: 12_000 }, (_, i) => `10.${i >> 8}.${i & 255}.7`);
    const { code, stderr } = await run("task", "scan", agentId, "--target", ...targets);
    assert.equal(code, 64);
    assert.match(stderr, /at most 131072/);
  }));

const rowsOf = async (sql: Installation["sql"], tables: string[]) =>
  (await Promise.all(tables.map((table) => sql(`SELECT * FROM ${table}`)))).map((rows) =>
    rows.map((row) => JSON.stringify(row)).sort()
  );

const noAudit = {
  sqlite: {
    make:
      "CREATE TRIGGER no_audit BEFORE INSERT ON audit_log BEGIN SELECT RAISE(ABORT, 'no room for the audit log'); END",
    drop: "DROP TRIGGER no_audit",
  },
  postgres: {
    make: `CREATE FUNCTION no_audit() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN RAISE EXCEPTION 'no room for the audit log'; END $$;
      CREATE TRIGGER no_audit BEFORE INSERT ON audit_log FOR EACH ROW EXECUTE FUNCTION no_audit()`,
    drop: "DROP TRIGGER no_audit ON audit_log; DROP FUNCTION no_audit",
  },
};

const changes = (agentId: string): string[][] => [
  ["customer", "create", "Other"],
  ["site", "close", "Berlin", "--reason", "moved out", "--revoke-agents"],
  ["site", "create", "Hamburg"],
  ["code", "create"],
  ["agent", "quota", agentId, "--set", "9"],
  ["customer", "quota", "Acme", "--set", "9"],
  ["release", "pause", "0.2.0", "--reason", "x"],
  ["agent", "update", agentId, "--pin", "0.2.0"],
  ["site", "update", "Berlin", "--hold"],
  ["customer", "update", "Acme", "--hold"],
  ["agent", "revoke", agentId, "--reason", "lost"],
  ["agent", "configure", agentId, "--file", "c.json"],
  ["task", "ping", agentId, "10.1.0.7"],
  ["unlock", "11111111-2222-4333-8444-555555555555"],
];

slowInPostgres(
  "every command that changes something is in the audit log with who, or changes nothing",
  () =>
    withAgent(async (run, { agentId, sql }) => {
      const tables = [
        "customers",
        "sites",
        "activation_codes",
        "agents",
        "agent_configs",
        "tasks",
        "failed_keys",
        "releases",
      ];
      const rows = () => rowsOf(sql, tables);
      const bytes = isPostgres() ? "'\\x01'" : "x'01'";
      await sql(`INSERT INTO failed_keys VALUES (1, ${bytes}, '11111111-2222-4333-8444-555555555555', 5, 1)`);
      await sql("INSERT INTO releases VALUES ('0.2.0', '', 'offered', NULL, 'operator:eva', 0, 0, 0)");
      const { make, drop } = noAudit[isPostgres() ? "postgres" : "sqlite"];
      await sql(make);
      const before = await rows();
      for (const args of changes(agentId)) {
        const { code, stdout, stderr } = await run(...args);
        assert.deepEqual([code, stdout], [70, ""], args.join(" "));
        assert.match(stderr, /no room for the audit log/);
      }
      assert.deepEqual(await rows(), before);
      await sql(drop);
      for (const args of changes(agentId).toReversed()) assert.equal((await run(...args)).code, 0, args.join(" "));
      const audit = JSON.parse((await run("audit", "list", "--json")).stdout);
      const told = audit.slice(-changes("").length).map((
        { actor, action }: { actor: string; action: string },
      ) => [actor, action]);
      assert.deepEqual(told, [
        ["operator:eva", "unlockTokenCreated"],
        ["operator:eva", "taskCreated"],
        ["operator:eva", "agentConfigured"],
        ["operator:eva", "agentRevoked"],
        ["operator:eva", "updatePinned"],
        ["operator:eva", "updatePinned"],
        ["operator:eva", "updatePinned"],
        ["operator:eva", "releasePaused"],
        ["operator:eva", "quotaSet"],
        ["operator:eva", "quotaSet"],
        ["operator:eva", "activationCodeCreated"],
        ["operator:eva", "siteCreated"],
        ["operator:eva", "siteClosed"],
        ["operator:eva", "customerCreated"],
      ]);
    }, { "c.json": "{}" }),
);

slowInPostgres(
  "every command takes an id of another customer for one that there is not",
  () =>
    withAgent(async (run, { agentId, sql }) => {
      const { codeId, uses } = JSON.parse((await run("code", "create", "--uses", "20", "--json")).stdout);
      assert.deepEqual([uses, (await run("code", "list")).stdout.includes(" 20/20 ")], [20, true]);
      for (const wrong of ["0", "1001", "x", ""]) {
        const { code, stderr } = await run("code", "create", "--uses", wrong);
        assert.deepEqual([code, /it is for 1 to 1000/.test(stderr)], [64, true], wrong);
      }
      const { taskId } = JSON.parse((await run("task", "ping", agentId, "10.1.0.7", "--json")).stdout);
      await run("customer", "create", "Other");
      const rows = () => rowsOf(sql, ["agents", "agent_configs", "tasks", "activation_codes", "audit_log"]);
      const before = await rows();
      const commands = [
        ["agent", "show", agentId],
        ["agent", "ledger-heads", agentId],
        ["agent", "quota", agentId],
        ["agent", "quota", agentId, "--set", "9"],
        ["site", "close", "Berlin", "--reason", "x", "--revoke-agents"],
        ["site", "reopen", "Berlin"],
        ["site", "update", "Berlin", "--hold"],
        ["agent", "update", agentId],
        ["agent", "update", agentId, "--hold"],
        ["agent", "revoke", agentId, "--reason", "x"],
        ["agent", "configure", agentId, "--file", "c.json"],
        ["task", "ping", agentId, "10.1.0.7"],
        ["task", "scan", agentId],
        ["task", "diagnostics", agentId],
        ["task", "set-config", agentId, "--file", "c.json"],
        ["task", "list", "--agent", agentId],
        ["code", "withdraw", codeId],
        ["code", "create", "--site", "Berlin"],
      ];
      for (const args of commands) {
        const { code, stdout, stderr } = await run(...args, "--customer", "Other");
        assert.deepEqual([code, stdout], [64, ""], args.join(" "));
        assert.match(stderr, /Cannot (find|withdraw)/);
        assert.match((await run(...args)).stderr, /which customer is meant as there are 2/);
      }
      for (const list of ["agent", "code", "device", "site", "task"]) {
        assert.equal((await run(list, "list", "--customer", "Other", "--json")).stdout, "[]\n", list);
      }
      const audit = (await run("audit", "list", "--customer", "Other", "--json")).stdout;
      for (const id of [agentId, codeId, taskId]) assert.ok(!audit.includes(id));
      assert.deepEqual(await rows(), before);
    }, { "c.json": "{}" }),
);
