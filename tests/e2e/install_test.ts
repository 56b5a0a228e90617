/** What is in install/: its scripts by bats and shellcheck, and files that other programs read. */
import assert from "node:assert/strict";
import { parse } from "yaml";
import project from "../../deno.json" with { type: "json" };
import { peerTest } from "../fixtures/peers.ts";
import { toolOutput } from "../fixtures/started_peer.ts";

const root = new URL("../../", import.meta.url).pathname;

const suites: Record<string, string[]> = {
  "install/linux": [
    ...["minisign", "openssl", "zstd", "unshare", "setpriv", "script", "systemd-analyze", "shellcheck"],
    ...["lintian", "rpmbuild", "rpmlint"],
  ],
  "install/macos": ["minisign", "openssl", "unshare", "python3", "shellcheck"],
  "tools/release/macos": ["python3"],
  "install/oci": ["minisign", "buildah", "skopeo", "python3"],
};
for (const [folder, programs] of Object.entries(suites)) {
  peerTest(`${folder}: the tests of the scripts pass`, ["bats", ...programs], async () => {
    const { code, stdout } = await new Deno.Command("bats", {
      args: ["--tap", folder],
      cwd: root,
      stdin: "null",
      stderr: "null",
    }).output();
    const said = new TextDecoder().decode(stdout);
    assert.equal(code, 0, said);
    for (const [, test, reason] of said.matchAll(/^ok \d+ (.*) # skip (.*)$/gm)) {
      console.warn(`not possible here: ${test} (${reason})`);
    }
  });
}

peerTest("shellcheck finds nothing in the scripts of the repository", ["shellcheck"], async () => {
  const listed = await toolOutput("git", ["-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
  const paths = listed.split("\0").filter((path) => path !== "");
  const scripts = paths.filter((path) => {
    if (path.endsWith(".sh")) return true;
    return !/\.\w+$/.test(path) && /^#!.*\b(ba)?sh\n/.test(Deno.readTextFileSync(`${root}${path}`));
  });
  assert(scripts.includes(".ci/run") && scripts.includes("install/linux/deb/postinst"), scripts.join());
  const tests = paths.filter((path) => /\.(bats|bash)$/.test(path));
  // Variables of bats and of what it loads.
  const checks = [scripts, ["--severity=warning", "--exclude=SC2154,SC2120", ...tests]];
  for (const args of checks) {
    const { code, stdout } = await new Deno.Command("shellcheck", { args: ["--external-sources", ...args], cwd: root })
      .output();
    assert.equal(code, 0, new TextDecoder().decode(stdout));
  }
});

interface Service {
  image: string;
  volumes: string[];
  read_only: boolean;
  cap_drop: string[];
  security_opt: string[];
}

Deno.test("install/oci/compose.yaml runs the images of this version as docs/install.md does", async () => {
  const { services, volumes } = parse(await Deno.readTextFile(`${root}install/oci/compose.yaml`)) as {
    services: Record<string, Service>;
    volumes: Record<string, null>;
  };
  const state = {
    platform: ["/var/lib/opendca-platform"],
    agent: ["/var/lib/opendca", "/var/lib/opendca-guard"],
  };
  for (const [name, folders] of Object.entries(state)) {
    const service = services[name]!;
    assert.equal(service.image, `opendca${name === "platform" ? "-platform" : ""}:${project.version}`);
    assert.deepEqual(
      [service.read_only, service.cap_drop, service.security_opt],
      [true, ["ALL"], ["no-new-privileges:true"]],
    );
    const named = service.volumes.filter((each) => each.split(":")[0]! in volumes).map((each) => each.split(":")[1]);
    assert.deepEqual(named, folders);
  }
});
