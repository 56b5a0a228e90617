import assert from "node:assert/strict";
import { BerReader } from "../src/snmp/ber.ts";
import {
  decodeMessage,
  decodeScopedPdu,
  encodeScopedPdu,
  encodeV3Message,
  type Pdu,
  PduType,
  type V3Message,
} from "../src/snmp/message.ts";
import { deviceOf, objectsOf } from "./device.ts";
import type { Fault } from "./faults.ts";
import { createUsmEngine, maybeUsmAnswer, ReportOid, type UsmEngine } from "./usm_agent.ts";
import { encryptScopedPdu, maybeDecrypted } from "./usm_cipher.ts";
import { emptyDigest, isAuthentic, localizedKey, localizedPrivKey, packetDigest, passwordKey } from "./usm_keys.ts";
import { type PrivProtocol, privProtocols } from "./usm_user.ts";

const engineId = Uint8Array.fromHex("80000009030200000000aa");
const engineBoots = 3;
const upTimeSeconds = 1000;
const rows = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`1.3.6.1.9.${i + 1}`, "x".repeat(i % 40)]));

function engineOf(priv: PrivProtocol = "aes128") {
  const device = deviceOf({
    name: "device",
    engineId,
    engineBoots,
    upTimeSeconds,
    objects: objectsOf(rows),
    contexts: { fax: objectsOf({ "1.3.6.1.9.1": "fax" }), scan: objectsOf({ "1.3.6.1.9.1": "scan" }) },
    users: [
      {
        name: "private",
        auth: "sha256",
        authKey: "auth-password",
        priv,
        privKey: "priv-password",
        contexts: ["", "fax"],
      },
      { name: "signed", auth: "md5", authKey: "auth-password" },
      { name: "open" },
    ],
  });
  return createUsmEngine(device, () => 0.5);
}

interface Asked {
  engine?: UsmEngine;
  user?: "private" | "signed" | "open" | "nobody" | "";
  level?: 0 | 1 | 2 | 3;
  engineId?: Uint8Array;
  engineBoots?: number;
  engineTime?: number;
  reportable?: boolean;
  context?: string;
  contextEngineId?: Uint8Array;
  authPassword?: string;
  privPassword?: string;
  salt?: Uint8Array;
  priv?: PrivProtocol;
  securityModel?: number;
  msgMaxSize?: number;
  pdu?: Partial<Pdu>;
  faults?: Fault[];
  maxMessageSize?: number;
}

const authOf = { private: "sha256", signed: "md5" } as const;

function ask(asked: Asked) {
  const { user = "private", priv = "aes128" } = asked;
  const level = asked.level ?? (user === "private" ? 3 : user === "signed" ? 1 : 0);
  const auth = user === "signed" ? authOf.signed : authOf.private;
  const salt = asked.salt ?? Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
  const times = { engineBoots: asked.engineBoots ?? engineBoots, engineTime: asked.engineTime ?? upTimeSeconds + 2 };
  const authKey = localizedKey(auth, passwordKey(auth, asked.authPassword ?? "auth-password"), engineId);
  const privKey = localizedPrivKey(auth, { priv, password: asked.privPassword ?? "priv-password", engineId });
  const scoped = encodeScopedPdu({
    contextEngineId: asked.contextEngineId ?? engineId,
    contextName: new TextEncoder().encode(asked.context ?? ""),
    pdu: {
      type: PduType.get,
      requestId: 77,
      errorStatus: 0,
      errorIndex: 0,
      varbinds: [{ oid: "1.3.6.1.9.3", tag: 5, value: null }],
      ...asked.pdu,
    },
  });
  const { packet, authParametersOffset } = encodeV3Message({
    msgId: 4242,
    msgMaxSize: asked.msgMaxSize ?? 65507,
    msgFlags: level | (asked.reportable === false ? 0 : 4),
    securityModel: asked.securityModel ?? 3,
    engineId: asked.engineId ?? engineId,
    ...times,
    userName: new TextEncoder().encode(user),
    authParameters: level === 0 ? new Uint8Array() : emptyDigest(auth),
    privParameters: level >= 2 ? salt : new Uint8Array(),
    ...(level >= 2 ? { encryptedPdu: encryptScopedPdu(scoped, { protocol: priv, key: privKey, salt, ...times }) } : {}),
  }, scoped);
  if (level > 0) packet.set(packetDigest(auth, authKey, packet), authParametersOffset);

  let decided = 0;
  const engine = asked.engine ?? engineOf(priv);
  const answer = maybeUsmAnswer(packet, decodeMessage(packet) as V3Message, {
    engine,
    elapsedMs: 2500,
    maxMessageSize: asked.maxMessageSize ?? 1472,
    decide() {
      decided++;
      return asked.faults ?? [];
    },
  });
  if (answer === undefined) return undefined;
  assert.equal(decided, 1, "faults are decided once a request");
  const message = decodeMessage(answer) as V3Message;
  assert.deepEqual(message.engineId, engineId);
  assert.deepEqual([message.engineBoots, message.engineTime], [engineBoots, upTimeSeconds + 2]);
  if ((message.msgFlags & 1) !== 0) {
    const digest = { digest: message.authParameters, offset: message.authParametersOffset };
    assert.ok(isAuthentic(answer, { protocol: auth, key: authKey, ...digest }), "the answer is signed");
  }
  const plain = message.encryptedPdu &&
    maybeDecrypted(message.encryptedPdu, {
      protocol: priv,
      key: privKey,
      salt: message.privParameters,
      engineBoots: message.engineBoots,
      engineTime: message.engineTime,
    });
  const { pdu, contextName } = plain ? decodeScopedPdu(new BerReader(plain)) : message.scopedPdu!;
  const { privParameters: usedSalt } = message;
  return { octets: answer.length, usedSalt, msgId: message.msgId, flags: message.msgFlags, pdu, contextName, engine };
}

const reports: { name: string; asked: Asked; report: keyof typeof ReportOid; flags?: number }[] = [
  {
    name: "engine discovery",
    asked: { user: "", engineId: new Uint8Array(), engineBoots: 0, engineTime: 0, pdu: { varbinds: [] } },
    report: "unknownEngineIds",
  },
  { name: "another engine", asked: { engineId: Uint8Array.of(1, 2, 3, 4, 5) }, report: "unknownEngineIds" },
  { name: "an unknown user", asked: { user: "nobody" }, report: "unknownUserNames" },
  { name: "privacy for a user without", asked: { user: "signed", level: 3 }, report: "unsupportedSecLevels" },
  { name: "a digest for a user without", asked: { user: "open", level: 1 }, report: "unsupportedSecLevels" },
  { name: "a wrong password", asked: { authPassword: "not-the-password" }, report: "wrongDigests" },
  { name: "another boot", asked: { engineBoots: 2 }, report: "notInTimeWindows", flags: 1 },
  { name: "a time 151 s late", asked: { engineTime: 851 }, report: "notInTimeWindows", flags: 1 },
  { name: "a time 151 s early", asked: { engineTime: 1153 }, report: "notInTimeWindows", flags: 1 },
  { name: "a salt of 7 octets", asked: { salt: new Uint8Array(7) }, report: "decryptionErrors" },
  { name: "an unknown context", asked: { context: "print" }, report: "unknownContexts", flags: 3 },
  {
    name: "another context engine",
    asked: { contextEngineId: Uint8Array.of(1, 2, 3, 4, 5) },
    report: "unknownPduHandlers",
    flags: 3,
  },
];
for (const { name, asked, report, flags = 0 } of reports) {
  Deno.test(`maybeUsmAnswer() reports ${report} for ${name}`, () => {
    const answer = ask(asked)!;
    assert.equal(answer.pdu.type, PduType.report);
    assert.deepEqual(answer.pdu.varbinds, [{ oid: ReportOid[report], tag: 0x41, value: 1 }]);
    assert.equal(answer.flags, flags);
    assert.equal(answer.msgId, 4242);
    assert.equal(answer.engine.counters[report], 1);
  });
  Deno.test(`maybeUsmAnswer() stays silent for ${name} in a response`, () => {
    assert.equal(ask({ ...asked, reportable: false, pdu: { type: PduType.response } }), undefined);
  });
}

Deno.test("maybeUsmAnswer() heeds the reportable flag only where it cannot read the PDU", () => {
  assert.equal(ask({ user: "nobody", level: 3, reportable: false }), undefined);
  assert.equal(ask({ user: "nobody", level: 0, reportable: false })!.pdu.type, PduType.report);
});

Deno.test("maybeUsmAnswer() stays silent for another security model and for privacy without authentication", () => {
  assert.equal(ask({ securityModel: 2 }), undefined);
  assert.equal(ask({ level: 2 }), undefined);
});

for (const priv of privProtocols) {
  Deno.test(`maybeUsmAnswer() stays silent for a wrong privacy password with ${priv}`, () => {
    assert.equal(ask({ priv, privPassword: "not-the-password" }), undefined);
  });
  Deno.test(`maybeUsmAnswer() answers a request with ${priv}`, () => {
    const { pdu, flags, msgId } = ask({ priv })!;
    assert.deepEqual([pdu.type, pdu.requestId, pdu.errorStatus, flags, msgId], [PduType.response, 77, 0, 3, 4242]);
    assert.deepEqual(pdu.varbinds, [{ oid: "1.3.6.1.9.3", tag: 4, value: Uint8Array.of(0x78, 0x78) }]);
  });
}

for (const priv of ["des", "aes128"] as const) {
  Deno.test(`maybeUsmAnswer() never uses a salt of ${priv} twice`, () => {
    const engine = engineOf(priv);
    const salts = Array.from({ length: 3 }, () => ask({ priv, engine })!.usedSalt.toHex());
    assert.equal(new Set(salts).size, 3);
  });
}

Deno.test("maybeUsmAnswer() accepts a time at the edge of the window", () => {
  assert.equal(ask({ engineTime: 852 })!.pdu.type, PduType.response);
  assert.equal(ask({ engineTime: 1152 })!.pdu.type, PduType.response);
});

Deno.test("maybeUsmAnswer() refuses a level below the user's and a context that is not the user's", () => {
  assert.equal(ask({ user: "private", level: 1 })!.pdu.errorStatus, 16);
  assert.equal(ask({ user: "private", context: "scan" })!.pdu.errorStatus, 16);
  assert.equal(ask({ user: "signed" })!.pdu.errorStatus, 0);
  assert.equal(ask({ user: "open" })!.pdu.errorStatus, 0);
});

Deno.test("maybeUsmAnswer() answers from the context that was named", () => {
  const { pdu, contextName } = ask({
    context: "fax",
    pdu: { varbinds: [{ oid: "1.3.6.1.9.1", tag: 5, value: null }] },
  })!;
  assert.equal(new TextDecoder().decode(pdu.varbinds[0]!.value as Uint8Array), "fax");
  assert.equal(new TextDecoder().decode(contextName), "fax");
});

Deno.test("maybeUsmAnswer() with the fault wrong-request-id changes both ids", () => {
  const { msgId, pdu } = ask({ faults: [{ kind: "wrong-request-id" }] })!;
  assert.deepEqual([msgId, pdu.requestId], [4243, 78]);
});

const bulk = { type: PduType.getBulk, errorIndex: 200, varbinds: [{ oid: "1.3", tag: 5, value: null }] };
for (const priv of ["aes128", "des"] as const) {
  for (const user of ["private", "open"] as const) {
    Deno.test(`maybeUsmAnswer() cuts GetBulk for ${user} with ${priv} so that the next binding would not fit`, () => {
      for (let maxMessageSize = 500; maxMessageSize < 2000; maxMessageSize += 11) {
        const cut = ask({ user, priv, pdu: bulk, maxMessageSize })!;
        assert.ok(cut.octets <= maxMessageSize, `${cut.octets} octets of ${maxMessageSize}`);
        const more = { ...bulk, errorIndex: cut.pdu.varbinds.length + 1 };
        assert.ok(ask({ user, priv, pdu: more, maxMessageSize: 65507 })!.octets > maxMessageSize);
      }
    });
  }
}

Deno.test("maybeUsmAnswer() sends no more than the sender takes, but 484 octets to anyone", () => {
  assert.ok(ask({ pdu: bulk, msgMaxSize: 600 })!.octets <= 600);
  const { octets } = ask({ pdu: bulk, msgMaxSize: 1 })!;
  assert.ok(octets > 300 && octets <= 484, `${octets}`);
});
