/** The program `ping` itself: which one is run, with which rights, and that no scanner thread can run any. */
import assert from "node:assert/strict";
import project from "../../deno.json" with { type: "json" };
import { taskGrants } from "../../demo/task_grants.ts";
import { pingPrograms } from "../../src/host/ping.ts";
import { startScannerWorker } from "../../src/host/scanner_worker.ts";
import { peerTest, succeeds, systemTest } from "../fixtures/peers.ts";

const root = new URL("../../", import.meta.url).pathname;
const decoder = new TextDecoder();

/** The flags that the task `opendca` runs with, or gives to the executable. */
function flagsOf(task: "opendca" | "compile"): string[] {
  return taskGrants(project.tasks[task]);
}

Deno.test("deno.json permits running exactly the known places of ping, from source and in the executable", () => {
  const [fromSource, compiled] = [flagsOf("opendca"), flagsOf("compile")];
  assert.deepEqual(fromSource, compiled);
  assert.deepEqual(fromSource.filter((flag) => flag.startsWith("--allow-run")), [
    `--allow-run=${pingPrograms.join(",")}`,
  ]);
});

Deno.test("a scanner thread can run no program, not even the one that the process may run", async () => {
  const worker = startScannerWorker(["127.0.0.1:161"], 1, new URL("running_scanner.ts", import.meta.url));
  const { promise, resolve } = Promise.withResolvers<unknown>();
  worker.onMessage = resolve;
  const refusals = await promise;
  worker.terminate();
  assert.deepEqual(refusals, pingPrograms.map((program) => [program, "NotCapable"]));
});

interface Output {
  code: number;
  out: string;
  err: string;
}

async function run(program: string, args: string[], env: Record<string, string> = {}): Promise<Output> {
  const { code, stdout, stderr } = await new Deno.Command(program, { args, env: { NO_COLOR: "1", ...env } }).output();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

/** Calls back with `opendca ping` as its task runs it, over a configuration that has 127.0.0.0/24. */
async function withCommand(use: (args: string[], folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(
      `${folder}/agent.yaml`,
      `platform: { rootDomain: localhost, endpoints: [localhost:1] }
stateDirectory: ${folder}/state
sites: [{ name: office, ranges: [127.0.0.0/24] }]
`,
    );
    const flags = ["run", "--no-prompt", "--no-check", ...flagsOf("opendca")];
    await use([...flags, `${root}main.ts`, "ping", "--config", `${folder}/agent.yaml`], folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

peerTest(
  "opendca ping sends real ICMP, by the system's program and not by one that PATH puts in front",
  ["ping"],
  () =>
    withCommand(async (args, folder) => {
      await Deno.writeTextFile(`${folder}/ping`, `#!/bin/sh\ntouch ${folder}/hijacked\n`, { mode: 0o755 });
      const env = { PATH: `${folder}:${Deno.env.get("PATH")}`, LD_LIBRARY_PATH: folder };
      const answered = await run(Deno.execPath(), [...args, "127.0.0.1", "--count", "1", "--json"], env);
      assert.equal(answered.code, 0, answered.err);
      const { address, sent, received, roundTripMs } = JSON.parse(answered.out);
      assert.deepEqual([address, sent, received, roundTripMs.length], ["127.0.0.1", 1, 1, 1]);
      assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) => name === "hijacked"), []);
      const outside = await run(Deno.execPath(), [...args, "127.0.1.1"], env);
      assert.deepEqual([outside.code, /outside what/.test(outside.err)], [77, true], outside.err);
    }),
);

/** A network of its own has no ping_group_range; without any capability it is as in a container that drops them. */
const bare = ["--net", "--user", "--map-root-user", "setpriv", "--bounding-set", "-all", "--inh-caps", "-all"];

const allowed = await succeeds(["unshare", ...bare, "--no-new-privs", "true"]);

systemTest(
  "opendca ping without the right to send ICMP says so in one sentence",
  { needs: "user and network namespaces", allowed, programs: ["ping"] },
  () =>
    withCommand(async (args) => {
      const command = [...bare, "--no-new-privs", Deno.execPath(), ...args, "127.0.0.1"];
      const { code, out, err } = await run("unshare", command);
      assert.deepEqual([code, out], [77, ""], err);
      assert.match(err, /^error: Cannot ping as this user may not send ICMP\nhint: .*ping_group_range.*\n$/);
    }),
);
