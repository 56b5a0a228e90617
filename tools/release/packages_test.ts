/** Packages of programs that are none of ours, with the tools that make them. */
import assert from "node:assert/strict";
import { relative } from "node:path";
import { peerTest } from "../../tests/fixtures/peers.ts";
import { sampleManifest, signedManifest, signingKeys, trusted } from "../../tests/fixtures/signed_release.ts";
import { toolOutput } from "../../tests/fixtures/started_peer.ts";
import { writeInstallers, writeSums } from "./artefacts.ts";
import { makePackages } from "./packages.ts";
import { targets } from "./verify_binary.ts";

const root = new URL("../../", import.meta.url).pathname.replace(/\/$/, "");
const { version } = sampleManifest;
const own = targets.find(({ triple }) => triple === Deno.build.target)!;
const [debian, rpm] = own.processor === "x64" ? ["amd64", "x86_64"] : ["arm64", "aarch64"];
const packageNames = [
  `opendca_${version}_${debian}.deb`,
  `opendca-${version}-1.${rpm}.rpm`,
  `opendca-${version}-${own.name}.oci.tar`,
];
const tools = ["dpkg-deb", "rpmbuild", "buildah"];

async function withRelease(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/opendca-${version}-${own.name}`, "#!/bin/sh\n", { mode: 0o755 });
    await Deno.writeTextFile(`${folder}/opendca-${version}.manifest`, signedManifest(sampleManifest, signingKeys(2)));
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const options = (output: string) => ({ root, output, version, epoch: 1_700_000_000, quick: true });
const made = { programs: ["opendca"], targets };

peerTest(
  "makePackages() makes a .deb, an .rpm and an image of each program for Linux, the same bytes again",
  tools,
  () =>
    withRelease(async (folder) => {
      const here = { programs: ["opendca"], targets: targets.filter(({ system }) => system !== "linux").concat(own) };
      const digests: string[] = [];
      for (const _ of [1, 2]) {
        assert.deepEqual(await makePackages(options(folder), here, null), { names: packageNames, left: [] });
        digests.push(await toolOutput("sha256sum", packageNames.map((name) => `${folder}/${name}`)));
      }
      assert.equal(digests[0], digests[1]);
      assert.match(
        await toolOutput("dpkg-deb", ["--contents", `${folder}/${packageNames[0]}`]),
        /opendca-activate\.1\.gz/,
      );
    }),
);

Deno.test("makePackages() makes none of a program whose manifest too few release keys have signed", () =>
  withRelease(async (folder) => {
    const builtIn = trusted(signingKeys(3));
    for (const signers of [0, 1]) {
      const text = signedManifest(sampleManifest, signingKeys(signers));
      await Deno.writeTextFile(`${folder}/opendca-${version}.manifest`, text);
      const { names, left } = await makePackages(options(folder), made, builtIn);
      assert.deepEqual(names, []);
      assert.match(
        left.join(),
        /^packages of opendca are left out: .*signed by [01] of 3.*: deno task release:packages$/,
      );
    }
    await Deno.remove(`${folder}/opendca-${version}.manifest`);
    const { left } = await makePackages(options(folder), made, builtIn);
    assert.match(left.join(), /no release key has signed yet/);
  }));

Deno.test("makePackages() of a release without Linux makes nothing, and says nothing", () =>
  withRelease(async (folder) => {
    const others = targets.filter(({ system }) => system !== "linux");
    assert.deepEqual(await makePackages(options(folder), { programs: ["opendca"], targets: others }, null), {
      names: [],
      left: [],
    });
  }));

peerTest(
  "deno task release:packages says what it leaves out, and writes SHA256SUMS anew if there is something new",
  ["dpkg-deb", "gzip"],
  () =>
    withRelease(async (folder) => {
      // Every program of this system but those.
      const path = `${folder}/bin`;
      await Deno.mkdir(path);
      const link = "find /usr/sbin /usr/bin -maxdepth 1 ! -type d ! -name rpmbuild ! -name buildah ! -name dpkg-deb " +
        '-exec ln -sft "$1" {} +';
      await toolOutput("sh", ["-c", link, "-", path]);
      await Deno.symlink(Deno.execPath(), `${path}/deno`).catch(() => {});
      await writeSums(folder, [`opendca-${version}-${own.name}`]);
      await Deno.writeTextFile(`${folder}/SHA256SUMS.minisig`, "of the hashes before");
      await Deno.writeTextFile(`${folder}/none.keys`, '{ "threshold": 2, "keys": [] }');
      const makePackages = async () => {
        const { code, stderr } = await new Deno.Command(Deno.execPath(), {
          args: ["task", "release:packages", "--keys", `${folder}/none.keys`, relative(root, folder)],
          cwd: root,
          env: { PATH: path, NO_COLOR: "1", ZSTD_LEVEL: "3" },
        }).output();
        assert.equal(code, 75);
        return new TextDecoder().decode(stderr);
      };
      const none = await makePackages();
      assert.match(none, /\.deb is left out: dpkg-deb is not installed$/m);
      assert.doesNotMatch(none, /SHA256SUMS/);
      assert.equal(await Deno.readTextFile(`${folder}/SHA256SUMS.minisig`), "of the hashes before");

      await toolOutput("sh", ["-c", 'ln -s "$(command -v dpkg-deb)" "$1"', "-", path]);
      const said = await makePackages();
      assert.match(said, /\.rpm is left out: rpmbuild is not installed$/m);
      assert.match(said, /\.oci\.tar is left out: buildah is not installed$/m);
      assert.match(said, /^SHA256SUMS is rewritten: sign it/m);
      const sums = await Deno.readTextFile(`${folder}/SHA256SUMS`);
      assert.deepEqual(sums.match(/\S+$/gm), [`opendca-${version}-${own.name}`, packageNames[0]]);
      await toolOutput("sh", ["-c", 'cd "$1" && sha256sum --quiet --check SHA256SUMS', "-", folder]);
      await assert.rejects(Deno.stat(`${folder}/SHA256SUMS.minisig`), Deno.errors.NotFound);
    }),
);

Deno.test("writeInstallers() writes one script for each system that the release is for", () =>
  withRelease(async (folder) => {
    assert.deepEqual(await writeInstallers(root, folder, { systems: new Set(["windows"]), keys: null }), [
      "install.ps1",
    ]);
    const names = await writeInstallers(root, folder, {
      systems: new Set(["linux", "macos", "windows"]),
      keys: null,
    });
    assert.deepEqual(names, ["install.sh", "install-macos.sh", "install.ps1"]);
    const [linux, macos] = names.map((name) => Deno.readTextFileSync(`${folder}/${name}`));
    for (const [text, own, foreign] of [[linux, "systemctl", "launchctl"], [macos, "launchctl", "systemctl"]]) {
      assert(text!.includes(own!) && !text!.includes(foreign!));
      // Nothing is read from beside it: all parts are in it.
      assert.doesNotMatch(text!, /^\. /m);
    }
  }));
