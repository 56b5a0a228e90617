import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { type BatchLink, decodeLinks, encodeLinks, isLinkable, mostLinks } from "./batch_links.ts";

const link = (n: number): BatchLink => ({
  batchId: `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`,
  records: n,
  root: new Uint8Array(32).fill(n),
});

Deno.test("encodeLinks() makes 50 bytes of each, which decodeLinks() gives back", () => {
  for (const count of [1, 2, mostLinks]) {
    const links = Array.from({ length: count }, (_, n) => link(n)), text = encodeLinks(links);
    assert.equal(Buffer.from(text, "base64").length, 50 * count);
    assert.deepEqual(decodeLinks(text), links);
  }
  assert.deepEqual(decodeLinks(encodeLinks([link(65_535)])), [link(65_535)]);
});

const whole = encodeLinks([link(1), link(2)]);
const bad = [
  { name: "nothing", text: "" },
  { name: "a part of a link", text: Buffer.alloc(49).toString("base64") },
  { name: "a link and a part of one", text: Buffer.alloc(51).toString("base64") },
  { name: "too many", text: Buffer.alloc(50 * (mostLinks + 1)).toString("base64") },
  { name: "other characters", text: `${whole.slice(0, -1)}!` },
  { name: "something behind it", text: `${whole}=` },
  { name: "a blank in it", text: ` ${whole}` },
];
for (const { name, text } of bad) {
  Deno.test(`decodeLinks() takes no ${name}`, () => assert.equal(decodeLinks(text), undefined));
}

Deno.test("isLinkable() refuses what would be another one after it was decoded", () => {
  assert.ok(isLinkable(link(5)));
  const others: Partial<BatchLink>[] = [
    { batchId: "00000000-0000-4000-8000-00000000000A" },
    { batchId: "b" },
    { batchId: "" },
    { records: 65_536 },
    { records: -1 },
    { records: 1.5 },
    { root: new Uint8Array(31) },
  ];
  for (const other of others) assert.ok(!isLinkable({ ...link(5), ...other }), JSON.stringify(other));
});
