/** USM of this product against the agents of Net-SNMP (snmpd) and pysnmp (snmpsimd) on loopback. */
import assert from "node:assert/strict";
import { maybeUsmFailure, type NetSnmpSession, type NetSnmpUser, snmp } from "../../src/snmp/net_snmp.ts";
import { installUsmPrivacy } from "../../src/snmp/usm_privacy.ts";
import {
  type AuthProtocolName,
  authProtocols,
  type PrivProtocolName,
  privProtocols,
} from "../../src/snmp/usm_protocols.ts";
import { peerTest } from "../fixtures/peers.ts";
import { type Peer, startPeer } from "../fixtures/started_peer.ts";

const sysDescr = "1.3.6.1.2.1.1.1.0";
const authKey = "authentication-key", privKey = "privacy-key";
const authNames = Object.keys(authProtocols) as AuthProtocolName[];
const privNames = Object.keys(privProtocols) as PrivProtocolName[];

peerTest("USM reads and refuses as Net-SNMP's agent does", ["snmpd"], async (t) => {
  await using agent = await startSnmpd();
  await t.step("installUsmPrivacy() reads Net-SNMP's agent with every auth and priv protocol", async () => {
    assert.equal(
      await readSysDescr(agent.port, { user: { name: "open", level: snmp.SecurityLevel.noAuthNoPriv } }),
      "real",
    );
    for (const auth of authNames) {
      assert.equal(await readSysDescr(agent.port, { user: userOf(auth) }), "real", auth);
      for (const priv of privNames) {
        assert.equal(await readSysDescr(agent.port, { user: userOf(auth, priv) }), "real", `${auth} ${priv}`);
      }
    }
  });

  await t.step("maybeUsmFailure() tells wrong user, auth key and level of Net-SNMP's agent apart", async () => {
    const { authPriv } = snmp.SecurityLevel;
    const good = userOf("sha256", "aes128");
    const failures: [name: string, user: NetSnmpUser, want: string][] = [
      ["user", { ...good, name: "nobody" }, "unknownUserName"],
      ["auth key", { ...good, authKey: "not-the-auth-key" }, "wrongDigest"],
      ["auth protocol", { ...good, authProtocol: authProtocols.sha512 }, "wrongDigest"],
      [
        "level",
        { ...userOf("sha1"), level: authPriv, privProtocol: privProtocols.aes128, privKey },
        "unsupportedSecurityLevel",
      ],
    ];
    for (const [name, user, want] of failures) {
      const error = await readSysDescr(agent.port, { user }).then(() => undefined, (reason) => reason);
      assert.equal(maybeUsmFailure(error), want, `wrong ${name}: ${error}`);
    }
  });

  await t.step("installUsmPrivacy() gets silence from Net-SNMP's agent for a wrong priv key", async () => {
    for (const priv of ["des", "aes128", "aes256-reeder"] as const) {
      const user = { ...userOf("sha1", priv), privKey: "not-the-priv-key" };
      const error = await readSysDescr(agent.port, { user, timeout: 200 }).then(() => undefined, (reason) => reason);
      // The agent logs "error parsing ScopedPDU" and answers nothing, so only discovery has worked.
      assert.ok(error instanceof snmp.RequestTimedOutError, `${priv}: ${error}`);
    }
  });
});

const pairs: [AuthProtocolName, PrivProtocolName][] = [
  // MD5 is too short for AES-192 and AES-256, so the expansions differ; SHA-1 cuts the expanded key.
  ...privNames.map((priv): [AuthProtocolName, PrivProtocolName] => ["md5", priv]),
  ["sha1", "aes192-reeder"],
  ["sha1", "aes256-blumenthal"],
  ["sha256", "aes128"],
  ["sha512", "aes256-reeder"],
];
peerTest("installUsmPrivacy() reads pysnmp's agent with both key expansions and contexts", ["snmpsimd"], async () => {
  await using agent = await startSnmpsim();
  for (const [auth, priv] of pairs) {
    const user = userOf(auth, priv);
    const read = (context: string) => readSysDescr(agent.port, { user, context });
    assert.equal(await read("first"), "first simulated", `${auth} ${priv}`);
    assert.equal(await read("second"), "second simulated", `${auth} ${priv}`);
  }
});

function userOf(auth: AuthProtocolName, priv?: PrivProtocolName): NetSnmpUser {
  return {
    name: priv === undefined ? auth : `${auth}-${priv}`,
    level: priv === undefined ? snmp.SecurityLevel.authNoPriv : snmp.SecurityLevel.authPriv,
    authProtocol: authProtocols[auth],
    authKey,
    ...(priv !== undefined && { privProtocol: privProtocols[priv], privKey }),
  };
}

/** Resolves only when the socket is closed, so that nothing outlives the test. */
async function readSysDescr(
  port: number,
  options: { user: NetSnmpUser; context?: string; timeout?: number },
): Promise<string> {
  installUsmPrivacy();
  const { user, context = "", timeout = 5000 } = options;
  const session: NetSnmpSession = snmp.createV3Session("127.0.0.1", user, { port, context, timeout, retries: 0 });
  const closed = new Promise<void>((resolve) => session.on("close", resolve));
  try {
    return await new Promise((resolve, reject) => {
      session.on("error", reject);
      session.get([sysDescr], (error, varbinds) => error ? reject(error) : resolve(String(varbinds![0]!.value)));
    });
  } finally {
    session.close();
    await closed;
  }
}

function startSnmpd(): Promise<Peer> {
  const auths = { md5: "MD5", sha1: "SHA", sha224: "SHA-224", sha256: "SHA-256", sha384: "SHA-384", sha512: "SHA-512" };
  const privs = {
    "des": "DES",
    "aes128": "AES-128",
    "aes192-blumenthal": "AES-192",
    "aes192-reeder": "AES-192-C",
    "aes256-blumenthal": "AES-256",
    "aes256-reeder": "AES-256-C",
  };
  const lines = ["sysDescr real", "createUser open", "rouser open noauth"];
  for (const auth of authNames) {
    lines.push(`createUser ${auth} ${auths[auth]} ${authKey}`, `rouser ${auth} auth`);
    for (const priv of privNames) {
      lines.push(`createUser ${auth}-${priv} ${auths[auth]} ${authKey} ${privs[priv]} ${privKey}`);
      lines.push(`rouser ${auth}-${priv} priv`);
    }
  }
  return startPeer("snmpd", "NET-SNMP version", async (folder, port) => {
    await Deno.writeTextFile(`${folder}/snmpd.conf`, lines.join("\n") + "\n");
    return ["-f", "-Lo", "-C", "-c", `${folder}/snmpd.conf`, `udp:127.0.0.1:${port}`];
  });
}

/** It has a user of each pair of protocols. */
function startSnmpsim(): Promise<Peer> {
  const privs = {
    "des": "DES",
    "aes128": "AES128",
    "aes192-blumenthal": "AES192BLMT",
    "aes192-reeder": "AES192",
    "aes256-blumenthal": "AES256BLMT",
    "aes256-reeder": "AES256",
  };
  return startPeer("snmpsimd", "Listening at", async (folder, port) => {
    for (const context of ["first", "second"]) {
      await Deno.writeTextFile(`${folder}/${context}.snmprec`, `${sysDescr}|4|${context} simulated\n`);
    }
    return [
      `--data-dir=${folder}`,
      `--cache-dir=${folder}/cache`,
      `--agent-udpv4-endpoint=127.0.0.1:${port}`,
      "--v3-only",
      ...pairs.flatMap(([auth, priv]) => [
        `--v3-user=${auth}-${priv}`,
        `--v3-auth-key=${authKey}`,
        `--v3-auth-proto=${auth === "sha1" ? "SHA" : auth.toUpperCase()}`,
        `--v3-priv-key=${privKey}`,
        `--v3-priv-proto=${privs[priv]}`,
      ]),
      // It refuses to run as root without them.
      ...(Deno.uid() === 0 ? ["--process-user=nobody", "--process-group=nogroup"] : []),
    ];
  });
}
