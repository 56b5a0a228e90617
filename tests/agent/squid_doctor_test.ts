/** `opendca doctor` and `opendca activate` through Debian's squid, also one that opens TLS. */
import assert from "node:assert/strict";
import { runCli } from "../../src/cli/run_cli.ts";
import { goodCode } from "../fixtures/activation_fixture.ts";
import { authority, chain, failures, machine } from "../fixtures/doctor_fixture.ts";
import { freePort } from "../fixtures/free_port.ts";
import { peerTest } from "../fixtures/peers.ts";
import { configure, name, password, type Setting, startPlatform, users } from "../fixtures/squid_machine.ts";
import { inspectionPrograms, type SquidOptions, squidPrograms, startSquid } from "../fixtures/squid_peer.ts";
import { testHost } from "../fixtures/test_host.ts";
import { until } from "../fixtures/until.ts";

const cases: {
  name: string;
  squid?: SquidOptions;
  setting?: Partial<Setting>;
  want: string;
  says: RegExp;
  isSlow?: true;
}[] = [
  { name: "a wrong password", want: "proxy proxy-credentials", says: /\(407\)/, setting: { password: "no" } },
  { name: "no password", isSlow: true, want: "proxy proxy-credentials", says: /\(407\)/, setting: { password: null } },
  {
    name: "a rule against the port",
    squid: { rules: ["acl only443 port 443", "http_access deny !only443"] },
    want: "proxy proxy-forbidden",
    says: /answers 403/,
  },
  { name: "a squid without a way out", want: "proxy proxy-failed", says: /answers 503/, setting: { platformPort: 1 } },
  {
    name: "a squid that opens TLS",
    squid: { inspector: "Acme Web Gateway" },
    want: "tls tls-inspected",
    says: /issued by "CN=Acme Web Gateway"; it does not support HTTP\/2/,
  },
  {
    name: "a squid that opens TLS where the system's authorities are trusted",
    isSlow: true,
    squid: { inspector: "Acme Web Gateway" },
    setting: { ca: null },
    want: "tls tls-inspected",
    says: /issued by "CN=Acme Web Gateway"/,
  },
];
for (const { name: what, squid: options, setting, want, says, isSlow } of cases) {
  peerTest(
    `opendca doctor names ${what}: ${want}${isSlow ? " (slow)" : ""}`,
    options?.inspector === undefined ? squidPrograms : inspectionPrograms,
    async () => {
      await using platform = await startPlatform();
      await using squid = await startSquid({ users, names: [name], trusts: authority.pem, ...options });
      await using here = await machine();
      await configure(here, { squidPort: squid.port, platformPort: platform.port, ...setting });
      const found = await here.doctor();
      assert.deepEqual([failures(found), found.code], [[want], 69], found.text);
      assert.match(found.faults[0]!.message, says);
      const at = chain.indexOf(want.split(" ")[0]!);
      const statuses = chain.map((step) => found.steps.find((one) => one.name === step)!.status);
      assert.deepEqual(statuses, chain.map((_, i) => i < at ? "ok" : i > at ? "skipped" : "failed"), found.text);
      assert.ok(!found.text.includes(password));
      assert.equal(platform.calls.upload.length, 0);
    },
  );
}

peerTest("opendca doctor names a squid that is not there: tcp proxy-unreachable", squidPrograms, async () => {
  await using here = await machine();
  await configure(here, { squidPort: freePort(), platformPort: 443 });
  const found = await here.doctor();
  assert.deepEqual([failures(found), found.code], [["tcp proxy-unreachable"], 69], found.text);
});

peerTest(
  "opendca doctor names a trusted squid that opens TLS and speaks no HTTP/2: http2-blocked",
  inspectionPrograms,
  async () => {
    await using platform = await startPlatform();
    await using squid = await startSquid({ names: [name], inspector: "Acme Web Gateway", trusts: authority.pem });
    await using here = await machine();
    await configure(here, { squidPort: squid.port, platformPort: platform.port, ca: squid.inspectorPem });
    const found = await here.doctor();
    assert.deepEqual([failures(found), found.code], [["http2 http2-blocked"], 69], found.text);
    assert.match(found.faults[0]!.message, /issued by "CN=Acme Web Gateway"/);
  },
);

for (const trusted of [false, true]) {
  peerTest(
    `opendca activate tells no code to ${trusted ? "a trusted" : "an unknown"} squid that opens TLS${
      trusted ? " (slow)" : ""
    }`,
    inspectionPrograms,
    async () => {
      await using platform = await startPlatform();
      await using squid = await startSquid({
        names: [name],
        inspector: "Acme Web Gateway",
        trusts: authority.pem,
        rules: ["debug_options ALL,1 33,2 11,2 83,2"],
      });
      await using here = await machine();
      await configure(here, {
        squidPort: squid.port,
        platformPort: platform.port,
        ...trusted ? { ca: squid.inspectorPem } : {},
      });
      const host = testHost({ env: here.env });
      const code = await runCli(["activate", goodCode, "--config", `${here.folder}/agent.yaml`], host);
      assert.equal(code, 69, host.err);
      assert.match(host.err, trusted ? /allow HTTP\/2/ : /"CN=Acme Web Gateway"/);
      await until("squid has written its requests", () => squid.requests().length > 0);
      assert.deepEqual(
        [...new Set(squid.requests())],
        [`CONNECT ${name}:${platform.port} 200 -`],
        "and no more than that",
      );
      assert.doesNotMatch(squid.written(), new RegExp(goodCode));
      assert.equal(platform.calls.activate.length, 0);
      assert.match((await here.doctor()).text, /not activated yet"/, "no attempt was counted");
    },
  );
}
