import assert from "node:assert/strict";
import { testHost } from "../../tests/fixtures/test_host.ts";
import { assertGolden } from "../../tests/golden/golden.ts";
import { runCli } from "./run_cli.ts";

/** `["config", "check"]` and all others, found in the help itself, so that none is left out. */
async function commandsBelow(path: string[] = []): Promise<string[][]> {
  const help = await helpOf(path);
  const section = help.split("\nCommands:\n")[1]?.split("\n\n")[0] ?? "";
  const names = [...section.matchAll(/^ {2}([a-z][a-z-]*)/gm)].map(([, name]) => name!);
  const below = names.filter((name) => name !== "help").map((name) => [...path, name]);
  return [...below, ...(await Promise.all(below.map(commandsBelow))).flat()];
}

async function helpOf(path: string[]): Promise<string> {
  const host = testHost();
  assert.deepEqual([await runCli([...path, "--help"], host), host.err], [0, ""]);
  return host.out;
}

const commandPaths = [[], ...await commandsBelow()];

Deno.test("the help names the commands", () => assert.ok(commandPaths.length > 12));

for (const path of commandPaths) {
  const file = `${["help", ...path].join("_")}.txt`;
  Deno.test(`${["opendca", ...path].join(" ")} --help is as in ${file}, with examples and exit codes`, async () => {
    const help = await helpOf(path);
    assert.match(help, /^Examples:\n {2}opendca /m);
    assert.match(help, /\bExit codes: 0 /);
    assertGolden(file, help);
  });
}

Deno.test("runCli() prints the version", async () => {
  const host = testHost();
  assert.equal(await runCli(["--version"], host), 0);
  assert.match(host.out, /^opendca \d+\.\d+\.\d+\n$/);
});

const folder = await Deno.makeTempDir();
const yaml = `${folder}/broken.yaml`;
await Deno.writeTextFile(yaml, "default:\n  - user: monitor\n    auth: { protocol: sha257, key: long-enough }\n");
const empty = `${folder}/empty.snmprec`;
await Deno.writeTextFile(empty, "# nothing\n");
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

const mistakes = [
  { args: [], code: 64, error: /no command/, hint: /opendca scan 192/ },
  { args: ["scna"], code: 64, error: /unknown command 'scna'/, hint: /did you mean scan\?/ },
  {
    args: ["sessions", "approve", "--nothing"],
    code: 64,
    error: /unknown option '--nothing'$/,
    hint: /opendca sessions approve --help lists its options/,
  },
  { args: ["help", "scna"], code: 64, error: /unknown command 'scna'$/, hint: /--help lists the commands/ },
  { args: ["config"], code: 64, error: /config is none by itself/, hint: /opendca config --help/ },
  { args: ["config", "chekc"], code: 64, error: /unknown command 'chekc'/, hint: /did you mean check\?/ },
  { args: ["config", "print"], code: 64, error: /unknown command 'print'/, hint: /opendca config --help/ },
  { args: ["status", "now"], code: 64, error: /'status': expected 0 arguments but got 1$/, hint: /status --help/ },
  { args: ["scan"], code: 64, error: /no target was given/, hint: /--help/ },
  { args: ["scan", "127.0.0.1", "--config", "/nowhere/a.yaml"], code: 78, error: /\/nowhere\/a\.yaml/, hint: /./ },
  { args: ["scan", "--config", "/nowhere/a.yaml"], code: 78, error: /\/nowhere\/a\.yaml/, hint: /./ },
  {
    args: ["scan", "--preview-upload", "127.0.0.1", "-f", "csv"],
    code: 64,
    error: /preview an upload in this format.*"csv"/,
    hint: /--format json/,
  },
  { args: ["scan", "--preview-upload", "127.0.0.1", "-f", "table"], code: 64, error: /"table"/, hint: /json/ },
  { args: ["scan", "--preview-upload", "127.0.0.1", "-o", "x.html"], code: 64, error: /"html"/, hint: /json/ },
  { args: ["scan", "--preview-upload", "127.0.0.1", "--all"], code: 64, error: /never sent/, hint: /--all/ },
  { args: ["scan", "--preview-upload", "--rate", "9"], code: 64, error: /--rate without a target/, hint: /target/ },
  { args: ["scan", "--preview-upload"], code: 64, error: /agent\.yaml"$/, hint: /--config FILE/ },
  { args: ["scan", "--preview-upload", "--config", "/nowhere/a.yaml"], code: 78, error: /\/nowhere\/a/, hint: /./ },
  {
    args: ["scan", "127.0.0.1", "--comunity", "x"],
    code: 64,
    error: /unknown option '--comunity'/,
    hint: /did you mean --community\?/,
  },
  { args: ["scan", "127.0.0.1", "--port", "99999"], code: 64, error: /--port.*99999.*from 1 to 65535/, hint: /--help/ },
  { args: ["scan", "127.0.0.1", "--rate", "fast"], code: 64, error: /--rate.*fast/, hint: /--help/ },
  { args: ["scan", "127.0.0.1", "-f", "xml"], code: 64, error: /xml.*table, json, jsonl, csv, html/, hint: /--help/ },
  { args: ["scan", "127.0.0.1", "-o", "fleet.pdf"], code: 64, error: /"fleet\.pdf"/, hint: /--format/ },
  { args: ["scan", "127.0.0.999"], code: 64, error: /127\.0\.0\.999/, hint: /./ },
  { args: ["scan", "127.0.0.1/33"], code: 64, error: /127\.0\.0\.1\/33/, hint: /./ },
  { args: ["scan", "10.0.0.0/8"], code: 64, error: /10\.0\.0\.0\/8/, hint: /--max-addresses/ },
  { args: ["scan", "@/nowhere/targets.txt"], code: 64, error: /\/nowhere\/targets\.txt/, hint: /./ },
  { args: ["scan", "no-such-printer.invalid"], code: 69, error: /no-such-printer\.invalid/, hint: /./ },
  {
    args: ["scan", "127.0.0.1", "--credentials", "/nowhere/snmp.yaml"],
    code: 78,
    error: /\/nowhere\/snmp\.yaml/,
    hint: /./,
  },
  { args: ["scan", "127.0.0.1", "--credentials", yaml], code: 78, error: /broken\.yaml:3:.*sha257/, hint: /sha256/ },
  {
    args: ["scan", "127.0.0.1", "--credentials", yaml, "-c", "x"],
    code: 64,
    error: /--community together with --credentials/,
    hint: /./,
  },
  {
    args: ["scan", "127.0.0.1", "-q", "-o", "/nowhere/out.json"],
    code: 64,
    error: /\/nowhere\/out\.json/,
    hint: /directory/,
  },
  { args: ["explain"], code: 64, error: /no printer is named/, hint: /--recording/ },
  { args: ["explain", "127.0.0.1", "127.0.0.2"], code: 64, error: /too many arguments/, hint: /explain --help/ },
  { args: ["explain", "127.0.0.0/30"], code: 64, error: /2 addresses.*127\.0\.0\.0\/30/, hint: /opendca scan/ },
  {
    args: ["explain", "127.0.0.1", "--recording", yaml],
    code: 64,
    error: /address and a recording/,
    hint: /leave one/,
  },
  { args: ["explain", "--recording", "/nowhere/r.snmprec"], code: 64, error: /\/nowhere\/r/, hint: /opendca record/ },
  { args: ["explain", "--recording", yaml], code: 64, error: /line 1 is not OID\|TAG\|VALUE/, hint: /opendca record/ },
  { args: ["explain", "--recording", empty], code: 64, error: /contains no object/, hint: /opendca record/ },
  {
    args: ["explain", "127.94.0.1:9", "--timeout", "50", "--retries", "0"],
    code: 69,
    error: /Cannot read 127\.94\.0\.1 port 9 as nothing answers SNMP there/,
    hint: /--community.*opendca scan 127\.94\.0\.1:9/,
  },
  { args: ["record", "127.0.0.1"], code: 64, error: /required option '-o, --output <file>'/, hint: /record --help/ },
  { args: ["record", "-o", "x"], code: 64, error: /missing required argument 'address'/, hint: /record --help/ },
  { args: ["record", "@hosts", "-o", "x"], code: 64, error: /file of targets.*@hosts/, hint: /one printer/ },
  { args: ["record", "127.0.0.1", "-o", "/nowhere/r.snmprec"], code: 64, error: /\/nowhere\/r/, hint: /directory/ },
  { args: ["record", "127.0.0.1", "-o", folder], code: 64, error: /is a directory/, hint: /./ },
  {
    args: ["record", "127.94.0.1:9", "-o", `${folder}/none.snmprec`, "--timeout", "50", "--retries", "0"],
    code: 69,
    error: /Cannot read 127\.94\.0\.1 port 9 as nothing answers SNMP there/,
    hint: /--credentials/,
  },
  { args: ["scan", "127.0.0.1", "-q", "-f", "csv", "-o", folder], code: 64, error: /is a directory/, hint: /./ },
];
for (const { args, code, error, hint } of mistakes) {
  Deno.test(`runCli() answers "${args.join(" ").replace(folder, "DIR")}" with one sentence and a hint`, async () => {
    const host = testHost();
    assert.equal(await runCli(args, host), code, host.err);
    const [first = "", second = "", ...more] = host.err.trimEnd().split("\n");
    assert.match(first, /^error: Cannot /);
    assert.match(first, error);
    assert.match(second, /^hint: /);
    assert.match(second, hint);
    assert.deepEqual(more, []);
    assert.equal(host.out, "");
  });
}

Deno.test("opendca status says of which state directory it is when the configuration that is named is not there", async () => {
  const env = { OPENDCA_STATE_DIRECTORY: `${folder}/state`, OPENDCA_GUARD_DIRECTORY: `${folder}/guard` };
  const host = testHost({ env });
  assert.equal(await runCli(["status", "--config", "/nowhere/agent.yaml"], host), 0);
  assert.equal(host.err, `note: cannot read "/nowhere/agent.yaml", so this is of "${folder}/state"\n`);
  assert.match(host.out, /^state +not activated$/m);
  const unnamed = testHost({ env });
  await runCli(["status"], unnamed);
  assert.equal(unnamed.err, "");
});

Deno.test("runCli() shows a defect with its stack and exit code 70", async () => {
  const host = testHost();
  host.createWorker = () => {
    throw new TypeError("x is undefined");
  };
  assert.equal(await runCli(["scan", "127.0.0.1"], host), 70);
  assert.match(host.err, /^error: x is undefined\nhint: this is a defect of opendca.*\n.*TypeError/s);
});

Deno.test("runCli() leaves no partial file behind when a scan fails", async () => {
  const host = testHost();
  host.createWorker = () => {
    throw new TypeError("x is undefined");
  };
  const out = await Deno.makeTempDir();
  await runCli(["scan", "127.0.0.1", "-o", `${out}/fleet.json`], host);
  assert.deepEqual([...Deno.readDirSync(out)], []);
  await Deno.remove(out);
});

Deno.test("runCli() says that nothing can be sent when the network refuses every packet", async () => {
  const host = testHost({ threads: true });
  // Nothing is routed to the documentation range from a thread that may send only to loopback.
  const createWorker = host.createWorker;
  host.createWorker = () => createWorker(["127.0.0.1:9", "0.0.0.0:0"]);
  assert.equal(await runCli(["scan", "192.0.2.1", "-q", "--timeout", "50"], host), 69);
  assert.match(host.err, /^error: Cannot send to 192\.0\.2\.1 port 161 .*net access.*\nhint: .*\n$/);
});
