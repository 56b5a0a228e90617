/** That every command gets by with the permissions of its task: the runtime writes down each access (DENO_AUDIT_PERMISSIONS). */
import assert from "node:assert/strict";
import type { Command } from "commander";
import project from "../../deno.json" with { type: "json" };
import { taskGrants } from "../../demo/task_grants.ts";
import { denoPlatformHost } from "../../platform/compose.ts";
import { allCommands as platformCommands } from "../../platform/edge/cli/run_platform.ts";
import { allCommands as agentCommands } from "../../src/cli/run_cli.ts";
import { startScene } from "../fixtures/agent_fixture.ts";
import { peerTest } from "../fixtures/peers.ts";
import { testHost } from "../fixtures/test_host.ts";

const root = new URL("../../", import.meta.url).pathname;

/** Variables that only libraries look for; they are unset for them, and documented nowhere. */
const ofLibraries =
  /^(GRPC_\w+|LOG_(TOKENS|STREAM)|DEBUG|NODE_(PG_FORCE_NATIVE|DEBUG|ENV|V8_COVERAGE)|READABLE_STREAM|WS_NO_\w+|HOME|PATH|PG\w+|DENO_DIR|DENO_AUDIT_PERMISSIONS)$/;

interface Access {
  permission: string;
  value: string | null;
}

/** Accesses to variables, the system and programs that a task does not permit. */
async function notPermitted(log: string, task: "opendca" | "platform"): Promise<string[]> {
  const grants = taskGrants(project.tasks[task]);
  const accesses: Access[] = (await Deno.readTextFile(log)).trim().split("\n").map((line) => JSON.parse(line));
  assert(accesses.length > 20, "the runtime wrote down next to nothing");
  const wrong = accesses.filter(({ permission, value }) => {
    const flag = `--allow-${permission}`;
    if (grants.includes(flag)) return false;
    const list = grants.find((grant) => grant.startsWith(`${flag}=`))?.slice(flag.length + 1).split(",") ?? [];
    // Without a value, all of them at once, as `pg` does; with the task's permissions that has those of the list.
    if (permission === "env" && (value === null || ofLibraries.test(value))) return false;
    return !list.some((name) => name.endsWith("*") ? value?.startsWith(name.slice(0, -1)) : name === value);
  });
  return [...new Set(wrong.map(({ permission, value }) => `${permission} ${value}`))].sort();
}

/** Runs commands with all permissions, in an environment without other variables, and returns what was logged. */
async function audit(program: string, commands: string[][], folder: string): Promise<string> {
  const log = `${folder}/audit.jsonl`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--no-check", "--allow-all", `${root}tests/e2e/audited_commands.ts`, program],
    cwd: folder,
    clearEnv: true,
    env: {
      // Where the runtime finds the packages.
      ...Object.fromEntries(["DENO_DIR", "HOME", "PATH"].flatMap((name) => {
        const value = Deno.env.get(name);
        return value === undefined ? [] : [[name, value]];
      })),
      DENO_AUDIT_PERMISSIONS: log,
      OPENDCA_GUARD_DIRECTORY: `${folder}/guard`,
      OPENDCA_STATE_DIRECTORY: `${folder}/state`,
      OPENDCA_PLATFORM_DATA: `${folder}/platform`,
    },
    stdin: "piped",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const input = child.stdin.getWriter();
  await input.write(new TextEncoder().encode(JSON.stringify(commands)));
  await input.close();
  const { success, stderr } = await child.output();
  const said = new TextDecoder().decode(stderr);
  assert(success, said);
  const codes = [...said.matchAll(/^\{"args":.*"code":(\d+)\}$/gm)].map(([, code]) => Number(code));
  assert.equal(codes.length, commands.length, said);
  assert.deepEqual(codes.filter((code) => code === 70), [], said);
  return log;
}

/** Commands that have no commands below them. */
function leaves(command: Command, path: string[] = []): { path: string[]; command: Command }[] {
  return command.commands.length === 0
    ? [{ path, command }]
    : command.commands.flatMap((child) => leaves(child, [...path, child.name()]));
}

async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const agentConfig = (folder: string) => `
platform: { rootDomain: localhost, endpoints: [localhost:1] }
stateDirectory: ${folder}/state
sites: [{ name: office, ranges: [127.77.0.11/32] }]
`;
const device = ["127.77.0.11", "--port", "1", "--timeout", "100"];
const rootSteps = ["--lib", "lib", "--state", "root"];
/** By command: arguments with which it gets far without a network. */
const agentArguments: Record<string, string[][]> = {
  "scan": [[...device, "--quiet"], ["localhost", ...device, "--quiet", "--format", "html", "--output", "scan.html"]],
  "explain": [device],
  "record": [[...device, "--output", "record.yaml"]],
  "config check": [["--config", "agent.yaml"]],
  "config show": [["--config", "agent.yaml"]],
  "activate": [["--config", "agent.yaml", "0EY9-M29P-1G7W"]],
  "unlock": [["opendca-unlock-1.a.b"]],
  "run": [["--config", "agent.yaml"]],
  "status": [["--config", "agent.yaml"], ["--config", "agent.yaml", "--json"]],
  "ledger": [["--config", "agent.yaml"]],
  "sessions list": [["--config", "agent.yaml"]],
  "sessions approve": [["--config", "agent.yaml", "x"]],
  "sessions kill": [["--config", "agent.yaml", "x"]],
  "doctor": [["--config", "agent.yaml"]],
  "update resume": [rootSteps],
  "update check": [[...rootSteps, "--staging", "staging"]],
  "update install": [[...rootSteps, "--staging", "staging"]],
  "update confirm": [rootSteps],
  "update excuse": [rootSteps],
  "update return": [rootSteps],
  "update fail": [[...rootSteps, "--staging", "staging"]],
  "update accept": [rootSteps],
  "verify": [[], ["/bin/true"]],
  "verify-statement": [["/bin/true"]],
  "ping": [["127.77.0.11", "--count", "1", "--config", "agent.yaml"]],
  "completions bash": [[]],
  "completions zsh": [[]],
  "completions fish": [[]],
};

Deno.test("every command of opendca gets by with the permissions of its task", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/agent.yaml`, agentConfig(folder));
    const commands = leaves(await agentCommands(testHost())).flatMap(({ path }) => {
      const given = agentArguments[path.join(" ")];
      assert(given !== undefined, `this test does not know opendca ${path.join(" ")}`);
      return given.map((args) => [...path, ...args]);
    });
    const log = await audit("opendca", [["--version"], ["--help"], ...commands], folder);
    assert.deepEqual(await notPermitted(log, "opendca"), []);
  }));

Deno.test("every command of opendca-platform gets by with the permissions of its task", () =>
  withFolder(async (folder) => {
    const listen = ["--listen", "--mqtt-listen", "--mqtt-wss-listen", "--ssh-listen", "--access-listen"];
    const serve = [...listen.flatMap((option) => [option, "127.0.0.1:0"]), "--access-domain", "access.example.com"];
    const commands = leaves(platformCommands(denoPlatformHost())).map(({ path, command }) => [
      ...path,
      ...command.registeredArguments.filter((each) => each.required).map(() => "x"),
      ...command.options.filter((each) => each.mandatory).flatMap((each) => [each.long!, "2026-01-01"]),
      ...(path.join(" ") === "serve" ? serve : []),
    ]);
    const first = [["--version"], ["customer", "create", "Acme"], ["site", "create", "Office"], ["code", "create"]];
    const log = await audit("opendca-platform", [...first, ...commands], folder);
    assert.deepEqual(await notPermitted(log, "platform"), []);
  }));

peerTest("the running agent gets by with the permissions of its task", ["ping"], async () => {
  await using scene = await startScene({ network: 171, printers: 1 });
  await using _platform = await scene.startPlatform();
  const log = `${scene.folder}/audit.jsonl`;
  scene.env.DENO_AUDIT_PERMISSIONS = log;
  {
    await scene.admin("task", "ping", scene.agentId, "127.171.0.1");
    await scene.admin("task", "diagnostics", scene.agentId);
    await using agent = await scene.startAgent();
    await agent.line((line) => line.includes('"batchSent"'));
    for (const kind of ["ping", "diagnostics"]) {
      await agent.line((line) => line.includes('"taskFinished"') && line.includes(`"kind":"${kind}"`));
    }
  }
  assert.equal((await scene.opendca("doctor")).code === 70, false);
  assert.deepEqual(await notPermitted(log, "opendca"), []);
});
