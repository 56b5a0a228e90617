import assert from "node:assert/strict";
import { BerSyntaxError } from "./ber.ts";
import {
  decodeMessage,
  encodeCommunityMessage,
  encodeScopedPdu,
  encodeV3Message,
  MsgFlag,
  PduType,
} from "./message.ts";
import { Tag } from "./value.ts";
import { maybeV3Header } from "./v3_header.ts";

const engineId = Uint8Array.fromHex("8000000001020304");
const pdu = {
  type: PduType.response,
  requestId: 5,
  errorStatus: 0,
  errorIndex: 0,
  varbinds: [
    { oid: "1.3.6.1.2.1.1.5.0", tag: Tag.octetString, value: Uint8Array.of(65, 66) },
    { oid: "1.3.6.1.2.1.1.3.0", tag: Tag.timeTicks, value: 7 },
    { oid: "1.3.6.1.2.1.1.9.0", tag: Tag.noSuchObject, value: null },
  ],
};
const fields = {
  msgId: 1234567,
  msgMaxSize: 65507,
  msgFlags: 0,
  securityModel: 3,
  engineId,
  engineBoots: 3,
  engineTime: 100_000,
  userName: new TextEncoder().encode("monitor"),
  authParameters: new Uint8Array(),
  privParameters: new Uint8Array(),
};

function plain(type: number = PduType.response): Uint8Array {
  const scoped = encodeScopedPdu({ contextEngineId: engineId, contextName: new Uint8Array(), pdu: { ...pdu, type } });
  return encodeV3Message(fields, scoped).packet;
}

const encrypted = encodeV3Message({
  ...fields,
  msgFlags: MsgFlag.auth | MsgFlag.priv,
  privParameters: new Uint8Array(8),
  encryptedPdu: new Uint8Array(40).fill(0xff),
}).packet;

const { msgId, engineBoots, engineTime } = fields;
const header = { msgId, msgFlags: 0, engineId, engineBoots, engineTime, isReport: false };

Deno.test("maybeV3Header() reads what the whole decoder reads", () => {
  assert.deepEqual(maybeV3Header(plain()), header);
  assert.deepEqual(maybeV3Header(plain(PduType.report)), { ...header, isReport: true });
  assert.deepEqual(maybeV3Header(encrypted), { ...header, msgFlags: MsgFlag.auth | MsgFlag.priv });
});

Deno.test("maybeV3Header() leaves the other versions alone", () => {
  assert.equal(maybeV3Header(encodeCommunityMessage({ version: 1, community: new Uint8Array(), pdu })), undefined);
});

for (const [name, packet] of [["a readable", plain()], ["an encrypted", encrypted]] as const) {
  Deno.test(`maybeV3Header() refuses ${name} message that is cut anywhere`, () => {
    for (let end = 0; end < packet.length; end++) {
      assert.throws(() => maybeV3Header(packet.subarray(0, end)), BerSyntaxError, `${end} octets`);
    }
  });

  Deno.test(`maybeV3Header() throws nothing else for ${name} message with any octet changed`, () => {
    for (let at = 0; at < packet.length; at++) {
      for (let octet = 0; octet < 256; octet++) {
        const changed = packet.slice();
        changed[at] = octet;
        let found;
        try {
          found = maybeV3Header(changed);
        } catch (error) {
          assert(error instanceof BerSyntaxError, `octet ${at} as ${octet}`);
          // Whoever is refused here is refused by the whole decoder.
          assert.throws(() => decodeMessage(changed), BerSyntaxError, `octet ${at} as ${octet}`);
        }
        if (found !== undefined) assert.equal(typeof found.msgId, "number");
      }
    }
  });
}

for (
  const [name, change] of [
    ["a PDU that is none", (bytes: Uint8Array) => bytes[bytes.indexOf(0xa2)] = 0x30],
    ["a trap of v1", (bytes: Uint8Array) => bytes[bytes.indexOf(0xa2)] = 0xa4],
    ["a value beyond the end", (bytes: Uint8Array) => bytes[bytes.length - 1] = 9],
  ] as const
) {
  Deno.test(`maybeV3Header() refuses ${name}`, () => {
    const bytes = plain();
    change(bytes);
    assert.throws(() => maybeV3Header(bytes), BerSyntaxError);
  });
}
