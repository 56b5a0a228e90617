/** A right password that shows too little leads on to the next credential: Net-SNMP's agent with views, as a printer. */
import assert from "node:assert/strict";
import { runCli } from "../../src/cli/run_cli.ts";
import type { ScanDocument } from "../../common/reading/reading.ts";
import { inTurns } from "../fixtures/office_fixture.ts";
import { testHost } from "../fixtures/test_host.ts";
import { peerTest } from "../fixtures/peers.ts";
import { startSnmpdPrinter, viewKeys, viewLines, viewUsers } from "../fixtures/snmpd_printer.ts";

const peers = ["snmpd", "snmpget"];
const limited = "{ name: limited, community: limited }";
const full = "{ name: full, community: full }";
const nothing = "{ name: nothing, community: nothing }";
const wrong = "{ name: wrong, community: wrong }";
const general = "{ name: general, community: general }";
const host = "{ name: host, community: host }";
const { sealed, signed, modest } = viewUsers, { auth, priv } = viewKeys;

const agentLines = viewLines("limited", "general", "nothing", "host", "standard");

async function scan(target: string, credentials: string[], more: string[] = []): Promise<ScanDocument> {
  const file = await Deno.makeTempFile({ suffix: ".yaml" });
  try {
    await Deno.writeTextFile(file, `default: [${credentials.join(", ")}]\n`);
    const host = testHost();
    const args = ["scan", target, "--quiet", "--rate", "0", "--format", "json", "--timeout", "200"];
    await runCli([...args, "--credentials", file, ...more], host);
    return JSON.parse(host.out);
  } finally {
    await Deno.remove(file);
  }
}

const works: { credentials: string[]; version: string; problems: RegExp[] }[] = [
  {
    credentials: [signed, sealed],
    version: "3",
    problems: [/^signed: shows nothing: .*AuthorizationError.*"sealed" was used$/],
  },
  {
    credentials: [limited, full],
    version: "2c",
    problems: [/^limited \(v2c\): shows the system group alone; so "full" was used$/],
  },
  { credentials: [nothing, full], version: "2c", problems: [/^nothing \(v2c\): shows nothing; so "full" was used$/] },
  { credentials: [general, full], version: "2c", problems: [/general \(v2c\): shows the Printer MIB without markers/] },
  { credentials: [host, full], version: "2c", problems: [/host \(v2c\): shows no Printer MIB/] },
  {
    credentials: [nothing, limited, general, full],
    version: "2c",
    problems: [/nothing.*limited.*general.*"full" was used/],
  },
  {
    credentials: ["{ name: standard, community: standard }", full],
    version: "2c",
    problems: [/^standard \(v2c\): shows none of the maker's own counters; so "full" was used$/],
  },
  { credentials: ["{ name: standard, community: standard }"], version: "2c", problems: [] },
  {
    credentials: ["{ name: standard, community: standard }", wrong, modest],
    version: "2c",
    problems: [/^modest: shows the system group alone; so "standard" was used$/],
  },
  { credentials: [wrong, "{ name: standard, community: standard }"], version: "2c", problems: [] },
  { credentials: [limited, sealed], version: "3", problems: [/limited.*so "sealed" was used/] },
  {
    credentials: [modest, full],
    version: "2c",
    problems: [/^modest: shows the system group alone; so "full" was used$/],
  },
  { credentials: [modest, signed, wrong, sealed], version: "3", problems: [/^modest: shows/] },
  { credentials: ["{ name: mixed, community: mixed, versions: [2c, 1] }"], version: "1", problems: [] },
];
peerTest("scan reads by the first credential that shows what is needed", peers, async (t) => {
  await using agent = await startSnmpdPrinter(agentLines);
  const documents = await inTurns(works, ({ credentials }) => scan(agent.target, credentials));
  for (const [at, { credentials, version, problems }] of works.entries()) {
    const names = credentials.map((one) => /name: (\w+)/.exec(one)?.[1]).join(", ");
    await t.step(`[${names}]`, () => {
      const document = documents[at]!;
      const [printer] = document.printers;
      assert.equal(printer?.meters[0]?.value, 64299, JSON.stringify(document.problems));
      assert.equal(printer.snmp.version, version);
      assert.equal(printer.problems.length, problems.length, JSON.stringify(printer.problems));
      problems.forEach((says, i) => assert.match(printer.problems[i]!.message, says));
    });
  }
});

const failing: { credentials: string[]; says: RegExp; code: string }[] = [
  { credentials: [nothing], code: "no-credential", says: /no credential works: nothing \(v2c, v1\): shows nothing/ },
  {
    credentials: [signed],
    code: "no-credential",
    says: /no credential works: signed: shows nothing: .*AuthorizationError/,
  },
  {
    credentials: [limited, wrong],
    code: "limited-view",
    says:
      /No credential shows everything needed: limited \(v2c, v1\): shows the system group alone; wrong \(v2c, v1\): silent/,
  },
  {
    credentials: [limited],
    code: "limited-view",
    says: /"limited" shows the system group alone, so meters and supplies/,
  },
  {
    credentials: [nothing, general, limited],
    code: "limited-view",
    says: /nothing.*general.*without markers.*limited/,
  },
];
peerTest("scan says what each credential saw where none shows what is needed", peers, async (t) => {
  await using agent = await startSnmpdPrinter(agentLines);
  const documents = await inTurns(failing, ({ credentials }) => scan(agent.target, credentials, ["--all"]));
  for (const [at, { credentials, code, says }] of failing.entries()) {
    const names = credentials.map((one) => /name: (\w+)/.exec(one)?.[1]).join(", ");
    await t.step(`[${names}]`, () => {
      const document = documents[at]!;
      const [problem] = [...document.problems, ...document.printers.flatMap(({ problems }) => problems)];
      assert.equal(problem?.code, code, JSON.stringify(document));
      assert.match(problem.message, says);
      for (const { meters } of document.printers) assert.deepEqual(meters, []);
    });
  }
});

peerTest("scan reads by the credential that shows most where none shows all", peers, async () => {
  await using agent = await startSnmpdPrinter(agentLines);
  const { printers } = await scan(agent.target, [limited, general, host]);
  assert.equal(printers[0]?.serial, "SN1234567");
});

peerTest("explain shows what each credential saw", peers, async () => {
  await using agent = await startSnmpdPrinter(agentLines);
  const file = await Deno.makeTempFile({ suffix: ".yaml" });
  try {
    await Deno.writeTextFile(file, `default: [${[modest, limited, full].join(", ")}]\n`);
    const host = testHost();
    await runCli(["explain", agent.target, "--timeout", "200", "--credentials", file], host);
    assert.match(
      host.out,
      /^credential "modest" by SNMP 3: shows the system group alone\ncredential "limited" by SNMP 2c: .*\n(?:credential "limited" by SNMP 1: .*\n)?credential "full" by SNMP 2c: shows the Printer MIB$/m,
    );
  } finally {
    await Deno.remove(file);
  }
});

peerTest("scan does not try further credentials on a host that is no printer", peers, async () => {
  await using agent = await startSnmpdPrinter(["sysDescr Linux host 6.1", "rocommunity limited default -V limited"]);
  const { printers, problems, others } = await scan(agent.target, [
    limited,
    wrong,
    `{ name: nobody, user: nobody, ${auth} }`,
  ], ["--all"]);
  assert.deepEqual([printers.length, problems, others?.length], [0, [], 1]);
  assert.deepEqual(await agent.refusals(), { badCommunities: 0, unknownUsers: 0, wrongDigests: 0 });
});

peerTest("scan tells a wrong context from a wrong password", peers, async (t) => {
  await using agent = await startSnmpdPrinter(agentLines);
  const cases: { credential: string; says: RegExp }[] = [
    {
      credential: `{ name: c, user: u, context: attic, ${auth}, ${priv} }`,
      says: /c: silent; user and keys are valid, so the context "attic" is wrong, and it answers without it$/,
    },
    {
      credential: `{ name: c, user: u, context: attic, ${auth}, priv: { protocol: aes128, key: wrong-priv-key } }`,
      says: /c: silent, so the privacy key or protocol is probably wrong, or the context$/,
    },
    {
      credential: `{ name: c, user: u, ${auth}, priv: { protocol: aes128, key: wrong-priv-key } }`,
      says: /c: silent, so the privacy key or protocol is probably wrong$/,
    },
    {
      credential: `{ name: c, user: u, context: attic, auth: { protocol: sha256, key: wrong-auth-key }, ${priv} }`,
      says: /c: the authentication password or protocol is wrong \(wrongDigest\)$/,
    },
    {
      credential: `{ name: c, user: u, context: attic, ${auth} }`,
      says: /c: silent; user and keys are valid, so the context "attic" is wrong$/,
    },
  ];
  const documents = await Promise.all(cases.map(({ credential }) => scan(agent.target, [credential])));
  for (const [at, { says }] of cases.entries()) {
    await t.step(String(says), () => {
      const { problems } = documents[at]!;
      assert.equal(problems[0]?.code, "no-credential");
      assert.match(problems[0].message, says);
    });
  }
});
