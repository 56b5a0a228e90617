import assert from "node:assert/strict";
import fc from "fast-check";
import { BerReader, BerSyntaxError } from "./ber.ts";
import {
  type CommunityMessage,
  decodeMessage,
  decodeScopedPdu,
  encodeCommunityMessage,
  encodeScopedPdu,
  encodeV3Message,
  PduType,
} from "./message.ts";
import { Tag, type Varbind } from "./value.ts";

const text = (value: string) => new TextEncoder().encode(value);

const response: CommunityMessage = {
  version: 1,
  community: text("public"),
  pdu: {
    type: PduType.response,
    requestId: 0x12345678,
    errorStatus: 0,
    errorIndex: 0,
    varbinds: [
      { oid: "1.3.6.1.2.1.1.1.0", tag: Tag.octetString, value: text("Laser 1") },
      { oid: "1.3.6.1.2.1.1.2.0", tag: Tag.oid, value: "1.3.6.1.4.1.2435.2.3.9.1" },
      { oid: "1.3.6.1.2.1.1.3.0", tag: Tag.timeTicks, value: 4294967295 },
      { oid: "1.3.6.1.2.1.43.10.2.1.4.1.1", tag: Tag.counter32, value: 3_000_000_000 },
      { oid: "1.3.6.1.2.1.43.11.1.1.9.1.1", tag: Tag.integer, value: -3 },
      { oid: "1.3.6.1.2.1.31.1.1.1.6.1", tag: Tag.counter64, value: 2n ** 64n - 1n },
      { oid: "1.3.6.1.2.1.4.20.1.1.1", tag: Tag.ipAddress, value: Uint8Array.of(127, 0, 0, 1) },
      { oid: "1.3.6.1.2.1.99", tag: Tag.noSuchInstance, value: null },
    ],
  },
};

Deno.test("decodeMessage() reads what encodeCommunityMessage() wrote", () => {
  assert.deepEqual(decodeMessage(encodeCommunityMessage(response)), response);
});

// Taken apart by hand from RFC 1157 section 3.2.2: GET of sysDescr.0, community "public", request-id 1.
Deno.test("encodeCommunityMessage() writes the octets of an SNMPv1 GET", () => {
  const packet = encodeCommunityMessage({
    version: 0,
    community: text("public"),
    pdu: {
      type: PduType.get,
      requestId: 1,
      errorStatus: 0,
      errorIndex: 0,
      varbinds: [{ oid: "1.3.6.1.2.1.1.1.0", tag: Tag.null, value: null }],
    },
  });
  assert.equal(packet.toHex(), "302602010004067075626c6963a019020101020100020100300e300c06082b060102010101000500");
});

Deno.test("decodeMessage() reads an unsigned value whose leading zero is missing", () => {
  const varbinds = [{ oid: "1.3.6.1.2.1.1.3.0", tag: Tag.counter32, value: 0x7fffffff }];
  const packet = encodeCommunityMessage({ ...response, pdu: { ...response.pdu, varbinds } });
  packet[packet.length - 4] = 0xff;
  const message = decodeMessage(packet);
  assert.equal(message.version === 1 && message.pdu.varbinds[0]?.value, 0xffffffff);
});

const plain = { noNullPrototype: true };
const value = fc.oneof(
  fc.record({ tag: fc.constant(Tag.integer), value: fc.integer() }, plain),
  fc.record({
    tag: fc.constantFrom(Tag.counter32, Tag.gauge32, Tag.timeTicks),
    value: fc.integer({ min: 0, max: 0xffffffff }),
  }, plain),
  fc.record({ tag: fc.constantFrom(Tag.octetString, Tag.opaque), value: fc.uint8Array({ maxLength: 300 }) }, plain),
  fc.record({ tag: fc.constant(Tag.counter64), value: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) }, plain),
  fc.record({
    tag: fc.constantFrom(Tag.null, Tag.noSuchObject, Tag.noSuchInstance, Tag.endOfMibView),
    value: fc.constant(null),
  }, plain),
);
const oid = fc.array(fc.integer({ min: 0, max: 0xffffffff }), { minLength: 1, maxLength: 20 })
  .map((arcs) => `1.3.${arcs.join(".")}`);
const varbind = fc.tuple(oid, value).map(([name, rest]): Varbind => ({ oid: name, ...rest }));
const message = fc.record({
  version: fc.constantFrom(0 as const, 1 as const),
  community: fc.uint8Array({ maxLength: 40 }),
  pdu: fc.record({
    type: fc.constantFrom(PduType.get, PduType.getNext, PduType.response, PduType.getBulk),
    requestId: fc.integer(),
    errorStatus: fc.integer({ min: 0, max: 18 }),
    errorIndex: fc.integer({ min: 0, max: 100 }),
    varbinds: fc.array(varbind, { maxLength: 12 }),
  }, plain),
}, plain);

Deno.test("decodeMessage() reads any message back as it was written", () => {
  fc.assert(fc.property(message, (sample) => assert.deepEqual(decodeMessage(encodeCommunityMessage(sample)), sample)));
});

Deno.test("decodeMessage() either decodes mutated packets or throws BerSyntaxError", () => {
  const mutation = fc.record({ at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }), cut: fc.option(fc.nat()) });
  fc.assert(
    fc.property(message, fc.array(mutation, { minLength: 1, maxLength: 6 }), (sample, mutations) => {
      let packet = encodeCommunityMessage(sample);
      for (const { at, byte, cut } of mutations) {
        packet[at % packet.length] = byte;
        if (cut !== null) packet = packet.subarray(0, Math.max(1, cut % packet.length));
      }
      decodesOrRefuses(packet);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("decodeMessage() either decodes any bytes or throws BerSyntaxError", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), decodesOrRefuses), { numRuns: 2000 });
});

function decodesOrRefuses(packet: Uint8Array): void {
  try {
    decodeMessage(packet);
  } catch (error) {
    assert(error instanceof BerSyntaxError, `threw ${error}`);
  }
}

Deno.test("decodeMessage() reads a v3 message and finds its digest", () => {
  const scoped = { contextEngineId: Uint8Array.of(1, 2), contextName: text("ctx"), pdu: response.pdu };
  const { packet, authParametersOffset } = encodeV3Message({
    msgId: 77,
    msgMaxSize: 65507,
    msgFlags: 1,
    securityModel: 3,
    engineId: Uint8Array.of(0x80, 0, 0, 1),
    engineBoots: 5,
    engineTime: 600,
    userName: text("monitor"),
    authParameters: new Uint8Array(12).fill(0xaa),
    privParameters: new Uint8Array(),
  }, encodeScopedPdu(scoped));
  const decoded = decodeMessage(packet);
  assert(decoded.version === 3);
  assert.equal(decoded.authParametersOffset, authParametersOffset);
  assert.equal(packet.subarray(authParametersOffset, authParametersOffset + 12).toHex(), "aa".repeat(12));
  assert.deepEqual(decoded.scopedPdu, scoped);
  assert.equal(decoded.engineTime, 600);
});

Deno.test("decodeScopedPdu() ignores the padding behind a decrypted PDU", () => {
  const scoped = { contextEngineId: Uint8Array.of(1), contextName: text(""), pdu: response.pdu };
  const padded = new Uint8Array([...encodeScopedPdu(scoped), 0, 0, 0, 0]);
  assert.deepEqual(decodeScopedPdu(new BerReader(padded)), scoped);
});

Deno.test("decodeMessage() keeps nothing of the datagram, whose buffer is used for the next one", () => {
  const encoded = encodeCommunityMessage({
    version: 1,
    community: new TextEncoder().encode("public"),
    pdu: {
      type: PduType.response,
      requestId: 0x01020304,
      errorStatus: 0,
      errorIndex: 0,
      varbinds: [{ oid: "1.3.6.1.2.1.1.5.0", tag: Tag.octetString, value: new TextEncoder().encode("laser") }],
    },
  });
  const message = decodeMessage(encoded);
  encoded.fill(0xff);
  assert(message.version !== 3);
  assert.equal(new TextDecoder().decode(message.community), "public");
  assert.deepEqual(message.pdu.varbinds[0]!.value, new TextEncoder().encode("laser"));
});
