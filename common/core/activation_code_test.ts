import assert from "node:assert/strict";
import fc from "fast-check";
import { UsageError } from "./errors.ts";
import { makeActivationCode, maybeActivationCode, parseActivationCode } from "./activation_code.ts";

const someCode = fc.uint8Array({ minLength: 7, maxLength: 7 }).map((bytes) => {
  // Draws that end in a special check symbol are followed by zeros, whose code is 0000-0000-0000.
  const draws = [bytes, new Uint8Array(7)];
  return makeActivationCode((to) => to.set(draws.shift()!));
});
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

for (
  const { name, typed, want } of [
    { name: "zero with its check symbol", typed: "000000000000", want: "0000-0000-0000" },
    { name: "lower case, spaces and dashes", typed: " 0000-0000 0011\n", want: "0000-0000-0011" },
    { name: "O as 0, I and L as 1", typed: "OOOO-OOOO-OOIL", want: "0000-0000-0011" },
    { name: "a check symbol that is no digit of base32", typed: "0000-0000-010*", want: "0000-0000-010*" },
  ]
) {
  Deno.test(`parseActivationCode() reads ${name}`, () => assert.equal(parseActivationCode(typed), want));
}

for (
  const { name, typed, message } of [
    { name: "nothing", typed: "", message: /this one has 0/ },
    { name: "one symbol too few", typed: "0000-0000-000", message: /this one has 11/ },
    { name: "one symbol too many", typed: "0000-0000-00000", message: /this one has 13/ },
    { name: "a symbol that is none", typed: "0000-U000-0000", message: /symbol 5/ },
    { name: "a check symbol in the middle", typed: "*000-0000-0000", message: /symbol 1 / },
    { name: "a wrong check symbol", typed: "0000-0000-0001", message: /typing error/ },
  ]
) {
  Deno.test(`parseActivationCode() refuses ${name}`, () => {
    assert.throws(() => parseActivationCode(typed), (error) => {
      assert.ok(error instanceof UsageError);
      assert.match(error.message, message);
      return true;
    });
  });
}

Deno.test("parseActivationCode() does not repeat what was typed", () => {
  assert.throws(() => parseActivationCode("7K3D-9QXA-M2P7"), (error) => {
    assert.ok(error instanceof UsageError);
    assert.doesNotMatch(error.message, /9QXA/);
    return true;
  });
});

Deno.test("parseActivationCode() returns a made code as it is", () => {
  fc.assert(fc.property(someCode, (code) => parseActivationCode(code) === code));
});

Deno.test("parseActivationCode() finds every single wrong symbol", () => {
  fc.assert(fc.property(someCode, fc.nat(11), fc.nat(31), (code, at, symbol) => {
    const plain = code.replaceAll("-", "");
    const wrong = plain.slice(0, at) + alphabet[symbol] + plain.slice(at + 1);
    fc.pre(wrong !== plain);
    assert.throws(() => parseActivationCode(wrong), UsageError);
  }));
});

Deno.test("parseActivationCode() finds every swap of neighbours", () => {
  fc.assert(fc.property(someCode, fc.nat(10), (code, at) => {
    const plain = code.replaceAll("-", "");
    const wrong = plain.slice(0, at) + plain[at + 1] + plain[at] + plain.slice(at + 2);
    fc.pre(wrong !== plain);
    assert.throws(() => parseActivationCode(wrong), UsageError);
  }));
});

Deno.test("makeActivationCode() draws again when the check symbol would be a special one", () => {
  const draws = [[0, 0, 0, 0, 0, 0, 32], [0, 0, 0, 0, 0, 0, 31]];
  const code = makeActivationCode((bytes) => bytes.set(draws.shift()!));
  assert.equal(code, "0000-0000-00ZZ");
  assert.equal(draws.length, 0);
});

Deno.test("maybeActivationCode() is undefined for a typing error", () => {
  assert.equal(maybeActivationCode("0000-0000-0001"), undefined);
  assert.equal(maybeActivationCode("0000 0000 0011"), "0000-0000-0011");
});
