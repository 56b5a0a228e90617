import assert from "node:assert/strict";
import { encodeScopedPdu, encodeV3Message, MsgFlag, PduType } from "./message.ts";
import { type NetSnmpUser, privProtocols, snmp } from "./net_snmp.ts";
import { installUsmPrivacy } from "./usm_privacy.ts";
import { authProtocols } from "./usm_protocols.ts";
import { readUsmReport } from "./usm_report.ts";
import { Tag } from "./value.ts";

const engineId = Uint8Array.fromHex("8000000001020304");
const user: NetSnmpUser = {
  name: "monitor",
  level: snmp.SecurityLevel.authPriv,
  authProtocol: authProtocols.sha256,
  authKey: "monitor-auth-key",
  privProtocol: privProtocols.aes128,
  privKey: "monitor-priv-key",
};

function report(oids: string[], isEncrypted: boolean): Uint8Array {
  const varbinds = oids.map((oid) => ({ oid, tag: Tag.counter32, value: 1 }));
  const pdu = { type: PduType.report, requestId: 1, errorStatus: 0, errorIndex: 0, varbinds };
  const scoped = encodeScopedPdu({ contextEngineId: engineId, contextName: new Uint8Array(), pdu });
  const fields = {
    msgId: 1,
    msgMaxSize: 65507,
    msgFlags: isEncrypted ? MsgFlag.auth | MsgFlag.priv : 0,
    securityModel: 3,
    engineId,
    engineBoots: 3,
    engineTime: 9,
    userName: new TextEncoder().encode("monitor"),
    authParameters: new Uint8Array(),
    privParameters: new Uint8Array(),
  };
  if (!isEncrypted) return encodeV3Message(fields, scoped).packet;
  installUsmPrivacy();
  const { privProtocol, privKey, authProtocol } = user;
  const { encryptedPdu, msgPrivacyParameters } = snmp.Encryption.algorithms[privProtocol!]!.encryptPdu(
    scoped,
    privProtocol!,
    privKey!,
    authProtocol!,
    { engineID: engineId, engineBoots: 3, engineTime: 9 },
  );
  return encodeV3Message({ ...fields, privParameters: msgPrivacyParameters, encryptedPdu }).packet;
}

const cases: [oid: string, want: string][] = [
  ["1.3.6.1.6.3.15.1.1.1.0", "unsupportedSecurityLevel"],
  ["1.3.6.1.6.3.15.1.1.2.0", "notInTimeWindow"],
  ["1.3.6.1.6.3.15.1.1.3", "unknownUserName"],
  ["1.3.6.1.6.3.15.1.1.4.0", "unknownEngineId"],
  ["1.3.6.1.6.3.15.1.1.5.0", "wrongDigest"],
  ["1.3.6.1.6.3.15.1.1.6.0", "decryptionError"],
  ["1.3.6.1.6.3.15.1.1.11.0", "otherReport"],
  ["1.3.6.1.6.3.12.1.4.0", "unavailableContext"],
  ["1.3.6.1.6.3.12.1.5.0", "unknownContext"],
  ["1.3.6.1.6.3.11.2.1.3.0", "otherReport"],
];
for (const [oid, want] of cases) {
  Deno.test(`readUsmReport() takes ${oid} for ${want}, also encrypted`, () => {
    assert.equal(readUsmReport(report([oid], false), user), want);
    assert.equal(readUsmReport(report([oid], true), user), want);
  });
}

Deno.test("readUsmReport() takes what it cannot read for another report", () => {
  assert.equal(readUsmReport(report([], false), user), "otherReport");
  assert.equal(readUsmReport(Uint8Array.of(0x30, 0x84), user), "otherReport");
  const encrypted = report([cases[0]![0]], true);
  assert.equal(readUsmReport(encrypted, { ...user, privKey: "another-priv-key" }), "otherReport");
  assert.equal(readUsmReport(encrypted, { name: "nobody", level: 1 }), "otherReport");
});
