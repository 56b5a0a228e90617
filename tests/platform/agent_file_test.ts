/** What `opendca-platform agent-file` prints is what an agent of that platform needs. */
import assert from "node:assert/strict";
import { readAgentConfig } from "../../src/config/read_config.ts";
import { testHost } from "../fixtures/test_host.ts";
import { withPlatform } from "./commands.ts";

const served = ["serve", "--listen", "127.0.0.1:0", "--host-name", "dca.example.test", "other.example.test"];

Deno.test("agent-file prints a file that an agent can use as it is", () =>
  withPlatform(async (run, { folder }) => {
    assert.equal((await run(...served)).code, 0);
    const targets = [
      "10.1.0.0/16",
      "10.2.0.1-99",
      "[fd00::7]:1161",
      "fd00::/120",
      "plotter.example.com",
      "a:1161",
      "3d.example.com",
    ];
    const { code, stdout, stderr } = await run("agent-file", ...targets, "--network", 'Halle: "A"');
    assert.deepEqual([code, stderr], [0, ""]);
    const path = `${folder}/agent.yaml`;
    await Deno.writeTextFile(path, stdout);
    const { platform, sites } = await readAgentConfig(path, testHost({ env: {} }));
    assert.deepEqual([platform.rootDomain, platform.endpoints], [
      "dca.example.test",
      [{ host: "dca.example.test", port: 8443 }],
    ]);
    assert.equal(platform.ca?.pem.trim(), (await Deno.readTextFile(`${folder}/server-authority.pem`)).trim());
    assert.equal(platform.unlockKeys.length, 1);
    assert.equal(sites[0]!.name, 'Halle: "A"');
    const again = await run("agent-file", "10.1.0.7", "--endpoint", "other.example.test:443");
    assert.match(
      again.stdout,
      /^ {2}rootDomain: other\.example\.test\n {2}endpoints: \["other\.example\.test:443"\]$/m,
    );
    assert.match(again.stdout, /BEGIN CERTIFICATE/);
    // A certificate of somebody else is for that name.
    const public_ = await run("agent-file", "10.1.0.7", "--endpoint", "dca.example.org:443");
    assert.doesNotMatch(public_.stdout, /ca:/);
  }));

Deno.test("agent-file says what is wrong, and what to do", () =>
  withPlatform(async (run) => {
    const early = await run("agent-file", "10.1.0.0/16");
    assert.equal(early.code, 78);
    assert.match(early.stderr, /has made no certificate for a name yet\nhint: start it with serve --host-name NAME/);
    for (
      const [args, says] of [
        [["10.1.0.0/16", "--endpoint", "https://x"], /Cannot use --endpoint as HOST:PORT/],
        [["10.1.0.0/16", "--endpoint", "x\ny"], /Cannot use --endpoint as HOST:PORT/],
        [['10.1.0.0/16"]\nx: [', "--endpoint", "x"], /as a target/],
        [["office printers", "--endpoint", "x"], /as a target/],
      ] as const
    ) {
      const { code, stderr, stdout } = await run("agent-file", ...args);
      assert.deepEqual([code, stdout], [64, ""]);
      assert.match(stderr, says);
    }
  }));
