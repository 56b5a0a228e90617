import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createPublicKey, verify } from "node:crypto";
import { UnlockGrant } from "../../proto/gen/opendca/v1/unlock.ts";
import { NotPermittedError, UsageError } from "../core/errors.ts";
import { createSigningKeyPem, loadSigningKey } from "./signature.ts";
import { checkUnlockToken, createUnlockToken, parseUnlockToken } from "./unlock_token.ts";

const key = loadSigningKey(createSigningKeyPem());
const request = {
  installationId: "11111111-2222-3333-4444-555555555555",
  lockCount: 3,
  issuedAt: new Date("2026-03-02T08:00:00Z"),
  expiresAt: new Date("2026-03-03T08:00:00Z"),
};
const expected = {
  installationId: request.installationId,
  lockCount: 3,
  unlockKeys: ["no key", Buffer.from(key.publicKey).toString("base64")],
  now: new Date("2026-03-02T09:00:00Z"),
};

Deno.test("createUnlockToken() makes a token as proto/opendca/v1/unlock.proto says, checked by the public key alone", () => {
  const [prefix, grant, signature, ...rest] = createUnlockToken(key, request).split(".");
  assert.deepEqual([prefix, rest], ["opendca-unlock-1", []]);
  const bytes = Buffer.from(grant!, "base64url");
  assert.deepEqual(UnlockGrant.decode(bytes), request);
  const x = Buffer.from(key.publicKey).toString("base64url");
  const publicKey = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
  const isSigned = (context: string) =>
    verify(null, Buffer.concat([Buffer.from(`${context}\0`), bytes]), publicKey, Buffer.from(signature!, "base64url"));
  assert.ok(isSigned("opendca.unlock.v1"));
  assert.ok(!isSigned("opendca.task.v1"), "a token is no task");
});

Deno.test("checkUnlockToken() takes what createUnlockToken() made, also broken over lines", () => {
  const token = createUnlockToken(key, request).replaceAll(/.{20}/g, "$&\n ");
  checkUnlockToken(parseUnlockToken(token), expected);
});

for (
  const [why, token, changed] of [
    [/not signed/, createUnlockToken(loadSigningKey(createSigningKeyPem()), request), {}],
    [/no unlock key/, createUnlockToken(key, request), { unlockKeys: [] }],
    [/another installation/, createUnlockToken(key, { ...request, installationId: crypto.randomUUID() }), {}],
    [/another lock/, createUnlockToken(key, { ...request, lockCount: 2 }), {}],
    [/expired at/, createUnlockToken(key, request), { now: new Date("2026-03-04") }],
  ] as const
) {
  Deno.test(`checkUnlockToken() refuses: ${why.source}`, () => {
    assert.throws(() => checkUnlockToken(parseUnlockToken(token), { ...expected, ...changed }), (error) => {
      assert.ok(error instanceof NotPermittedError);
      assert.match(error.message, why);
      return true;
    });
  });
}

Deno.test("parseUnlockToken() refuses half a token and what is none", () => {
  const token = createUnlockToken(key, request);
  for (
    const text of [
      "",
      token.slice(0, -2),
      `${token}.x`,
      token.replace("unlock", "task"),
      `opendca-unlock-1.YQ.${"A".repeat(86)}`,
    ]
  ) {
    assert.throws(() => parseUnlockToken(text), UsageError, text);
  }
});

Deno.test("loadSigningKey() names the same key alike", () => {
  const pem = createSigningKeyPem();
  assert.match(loadSigningKey(pem).keyId, /^[0-9a-f]{16}$/);
  assert.equal(loadSigningKey(pem).keyId, loadSigningKey(pem).keyId);
  assert.notEqual(loadSigningKey(pem).keyId, loadSigningKey(createSigningKeyPem()).keyId);
});
