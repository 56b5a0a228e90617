/** When packages are made, and what installs a program. tests/e2e makes them. */
import assert from "node:assert/strict";
import { own, packageOptions, root, version, withRelease } from "../../tests/fixtures/packaged_release.ts";
import { peerTest } from "../../tests/fixtures/peers.ts";
import { sampleManifest, signedManifest, signingKeys, trusted } from "../../tests/fixtures/signed_release.ts";
import { toolOutput } from "../../tests/fixtures/started_peer.ts";
import { writeInstallers } from "./artefacts.ts";
import { makePackages } from "./packages.ts";
import { targets } from "./verify_binary.ts";

const made = { programs: ["opendca"], targets };

Deno.test("makePackages() makes none of a program whose manifest too few release keys have signed", () =>
  withRelease(async (folder) => {
    const builtIn = trusted(signingKeys(3));
    for (const signers of [0, 1]) {
      const text = signedManifest(sampleManifest, signingKeys(signers));
      await Deno.writeTextFile(`${folder}/opendca-${version}.manifest`, text);
      const { names, left } = await makePackages(packageOptions(folder), made, builtIn);
      assert.deepEqual(names, []);
      assert.match(
        left.join(),
        /^packages of opendca are left out: .*signed by [01] of 3.*: deno task release:packages$/,
      );
    }
    await Deno.remove(`${folder}/opendca-${version}.manifest`);
    const { left } = await makePackages(packageOptions(folder), made, builtIn);
    assert.match(left.join(), /no release key has signed yet/);
  }));

Deno.test("makePackages() of a release without Linux makes nothing, and says nothing", () =>
  withRelease(async (folder) => {
    const others = targets.filter(({ system }) => system !== "linux");
    assert.deepEqual(await makePackages(packageOptions(folder), { programs: ["opendca"], targets: others }, null), {
      names: [],
      left: [],
    });
  }));

peerTest(
  "package_deb.sh packs a program, its manifest, service and manual pages, the same bytes again",
  ["dpkg-deb", "gzip"],
  () =>
    withRelease(async (folder) => {
      await Deno.mkdir(`${folder}/man`);
      for (const page of ["opendca-scan.1", "opendca-platform-serve.1"]) {
        await Deno.writeTextFile(`${folder}/man/${page}`, "page");
      }
      const script = `${root}/install/linux/package_deb.sh`, packs = 'sh "$0" "$@" >&2 && sha256sum "$4"/*.deb';
      const pack = () =>
        toolOutput("env", [
          ...["SOURCE_DATE_EPOCH=1700000000", "ZSTD_LEVEL=3", "sh", "-c", packs],
          ...[script, "opendca", version, own.processor, folder],
        ]);
      const first = await pack();
      assert.equal(await pack(), first);
      const contents = await toolOutput("dpkg-deb", ["--contents", first.trim().slice(66)]);
      for (const path of ["lib/opendca/opendca", "opendca.manifest", "opendca-agent.service", "opendca-scan.1.gz"]) {
        assert(contents.includes(`${path}\n`), `${path} is not in\n${contents}`);
      }
      assert(!contents.includes("platform"), contents);
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
