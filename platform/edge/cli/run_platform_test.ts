import assert from "node:assert/strict";
/* What is refused before the store is asked runs on SQLite alone. */
import { slowInPostgres } from "../../../tests/fixtures/each_database.ts";
import { checkUnlockToken, parseUnlockToken } from "../../../common/protocol/unlock_token.ts";
import { parseUnlockKey } from "../../../src/config/public_keys.ts";
import { now, withPlatform } from "../../../tests/platform/commands.ts";
import { createAuthority } from "../../keys/authority.ts";

slowInPostgres(
  "runPlatform() makes a customer, a site and a code, and tells who did",
  () =>
    withPlatform(async (run) => {
      assert.match((await run("customer", "create", "Acme GmbH")).stdout, /^cus-\w{12}\n$/);
      assert.match((await run("site", "create", "Berlin", "--customer", "acme gmbh")).stdout, /^sit-\w{12}\n$/);
      assert.match((await run("code", "create")).stdout, /^\w{4}-\w{4}-\w{4}\n$/);
      const codes = JSON.parse((await run("code", "list", "--json")).stdout);
      assert.deepEqual([codes.length, codes[0].state, codes[0].expiresAt], [1, "open", "2026-03-16T08:00:00.000Z"]);
      const audit = JSON.parse((await run("audit", "list", "--json")).stdout);
      assert.deepEqual(audit.map(({ actor, action }: { actor: string; action: string }) => [actor, action]), [
        ["operator:eva", "customerCreated"],
        ["operator:eva", "siteCreated"],
        ["operator:eva", "activationCodeCreated"],
      ]);
      assert.match((await run("audit", "verify")).stdout, /^3 entries, unbroken/);
    }),
);

const names = [
  { environment: { SUDO_USER: "eva", USER: "root" }, actor: "operator:eva" },
  { environment: { LOGNAME: "max" }, actor: "operator:max" },
  { environment: {}, actor: "operator:uid 7" },
];
for (const { environment, actor } of names) {
  Deno.test(`the audit log says ${actor} with ${JSON.stringify(environment)}`, () =>
    withPlatform(
      async (run) => {
        await run("customer", "create", "Acme");
        assert.equal(JSON.parse((await run("audit", "list", "--json")).stdout)[0].actor, actor);
      },
      {},
      environment,
    ));
}

slowInPostgres("at a terminal each step says the next one, beside what a script would take", () =>
  withPlatform(
    async (run) => {
      const made = await run("customer", "create", "Acme");
      assert.match(made.stdout, /^cus-\w{12}\n$/);
      // As it has to be typed where there are several customers and sites.
      await run("customer", "create", "Other");
      const customer = made.stdout.trim(), next = (text: string) => text.replaceAll(/\s+/g, " ").trim().split(" ");
      assert.deepEqual(next(made.stderr), [
        "next:",
        "opendca-platform",
        "site",
        "create",
        "NAME",
        "--customer",
        customer,
      ]);
      const [, , ...site] = next(made.stderr);
      const [, , ...makeCode] = next((await run(...site)).stderr);
      await run("site", "create", "Second", "--customer", customer);
      const code = await run(...makeCode);
      assert.match(code.stdout, /^\w{4}-\w{4}-\w{4}\n$/);
      assert.match(code.stderr, /^next: opendca activate, on the machine of the agent, before 2026-03-16 08:00;/);
      assert.equal((await run("customer", "create", "Third", "--json")).stderr, "");
    },
    {},
    { USER: "eva" },
    80,
  ));

for (const list of ["customer", "site", "code", "agent", "task", "device", "reading"]) {
  slowInPostgres(`${list} list says what to do where there is nothing`, () =>
    withPlatform(async (run) => {
      if (list !== "customer") await run("customer", "create", "Acme");
      const { stdout, code } = await run(list, "list");
      assert.equal(code, 0);
      assert.match(stdout, /^no [a-z]+ yet: .*opendca-platform /);
    }));
}

slowInPostgres("runPlatform() lists in columns", () =>
  withPlatform(async (run) => {
    await run("customer", "create", "Acme");
    await run("customer", "create", "Ümlaut 漢字");
    const { stdout } = await run("customer", "list");
    assert.deepEqual(stdout.replace(/cus-\w{12}/g, "cus-000000000000").split("\n"), [
      "CUSTOMER          NAME         SITES  AGENTS  DEVICES",
      "cus-000000000000  Acme             0       0        0",
      "cus-000000000000  Ümlaut 漢字      0       0        0",
      "",
    ]);
  }));

slowInPostgres("runPlatform() keeps a withdrawn code from being withdrawn again", () =>
  withPlatform(async (run) => {
    await run("customer", "create", "Acme");
    await run("site", "create", "Berlin");
    const { codeId } = JSON.parse((await run("code", "create", "--json")).stdout);
    assert.equal((await run("code", "withdraw", codeId)).code, 0);
    assert.equal((await run("code", "withdraw", codeId)).code, 64);
  }));

const mistakes = [
  { args: [], says: /no command was given/ },
  { args: ["customer"], says: /incomplete/ },
  { args: ["costumer", "list"], says: /did you mean customer/ },
  { args: ["customer", "create", "--json"], says: /hint: opendca-platform customer create --help/ },
  { args: ["customer", "create", "A", "B"], says: /arguments for 'create': expected 1 argument but got 2\nhint/ },
  { args: ["customer", "create", ""], says: /1 to 100 characters/ },
  { args: ["customer", "create", "Acme"], says: /name is taken/ },
  { args: ["site", "list", "--customer", "Nobody"], says: /Cannot find the customer "Nobody"/ },
  { args: ["code", "create"], says: /no site yet/ },
  { args: ["code", "create", "--valid-days", "0"], says: /from 1h to 365d: current value is "0"/ },
  { args: ["code", "create", "--valid-days", "366"], says: /--valid-days as a time/ },
  { args: ["code", "create", "--valid-days", "soon"], says: /current value is "soon"/ },
  { args: ["unlock", "me", "--valid-hours", "31d"], says: /--valid-hours as a time from 5m to 30d/ },
  { args: ["task", "scan", "agt-0", "--valid-minutes", "8d"], says: /--valid-minutes as a time from 1m to 7d/ },
  { args: ["task", "diagnostics", "agt-0", "--log-hours", "1m"], says: /--log-hours as a time from 1h to 30d/ },
  { args: ["serve", "--poll-seconds", "29s"], says: /--poll-seconds as a time from 30s to 24h/ },
  { args: ["device", "list", "--silent", "long"], says: /--silent as a time/ },
  { args: ["agent", "revoke", "agt-0", "--reason", "lost"], says: /Cannot find the agent "agt-0"/ },
  { args: ["agent", "revoke", "agt-0"], says: /--reason/ },
  { args: ["task", "ping", "agt-0", "10.1.0.7"], says: /Cannot find the agent/ },
  { args: ["device", "show", "dev-0"], says: /Cannot find the device/ },
  { args: ["unlock", "me"], says: /not a UUID/ },
  { args: ["serve", "--listen", "nowhere"], says: /HOST:PORT/ },
  { args: ["serve", "--host-name", "dca.example.com", ""], says: /--host-name .* current value is ""/ },
  { args: ["serve", "--host-name", "https://dca.example.com"], says: /--host-name/ },
  { args: ["serve", "--tls-key", "key.pem"], says: /without the other/ },
  { args: ["serve", "--mqtt-acl", "agents.acl"], says: /Cannot use --mqtt-acl without --mqtt-broker/ },
  { args: ["serve", "--mqtt-crl", "agents.crl"], says: /Cannot use --mqtt-crl without --mqtt-broker/ },
];
for (const { args, says } of mistakes) {
  Deno.test(`runPlatform() says what is wrong with: ${args.join(" ")}`, () =>
    withPlatform(async (run) => {
      await run("customer", "create", "Acme");
      const { code, stdout, stderr } = await run(...args);
      assert.deepEqual([code, stdout], [64, ""]);
      assert.match(stderr, says);
      assert.match(stderr, /^error: [^\n]+\nhint: [^\n]+\n$/);
    }));
}

slowInPostgres("runPlatform() asks which customer when there are several", () =>
  withPlatform(async (run) => {
    assert.match((await run("site", "list")).stderr, /no customer yet\nhint: opendca-platform customer create/);
    await run("customer", "create", "A");
    await run("customer", "create", "B");
    assert.match((await run("site", "list")).stderr, /there are 2/);
  }));

slowInPostgres(
  "unlock-key prints what platform.unlockKey takes, and a token of unlock is believed by it",
  () =>
    withPlatform(async (run) => {
      const unlockKey = parseUnlockKey((await run("unlock-key")).stdout);
      const installationId = "a9eba39a-daf4-40b2-b8db-c58d7b034ce3";
      const token = parseUnlockToken((await run("unlock", installationId, "--lock", "2")).stdout);
      const expected = { installationId, lockCount: 2, now };
      checkUnlockToken(token, { ...expected, unlockKeys: [unlockKey] });
      // About half of these are no point of the curve, as a key with a typing error in it.
      for (const letter of "ABCDEFGHIJ") {
        const another = `${letter}${unlockKey.slice(1)}`;
        if (another === unlockKey) continue;
        assert.throws(() => checkUnlockToken(token, { ...expected, unlockKeys: [another] }), /not signed/);
      }
    }),
);

Deno.test("agent configure takes the example of docs/protocol.md", async () => {
  const text = await Deno.readTextFile(new URL("../../../docs/protocol.md", import.meta.url));
  const [, example = ""] = /```json\n([^]*?)```/.exec(text) ?? [];
  assert.match(example, /"allowedHours"/);
  await withPlatform(async (run) => {
    await run("customer", "create", "Acme");
    const { code, stderr } = await run("agent", "configure", "agt-0", "--file", "c.json");
    // It is read before the agent is looked for.
    assert.deepEqual([code, /Cannot find the agent/.test(stderr)], [64, true], stderr);
  }, { "c.json": example });
});

for (
  const { name, text, says } of [
    { name: "no JSON", text: "poll: 5", says: /as JSON/ },
    { name: "an unknown key", text: '{"pollIntervalSecond": 60}', says: /see "pollIntervalSecond"/ },
    {
      name: "a wrong type",
      text: '{"sites": [{"name": "Berlin", "ranges": "10.0.0.0\\/8"}]}',
      says: /see "sites.0.ranges"/,
    },
    {
      name: "hours of updates that no day has",
      text: '{"update": {"allowedHours": [{"startMinute": 120, "endMinute": 1441}]}}',
      says: /update.allowedHours.0.endMinute is 1441, not a whole number from 0 to 1440/,
    },
    { name: "a wrong key of updates", text: '{"update": {"hours": ["02:00-05:00"]}}', says: /see "update.hours"/ },
    { name: "a wrong enumeration", text: '{"schedule": {"allowedHours": [{"days": ["SUN"]}]}}', says: /days.0/ },
  ]
) {
  Deno.test(`agent configure refuses a file with ${name}`, () =>
    withPlatform(async (run) => {
      const { code, stderr } = await run("agent", "configure", "agt-0", "--file", "c.json");
      assert.equal(code, 78);
      assert.match(stderr, says);
    }, { "c.json": text }));
}

Deno.test("serve cannot read two files from standard input", () =>
  withPlatform(async (run) => {
    const { code, stderr } = await run("serve", "--tls-certificate", "-", "--tls-key", "-");
    assert.deepEqual([code, /both --tls-certificate and --tls-key from standard input/.test(stderr)], [64, true]);
  }));

Deno.test("agent configure reads a file named - from standard input", () =>
  withPlatform(async (run, { folder }) => {
    await run("customer", "create", "Acme");
    const main = new URL("../../main.ts", import.meta.url).pathname;
    const configure = ["agent", "configure", "agt-0", "--customer", "Acme", "--file", "-"];
    const args = ["run", "-A", "--no-check", main, ...configure], env = { OPENDCA_PLATFORM_DATA: folder };
    const child = new Deno.Command(Deno.execPath(), { args, env, stdin: "piped", stderr: "piped" }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode("{}"));
    await writer.close();
    const ended = await child.output();
    assert.equal(ended.code, 64);
    // What was read is JSON: the agent is looked for after that.
    assert.match(new TextDecoder().decode(ended.stderr), /Cannot find the agent/);
    const { code, stderr } = await run(...configure);
    assert.deepEqual([code, /"-" as JSON/.test(stderr)], [78, true], stderr);
  }, { "-": "x" }));

slowInPostgres("serve prints one line of JSON when it is ready", () =>
  withPlatform(async (run) => {
    const { code, stdout } = await run("serve", "--listen", "127.0.0.1:0", "--host-name", "localhost");
    const ready = JSON.parse(stdout);
    assert.equal(code, 0);
    assert.deepEqual([ready.ready, ready.target], [true, `localhost:${ready.port}`]);
  }));

const validity = { notBefore: new Date("2026-01-01"), notAfter: new Date("2027-01-01") };
const [own, other] = [await createAuthority("a", validity), await createAuthority("b", validity)];
const ended = await createAuthority("c", { ...validity, notAfter: new Date("2026-02-01") });
for (
  const { name, certificate, key, says } of [
    { name: "text", certificate: "hello", key: own.privateKeyPem, says: /"c\.pem" as PEM/ },
    { name: "another's key", certificate: own.certificatePem, key: other.privateKeyPem, says: /another certificate/ },
    { name: "no key", certificate: own.certificatePem, key: own.certificatePem, says: /"k\.pem" as PEM/ },
    {
      name: "a certificate that ended",
      certificate: ended.certificatePem,
      key: ended.privateKeyPem,
      says: /expired on/,
    },
  ]
) {
  Deno.test(`serve refuses --tls-certificate with ${name}`, () =>
    withPlatform(async (run) => {
      const args = ["serve", "--listen", "127.0.0.1:0", "--tls-certificate", "c.pem", "--tls-key", "k.pem"];
      const { code, stderr } = await run(...args);
      assert.equal(code, 78);
      assert.match(stderr, says);
    }, { "c.pem": certificate, "k.pem": key }));
}

for (
  const args of [
    ["serve", "--listen", "127.0.0.1:0", "--mqtt-broker", "mqtts://localhost:8883", "--mqtt-broker-ca", "ca.pem"],
    ["forward", "https://a.example.com/.opendca/start?token=x", "--ca", "ca.pem"],
  ]
) {
  Deno.test(`${args[0]} refuses authorities that are no certificates`, () =>
    withPlatform(async (run) => {
      const { code, stderr } = await run(...args);
      assert.equal(code, 78);
      assert.match(stderr, /Cannot read "ca\.pem" as PEM/);
    }, { "ca.pem": "nonsense" }));
}

for (
  const [args, example] of [
    [["forward", "ses-000000000000", "--listen", "9100"], "127.0.0.1:9100"],
    [["serve", "--sshd-keys", "8022", "--sshd-host-key", "k"], "127.0.0.1:8022"],
    [["serve", "--mqtt-listen", "8883"], "0.0.0.0:8883"],
    [["serve", "--listen", "8443"], "0.0.0.0:8443"],
  ] as const
) {
  Deno.test(`${args.slice(0, 2).join(" ")} says with ${example} how a place is written`, () =>
    withPlatform(async (run) => {
      const { code, stderr } = await run(...args);
      assert.deepEqual([code, stderr.split("\n")[1]], [64, `hint: such as ${example}`]);
    }));
}

Deno.test("--help and --version are written to standard output", () =>
  withPlatform(async (run) => {
    assert.match((await run("--help")).stdout, /serve .*run the server/);
    assert.match((await run("--version")).stdout, /^opendca-platform \d/);
  }));

const validTimes: [args: string[], ms: number][] = [
  [["code", "create"], 14 * 86_400_000],
  [["code", "create", "--valid-days", "2"], 2 * 86_400_000],
  [["code", "create", "--valid-days", "1d12h"], 36 * 3_600_000],
  [["unlock", "a9eba39a-daf4-40b2-b8db-c58d7b034ce3"], 24 * 3_600_000],
  [["unlock", "a9eba39a-daf4-40b2-b8db-c58d7b034ce3", "--valid-hours", "2"], 2 * 3_600_000],
  [["unlock", "a9eba39a-daf4-40b2-b8db-c58d7b034ce3", "--valid-hours", "30m"], 1_800_000],
];
for (const [args, ms] of validTimes) {
  slowInPostgres(`runPlatform() ${args.join(" ")} is valid for ${ms / 3_600_000} h`, () =>
    withPlatform(async (run) => {
      await run("customer", "create", "Acme");
      await run("site", "create", "Berlin");
      const { stdout, stderr } = await run(...args, "--json");
      assert.equal(Date.parse(JSON.parse(stdout).expiresAt) - now.getTime(), ms, stderr);
    }));
}
