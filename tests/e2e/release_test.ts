/** `deno task release`: the same bytes from two folders, and no file where something is not as it is to be. */
import assert from "node:assert/strict";
import project from "../../deno.json" with { type: "json" };
import { sourceFiles } from "../../tools/release/stage.ts";
import { toolOutput } from "../fixtures/started_peer.ts";
import { compileBase, compiledTest } from "./compiled_file.ts";

const root = new URL("../../", import.meta.url).pathname.replace(/\/$/, "");
const words = project.tasks.release.command.replaceAll("'", "").split(" ").slice(1);
const hostTarget = Deno.build.arch === "aarch64" ? "linux-arm64" : "linux-x64";
const otherTarget = Deno.build.arch === "aarch64" ? "linux-x64" : "linux-arm64";

const noKeys = '{ "threshold": 2, "keys": [] }\n';

interface Released {
  code: number;
  said: string;
  /** Names of the files in the output. */
  files: string[];
}

/** The task's own command in a folder, with libraries from the cache; .ci/run makes packages for systems as well. */
async function release(folder: string, output: string, args: string[], env: Record<string, string>): Promise<Released> {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...words, "--offline", "--uncompressed", "--no-packages", "--output", output, ...args],
    cwd: folder,
    env: { NO_COLOR: "1", ...env },
  }).output();
  const files = await Array.fromAsync(Deno.readDir(output)).catch(() => []);
  return { code, said: new TextDecoder().decode(stderr), files: files.map(({ name }) => name).sort() };
}

async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A clone with what is not committed yet. */
async function copyOfProject(to: string): Promise<void> {
  const { success } = await new Deno.Command("git", { args: ["clone", "--quiet", "--shared", root, to] }).output();
  assert(success);
  const listing = ["ls-files", "--cached", "--others", "--exclude-standard", "tools/release"];
  const { stdout } = await new Deno.Command("git", { args: listing, cwd: root }).output();
  const tools = new TextDecoder().decode(stdout).split("\n").filter((path) => path !== "");
  for (const path of [...await sourceFiles(root), ...tools]) {
    await Deno.mkdir(`${to}/${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
    await Deno.copyFile(`${root}/${path}`, `${to}/${path}`);
  }
}

compiledTest(
  "two releases of one commit from two folders have the same bytes, and run",
  () =>
    withFolder(async (folder) => {
      const env = await compileBase();
      await copyOfProject(`${folder}/a/project`);
      await copyOfProject(`${folder}/b`);
      await Deno.writeTextFile(`${folder}/no.keys`, noKeys);
      const args = [
        ...["--target", hostTarget, "--program", "opendca"],
        "--allow-other-runtime",
        "--keys",
        `${folder}/no.keys`,
      ];
      const name = `opendca-${project.version}-${hostTarget}`;
      const digests: string[] = [];
      for (const [index, copy] of ["a/project", "b"].entries()) {
        const { code, said, files } = await release(`${folder}/${copy}`, `${folder}/out${index}`, args, {
          ...env,
          SOURCE_DATE_EPOCH: "1700000000",
        });
        assert.equal(code, 0, said);
        assert(files.includes(name), files.join());
        const bytes = await Deno.readFile(`${folder}/out${index}/${name}`);
        digests.push(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex());
      }
      assert.equal(digests[0], digests[1]);
      const program = async (...args: string[]) => {
        const { code, stdout, stderr } = await new Deno.Command(`${folder}/out1/${name}`, { args }).output();
        return { code, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
      };
      const facts = JSON.parse((await program("--version", "--json")).out);
      assert.deepEqual([facts.version, facts.compiled, facts.target], [project.version, true, Deno.build.target]);
      assert.match(facts.commit, /^[0-9a-f]{40}(-dirty)?$/);

      const beside = [...Deno.readDirSync(`${folder}/out1`)].map((each) => each.name.replace(project.version, "V"))
        .sort();
      assert.deepEqual(beside, [
        "SHA256SUMS",
        "SHA256SUMS.throw-away.minisig",
        "install.sh",
        `opendca-V-${hostTarget}`,
        "opendca-V.cdx.json",
        "opendca-V.licenses.txt",
        "opendca-V.provenance.json",
        "opendca-V.throw-away.keys",
        "opendca-V.throw-away.manifest",
      ]);
      const provenance = JSON.parse(
        await Deno.readTextFile(`${folder}/out1/opendca-${project.version}.provenance.json`),
      );
      assert.deepEqual(provenance.subject, [{ name, digest: { sha256: digests[1] } }]);
      assert.equal(provenance.predicate.buildDefinition.externalParameters.commit, facts.commit);
      const verified = await program("verify");
      assert.equal(verified.code, 0, verified.err);
      assert.match(verified.out, /^signed by +2 of 3 keys: .*\nnote .* anybody can have made it$/m);

      const installed = await new Deno.Command("sh", {
        args: ["install.sh", "--root", `${folder}/b`, "--key", `opendca-${project.version}.throw-away.keys`],
        cwd: `${folder}/out1`,
      }).output();
      assert.equal(installed.code, 0, new TextDecoder().decode(installed.stderr));

      const without = ["run", "--config", `${folder}/no.yaml`];
      assert.match((await program(...without)).err, /Cannot read the configuration file/);
      // A byte more does not keep the file from running.
      await Deno.writeFile(`${folder}/out1/${name}`, new Uint8Array(1), { append: true });
      for (const args of [without, ["verify"]]) {
        const { code, err } = await program(...args);
        assert.equal(code, 77, err);
        assert.match(err, /^error: Cannot trust ".*" as it is not a file of opendca .*: its SHA-256 is [0-9a-f]{64}$/m);
      }
      assert.equal((await program("--version")).code, 0);
    }),
);

compiledTest(
  "a release with keys runs and installs when two of their three holders have signed it",
  () =>
    withFolder(async (folder) => {
      const pems = [1, 2, 3].map((holder) => `${folder}/${holder}.pem`), list = `${folder}/list.json`;
      const dist = `${folder}/dist`;
      const sign = async (...args: string[]) =>
        (await toolOutput(Deno.execPath(), ["task", "--quiet", "--cwd", root, "release:sign", ...args])).trim();
      await Deno.writeTextFile(list, noKeys);
      const publicKeys: string[] = [];
      for (const pem of pems) publicKeys.push(await sign("--new-key", pem));
      await sign("--keys", list, "--trust", ...publicKeys);
      const args = ["--target", hostTarget, "--program", "opendca", "--allow-other-runtime", "--keys", list];
      const { code, said } = await release(root, dist, args, await compileBase());
      assert.equal(code, 0, said);

      const file = `${dist}/opendca-${project.version}-${hostTarget}`;
      const ran = async (program: string, ...args: string[]) => {
        const { code, stdout, stderr } = await new Deno.Command(program, { args, cwd: dist }).output();
        return { code, said: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
      };
      const refuses = async (why: RegExp) => {
        for (const args of [["verify"], ["run", "--config", `${folder}/no.yaml`]]) {
          const { code, said } = await ran(file, ...args);
          assert.equal(code, 77, said);
          assert.match(said, why);
        }
      };
      await refuses(/signed by 0 of 3 known keys: 2 are needed/);
      await sign("--key", pems[0]!, dist);
      await refuses(/signed by 1 of 3 known keys: 2 are needed/);
      await sign("--key", pems[2]!, dist);
      assert.match((await ran(file, "verify")).said, /^signed by +2 of 3 keys: .*\ninstalls +until /m);
      assert.match(
        (await ran(file, "run", "--config", `${folder}/no.yaml`)).said,
        /Cannot read the configuration file/,
      );
      await Deno.mkdir(`${folder}/root`);
      const installed = await ran("sh", "install.sh", "--root", `${folder}/root`);
      assert.equal(installed.code, 0, installed.said);
    }),
  ["minisign"],
);

const wrong = [
  { name: "deno as the base", target: hostTarget, base: Deno.execPath(), want: /it is deno itself and not its base/ },
  {
    name: "a base of another machine",
    target: otherTarget,
    base: Deno.execPath(),
    want: new RegExp(`it is an executable for ${hostTarget}, and not for ${otherTarget}`),
  },
  { name: "a base that is not there", target: hostTarget, base: "/nowhere/denort", want: /Cannot read the base/ },
];
for (const { name, target, base, want } of wrong) {
  Deno.test(`deno task release refuses ${name}, and makes no file`, () =>
    withFolder(async (folder) => {
      const { code, said, files } = await release(root, `${folder}/out`, ["--target", target], { DENORT_BIN: base });
      assert.equal(code, 1, said);
      assert.match(said, /^error: Cannot .*$/m);
      assert.match(said, want);
      assert.deepEqual(files, []);
    }));
}

Deno.test("deno task release leaves out what it has no base for, and says so with exit code 75", () =>
  withFolder(async (folder) => {
    // Nothing listens at the proxy, so that Deno's server cannot be reached from anywhere.
    const env = { DENORT_BIN: "", HTTPS_PROXY: "http://127.0.0.1:9", https_proxy: "http://127.0.0.1:9" };
    const { code, said, files } = await release(root, `${folder}/out`, ["--target", otherTarget], env);
    assert.equal(code, 75, said);
    assert.match(said, new RegExp(`^${otherTarget} is left out: Deno's release server cannot be reached$`, "m"));
    assert.deepEqual(files, []);
  }));

for (const args of [["--target", "amiga"], ["--program", "word"], ["--nonsense"], ["more"]]) {
  Deno.test(`deno task release refuses ${args.join(" ")} before it does anything`, () =>
    withFolder(async (folder) => {
      const { code, said, files } = await release(root, `${folder}/out`, args, {});
      assert.deepEqual([code, files], [1, []], said);
      assert.match(said, /^error: Cannot release.*$/m);
    }));
}
