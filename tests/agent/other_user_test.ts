/** Root at the files of another user, who puts links, pipes and directories in the way: nothing of root's is touched. */
import assert from "node:assert/strict";
import { makeOwnDirectory } from "../../common/host/own_directory.ts";
import { replaceFile } from "../../common/host/disk.ts";
import { NotPermittedError } from "../../common/core/errors.ts";
import { denoLogDisk } from "../../src/host/log_disk.ts";
import { runCli } from "../../src/cli/run_cli.ts";
import { holdState, lockState } from "../../src/activation/state_store.ts";
import { activationStore } from "../../src/activation/store_options.ts";
import { badCode } from "../fixtures/activation_fixture.ts";
import { testHost } from "../fixtures/test_host.ts";
import { maybeProgram, succeeds, systemTest } from "../fixtures/peers.ts";

const other = 65534;
const as = ["setpriv", `--reuid=${other}`, `--regid=${other}`, "--clear-groups"];

interface Scene {
  /** Root's, mode 0755. */
  folder: string;
  /** The other user's, in `folder`. */
  home: string;
  /** A file of root's. */
  secret: string;
  run(...args: string[]): Promise<{ code: number; out: string; err: string }>;
  /** Runs a shell script as the other user, in `home`. */
  asOther(script: string): Promise<void>;
}

const allowed = Deno.uid() === 0 && maybeProgram("setpriv") !== undefined && await succeeds([...as, "true"]);

function otherUserTest(name: string, body: (scene: Scene) => Promise<void>): void {
  systemTest(name, { needs: "root with setpriv", allowed, programs: ["setpriv"] }, async () => {
    const folder = await Deno.makeTempDir();
    try {
      await Deno.chmod(folder, 0o755);
      const home = `${folder}/home`, secret = `${folder}/secret`;
      await Deno.mkdir(home);
      await Deno.chown(home, other, other);
      await Deno.writeTextFile(secret, "root's", { mode: 0o600 });
      const config = `${folder}/agent.yaml`;
      await Deno.writeTextFile(
        config,
        "platform: { rootDomain: localhost, endpoints: localhost:1 }\n" + `stateDirectory: "${home}/state"\n`,
      );
      const env = { OPENDCA_GUARD_DIRECTORY: `${folder}/guard`, OPENDCA_CONFIG: config };
      await body({
        folder,
        home,
        secret,
        async run(...args) {
          const host = testHost({ env });
          const code = await runCli(args, host);
          return { code, out: host.out, err: host.err };
        },
        async asOther(script) {
          const [program, ...args] = [...as, "sh", "-ec", script];
          const { success, stderr } = await new Deno.Command(program!, { args, cwd: home }).output();
          assert.ok(success, new TextDecoder().decode(stderr));
        },
      });
      assert.equal(await Deno.readTextFile(secret), "root's");
      await assert.rejects(Deno.lstat(`${folder}/absent`), Deno.errors.NotFound);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

const names = [
  "agent.json",
  "agent.json.new",
  "activation.lock",
  "lock",
  "key.pem.new",
  "platform.json.new",
  "ledger.db",
];

const ways: Record<string, (scene: Scene) => Promise<void>> = {
  "in a directory of theirs": ({ asOther }) => asOther("mkdir state"),
  "that is not there yet": () => Promise.resolve(),
  "full of links": ({ asOther, secret }) =>
    asOther(`mkdir state; for n in ${names.join(" ")}; do ln -s ${secret} state/$n; done`),
  "full of links to nothing": ({ asOther, folder }) =>
    asOther(`mkdir state; for n in ${names.join(" ")}; do ln -s ${folder}/absent state/$n; done`),
  "full of pipes": ({ asOther }) => asOther(`mkdir state; for n in ${names.join(" ")}; do mkfifo state/$n; done`),
  "that is a link": ({ asOther, folder }) => asOther(`ln -s ${folder} state`),
  "that is a link to nothing": ({ asOther, folder }) => asOther(`ln -s ${folder}/absent state`),
};

for (const [name, make] of Object.entries(ways)) {
  otherUserTest(`activate, unlock and run as root write nothing in a state directory ${name}`, async (scene) => {
    await make(scene);
    const before = await listing(scene.folder);
    for (const args of [["activate", badCode], ["unlock", `opendca-unlock-1.AA.${"A".repeat(86)}`], ["run"]]) {
      const { code, err } = await scene.run(...args);
      assert.equal(code, 77, err);
      // `run` of what is no state at all may end before it looks whose directory it is.
      assert.match(
        err,
        /as root, as ".*" belongs to another user: current value is nobody\nhint: sudo -u nobody opendca …|not activated|another machine/,
      );
      assert.doesNotMatch(err, /defect/);
    }
    assert.deepEqual(await listing(scene.folder), before);
    const { code, err } = await scene.run("status");
    assert.ok(code !== 70, err);
  });
}

async function listing(folder: string): Promise<string> {
  const { stdout } = await new Deno.Command("find", { args: [folder, "-printf", "%P %y %u %m %s %l\n"] }).output();
  return new TextDecoder().decode(stdout).split("\n").sort().join("\n");
}

otherUserTest("the state of root is not written to a guard that belongs to another user", async (scene) => {
  const { folder, home, asOther, secret } = scene;
  await asOther(`mkdir guard; ln -s ${secret} guard/activation.lock; ln -s ${folder}/absent guard/x`);
  const store = activationStore(
    `${folder}/state`,
    (name) => name === "OPENDCA_GUARD_DIRECTORY" ? `${home}/guard` : undefined,
  );
  const before = await listing(home);
  using _lock = lockState(store);
  const held = holdState(store);
  held.save(held.state);
  assert.deepEqual(held.guarded, []);
  assert.equal(await listing(home), before);
});

otherUserTest(
  "makeOwnDirectory() refuses each place that others may change, and takes those of root",
  async (scene) => {
    const { folder, home, asOther } = scene;
    await asOther("mkdir inner; ln -s inner link");
    await Deno.mkdir(`${folder}/open`, { mode: 0o777 });
    await Deno.chmod(`${folder}/open`, 0o777);
    await Deno.mkdir(`${folder}/shared`);
    await Deno.chmod(`${folder}/shared`, 0o1777);
    await Deno.mkdir(`${folder}/group`);
    await Deno.chown(`${folder}/group`, 0, other);
    await Deno.chmod(`${folder}/group`, 0o775);
    await Deno.symlink(`${home}/inner`, `${folder}/own-link`);
    await asOther(`ln -s ${folder} ${folder}/shared/theirs; mkdir ${folder}/shared/dir`);
    for (
      const path of [
        `${home}/inner/a`,
        `${home}/link`,
        `${folder}/open`,
        `${folder}/open/a`,
        `${folder}/shared`,
        `${folder}/shared/theirs/a`,
        `${folder}/shared/dir/a`,
        `${folder}/group/a`,
        `${folder}/own-link/a`,
      ]
    ) {
      assert.throws(() => makeOwnDirectory(path), NotPermittedError, path);
    }
    for (const path of [`${folder}/shared/mine/a`, `${folder}/x/y/z`]) {
      makeOwnDirectory(path);
      assert.equal(Deno.statSync(path).mode! & 0o777, 0o700);
    }
    await Deno.symlink(`${folder}/x`, `${folder}/root-link`);
    makeOwnDirectory(`${folder}/root-link/y/new`);
  },
);

otherUserTest("root's log does not follow a link of another user's", async ({ folder, home, asOther, secret }) => {
  await Deno.mkdir(`${folder}/shared`);
  await Deno.chmod(`${folder}/shared`, 0o1777);
  await asOther(`ln -s ${secret} log; ln -s ${secret} ${folder}/shared/log; ln -s ${folder} dir`);
  for (const path of [`${home}/log`, `${folder}/shared/log`, `${home}/new`, `${home}/dir/secret`]) {
    assert.throws(() => denoLogDisk.open(path), NotPermittedError, path);
  }
  denoLogDisk.open(`${folder}/shared/own`).close();
});

otherUserTest("a directory that is exchanged for a link again and again leads root nowhere", async (scene) => {
  const { folder, home, asOther } = scene;
  await Deno.mkdir(`${folder}/rooms`);
  await Deno.writeTextFile(`${folder}/rooms/file`, "root's");
  await asOther("mkdir real");
  const [program, ...args] = [
    ...as,
    "sh",
    "-c",
    `while :; do rm -rf state; mkdir state; rmdir state; ln -s ${folder}/rooms state; done`,
  ];
  const racer = new Deno.Command(program!, { args, cwd: home, stderr: "null" }).spawn();
  try {
    for (let i = 0; i < 2000; i++) {
      try {
        makeOwnDirectory(`${home}/state`);
        replaceFile(`${home}/state/file`, "written");
        assert.fail("root wrote in the directory of another user");
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error;
      }
    }
  } finally {
    racer.kill("SIGKILL");
    await racer.status;
  }
  assert.equal(await Deno.readTextFile(`${folder}/rooms/file`), "root's");
});
