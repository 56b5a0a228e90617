/** The life of agent and platform as services, on a real systemd: from the installation to the removal. */
import assert from "node:assert/strict";
import project from "../../deno.json" with { type: "json" };
import { makeActivationCode } from "../../common/core/activation_code.ts";
import { taskGrants } from "../../demo/task_grants.ts";
import { type RunningProgram, startProgram } from "../fixtures/start_program.ts";
import { peerTest } from "../fixtures/peers.ts";
import { toolOutput } from "../fixtures/started_peer.ts";
import { until } from "../fixtures/until.ts";
import { compiledTest } from "./compiled_file.ts";
import { createReleases, files, properties, type Releases } from "./machine_release.ts";
import { quickStart } from "./quick_start.ts";
import { bootMachine, cachedTree, type Machine, NoMachineError, type Output } from "./systemd_machine.ts";

const name = "agent and platform live as services of systemd";
const repository = new URL("../../", import.meta.url).pathname;
const platformName = "dca.example.test";
const { version, tasks } = project;
const target = Deno.build.arch === "aarch64" ? "linux-arm64" : "linux-x64";

compiledTest(name, async (compile) => {
  await using machine = await bootMachine([platformName]).catch((error) => {
    if (!(error instanceof NoMachineError)) throw error;
    console.warn(`not possible here: ${name} (${error.message})`);
    return undefined;
  });
  if (machine === undefined) return;
  const agentFile = await compile("main.ts", [
    ...["--exclude-unused-npm", "--include", "workers/scanner.ts", "--include", "workers/resolver.ts"],
    ...taskGrants(tasks.opendca),
  ]);
  const platformFile = await compile("platform/main.ts", ["--exclude-unused-npm", ...taskGrants(tasks.platform)]);
  await using releases = await createReleases(machine);
  const before = await files(machine);

  await releases.make({
    [`opendca-${version}-${target}`]: agentFile,
    [`opendca-platform-${version}-${target}`]: platformFile,
  });
  const unlockKey = await installPlatform(machine);
  await installAgent(machine, unlockKey);
  await lockAndUnlock(machine);
  const agent = await activateAndStart(machine);
  await work(machine, agent);
  await upgrade(machine, releases);
  await failedUpgrade(machine, releases);

  const state = await agentState(machine);
  await machine.reboot();
  await untilActive(machine, "opendca-platform");
  await untilRunning(machine);
  assert.equal((await agentState(machine)).agentId, state.agentId);

  await uninstall(machine);
  assert.deepEqual(await files(machine), before);

  await releases.make({
    [`opendca-${version}-${target}`]: agentFile,
    [`opendca-platform-${version}-${target}`]: platformFile,
    [`opendca-${version}.throw-away.keys`]: releases.publicKey,
  });
  {
    await using simulator = startSimulator(machine);
    await simulator.line((line) => line.includes('"ready":true'));
    await quickStart(machine, await Deno.readTextFile(`${repository}README.md`));
  }
  await uninstall(machine);

  await releases.make({ [`opendca-${version}-${target}`]: agentFile });
  await packageOfDebian(machine);
}, ["debootstrap", "systemd-nspawn", "nsenter", "minisign"]);

const installer = ["sh", "/root/release/install.sh"];

async function installPlatform(machine: Machine): Promise<string> {
  await machine.ok([...installer, "platform", "--host-name", platformName]);
  await untilActive(machine, "opendca-platform");
  const journal = ["journalctl", "--unit", "opendca-platform", "--output", "cat"];
  await until("the platform listens", async () => (await machine.ok(journal)).includes('"ready":true'));
  await onPlatform(machine, ["customer", "create", "Acme"]);
  await onPlatform(machine, ["site", "create", "Berlin"]);
  return (await onPlatform(machine, ["unlock-key"])).trim();
}

/** A command of the platform, as its user. */
function onPlatform(machine: Machine, args: string[]): Promise<string> {
  const user = ["setpriv", "--reuid=opendca-platform", "--regid=opendca-platform", "--init-groups"];
  return machine.ok([...user, "opendca-platform", ...args]);
}

/** A command of the agent with what docs/install.md says for those that need the credentials of the service. */
function onAgent(machine: Machine, args: string[], input = ""): Promise<Output> {
  const unit = [
    "--quiet",
    "--pipe",
    "--wait",
    "-p",
    "User=opendca",
    "-p",
    "LoadCredential=opendca:/etc/opendca/credentials",
  ];
  return machine.run(["systemd-run", ...unit, "/usr/local/bin/opendca", ...args], input);
}

async function installAgent(machine: Machine, unlockKey: string): Promise<void> {
  await Deno.writeTextFile(
    `${machine.root}/root/agent.yaml`,
    `platform: { rootDomain: ${platformName}, endpoints: ["${platformName}:8443"], ca: /etc/opendca/ca.pem, unlockKey: "${unlockKey}" }
sites: [{ name: office, ranges: [127.77.0.0/24], port: 1161 }]
credentials: [{ community: { credential: opendca_snmp } }]
`,
  );
  const said = await machine.ok([...installer, "--config", "/root/agent.yaml"]);
  assert.match(said, /not activated yet/);
  await machine.ok(["install", "-m", "644", "/var/lib/opendca-platform/server-authority.pem", "/etc/opendca/ca.pem"]);
  await machine.ok(["install", "-m", "600", "/dev/stdin", "/etc/opendca/credentials/snmp"], "public\n");
  assert.equal(await machine.ok(["systemctl", "is-enabled", "opendca-agent"]), "enabled");
  assert.equal((await properties(machine, "opendca-agent")).ActiveState, "inactive");
  const checked = await onAgent(machine, ["config", "check"]);
  assert.equal(checked.code, 0, checked.said);
  assert.match(await machine.ok(["cat", "/proc/sys/net/ipv4/ping_group_range"]), /^0\s+2147483647$/);
}

/**
 * Again while the platform cannot be reached, which counts as no attempt: the runtime of files that are compiled for
 * tests can end a server of HTTP/2 when clients come and go (denoland/deno#36788), and its service starts it again.
 */
async function activate(machine: Machine, code: string): Promise<Output> {
  let output: Output | undefined;
  await until("the platform answers", async () => {
    output = await onAgent(machine, ["activate"], `${code}\n`);
    return output.code !== 69;
  });
  return output!;
}

async function lockAndUnlock(machine: Machine): Promise<void> {
  for (let attempt = 0; attempt < 5; attempt++) {
    const refused = await activate(machine, makeActivationCode((bytes) => crypto.getRandomValues(bytes)));
    assert.equal(refused.code, 77, refused.said);
  }
  await machine.run(["systemctl", "start", "opendca-agent"]);
  await until(
    "the service gives up",
    async () => (await properties(machine, "opendca-agent")).ActiveState === "failed",
  );
  const { NRestarts, ExecMainStatus } = await properties(machine, "opendca-agent");
  assert.deepEqual({ NRestarts, ExecMainStatus }, { NRestarts: "0", ExecMainStatus: "77" });
  const { state, installationId, lock } = await agentState(machine);
  assert.equal(state, "locked");
  const token = await onPlatform(machine, ["unlock", installationId, "--lock", String(lock)]);
  const unlocked = await onAgent(machine, ["unlock", token.split("\n")[0]!]);
  assert.equal(unlocked.code, 0, unlocked.said);
}

/** Returns the id of the agent. */
async function activateAndStart(machine: Machine): Promise<string> {
  const code = /[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}/.exec(await onPlatform(machine, ["code", "create"]))![0];
  const activated = await activate(machine, code);
  assert.equal(activated.code, 0, activated.said);
  await machine.ok(["systemctl", "start", "opendca-agent"]);
  await untilRunning(machine);
  return /agt-\w+/.exec(activated.said)![0];
}

async function work(machine: Machine, agent: string): Promise<void> {
  await using simulator = startSimulator(machine);
  await simulator.line((line) => line.includes('"ready":true'));
  // It polls at its start, and would take a task that a restart ends.
  await machine.ok(["systemctl", "stop", "opendca-agent"]);
  await onPlatform(machine, ["task", "ping", agent, "127.77.0.11"]);
  await onPlatform(machine, ["task", "scan", agent]);
  await machine.ok(["systemctl", "start", "opendca-agent"]);
  await until("the tasks have ended", async () => (await taskStates(machine)).join() === "succeeded,succeeded");
  await until("the platform has the readings", async () => (await devices(machine)) >= 12);
  // Its journal has the agent's levels, and no secret; its process has no right.
  const journal = await machine.ok(["journalctl", "--unit", "opendca-agent", "--output", "json"]);
  const levels = new Set(journal.split("\n").map((line) => JSON.parse(line).PRIORITY));
  assert.ok(levels.has("4") && levels.has("6"), [...levels].join());
  const { MainPID } = await properties(machine, "opendca-agent");
  const status = await machine.ok(["cat", `/proc/${MainPID}/status`]);
  assert.match(status, /^CapEff:\t0+$[^]*^NoNewPrivs:\t1$/m);
  await machine.ok(["systemctl", "reload", "opendca-agent"]);
  const { agentId } = await agentState(machine);
  assert.equal(agentId, agent);
}

function startSimulator(machine: Machine): RunningProgram {
  const args = ["run", "--no-prompt", "--no-check", ...taskGrants(tasks.simulate), `${repository}simulator/main.ts`];
  const fleet = ["--fleet", `${repository}simulator/fleet/office.yaml`];
  return startProgram(Deno.execPath() as `/${string}`, [...args, ...fleet], {}, machine.network());
}

async function taskStates(machine: Machine): Promise<string[]> {
  const tasks: { state: string; result: unknown }[] = JSON.parse(await onPlatform(machine, ["task", "list", "--json"]));
  const refused = tasks.find(({ state }) => /^(failed|refused|expired|cancelled)$/.test(state));
  assert.equal(refused, undefined, JSON.stringify(refused));
  return tasks.map(({ state }) => state);
}

async function devices(machine: Machine): Promise<number> {
  return JSON.parse(await onPlatform(machine, ["device", "list", "--json"])).length;
}

/** The program of before under another version. */
function successor(next: string, run: string): Record<string, string> {
  return {
    [`opendca-${next}-${target}`]: `#!/bin/sh\n[ "$1" != --version ] || { echo "opendca ${next}"; exit; }\n${run}\n`,
  };
}

async function upgrade(machine: Machine, releases: Releases): Promise<void> {
  const [before, ran] = [await agentState(machine), await properties(machine, "opendca-agent")];
  await releases.make(successor("9.0.0", `exec /usr/local/lib/opendca/${version}/opendca "$@"`));
  await machine.ok(installer);
  const after = await properties(machine, "opendca-agent");
  assert.equal(after.ActiveState, "active");
  assert.notEqual(after.MainPID, ran.MainPID);
  assert.equal(await machine.ok(["opendca", "--version"]), "opendca 9.0.0");
  await untilRunning(machine);
  assert.equal((await agentState(machine)).agentId, before.agentId);
  // Once more: the service goes on as it is.
  await machine.ok(installer);
  assert.equal((await properties(machine, "opendca-agent")).MainPID, after.MainPID);
}

async function failedUpgrade(machine: Machine, releases: Releases): Promise<void> {
  await releases.make(successor("9.1.0", "echo no such library >&2; exit 127"));
  // As if the version before had a unit of its own.
  const unit = `${machine.root}/etc/systemd/system/opendca-agent.service`;
  const before = `# of 9.0.0\n${await Deno.readTextFile(unit)}`;
  await Deno.writeTextFile(unit, before);
  const { code, said } = await machine.run(installer);
  assert.equal(code, 70, said);
  assert.match(said, /no such library[^]*error: opendca 9\.1\.0 does not run: 9\.0\.0 runs again/);
  assert.equal(await machine.ok(["opendca", "--version"]), "opendca 9.0.0");
  await untilRunning(machine);
  assert.equal(await Deno.readTextFile(unit), before);
  assert.equal((await properties(machine, "opendca-agent")).NeedDaemonReload, "no");
}

async function uninstall(machine: Machine): Promise<void> {
  const unasked = await machine.run(["sh", "/usr/local/lib/opendca/install.sh", "--uninstall"]);
  assert.equal(unasked.code, 64, unasked.said);
  await machine.ok(["sh", "/usr/local/lib/opendca/install.sh", "--uninstall", "--keep-state"]);
  assert.equal((await properties(machine, "opendca-agent")).LoadState, "not-found");
  await machine.ok(["test", "-e", "/var/lib/opendca/certificate.pem"]);
  await machine.ok([...installer, "--uninstall", "--delete-state"]);
  await machine.ok(["sh", "/usr/local/lib/opendca-platform/install.sh", "platform", "--uninstall", "--delete-state"]);
}

/** Installed, started, installed again, and purged. */
async function packageOfDebian(machine: Machine): Promise<void> {
  const folder = `${machine.root}/root/release`;
  const script = `ZSTD_LEVEL=1 sh "$1/install/linux/package_deb.sh" opendca ${version} ${target.slice(6)} "$2"`;
  await toolOutput("sh", ["-c", script, "-", repository, folder]);
  const before = (await files(machine)).filter((path) => !ofDpkg.test(path));
  const install = ["sh", "-c", "dpkg --install /root/release/*.deb"];
  await machine.ok(install);
  assert.equal(await machine.ok(["systemctl", "is-enabled", "opendca-agent"]), "enabled");
  assert.match(await machine.ok(["opendca", "--version"]), new RegExp(`^opendca ${version.replaceAll(".", "\\.")}`));
  await machine.run(["systemctl", "start", "opendca-agent"]);
  // The sample of a configuration has no platform.
  await until(
    "the service gives up",
    async () => (await properties(machine, "opendca-agent")).ActiveState === "failed",
  );
  await machine.ok(["sh", "-c", "echo '# mine' >>/etc/opendca/agent.yaml"]);
  await machine.ok(install);
  assert.match(await machine.ok(["cat", "/etc/opendca/agent.yaml"]), /# mine$/);
  const refused = await machine.run(installer);
  assert.equal(refused.code, 69, refused.said);
  assert.match(refused.said, /is installed by a package of this system/);
  await machine.ok(["dpkg", "--remove", "opendca"]);
  await machine.ok(["test", "-e", "/etc/opendca/agent.yaml", "-a", "-d", "/var/lib/opendca"]);
  await machine.ok(["dpkg", "--purge", "opendca"]);
  assert.deepEqual((await files(machine)).filter((path) => !ofDpkg.test(path)), before);
}

const ofDpkg = /^\/var\/lib\/dpkg\b/;

async function untilActive(machine: Machine, unit: string): Promise<void> {
  await until(`${unit} is active`, async () => (await properties(machine, unit)).ActiveState === "active");
}

/** Until the agent runs and its platform has answered. */
async function untilRunning(machine: Machine): Promise<void> {
  await until("the agent runs", async () => (await agentState(machine)).state === "running");
}

interface AgentState {
  state: string;
  agentId: string;
  installationId: string;
  lock: number | null;
}

async function agentState(machine: Machine): Promise<AgentState> {
  const user = ["setpriv", "--reuid=opendca", "--regid=opendca", "--init-groups"];
  return JSON.parse(await machine.ok([...user, "opendca", "status", "--json"]));
}

// In this file, as both need the tree, which would else be made twice at once.
const rpmName = "rpm installs, upgrades and removes the package of the agent, and its scripts make user and folders";

/** What is done in a root of its own, above the tree, and what is said of it. */
const steps = `
set -eu
mount -t tmpfs none "$2/over"
mkdir "$2/over/files" "$2/over/work" "$2/over/root"
root="$2/over/root"
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/over/files,workdir=$2/over/work" "$root"
mount --bind /dev "$root/dev"
mount -t proc proc "$root/proc"
rpm() { command rpm --root "$root" --nodeps "$@" 2>&1 | grep -v '^rpm: ' || true; }

mkdir -p "$root/usr/local/lib/opendca/current"
rpm --install "$2"/release/opendca-1.0.0-1.*.rpm
[ ! -e "$root/usr/lib/opendca" ] && echo "refused beside install.sh"
rm -r "$root/usr/local/lib/opendca"

rpm --install "$2"/release/opendca-1.0.0-1.*.rpm
user=$(sed -n 's/^opendca:x:\\([0-9]*\\):.*nologin$/\\1/p' "$root/etc/passwd")
[ "$(stat -c '%a %u' "$root/var/lib/opendca" "$root/var/lib/opendca-guard" | sort -u)" = "700 $user" ] && echo "state of its user"
[ "$(stat -c '%a %u %g' "$root/etc/opendca/agent.yaml")" = "640 0 $user" ] && echo "configuration of root and its group"
chroot "$root" opendca --version

echo activation >"$root/var/lib/opendca/agent.json"
echo '# mine' >>"$root/etc/opendca/agent.yaml"
rpm --upgrade "$2"/release/opendca-1.1.0-1.*.rpm
chroot "$root" opendca --version
tail -n 1 "$root/etc/opendca/agent.yaml"

rpm --erase opendca
[ ! -e "$root/usr/lib/opendca" ] && [ ! -e "$root/usr/bin/opendca" ] && echo "removed"
cat "$root/var/lib/opendca/agent.json"
tail -n 1 "$root/etc/opendca/agent.yaml.rpmsave"
`;

peerTest(rpmName, ["rpm", "rpmbuild", "dpkg-deb", "debootstrap", "unshare"], async () => {
  let tree: string;
  try {
    tree = await cachedTree();
  } catch (error) {
    if (!(error instanceof NoMachineError)) throw error;
    console.warn(`not possible here: ${rpmName} (${error.message})`);
    return;
  }
  const folder = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${folder}/over`);
    await Deno.mkdir(`${folder}/release`);
    for (const version of ["1.0.0", "1.1.0"]) {
      const program = `${folder}/release/opendca-${version}-linux-${target.slice(6)}`;
      await Deno.writeTextFile(program, `#!/bin/sh\necho "opendca ${version}"\n`);
      const script = 'ZSTD_LEVEL=1 sh "$1/install/linux/package_rpm.sh" opendca "$2" "$3" "$4"';
      await toolOutput("sh", ["-c", script, "-", repository, version, target.slice(6), `${folder}/release`]);
    }
    const said = await toolOutput("unshare", ["--mount", "sh", "-c", steps, "-", tree, folder]);
    assert.deepEqual(
      said.trim().split("\n").filter((line) => !/^(Creating|warning:|error: (%pre|opendca-)|hint:)/.test(line)),
      [
        "error: Cannot install opendca as install.sh has installed it",
        "refused beside install.sh",
        "state of its user",
        "configuration of root and its group",
        "opendca 1.0.0",
        "opendca 1.1.0",
        "# mine",
        "removed",
        "activation",
        "# mine",
      ],
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
