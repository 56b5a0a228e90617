/**
 * What this product relies on in npm:net-snmp, so that another version of it that behaves differently fails here first,
 * by name, and not on somebody's printers.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { EventEmitter } from "node:events";
import { decodeMessage, encodeScopedPdu, encodeV3Message, MsgFlag, PduType, type V3Message } from "./message.ts";
import { type NetSnmpOptions, type NetSnmpSession, type NetSnmpSocket, snmp } from "./net_snmp.ts";
import { authProtocols } from "./usm_protocols.ts";
import { Tag, type Varbind } from "./value.ts";

const engineId = Uint8Array.fromHex("8000000001020304");
const sysName = "1.3.6.1.2.1.1.5.0";

/** A session of a user without keys, over a socket that keeps what the library sends. */
function openContract(options: Partial<NetSnmpOptions> = {}) {
  const refusing: { error?: Error } = {};
  const sent: Uint8Array[] = [];
  const errors: Error[] = [];
  const socket = Object.assign(new EventEmitter(), {
    send(
      buffer: Uint8Array,
      offset: number,
      length: number,
      _port: number,
      _address: string,
      callback: (error: Error | null, bytes?: number) => void,
    ) {
      if (refusing.error !== undefined) return callback(refusing.error);
      sent.push(new Uint8Array(buffer.subarray(offset, offset + length)));
      callback(null, length);
    },
    bind() {},
    ref() {},
    unref() {},
    close() {
      socket.emit("close");
    },
  });
  const session = snmp.createV3Session("127.0.0.1", { name: "anybody", level: snmp.SecurityLevel.noAuthNoPriv }, {
    version: snmp.Version["3"],
    idBitsSize: 32,
    retries: 0,
    timeout: 60_000,
    ...options,
    dgramModule: { createSocket: () => socket as unknown as NetSnmpSocket },
  });
  session.on("error", (error) => errors.push(error));
  const request = (at: number) => decodeMessage(sent[at]!) as V3Message;
  return {
    session,
    sent,
    errors,
    /** While it has an error, the socket refuses what it is to send. */
    refusing,
    request,
    /** Answers the request that was sent as number `at`. */
    answer(at: number, type: number, varbinds: Varbind[], errorStatus = 0) {
      const asked = request(at);
      const pdu = { type, requestId: asked.scopedPdu!.pdu.requestId, errorStatus, errorIndex: 0, varbinds };
      const scoped = encodeScopedPdu({ contextEngineId: engineId, contextName: new Uint8Array(), pdu });
      const { packet } = encodeV3Message({ ...asked, msgFlags: 0, engineId, engineBoots: 3, engineTime: 9 }, scoped);
      socket.emit("message", Buffer.from(packet));
    },
    receive: (bytes: Uint8Array) => socket.emit("message", Buffer.from(bytes)),
  };
}

type Contract = ReturnType<typeof openContract>;

const count = (oid: string): Varbind[] => [{ oid, tag: Tag.counter32, value: 1 }];
const unknownEngine = "1.3.6.1.6.3.15.1.1.4.0", unknownUser = "1.3.6.1.6.3.15.1.1.3.0";

function get(session: NetSnmpSession): Promise<unknown> {
  return new Promise((resolve, reject) =>
    session.get([sysName], (error, varbinds) => error === null ? resolve(varbinds) : reject(error))
  );
}

async function rejected(asking: Promise<unknown>): Promise<Error> {
  try {
    await asking;
  } catch (error) {
    return error as Error;
  }
  assert.fail("the request was answered");
}

Deno.test("net-snmp has what is used of it, under the names and numbers that are used", () => {
  assert.deepEqual(snmp.Version, { "1": 0, "2c": 1, "3": 3 });
  const { noAuthNoPriv, authNoPriv, authPriv } = snmp.SecurityLevel;
  assert.deepEqual([noAuthNoPriv, authNoPriv, authPriv], [1, 2, 3]);
  for (const code of ["EAuthFailure", "ECouldNotDecrypt", "ENotInTimeWindow", "EUnexpectedReport"]) {
    assert.equal(typeof snmp.ResponseInvalidCode[code], "number", code);
  }
  assert.equal(new snmp.RequestFailedError("", 5).status, 5);
  assert.equal(new snmp.ResponseInvalidError("", 7).code, 7);
  assert(new snmp.RequestTimedOutError("") instanceof Error);
  // RFC 3414 appendix A.3.1.
  const key = snmp.Authentication.passwordToKey(
    authProtocols.md5,
    "maplesyrup",
    Buffer.from("000000000000000000000002", "hex"),
  );
  assert.equal(key.toString("hex"), "526f5eed9fcce26f8964c2930787d82b");
  for (const [protocol, { encryptPdu, decryptPdu }] of Object.entries(snmp.Encryption.algorithms)) {
    assert.deepEqual([typeof encryptPdu, typeof decryptPdu], ["function", "function"], `protocol ${protocol}`);
  }
});

async function discovered(contract: Contract): Promise<{ asking: Promise<unknown> }> {
  const asking = get(contract.session);
  // Whoever awaits it gets the error; until then it is nobody's.
  asking.catch(() => {});
  contract.answer(0, PduType.report, count(unknownEngine));
  await Promise.resolve();
  return { asking };
}

Deno.test("net-snmp discovers the engine, then asks it, and remembers it", async () => {
  const contract = openContract();
  const { session, sent, request } = contract;
  const { asking } = await discovered(contract);
  assert.equal(sent.length, 2);
  const [discovery, asked] = [request(0), request(1)];
  assert.equal(discovery.engineId.length, 0);
  assert.equal(discovery.msgFlags, MsgFlag.reportable);
  assert.deepEqual(discovery.scopedPdu!.pdu.varbinds, []);
  assert.deepEqual(asked.engineId, engineId);
  assert.deepEqual([asked.engineBoots, asked.engineTime], [3, 9]);
  assert.notEqual(asked.msgId, discovery.msgId);
  assert.equal(asked.scopedPdu!.pdu.varbinds[0]!.oid, sysName);
  contract.answer(1, PduType.response, [{ oid: sysName, tag: Tag.octetString, value: Uint8Array.of(65) }]);
  assert.deepEqual(await asking, [{ oid: sysName, type: Tag.octetString, value: Buffer.from("A") }]);
  void get(session).catch(() => {});
  assert.equal(sent.length, 3, "a second request needs no discovery");
  session.close();
});

Deno.test("net-snmp gives error-status and reports as the errors that are told apart", async () => {
  const failing = openContract();
  const { asking } = await discovered(failing);
  failing.answer(1, PduType.response, [{ oid: sysName, tag: Tag.null, value: null }], 5);
  const failed = await rejected(asking);
  assert(failed instanceof snmp.RequestFailedError);
  assert.equal(failed.status, 5);
  failing.session.close();

  const refusing = openContract();
  const refused = await discovered(refusing);
  refusing.answer(1, PduType.report, count(unknownUser));
  const report = await rejected(refused.asking);
  assert(report instanceof snmp.ResponseInvalidError);
  assert.equal(report.code, snmp.ResponseInvalidCode.EAuthFailure);
  assert.match(report.message, /^Unknown User Name/);
  assert.equal(refusing.sent.length, 2, "the first request to an engine is not asked again after a report");
  refusing.session.close();
});

Deno.test("net-snmp emits an error for octets that are no message, and goes on waiting", async () => {
  const contract = openContract();
  const { asking } = await discovered(contract);
  contract.receive(Uint8Array.of(0x30, 0x03, 0x02, 0x01));
  assert.equal(contract.errors.length, 1);
  contract.answer(1, PduType.response, [{ oid: sysName, tag: Tag.integer, value: 1 }]);
  assert.deepEqual(await asking, [{ oid: sysName, type: Tag.integer, value: 1 }]);
  contract.session.close();
});

Deno.test("net-snmp ends a request with the error of the socket that refuses its repetition after a report", async () => {
  const contract = openContract();
  const { session, sent, answer, refusing } = contract;
  const { asking } = await discovered(contract);
  answer(1, PduType.response, [{ oid: sysName, tag: Tag.integer, value: 1 }]);
  await asking;
  const refused = rejected(get(session));
  refusing.error = new Error("refused");
  answer(2, PduType.report, count(unknownUser));
  assert.equal(await refused, refusing.error);
  delete refusing.error;
  const next = get(session);
  assert.equal(sent.length, 4);
  answer(3, PduType.response, [{ oid: sysName, tag: Tag.integer, value: 2 }]);
  assert.deepEqual(await next, [{ oid: sysName, type: Tag.integer, value: 2 }]);
  session.close();
});

Deno.test("net-snmp ends a request before the socket's event returns", async () => {
  const contract = openContract();
  const { session, answer } = contract;
  await discovered(contract);
  answer(1, PduType.response, [{ oid: sysName, tag: Tag.integer, value: 1 }]);
  let ended = 0;
  session.get([sysName], () => ended++);
  assert.equal(ended, 0);
  answer(2, PduType.response, [{ oid: sysName, tag: Tag.integer, value: 1 }]);
  assert.equal(ended, 1);
  session.close();
});

Deno.test("net-snmp sends again as often as it is told, and then gives up with its own error", async () => {
  const contract = openContract({ retries: 1, timeout: 20 });
  const error = await rejected(get(contract.session));
  assert(error instanceof snmp.RequestTimedOutError);
  assert.equal(contract.sent.length, 2);
  assert.deepEqual(contract.sent[1], contract.sent[0]);
  contract.session.close();
});

Deno.test("net-snmp ends an open request when the session is closed", async () => {
  const contract = openContract();
  const asking = get(contract.session);
  contract.session.close();
  assert.match((await rejected(asking)).message, /closed/i);
});
