/** An agent updates itself on a real systemd, from its platform's offer to the first poll; and returns by itself. */
import assert from "node:assert/strict";
import project from "../../deno.json" with { type: "json" };
import { taskGrants } from "../../demo/task_grants.ts";
import { fileDigest } from "../../common/host/file_digest.ts";
import { encodeReleaseKeys } from "../../common/release/release_keys.ts";
import { sampleManifest, signedManifest, signingKeys, trusted } from "../fixtures/signed_release.ts";
import { type RunningProgram, runProgram, startProgram } from "../fixtures/start_program.ts";
import { toolOutput } from "../fixtures/started_peer.ts";
import { until } from "../fixtures/until.ts";
import { compileBase, compiledTest } from "./compiled_file.ts";
import { createReleases, files, properties } from "./machine_release.ts";
import { bootMachine, type Machine, NoMachineError } from "./systemd_machine.ts";

const name = "an agent updates itself as a service of systemd, and returns from a version that does not poll";
const repository = new URL("../../", import.meta.url).pathname;
const platformName = "dca.example.test";
const target = Deno.build.arch === "aarch64" ? "linux-arm64" : "linux-x64";
const keys = signingKeys(3);

compiledTest(name, async () => {
  await using machine = await bootMachine([platformName]).catch((error) => {
    if (!(error instanceof NoMachineError)) throw error;
    console.warn(`not possible here: ${name} (${error.message})`);
    return undefined;
  });
  if (machine === undefined) return;
  const folder = await Deno.makeTempDir();
  try {
    await wholeLife(machine, folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}, ["debootstrap", "systemd-nspawn", "nsenter", "minisign"]);

compiledTest("threads of a program that runs start after its file was replaced and removed", async (compile) => {
  const folder = await Deno.makeTempDir();
  try {
    const included = ["--exclude-unused-npm", "--include", "workers/scanner.ts", "--include", "workers/resolver.ts"];
    const file = `${folder}/opendca`;
    await Deno.rename(await compile("main.ts", [...included, ...taskGrants(project.tasks.opendca)]), file);
    const scan = new Deno.Command(file, {
      args: ["scan", "--verbose", "@-", "--port", "1161", "--timeout", "100ms", "--format", "json"],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const said = scan.stderr.pipeThrough(new TextDecoderStream()).getReader();
    for (let text = ""; !text.includes("commandBegun");) {
      const { value, done } = await said.read();
      if (done) throw new Error(`It ended: ${text}`);
      text += value;
    }
    // It waits for its targets, and has no thread yet.
    await Deno.writeTextFile(`${folder}/next`, "#!/bin/sh\nexit 1\n", { mode: 0o755 });
    await Deno.rename(`${folder}/next`, file);
    await Deno.remove(file);
    const targets = scan.stdin.getWriter();
    await targets.write(new TextEncoder().encode("127.77.0.11\n"));
    await targets.close();
    const [out, { code }] = await Promise.all([
      new Response(scan.stdout).text(),
      scan.status,
      (async () => {
        while (!(await said.read()).done);
      })(),
    ]);
    assert.equal(code, 0, out);
    const { stats, problems } = JSON.parse(out);
    assert.deepEqual({ addresses: stats.addresses, problems }, { addresses: 1, problems: [] });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

async function wholeLife(machine: Machine, folder: string): Promise<void> {
  await Deno.writeTextFile(`${folder}/keys`, encodeReleaseKeys(trusted(keys)));
  const [first, second] = [await compileVersion("0.1.0", folder), await compileVersion("0.2.0", folder)];
  await using releases = await createReleases(machine);
  const before = await files(machine);
  await using platform = await startPlatform(machine, folder);
  await releases.make({
    [`opendca-0.1.0-${target}`]: first,
    "opendca-0.1.0.manifest": manifestOf("0.1.0", first),
  });
  await installAgent(machine, platform);
  const { agentId } = await agentState(machine);
  assert.equal(await version(machine), "0.1.0");

  // Exposure in the running system, not of the file alone.
  const security = await machine.run(["systemd-analyze", "security", "--threshold=13", "opendca-update.service"]);
  assert.equal(security.code, 0, security.said);

  await platform.release("0.2.0", second);
  await settled(machine, "0.2.0", "installed");
  assert.equal(await version(machine), "0.2.0");
  assert.deepEqual(await versions(machine), ["0.1.0", "0.2.0", "confirmed -> 0.2.0", "current -> 0.2.0"]);
  await untilRunning(machine, "0.2.0");
  assert.equal((await agentState(machine)).agentId, agentId);
  await until(
    "the platform knows",
    async () => /"installed"/.test(await platform.admin("release", "show", "0.2.0", "--json")),
  );
  assert.match(
    await machine.ok([...asAgent, "opendca", "update"]),
    /^version +0\.2\.0\n[^]*0\.2\.0 is installed and has polled/,
  );
  assert.match(await machine.ok([...asAgent, "opendca", "ledger"]), /Asked for the file [0-9a-f]{16} of an update/);

  // It starts, and does not poll.
  const silent = `${folder}/silent`;
  await Deno.writeTextFile(silent, "#!/bin/sh\nexec sleep 1000\n");
  await platform.release("0.3.0", silent);
  await settled(machine, "0.3.0", "returned");
  assert.equal(await version(machine), "0.2.0");
  await untilRunning(machine, "0.2.0");
  assert.deepEqual(await versions(machine), ["0.1.0", "0.2.0", "confirmed -> 0.2.0", "current -> 0.2.0"]);
  await until(
    "the agent shows it",
    async () => (await agentState(machine)).agent?.update.offered?.phase === "returned",
  );

  // A power cut after the link was changed: the next start of the system goes on with it.
  await machine.ok(["systemctl", "stop", "opendca-agent", "opendca-update.path"]);
  await machine.ok(["sh", "-c", pendingAgain]);
  await machine.reboot();
  await platform.start();
  await until(
    "the agent runs again",
    async () => (await properties(machine, "opendca-agent")).ActiveState === "active",
  );
  await until(
    "it is confirmed",
    async () => (await machine.run(["test", "-e", "/var/lib/opendca-update/pending.json"])).code === 1,
  );
  assert.equal(await version(machine), "0.2.0");
  assert.equal(JSON.parse(await machine.ok(["cat", "/var/lib/opendca-update/result.json"])).outcome, "installed");

  await machine.ok(["sh", "/usr/local/lib/opendca/install.sh", "--uninstall", "--delete-state"]);
  assert.deepEqual(await files(machine), before);
}

/** As if the update to 0.2.0 had been cut off before it was confirmed. */
const pendingAgain = `set -e
cd /usr/local/lib/opendca
ln -sfn 0.1.0 confirmed
sha256=$(sha256sum <0.2.0/opendca | cut -c 1-64)
cat >/var/lib/opendca-update/pending.json <<END
{ "schema": "opendca.update-pending/1", "request": "1", "version": "0.2.0", "sha256": "$sha256", "previous": "0.1.0",
  "issuedAt": "2026-11-29T12:00:00Z", "polledBefore": "$(cut -d' ' -f2 /var/lib/opendca/update/polled)", "starts": 1, "returning": null }
END
`;

/** The sources with another version and the keys of this test, compiled. */
async function compileVersion(version: string, folder: string): Promise<string> {
  const copy = `${folder}/sources`;
  await Deno.mkdir(copy, { recursive: true });
  await toolOutput("sh", [
    "-c",
    'cd "$1" && git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$2"',
    "-",
    repository,
    copy,
  ]);
  await Deno.writeTextFile(`${copy}/common/release/release_keys.json`, encodeReleaseKeys(trusted(keys)));
  await Deno.writeTextFile(`${copy}/deno.json`, JSON.stringify({ ...project, version }));
  const output = `${folder}/opendca-${version}`;
  const included = ["--exclude-unused-npm", "--include", "workers/scanner.ts", "--include", "workers/resolver.ts"];
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "compile",
      "--quiet",
      "--no-prompt",
      "--no-check",
      "--frozen",
      ...included,
      ...taskGrants(project.tasks.opendca),
      "--output",
      output,
      "main.ts",
    ],
    cwd: copy,
    env: await compileBase(),
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return output;
}

function manifestOf(version: string, path: string): string {
  const name = `opendca-${version}-${target}`;
  const issuedAt = "2026-11-29T12:00:00Z", expiresAt = "2046-11-29T12:00:00Z";
  const manifest = { ...sampleManifest, version, issuedAt, expiresAt, files: [{ target, name, ...fileDigest(path) }] };
  return signedManifest(manifest, keys.slice(0, 2));
}

interface TestedPlatform extends AsyncDisposable {
  folder: string;
  admin(...args: string[]): Promise<string>;
  /** Once more, in the network that a machine has after its start. */
  start(): Promise<void>;
  /** Adds a release, and offers it to everybody. */
  release(version: string, path: string): Promise<void>;
}

/** From source, in the network of the machine. */
async function startPlatform(machine: Machine, folder: string): Promise<TestedPlatform> {
  const data = `${folder}/platform`;
  async function admin(...args: string[]): Promise<string> {
    const { code, out, err } = await runProgram("platform/main.ts", ["--data", data, ...args]);
    if (code !== 0) throw new Error(`opendca-platform ${args.join(" ")} ended with ${code}: ${err}`);
    return out.trim();
  }
  await admin("customer", "create", "Acme");
  await admin("site", "create", "Berlin");
  const serve = [
    "--data",
    data,
    "serve",
    "--listen",
    "127.0.0.1:8443",
    "--host-name",
    platformName,
    "--poll-seconds",
    "30",
  ];
  let program: RunningProgram | undefined;
  async function start(): Promise<void> {
    await program?.[Symbol.asyncDispose]();
    program = startProgram("platform/main.ts", serve, {}, machine.network());
    await program.line((line) => line.includes('"ready"'));
  }
  await start();
  return {
    folder: data,
    admin,
    start,
    async release(version, path) {
      const release = `${folder}/release-${version}`;
      await Deno.mkdir(release);
      await Deno.copyFile(path, `${release}/opendca-${version}-${target}`);
      await Deno.writeTextFile(`${release}/opendca-${version}.manifest`, manifestOf(version, path));
      await admin("release", "add", release, "--keys", `${folder}/keys`);
      await admin("release", "rollout", version, "--percent", "100");
      // It polls at its start.
      await machine.ok(["systemctl", "restart", "opendca-agent"]);
    },
    [Symbol.asyncDispose]: async () => await program?.[Symbol.asyncDispose](),
  };
}

const asAgent = ["setpriv", "--reuid=opendca", "--regid=opendca", "--init-groups"];

async function installAgent(machine: Machine, platform: TestedPlatform): Promise<void> {
  await Deno.writeTextFile(
    `${machine.root}/root/agent.yaml`,
    `platform: { rootDomain: ${platformName}, endpoints: ["${platformName}:8443"], ca: /etc/opendca/ca.pem, mqtt: [] }\n`,
  );
  // Five minutes would be long.
  const settings = `${machine.root}/etc/systemd/system/opendca-update.service.d`;
  await Deno.mkdir(settings);
  await Deno.writeTextFile(`${settings}/test.conf`, "[Service]\nEnvironment=OPENDCA_UPDATE_WAIT=50\n");
  await machine.ok(["sh", "/root/release/install.sh", "--config", "/root/agent.yaml"]);
  await Deno.copyFile(`${platform.folder}/server-authority.pem`, `${machine.root}/etc/opendca/ca.pem`);
  await machine.ok(["chmod", "644", "/etc/opendca/ca.pem"]);
  const code = /[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}/.exec(await platform.admin("code", "create"))![0];
  await machine.ok([...asAgent, "opendca", "activate"], `${code}\n`);
  await machine.ok(["systemctl", "start", "opendca-agent"]);
  await untilRunning(machine, "0.1.0");
}

interface AgentState {
  state: string;
  agentId: string;
  /** Null before its first status. */
  agent: { version: string; update: { why: string | null; offered: { phase: string } | null } } | null;
}

async function agentState(machine: Machine): Promise<AgentState> {
  return JSON.parse(await machine.ok([...asAgent, "opendca", "status", "--json"]));
}

async function untilRunning(machine: Machine, wanted: string): Promise<void> {
  await until(`${wanted} runs`, async () => {
    const { state, agent } = await agentState(machine);
    return state === "running" && agent?.version === wanted;
  });
  assert.equal((await agentState(machine)).agent?.update.why, null);
}

/** Until root's updater is through with a version. */
async function settled(machine: Machine, wanted: string, outcome: string): Promise<void> {
  let said = "";
  try {
    await until(`${wanted} is ${outcome}`, async () => {
      said = (await machine.run(["cat", "/var/lib/opendca-update/result.json"])).said;
      return said.includes(`"version": "${wanted}"`) && said.includes(`"outcome": "${outcome}"`);
    });
  } catch (error) {
    const journal = await machine.run(["journalctl", "--no-pager", "--unit", "opendca-update", "--lines", "40"]);
    const status = await machine.run([...asAgent, "opendca", "update"]);
    throw new Error(`${said}\n${status.said}\n${journal.said}`, { cause: error });
  }
  await until(
    "the updater has ended",
    async () => (await properties(machine, "opendca-update.service")).ActiveState === "inactive",
  );
}

async function version(machine: Machine): Promise<string> {
  return (await machine.ok(["opendca", "--version"])).split(" ")[1]!;
}

/** What is in the folder of the versions, but for the scripts. */
async function versions(machine: Machine): Promise<string[]> {
  const script =
    'cd /usr/local/lib/opendca && for each in [0-9c.]*; do case $each in c*) echo "$each -> $(readlink $each)" ;; *) echo $each ;; esac; done';
  return (await machine.ok(["sh", "-c", script])).split("\n");
}
