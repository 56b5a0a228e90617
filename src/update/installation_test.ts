import assert from "node:assert/strict";
import { signingKeys, trusted } from "../../tests/fixtures/signed_release.ts";
import { type InstallationFacts, installationOf } from "./installation.ts";

const lib = "/usr/local/lib/opendca";
const facts: InstallationFacts = {
  executable: `${lib}/0.2.0/opendca`,
  version: "0.2.0",
  keys: trusted(signingKeys(3)),
  os: "linux",
  arch: "x86_64",
  exists: () => true,
  stateDirectory: "/var/lib/opendca",
};

Deno.test("installationOf() takes what install.sh installed, and names the target", () => {
  assert.equal(installationOf(facts).target, "linux-x64");
  assert.equal(installationOf({ ...facts, arch: "aarch64" }).target, "linux-arm64");
});

const others: [name: string, more: Partial<InstallationFacts>, why: RegExp][] = [
  ["source", { executable: undefined }, /^it runs from source$/],
  ["a development build", { keys: undefined }, /development build, which has no release keys/],
  ["macOS", { os: "darwin" }, /no updater for darwin/],
  ["a package", { executable: "/usr/lib/opendca/opendca" }, /package of this system/],
  ["a package with its program in /usr/bin", { executable: "/usr/bin/opendca" }, /package of this system/],
  [
    "a copy in a home folder",
    { executable: "/home/eva/opendca" },
    /install\.sh did not install it: it is "\/home\/eva\/opendca"/,
  ],
  ["another version's folder", { executable: `${lib}/0.1.0/opendca` }, /install\.sh did not install it/],
  ["a file that was replaced while it runs", { executable: `${lib}/0.2.0/opendca (deleted)` }, /did not install it/],
  ["another state directory", { stateDirectory: "/srv/opendca" }, /the updater looks in "\/var\/lib\/opendca"/],
  ["no script", { exists: (path) => !path.endsWith("update.sh") }, /update\.sh" is missing: run install\.sh/],
  ["no unit", { exists: (path) => !path.endsWith(".path") }, /opendca-update\.path" is missing: run install\.sh/],
];
for (const [name, more, why] of others) {
  Deno.test(`installationOf() says why not: ${name}`, () => {
    const { target, why: said } = installationOf({ ...facts, ...more });
    assert.equal(target, "");
    assert.match(said!, why);
  });
}
