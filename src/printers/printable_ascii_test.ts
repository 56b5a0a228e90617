import assert from "node:assert/strict";
import fc from "fast-check";
import { maybePrintableAscii } from "./printable_ascii.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("maybePrintableAscii() reads every text of printable ASCII as TextDecoder does, also the second time", () => {
  const text = fc.array(fc.integer({ min: 0x20, max: 0x7e }), { maxLength: 100 }).map((it) =>
    String.fromCharCode(...it)
  );
  fc.assert(fc.property(text, (text) => {
    assert.equal(maybePrintableAscii(bytes(text)), text);
    assert.equal(maybePrintableAscii(bytes(text)), text);
  }));
});

Deno.test("maybePrintableAscii() tells more texts apart than it keeps", () => {
  for (const round of [1, 2]) {
    for (let i = 0; i < 10_000; i++) assert.equal(maybePrintableAscii(bytes(`Toner ${i}`)), `Toner ${i}`, `${round}`);
  }
});

Deno.test("maybePrintableAscii() reads long texts", () => {
  const long = "a b".repeat(50_000);
  assert.equal(maybePrintableAscii(bytes(long)), long);
});

for (const octet of [0, 0x09, 0x0a, 0x1f, 0x7f, 0x80, 0xff]) {
  Deno.test(`maybePrintableAscii() leaves octet ${octet} to others`, () => {
    assert.equal(maybePrintableAscii(Uint8Array.of(0x41, octet)), undefined);
  });
}
