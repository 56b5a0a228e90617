/** `opendca` as a program through Debian's squid, whatever the environment says of proxies. */
import assert from "node:assert/strict";
import { goodCode, judging } from "../fixtures/activation_fixture.ts";
import { authority, type Machine, machine } from "../fixtures/doctor_fixture.ts";
import { proxyPeer } from "../fixtures/faulty_peers.ts";
import { peerTest } from "../fixtures/peers.ts";
import { configure, name, password, startPlatform, users } from "../fixtures/squid_machine.ts";
import { squidOutgoing, squidPrograms, startSquid } from "../fixtures/squid_peer.ts";
import { runProgram } from "../fixtures/start_program.ts";
import { startTestPlatform } from "../fixtures/test_platform.ts";

function opendca(here: Machine, args: string[], env: Record<string, string>) {
  return runProgram("main.ts", [...args, "--config", `${here.folder}/agent.yaml`], { ...here.env, ...env });
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
  for (const args of [["activate", goodCode], ["doctor"]]) {
    const ended = await opendca(here, args, env);
    assert.equal(ended.code, 0, ended.err + ended.out);
    assert.ok(!`${ended.out}${ended.err}`.includes(password) && !ended.err.includes(btoa("agent:")), ended.err);
  }
  assert.deepEqual([...platform.peers], [squidOutgoing]);
  assert.deepEqual(decoy.requests, []);

  // And without a proxy in the file, to the platform itself, whose certificate is not to be believed.
  await using forged = await startTestPlatform({ activate: judging(authority) }, {});
  await using other = await machine();
  await other.platformAt(forged.port);
  const direct = await opendca(other, ["activate", goodCode], env);
  assert.equal(direct.code, 69, direct.err);
  assert.deepEqual([[...forged.peers], forged.calls.activate.length], [["127.0.0.1"], 0]);
  assert.deepEqual(decoy.requests, []);
});
