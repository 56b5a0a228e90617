import assert from "node:assert/strict";
import { createPublicKey, verify } from "node:crypto";
import { Buffer } from "node:buffer";
import { UnlockGrant } from "../../proto/gen/opendca/v1/unlock.ts";
import { createSigningKeyPem, loadSigningKey } from "./signing_key.ts";
import { createUnlockToken } from "./unlock_token.ts";

const request = {
  installationId: "11111111-2222-3333-4444-555555555555",
  lockCount: 3,
  issuedAt: new Date("2026-03-02T08:00:00Z"),
  expiresAt: new Date("2026-03-03T08:00:00Z"),
};

Deno.test("createUnlockToken() makes a token as proto/opendca/v1/unlock.proto says, checked by the public key alone", () => {
  const key = loadSigningKey(createSigningKeyPem());
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

Deno.test("loadSigningKey() names the same key alike", () => {
  const pem = createSigningKeyPem();
  assert.match(loadSigningKey(pem).keyId, /^[0-9a-f]{16}$/);
  assert.equal(loadSigningKey(pem).keyId, loadSigningKey(pem).keyId);
  assert.notEqual(loadSigningKey(pem).keyId, loadSigningKey(createSigningKeyPem()).keyId);
});
