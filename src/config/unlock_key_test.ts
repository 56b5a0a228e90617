import assert from "node:assert/strict";
import { parseUnlockKey } from "./unlock_key.ts";
import { ValueSyntaxError } from "../../common/core/value_syntax_error.ts";

const key = new Uint8Array(32).fill(7).toBase64();

Deno.test("parseUnlockKey() takes 32 octets in base64", () => assert.equal(parseUnlockKey(` ${key}\n`), key));

for (const text of ["", key.slice(1), `${key}=`, new Uint8Array(31).toBase64(), "ssh-ed25519 AAAA"]) {
  Deno.test(`parseUnlockKey() refuses "${text}"`, () => assert.throws(() => parseUnlockKey(text), ValueSyntaxError));
}
