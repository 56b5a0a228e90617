import assert from "node:assert/strict";
import { authProtocols, privProtocols } from "./usm_protocols.ts";
import { authNames, maybeAuthProtocol, maybePrivProtocols, privNames } from "./protocol_names.ts";

const auths: [text: string, want: string | undefined][] = [
  ["md5", "md5"],
  ["SHA", "sha1"],
  ["sha-1", "sha1"],
  ["SHA-256", "sha256"],
  ["sha_512", "sha512"],
  ["sha3", undefined],
  ["none", undefined],
  ["toString", undefined],
];
for (const [text, want] of auths) {
  Deno.test(`maybeAuthProtocol() reads "${text}" as ${want}`, () => assert.equal(maybeAuthProtocol(text), want));
}

const privs: [text: string, auth: keyof typeof authProtocols, want: string[] | undefined][] = [
  ["DES", "md5", ["des"]],
  ["AES", "sha1", ["aes128"]],
  ["aes-128", "sha1", ["aes128"]],
  ["AES-192", "sha1", ["aes192-reeder", "aes192-blumenthal"]],
  ["aes192", "sha224", ["aes192-reeder"]],
  ["aes256", "md5", ["aes256-reeder", "aes256-blumenthal"]],
  ["aes256", "sha224", ["aes256-reeder", "aes256-blumenthal"]],
  ["aes256", "sha256", ["aes256-reeder"]],
  ["AES-256-C", "sha1", ["aes256-reeder"]],
  ["aes256-cisco", "sha1", ["aes256-reeder"]],
  ["aes256-blumenthal", "sha1", ["aes256-blumenthal"]],
  ["AES192BLMT", "sha1", ["aes192-blumenthal"]],
  ["3des", "sha1", undefined],
  ["constructor", "sha1", undefined],
];
for (const [text, auth, want] of privs) {
  Deno.test(`maybePrivProtocols() reads "${text}" with ${auth} as ${want}`, () => {
    assert.deepEqual(maybePrivProtocols(text, auth), want);
  });
}

Deno.test("authNames and privNames hold every protocol, and each is understood", () => {
  for (const name of authNames) assert.equal(maybeAuthProtocol(name), name);
  for (const name of privNames) assert.ok(maybePrivProtocols(name, "md5"));
  assert.deepEqual(authNames, Object.keys(authProtocols));
  for (const name of Object.keys(privProtocols)) assert.ok(privNames.includes(name), name);
});
