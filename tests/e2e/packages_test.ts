/** Packages of programs that are none of ours, with the tools that make them. */
import assert from "node:assert/strict";
import { relative } from "node:path";
import { writeSums } from "../../tools/release/artefacts.ts";
import { makePackages } from "../../tools/release/packages.ts";
import { targets } from "../../tools/release/verify_binary.ts";
import { own, packageOptions, root, version, withRelease } from "../fixtures/packaged_release.ts";
import { peerTest } from "../fixtures/peers.ts";
import { toolOutput } from "../fixtures/started_peer.ts";

const [debian, rpm] = own.processor === "x64" ? ["amd64", "x86_64"] : ["arm64", "aarch64"];
const packageNames = [
  `opendca_${version}_${debian}.deb`,
  `opendca-${version}-1.${rpm}.rpm`,
  `opendca-${version}-${own.name}.oci.tar`,
];
const tools = ["dpkg-deb", "rpmbuild", "buildah"];

peerTest(
  "makePackages() makes a .deb, an .rpm and an image of each program for Linux, the same bytes again",
  tools,
  () =>
    withRelease(async (folder) => {
      const here = { programs: ["opendca"], targets: targets.filter(({ system }) => system !== "linux").concat(own) };
      const digests: string[] = [];
      for (const _ of [1, 2]) {
        assert.deepEqual(await makePackages(packageOptions(folder), here, null), { names: packageNames, left: [] });
        digests.push(await toolOutput("sha256sum", packageNames.map((name) => `${folder}/${name}`)));
      }
      assert.equal(digests[0], digests[1]);
      assert.match(
        await toolOutput("dpkg-deb", ["--contents", `${folder}/${packageNames[0]}`]),
        /opendca-activate\.1\.gz/,
      );
    }),
);

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
