import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createPublicKey, verify } from "node:crypto";
import { RefusalReason, Task } from "../../proto/gen/opendca/v1/task.ts";
import { maxTaskBytes } from "./limits.ts";
import { createSigningKeyPem, isSignedBy, loadSigningKey } from "./signature.ts";
import { signTask, verifyTask } from "./signed_task.ts";

const key = loadSigningKey(createSigningKeyPem()), other = loadSigningKey(createSigningKeyPem());
const now = new Date("2026-03-02T08:00:00Z");
const task = Task.fromPartial({
  taskId: "00000000-0000-4000-8000-000000000001",
  agentId: "agent",
  expiresAt: new Date("2026-03-03T08:00:00Z"),
  payload: { $case: "ping", value: { target: "10.0.0.1", count: 1 } },
});
const expected = { agentId: "agent", signingKeys: [base64(other.publicKey), base64(key.publicKey)], now };

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

Deno.test("signTask() signs as proto/opendca/v1/task.proto says, checked by the public key alone", () => {
  const signed = signTask(key, task);
  const x = Buffer.from(key.publicKey).toString("base64url");
  const publicKey = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
  const bytes = Buffer.concat([Buffer.from("opendca.task.v1\0"), signed.task]);
  assert.ok(verify(null, bytes, publicKey, signed.signature));
  assert.match(signed.keyId, /^[0-9a-f]{16}$/);
});

Deno.test("verifyTask() takes what signTask() made, with any of the keys", () => {
  const verdict = verifyTask(signTask(key, task), expected);
  assert.ok(verdict.kind === "sound");
  assert.deepEqual(verdict.task, task);
});

const signed = signTask(key, task);
const flipped = (bytes: Buffer) => Buffer.from(bytes.map((byte, i) => i === 0 ? byte ^ 1 : byte));
for (
  const [name, forged] of Object.entries({
    "with another signature": { ...signed, signature: flipped(signed.signature) },
    "with a short signature": { ...signed, signature: signed.signature.subarray(1) },
    "with no signature": { ...signed, signature: Buffer.alloc(0) },
    "changed after it was signed": { ...signed, task: Buffer.concat([signed.task, Buffer.of(0x18, 1)]) },
    "signed with a key that is not known": signTask(loadSigningKey(createSigningKeyPem()), task),
    "that names another key": { ...signed, keyId: other.keyId },
    "signed as an unlock token": {
      ...signed,
      signature: Buffer.from(key.sign("opendca.unlock.v1", signed.task)),
    },
  })
) {
  Deno.test(`verifyTask() refuses a task ${name}`, () => {
    const verdict = verifyTask(forged, expected);
    assert.ok(verdict.kind === "refused");
    assert.equal(verdict.reason, RefusalReason.BAD_SIGNATURE);
    assert.equal(verdict.taskId, null);
  });
}

Deno.test("verifyTask() refuses what is for another agent, too late, too large or no task", () => {
  const reason = (signed: Parameters<typeof verifyTask>[0]) => {
    const verdict = verifyTask(signed, expected);
    return verdict.kind === "refused" ? verdict.reason : undefined;
  };
  assert.equal(reason(signTask(key, { ...task, agentId: "another" })), RefusalReason.WRONG_AGENT);
  assert.equal(reason(signTask(key, { ...task, expiresAt: now })), RefusalReason.EXPIRED);
  assert.equal(reason(signTask(key, { ...task, payload: undefined })), RefusalReason.UNKNOWN_KIND);
  assert.equal(reason(signTask(key, { ...task, taskId: "?" })), RefusalReason.MALFORMED);
  const large = { ...signed, task: Buffer.alloc(maxTaskBytes + 1) };
  assert.equal(reason(large), RefusalReason.MALFORMED);
});

Deno.test("isSignedBy() is false for a key that is none", () => {
  const message = new Uint8Array([1]), context = "opendca.task.v1" as const;
  const signature = key.sign(context, message);
  assert.ok(isSignedBy(key.publicKey, { context, message, signature }));
  for (
    const bad of [
      new Uint8Array(0),
      new Uint8Array(31),
      new Uint8Array(32).fill(0xff),
      key.publicKey.map((b) => ~b),
    ]
  ) {
    assert.equal(isSignedBy(bad, { context, message, signature }), false);
  }
});
