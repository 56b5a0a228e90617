/** Every command that writes, on a file system that is read-only: one sentence, and no defect. */
import assert from "node:assert/strict";
import { badCode } from "../fixtures/activation_fixture.ts";
import { succeeds, systemTest } from "../fixtures/peers.ts";

const namespace = ["unshare", "-U", "-r", "-m"];
const mount = `cd "$1"; mkdir -p disk; mount -t tmpfs -o mode=755 none disk; mkdir disk/state disk/data`;
const probe = await Deno.makeTempDir();
const allowed = await succeeds([...namespace, "sh", "-ec", mount, "sh", probe]);
await Deno.remove(probe, { recursive: true });

interface Case {
  args: string[];
  code: number;
  error: RegExp;
  hint: RegExp;
}

const noState = /^error: Cannot use the state directory "[^"]+\/disk\/state" as it cannot be written$/m;
const mountIt =
  /^hint: the file system is read-only: mount it writable .*, or use another directory with stateDirectory: /m;
const cases: Case[] = [
  { args: ["main.ts", "activate", badCode], code: 77, error: noState, hint: mountIt },
  { args: ["main.ts", "unlock", `opendca-unlock-1.AA.${"A".repeat(86)}`], code: 77, error: noState, hint: mountIt },
  { args: ["main.ts", "run"], code: 77, error: noState, hint: mountIt },
  {
    args: ["main.ts", "scan", "127.0.0.1:9", "--retries", "0", "--timeout", "50", "--format", "json", "-o", "disk/out"],
    code: 74,
    error: /^error: Cannot write to "disk\/out": Read-only file system$/m,
    hint: /^hint: mount it writable .*, or write to another place$/m,
  },
  {
    args: ["platform/main.ts", "serve", "--data", "disk/data"],
    code: 69,
    error: /^error: Cannot lock "disk\/data\/lock" as the file system is read-only$/m,
    hint: /^hint: mount it writable/m,
  },
  {
    args: ["platform/main.ts", "serve", "--data", "disk/new"],
    code: 69,
    error: /^error: Cannot use "disk\/new" as data directory as the file system is read-only$/m,
    hint: /^hint: mount it writable/m,
  },
];

for (const { args, code, error, hint } of cases) {
  const name = args.slice(0, 2).join(" ").replace("main.ts", "opendca").replace("platform/opendca", "opendca-platform");
  systemTest(`${name} on a read-only file system is one sentence, exit code ${code}`, {
    needs: "mount namespaces",
    allowed,
  }, async () => {
    const folder = await Deno.makeTempDir();
    try {
      const yaml =
        `platform: { rootDomain: localhost, endpoints: localhost:1 }\nstateDirectory: ${folder}/disk/state\n`;
      await Deno.writeTextFile(`${folder}/agent.yaml`, yaml);
      const [file = "", ...rest] = args;
      const root = new URL("../../", import.meta.url).pathname;
      const script = `${mount}; mount -o remount,ro disk; shift; exec "$@"`;
      const [program, ...flags] = namespace;
      const deno = [Deno.execPath(), "run", "--no-prompt", "--no-check", "--allow-all", `--config=${root}deno.json`];
      const { code: ended, stdout, stderr } = await new Deno.Command(program!, {
        args: [...flags, "sh", "-ec", script, "sh", folder, ...deno, `${root}${file}`, ...rest],
        env: { OPENDCA_CONFIG: `${folder}/agent.yaml`, OPENDCA_GUARD_DIRECTORY: `${folder}/disk/guard` },
      }).output();
      const text = new TextDecoder().decode(stderr);
      assert.equal(ended, code, text + new TextDecoder().decode(stdout));
      assert.match(text, error);
      assert.match(text, hint);
      assert.doesNotMatch(text, /defect|\n +at /);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}
