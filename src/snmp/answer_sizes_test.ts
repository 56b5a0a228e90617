import assert from "node:assert/strict";
import fc from "fast-check";
import { createAnswerSizes, createKindSizes, maxAnswerOctets, octetsOf, octetsOfAll } from "./answer_sizes.ts";
import { encodeCommunityMessage, PduType } from "./message.ts";
import { Tag, type Varbind } from "./value.ts";

const room = maxAnswerOctets - 40;
const text = (oid: string, octets: number): Varbind => ({
  oid,
  tag: Tag.octetString,
  value: new Uint8Array(octets).fill(0x41),
});

const oids = fc.array(fc.integer({ min: 0, max: 0xffffffff }), { maxLength: 12 }).map((arcs) =>
  ["1.3", ...arcs].join(".")
);
const values = fc.oneof(
  fc.record({ tag: fc.constant(Tag.integer), value: fc.integer({ min: -0x80000000, max: 0x7fffffff }) }),
  fc.record({ tag: fc.constant(Tag.counter32), value: fc.integer({ min: 0, max: 0xffffffff }) }),
  fc.record({ tag: fc.constant(Tag.octetString), value: fc.uint8Array({ maxLength: 600 }) }),
  fc.record({ tag: fc.constant(Tag.oid), value: oids }),
  fc.constant({ tag: Tag.noSuchObject, value: null }),
);

Deno.test("octetsOf() is what the codec writes", () => {
  const written = (varbinds: Varbind[]) =>
    encodeCommunityMessage({
      version: 1,
      community: new Uint8Array(),
      pdu: { type: PduType.response, requestId: 1, errorStatus: 0, errorIndex: 0, varbinds },
    }).length;
  fc.assert(fc.property(oids, values, (oid, value) => {
    // A long varbind beside it, so that the lengths around the list have their full size in both messages.
    const long = text("1.3.1", 300);
    assert.equal(octetsOf({ oid, ...value }), written([long, { oid, ...value }]) - written([long]));
  }));
});

Deno.test("createAnswerSizes() expects of a column what it has seen there", () => {
  const sizes = createAnswerSizes(40);
  assert.equal(sizes.expected("1.3.6.1"), octetsOf({ oid: "1.3.6.1.1.1", tag: Tag.integer, value: 0x7fffffff }));
  sizes.learn("1.3.6.1", text("1.3.6.1.1.1", 200));
  assert.equal(sizes.expected("1.3.6.1"), octetsOf(text("1.3.6.1.1.1", 200)));
  for (let row = 2; row < 40; row++) sizes.learn("1.3.6.1", text(`1.3.6.1.1.${row}`, 10));
  assert(sizes.expected("1.3.6.1") < 40, "one long value is forgotten in time");
});

Deno.test("createAnswerSizes() expects of a device what others of its kind have shown", () => {
  const kind = createKindSizes();
  const first = createAnswerSizes(40, { "1.3.6.2": 190 });
  first.learn("1.3.6.1", text("1.3.6.1.1.1", 200));
  first.share(kind);
  first.learnRows("1.3.6.1", 12);
  first.learnRows("1.3.6.2", 0);
  const second = createAnswerSizes(40, { "1.3.6.2": 190 });
  assert.equal(second.expectedRows("1.3.6.1"), undefined);
  second.share(kind);
  assert.deepEqual([second.expectedRows("1.3.6.1"), second.expectedRows("1.3.6.2")], [12, 0]);
  assert.equal(second.expected("1.3.6.1"), octetsOf(text("1.3.6.1.1.1", 200)));
  assert(second.expectedRow("1.3.6.2") < 40, "a column without rows is answered with what follows it");
});

Deno.test("createAnswerSizes() expects more rows at once, and fewer in time", () => {
  const sizes = createAnswerSizes(40);
  const after = (rows: number) => {
    sizes.learnRows("1.3.6.1", rows);
    return sizes.expectedRows("1.3.6.1");
  };
  assert.deepEqual([2, 10, 2, 2, 2, 2, 2, 2, 2, 2].map(after), [2, 10, 8, 6, 5, 4, 3, 2, 2, 2]);
});

Deno.test("createAnswerSizes() expects long rows where answers ran on into long objects", () => {
  const sizes = createAnswerSizes(40);
  const before = sizes.expectedRow("1.3.6.2");
  sizes.learn("1.3.6.1", text("1.3.9.9", 250));
  assert(sizes.expectedRow("1.3.6.2") > 150);
  assert.equal(sizes.expected("1.3.6.2"), before, "but not of an exact object");
});

Deno.test("createAnswerSizes() takes the guess of who knows the object", () => {
  const sizes = createAnswerSizes(40, { "1.3.6.1": 100 });
  assert(sizes.expected("1.3.6.1") > 100);
});

Deno.test("createAnswerSizes() asks for half of what was lost, and grows again below what never arrived", () => {
  const sizes = createAnswerSizes(40);
  assert.equal(sizes.room(), room);
  sizes.failed(1200, "lost");
  assert.equal(sizes.room(), 600);
  for (let i = 0; i < 10; i++) sizes.arrived(600);
  assert.equal(sizes.room(), 1080, "9/10 of 1200, which has never been seen to arrive");
});

Deno.test("createAnswerSizes() grows to the full size again when as large an answer had arrived before", () => {
  const sizes = createAnswerSizes(40);
  sizes.arrived(1300);
  sizes.failed(1200, "lost");
  assert.equal(sizes.room(), 600);
  for (let i = 0; i < 10; i++) sizes.arrived(600);
  assert.equal(sizes.room(), room);
});

Deno.test("createAnswerSizes() believes an agent that calls an answer too big", () => {
  const sizes = createAnswerSizes(40);
  sizes.arrived(1300);
  sizes.failed(1000, "refused");
  for (let i = 0; i < 10; i++) sizes.arrived(500);
  assert.equal(sizes.room(), 900);
});

Deno.test("createAnswerSizes() always leaves room for something", () => {
  const sizes = createAnswerSizes(40);
  for (let i = 0; i < 20; i++) sizes.failed(octetsOfAll([]), "lost");
  assert(sizes.room() > 0);
});
