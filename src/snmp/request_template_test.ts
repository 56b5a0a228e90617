import assert from "node:assert/strict";
import fc from "fast-check";
import { encodeCommunityMessage, PduType } from "./message.ts";
import { fixedList, requestEncoder } from "./request_template.ts";
import { Tag } from "./value.ts";

const oid = fc.array(fc.integer({ min: 0, max: 0xffffffff }), { minLength: 1, maxLength: 40 })
  .map((arcs) => `1.3.${arcs.join(".")}`);
const question = fc.record({
  version: fc.constantFrom(0 as const, 1 as const),
  community: fc.uint8Array({ maxLength: 300 }),
  type: fc.constantFrom(PduType.get, PduType.getNext, PduType.getBulk),
  requestId: fc.integer({ min: 0x01000000, max: 0x7effffff }),
  nonRepeaters: fc.nat(300),
  maxRepetitions: fc.nat(32767),
  oids: fc.array(oid, { maxLength: 45 }),
  isFixed: fc.boolean(),
});

Deno.test("requestEncoder() writes what encodeCommunityMessage() writes", () => {
  fc.assert(fc.property(question, ({ version, community, type, requestId, nonRepeaters, maxRepetitions, ...rest }) => {
    const oids = rest.isFixed ? fixedList([...rest.oids]) : rest.oids;
    const encode = requestEncoder(version, community);
    const varbinds = oids.map((oid) => ({ oid, tag: Tag.null, value: null }));
    const pdu = { type, requestId, errorStatus: nonRepeaters, errorIndex: maxRepetitions, varbinds };
    const want = encodeCommunityMessage({ version, community, pdu });
    // The second time from what the first one kept.
    for (const _ of [1, 2]) {
      assert.deepEqual(encode({ type, requestId, nonRepeaters, maxRepetitions, oids }), want);
    }
  }));
});

Deno.test("requestEncoder() does not mix up more objects than it keeps", () => {
  const encode = requestEncoder(1, Uint8Array.of(112));
  for (const round of [1, 2]) {
    for (let i = 0; i < 5000; i++) {
      const oids = [`1.3.6.${i}`];
      const bytes = encode({ type: PduType.get, requestId: 0x01020304, nonRepeaters: 0, maxRepetitions: 0, oids });
      const varbinds = [{ oid: oids[0]!, tag: Tag.null, value: null }];
      const pdu = { type: PduType.get, requestId: 0x01020304, errorStatus: 0, errorIndex: 0, varbinds };
      const want = encodeCommunityMessage({ version: 1, community: Uint8Array.of(112), pdu });
      assert.equal(bytes.toHex(), want.toHex(), `round ${round}, ${oids[0]}`);
    }
  }
});

Deno.test("requestEncoder() refuses what is no OID", () => {
  const encode = requestEncoder(1, Uint8Array.of(112));
  const fields = { type: PduType.get, requestId: 0x01020304, nonRepeaters: 0, maxRepetitions: 0 };
  assert.throws(() => encode({ ...fields, oids: ["1.3.x"] }), RangeError);
  assert.throws(() => fixedList(["public"]), RangeError);
});

Deno.test("fixedList() holds its list", () => {
  const list = fixedList(["1.3.6"]) as string[];
  assert.throws(() => list.push("1.3.7"), TypeError);
});
