import assert from "node:assert/strict";
import { parsePin, parseUnlockKey } from "./public_keys.ts";
import { ValueSyntaxError } from "../../common/core/value_syntax_error.ts";

const digest = new Uint8Array(32).map((_, i) => i * 8);
const hex = digest.toHex();
const forms = [
  hex,
  hex.toUpperCase(),
  hex.replace(/..(?=.)/g, "$&:"),
  `sha256:${hex}`,
  `sha256/${digest.toBase64()}`,
  `sha256//${digest.toBase64()}`,
];
for (const form of forms) Deno.test(`parsePin() reads ${form}`, () => assert.equal(parsePin(form), hex));

for (const text of [hex.slice(1), `${hex}0`, `sha1/${digest.toBase64()}`, digest.toBase64(), "", "zz".repeat(32)]) {
  Deno.test(`parsePin() refuses "${text}"`, () => assert.throws(() => parsePin(text), ValueSyntaxError));
}

const key = new Uint8Array(32).fill(7).toBase64();

Deno.test("parseUnlockKey() takes 32 octets in base64", () => assert.equal(parseUnlockKey(` ${key}\n`), key));

for (const text of ["", key.slice(1), `${key}=`, new Uint8Array(31).toBase64(), "ssh-ed25519 AAAA"]) {
  Deno.test(`parseUnlockKey() refuses "${text}"`, () => assert.throws(() => parseUnlockKey(text), ValueSyntaxError));
}
