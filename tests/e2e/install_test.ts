/** The scripts of install/, by bats. */
import assert from "node:assert/strict";
import { peerTest } from "../fixtures/peers.ts";

const root = new URL("../../", import.meta.url).pathname;

peerTest(
  "install/linux: the tests of the installation pass",
  [
    "bats",
    "shellcheck",
    "minisign",
    "openssl",
    "zstd",
    "unshare",
    "setpriv",
    "script",
    "systemd-analyze",
    "lintian",
    "rpmbuild",
  ],
  async () => {
    const { code, stdout } = await new Deno.Command("bats", {
      args: ["--tap", "install/linux"],
      cwd: root,
      stdin: "null",
      stderr: "null",
    }).output();
    const said = new TextDecoder().decode(stdout);
    assert.equal(code, 0, said);
    for (const [, test, reason] of said.matchAll(/^ok \d+ (.*) # skip (.*)$/gm)) {
      console.warn(`not possible here: ${test} (${reason})`);
    }
  },
);
