/** Faults of credentials are planted against Net-SNMP's agent and pysnmp's: each gives one right sentence. */
import assert from "node:assert/strict";
import {
  authKey,
  climb,
  community,
  doctor,
  ladder,
  plan,
  privKey,
  right,
  usm,
  wrongKey,
} from "../fixtures/doctor_ladder.ts";
import { inTurns } from "../fixtures/office_fixture.ts";
import { peerTest } from "../fixtures/peers.ts";
import { startPeer } from "../fixtures/started_peer.ts";

peerTest("opendca doctor names each fault of a credential at Net-SNMP's agent", ["snmpd"], async (t) => {
  await using agent = await startPeer("snmpd", "NET-SNMP version", async (folder, port) => {
    await Deno.writeTextFile(
      `${folder}/snmpd.conf`,
      [
        "sysDescr a host",
        `createUser monitor SHA-256 ${authKey} AES-128 ${privKey}`,
        "rouser monitor priv",
        `createUser long MD5 ${authKey} AES-256 ${privKey}`,
        "rouser long priv",
        `createUser signer SHA ${authKey}`,
        "rouser signer auth",
        `rocommunity ${community}`,
        "",
      ].join("\n"),
    );
    return ["-f", "-Lo", "-C", "-c", `${folder}/snmpd.conf`, `udp:127.0.0.1:${port}`];
  });
  await climb(t, `127.0.0.1:${agent.port}`, false);
});

peerTest("opendca doctor tells a wrong context from a wrong password at Net-SNMP's agent", ["snmpd"], async (t) => {
  // It is silent in a context that it does not have; `lost` may read nothing without one.
  await using agent = await startPeer("snmpd", "NET-SNMP version", async (folder, port) => {
    await Deno.writeTextFile(
      `${folder}/snmpd.conf`,
      [
        "sysDescr a host",
        `createUser monitor SHA-256 ${authKey} AES-128 ${privKey}`,
        "rouser monitor priv",
        `createUser lost SHA-256 ${authKey} AES-128 ${privKey}`,
        "",
      ].join("\n"),
    );
    return ["-f", "-Lo", "-C", "-c", `${folder}/snmpd.conf`, `udp:127.0.0.1:${port}`];
  });
  const cases = [
    { credential: usm({ context: "attic" }), want: "wrong-context", says: /shows nothing in the context "attic"/ },
    { credential: usm({ user: "lost", context: "attic" }), want: "wrong-context", says: /keys of "lost" are valid/ },
    { credential: usm({ user: "lost" }), want: "no-access", says: /lets them read nothing/ },
    {
      credential: usm({ privKey: wrongKey, context: "attic" }),
      want: "signed-silent",
      says: /get no answer/,
    },
    {
      credential: usm({ authKey: wrongKey, context: "attic" }),
      want: "wrong-authentication-password",
      says: /is wrong/,
    },
  ];
  const all = await inTurns(cases, ({ credential }) => doctor(`127.0.0.1:${agent.port}`, plan(credential)));
  for (const [i, { credential, want, says }] of cases.entries()) {
    await t.step(`${want}: ${credential.replaceAll(/key: [\w-]+/g, "key")}`, () => {
      const found = all[i]!;
      assert.deepEqual(found.names, [want], found.message);
      assert.match(found.message, says);
      if (want === "signed-silent") assert.match(found.advice, /or the context "attic"/);
    });
  }
});

peerTest("opendca doctor tells the steps of the ladder apart at pysnmp's agent", ["snmpsimd"], async (t) => {
  await using agent = await startPeer("snmpsimd", "Listening at", async (folder, port) => {
    await Deno.writeTextFile(`${folder}/public.snmprec`, "1.3.6.1.2.1.1.1.0|4|a host\n");
    return [
      `--data-dir=${folder}`,
      `--cache-dir=${folder}/cache`,
      `--agent-udpv4-endpoint=127.0.0.1:${port}`,
      "--v3-only",
      "--v3-user=monitor",
      `--v3-auth-key=${authKey}`,
      "--v3-auth-proto=SHA256",
      `--v3-priv-key=${privKey}`,
      "--v3-priv-proto=AES",
      // It refuses to run as root without them.
      ...(Deno.uid() === 0 ? ["--process-user=nobody", "--process-group=nogroup"] : []),
    ];
  });
  // It has data for contexts only.
  const inContext = (credentials: string[]) =>
    plan(...credentials.map((one) => one.replace(/ }$/, ", context: public }")));
  const cases = [...ladder.slice(0, 5), { ...right[0]!, want: ["warning no-printer"], code: 0 }];
  const all = await inTurns(cases, ({ credentials }) => doctor(`127.0.0.1:${agent.port}`, inContext(credentials)));
  for (const [i, { name, want, code }] of cases.entries()) {
    await t.step(name, () => {
      const found = all[i]!;
      assert.deepEqual([found.names, found.code], [want, code], found.message);
    });
  }
  await t.step("a context that it does not have: it is silent, and without one as well", async () => {
    const { message, code } = await doctor(`127.0.0.1:${agent.port}`, plan(usm({ context: "attic" })));
    assert.match(message, /privacy password is wrong \(.*\), or the context "attic"$/);
    assert.equal(code, 77);
  });
});
