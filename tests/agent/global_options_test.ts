/** `--verbose` and `--color`, which every command takes before and behind its name. */
import assert from "node:assert/strict";
import { runCli } from "../../src/cli/run_cli.ts";
import { startScene } from "../fixtures/agent_fixture.ts";
import { testHost } from "../fixtures/test_host.ts";
import { port, scan, standardPrinter } from "../fixtures/scan_fixture.ts";

const silent = ["scan", "127.207.0.1", "--timeout", "50", "--retries", "0", "-q", "--port", String(port)];

Deno.test("scan --verbose says on standard error what each device did with the credentials, and nothing without it", async () => {
  const devices = [standardPrinter("127.207.1.5")];
  const targets = ["127.207.1.0/29", "-c", "wrong", "-c", "public"];
  const quiet = await scan(devices, targets);
  assert.equal(quiet.host.err, "");
  const { host, document } = await scan(devices, [...targets, "-v"]);
  assert.equal(document.printers.length, 1);
  const lines = host.err.trimEnd().split("\n").map((line) => line.replace(/^\d\d:\d\d:\d\d /, ""));
  assert.match(lines[0]!, /^DEBUG commandBegun command=scan version=\S+ stateDirectory=/);
  assert.match(lines[1]!, /^DEBUG scanPlanned addresses=6 /);
  const opened = lines.find((line) => line.startsWith("DEBUG deviceOpened"));
  assert.match(opened!, new RegExp(`device=127\\.207\\.1\\.5:${port} credential="community 2" tried=`));
  assert.ok(
    lines.some((line) => /^DEBUG printerRead .*model="Example Laser 9000" serial=ZZ12720715/.test(line)),
    host.err,
  );
  assert.match(lines.at(-1)!, /^DEBUG scanEnded packetsSent=\d+ .*answered=1 /);
  assert.ok(!host.err.includes("\x1b"));
});

Deno.test("explain --verbose and a device that refuses every credential", async () => {
  const { host } = await scan([standardPrinter("127.207.2.5")], ["127.207.2.5"], {
    during: async () => {
      const other = testHost();
      const args = ["--verbose", "explain", `127.207.2.5:${port}`, "--timeout", "500"];
      assert.equal(await runCli(args, other), 0, other.err);
      assert.match(other.err, /DEBUG deviceOpened device=127\.207\.2\.5/);
    },
  });
  assert.equal(host.err, "");
});

for (
  const [args, env, terminal, color] of [
    [[], {}, false, false],
    [[], {}, true, true],
    [[], { NO_COLOR: "1" }, true, false],
    [[], { CLICOLOR_FORCE: "1" }, false, true],
    [["--color", "always"], { NO_COLOR: "1" }, false, true],
    [["--color=never"], { CLICOLOR_FORCE: "1" }, true, false],
  ] as const
) {
  for (const isBefore of [true, false]) {
    const shown = `${args.join(" ") || "no option"} ${isBefore ? "before" : "behind"} the command`;
    Deno.test(`doctor and --verbose with ${shown}, ${JSON.stringify(env)}, ${terminal ? "a terminal" : "a pipe"}`, async () => {
      const host = testHost({ env: { ...env, OPENDCA_STATE_DIRECTORY: "/nowhere" }, terminal });
      const command = ["doctor", "--config", "/nowhere/agent.yaml"];
      await runCli(isBefore ? [...args, "-v", ...command] : [...command, "-v", ...args], host);
      assert.match(host.out, /configuration/);
      // deno-lint-ignore no-control-regex -- colours are what is looked for
      const painted = /\x1b\[\d+m/;
      assert.equal(painted.test(host.out), color, host.out);
      assert.equal(painted.test(host.err), color, host.err);
    });
  }
}

Deno.test("--color always leaves files and JSON without colours", async () => {
  const file = await Deno.makeTempFile({ suffix: ".txt" });
  try {
    assert.equal(await runCli(["--color", "always", ...silent, "-o", file], testHost()), 0);
    assert.ok(!(await Deno.readTextFile(file)).includes("\x1b"));
    const host = testHost();
    assert.equal(await runCli([...silent, "--color", "always", "-f", "json"], host), 0);
    assert.ok(!host.out.includes("\x1b"));
  } finally {
    await Deno.remove(file);
  }
});

for (
  const [args, error, hint] of [
    [["-v"], /no command was given/, /opendca --help/],
    [["--color", "never"], /no command was given/, /opendca --help/],
    [
      ["--color", "blue", "status"],
      /argument 'blue' is invalid: allowed choices are auto, always, never/,
      /status --help/,
    ],
    [["status", "--color=blue"], /argument 'blue' is invalid/, /status --help/],
    [["status", "--color"], /argument missing/, /status --help/],
    [["-v", "--color", "never", "scna"], /unknown command 'scna'/, /did you mean scan/],
    [["scan", "--verbos", "127.0.0.1"], /unknown option '--verbos'/, /did you mean --verbose/],
  ] as const
) {
  Deno.test(`opendca ${args.join(" ")} is a mistake that is reported in one sentence`, async () => {
    const host = testHost();
    assert.equal(await runCli(args, host), 64);
    assert.match(host.err, error);
    assert.match(host.err, hint);
    assert.equal(host.err.split("\n").length, 3);
  });
}

Deno.test("run --verbose --color always logs at level debug and in colour, whatever the file and NO_COLOR say (slow)", async () => {
  const settings = `sites: [{ name: office, ranges: [127.208.0.0/30], port: ${port}, rate: 0 }]
limits: { timeout: 300ms, workers: 1 }
log: { level: warn, format: json }`;
  await using scene = await startScene({ network: 208, printers: 1, settings });
  scene.env.NO_COLOR = "1";
  await using _platform = await scene.here.startPlatform();
  // By itself it would not scan before some seconds have passed.
  await scene.here.admin("task", "scan", scene.agentId);
  await using agent = await scene.here.startAgent("-v", "--color", "always", "--log-format", "text");
  // deno-lint-ignore no-control-regex -- colours are what is looked for
  await agent.line((line) => /^[\d:]{8} \x1b\[2mDEBUG\x1b\[0m recordsSpooled/.test(line));
});
