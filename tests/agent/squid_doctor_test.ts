/** `opendca doctor` and `opendca activate` through Debian's squid, also one that opens TLS, and whatever the environment says. */
import assert from "node:assert/strict";
import { authority, chain, failures, type Machine, machine } from "../fixtures/doctor_fixture.ts";
import { goodCode, judging, unlockKey } from "../fixtures/activation_fixture.ts";
import { proxyPeer } from "../fixtures/faulty_peers.ts";
import { startTestPlatform } from "../fixtures/test_platform.ts";
import { freePort } from "../fixtures/free_port.ts";
import { peerTest } from "../fixtures/peers.ts";
import {
  inspectionPrograms,
  type SquidOptions,
  squidOutgoing,
  squidPrograms,
  startSquid,
} from "../fixtures/squid_peer.ts";
import { runProgram } from "../fixtures/start_program.ts";
import { until } from "../fixtures/until.ts";

/** Known to squid alone. */
const name = "platform.customer.test";
const password = "pä:ss@w%rd";
const users = { agent: password };

function startPlatform() {
  return startTestPlatform({ activate: judging(authority), upload: () => ({ code: 3, reason: "invalid-request" }) }, {
    authority,
    names: [name],
  });
}

interface Setting {
  squidPort: number;
  platformPort: number;
  /** PEM that the agent trusts; null for the system's store. */
  ca?: string | null;
  /** Of the proxy; null for none. */
  password?: string | null;
}

async function configure(here: Machine, { squidPort, platformPort, ca, password: word = password }: Setting) {
  const trusted = `${here.folder}/trusted.pem`;
  await Deno.writeTextFile(trusted, ca ?? authority.pem);
  const unlock = `unlockKey: "${unlockKey}"`;
  const platform = [
    `rootDomain: ${name}`,
    `endpoints: ["${name}:${platformPort}"]`,
    unlock,
    ...ca === null ? [] : [`ca: "${trusted}"`],
  ];
  const credentials = word === null ? "" : `, user: agent, password: ${JSON.stringify(word)}`;
  await here.configure(
    `platform: { ${platform.join(", ")} }\nproxy: { url: "http://127.0.0.1:${squidPort}"${credentials} }\n`,
  );
}

const cases: {
  name: string;
  squid?: SquidOptions;
  setting?: Partial<Setting>;
  want: string;
  says: RegExp;
}[] = [
  { name: "a wrong password", want: "proxy proxy-credentials", says: /\(407\)/, setting: { password: "no" } },
  { name: "no password", want: "proxy proxy-credentials", says: /\(407\)/, setting: { password: null } },
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
    squid: { inspector: "Acme Web Gateway" },
    setting: { ca: null },
    want: "tls tls-inspected",
    says: /issued by "CN=Acme Web Gateway"/,
  },
];
for (const { name: what, squid: options, setting, want, says } of cases) {
  peerTest(
    `opendca doctor names ${what}: ${want}`,
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
    `opendca activate tells no code to ${trusted ? "a trusted" : "an unknown"} squid that opens TLS`,
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
      const ended = await activate(here);
      assert.equal(ended.code, 69, ended.err);
      assert.match(ended.err, trusted ? /allow HTTP\/2/ : /"CN=Acme Web Gateway"/);
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

function activate(here: Machine, env: Record<string, string> = {}) {
  return runProgram("main.ts", ["activate", goodCode, "--config", `${here.folder}/agent.yaml`], {
    ...here.env,
    ...env,
  });
}

peerTest("opendca goes by agent.yaml alone, whatever the environment says of proxies", squidPrograms, async () => {
  await using platform = await startPlatform();
  await using decoy = await proxyPeer(() => "403 Forbidden");
  await using squid = await startSquid({ users, names: [name] });
  const url = `http://127.0.0.1:${decoy.port}`;
  const names = ["http_proxy", "https_proxy", "all_proxy", "grpc_proxy"];
  const env = {
    ...Object.fromEntries(names.flatMap((key) => [[key, url], [key.toUpperCase(), url]])),
    NODE_USE_ENV_PROXY: "1",
    no_proxy: "*",
    NO_PROXY: "*",
    no_grpc_proxy: name,
    NODE_TLS_REJECT_UNAUTHORIZED: "0",
    GRPC_TRACE: "all",
    GRPC_VERBOSITY: "DEBUG",
  };
  await using here = await machine();
  await configure(here, { squidPort: squid.port, platformPort: platform.port });
  const doctor = () =>
    runProgram("main.ts", ["doctor", "--config", `${here.folder}/agent.yaml`], { ...here.env, ...env });
  for (const ended of [await activate(here, env), await doctor()]) {
    assert.equal(ended.code, 0, ended.err + ended.out);
    assert.ok(!`${ended.out}${ended.err}`.includes(password) && !ended.err.includes(btoa("agent:")), ended.err);
  }
  assert.deepEqual([...platform.peers], [squidOutgoing]);
  assert.deepEqual(decoy.requests, []);

  // And without a proxy in the file, to the platform itself, whose certificate is not to be believed.
  await using forged = await startTestPlatform({ activate: judging(authority) }, {});
  await using other = await machine();
  await other.platformAt(forged.port);
  const direct = await activate(other, env);
  assert.equal(direct.code, 69, direct.err);
  assert.deepEqual([[...forged.peers], forged.calls.activate.length], [["127.0.0.1"], 0]);
  assert.deepEqual(decoy.requests, []);
});
