import assert from "node:assert/strict";
import fc from "fast-check";
import { BerReader, BerSyntaxError, BerWriter, decodeOid, encodeOid } from "./ber.ts";

const oids = [
  { name: "sysDescr.0", hex: "2b06010201010100", oid: "1.3.6.1.2.1.1.1.0" },
  { name: "an arc over 127 in two octets", hex: "2b8f65", oid: "1.3.2021" },
  { name: "an arc of 32 bits", hex: "2b8fffffff7f", oid: "1.3.4294967295" },
  { name: "a first arc of 2 with a large second one", hex: "883703", oid: "2.999.3" },
];
for (const { name, hex, oid } of oids) {
  Deno.test(`decodeOid() reads ${name}`, () => assert.equal(decodeOid(Uint8Array.fromHex(hex)), oid));
  Deno.test(`encodeOid() writes ${name}`, () => assert.equal(encodeOid(oid).toHex(), hex));
}

const badOids = [
  { name: "an arc that does not end", hex: "2b8f" },
  { name: "an arc over 32 bits", hex: "2b9fffffff7f" },
  { name: "more than 128 arcs", hex: "2b" + "01".repeat(127) },
];
for (const { name, hex } of badOids) {
  Deno.test(`decodeOid() refuses ${name}`, () =>
    assert.throws(() => decodeOid(Uint8Array.fromHex(hex)), BerSyntaxError));
}

Deno.test("decodeOid() reads 128 arcs", () => {
  assert.equal(decodeOid(Uint8Array.fromHex("2b" + "01".repeat(126))).split(".").length, 128);
});

const integers = [
  { name: "zero", hex: "020100", value: 0 },
  { name: "minus one", hex: "0201ff", value: -1 },
  { name: "the largest of 32 bits", hex: "02047fffffff", value: 0x7fffffff },
  { name: "padding in front", hex: "020500ffffffff", value: 0xffffffff },
  { name: "more than 53 bits", hex: "02087fffffffffffffff", value: 0x7fffffffffffffffn },
  { name: "a length in long form", hex: "0281020100", value: 256 },
];
for (const { name, hex, value } of integers) {
  Deno.test(`BerReader.readInteger() reads ${name}`, () => {
    assert.equal(new BerReader(Uint8Array.fromHex(hex)).readInteger(), value);
  });
}

const malformed = [
  { name: "no content", hex: "0200" },
  { name: "a length beyond the end", hex: "02020a" },
  { name: "an indefinite length", hex: "028001" },
  { name: "a length of five octets", hex: "0285000000000101" },
  { name: "ten octets", hex: "020a01010101010101010101" },
  { name: "another tag", hex: "040101" },
  { name: "nothing", hex: "" },
];
for (const { name, hex } of malformed) {
  Deno.test(`BerReader.readInteger() refuses ${name}`, () => {
    assert.throws(() => new BerReader(Uint8Array.fromHex(hex)).readInteger(), BerSyntaxError);
  });
}

Deno.test("BerReader.inner() does not let an element reach behind its container", () => {
  const reader = new BerReader(Uint8Array.fromHex("3003020401" + "ffffff")).inner(0x30);
  assert.throws(() => reader.readInteger(), /4 bytes where 1/);
});

Deno.test("BerWriter.writeInteger() is read back as it was", () => {
  fc.assert(fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
    const writer = new BerWriter(4);
    writer.writeInteger(value);
    assert.equal(BigInt(new BerReader(writer.finish()).readInteger()), value);
  }));
});

Deno.test("encodeOid() is read back by decodeOid()", () => {
  const arc = fc.integer({ min: 0, max: 0xffffffff });
  const oid = fc.tuple(
    fc.integer({ min: 0, max: 2 }),
    fc.integer({ min: 0, max: 39 }),
    fc.array(arc, { maxLength: 40 }),
  );
  fc.assert(fc.property(oid, ([first, second, rest]) => {
    const text = [first, second, ...rest].join(".");
    assert.equal(decodeOid(encodeOid(text)), text);
  }));
});

for (const oid of ["", "1", "1.-3", "1.3.4294967296", "1.3.x"]) {
  Deno.test(`encodeOid() refuses "${oid}"`, () => assert.throws(() => encodeOid(oid), RangeError));
}

Deno.test("decodeOid() tells more identifiers apart than it keeps", () => {
  const samples = Array.from({ length: 20_000 }, (_, i) => `1.3.6.1.${i % 3}.${i}.1`);
  for (const round of [1, 2]) {
    for (const oid of samples) assert.equal(decodeOid(encodeOid(oid)), oid, `round ${round}`);
  }
});

Deno.test("decodeOid() keeps no view of a datagram, whose buffer is used again", () => {
  const packet = encodeOid("1.3.6.1.4.1.77777");
  assert.equal(decodeOid(packet), "1.3.6.1.4.1.77777");
  packet[packet.length - 1] = 1;
  assert.notEqual(decodeOid(packet), "1.3.6.1.4.1.77777");
  assert.equal(decodeOid(encodeOid("1.3.6.1.4.1.77777")), "1.3.6.1.4.1.77777");
});
