import assert from "node:assert/strict";
import { createTestAuthority } from "../../tests/fixtures/test_authority.ts";
import { maybeOpenedSecret, sealSecret } from "./sealed_secret.ts";

const authority = await createTestAuthority();
const agent = await authority.issue(), other = await authority.issue();
const context = "ses-1";

Deno.test("maybeOpenedSecret() opens what was sealed to the certificate of its key, and each sealing is another", () => {
  const text = "grün\n".repeat(100);
  const sealed = [1, 2].map(() => sealSecret(text, { certificate: agent.der, context }));
  for (const each of sealed) {
    assert.equal(maybeOpenedSecret(each, { privateKeyPem: agent.keyPem, context }), text);
    assert.ok(!each.includes("gr"));
  }
  assert.notDeepEqual(sealed[0], sealed[1]);
});

Deno.test("maybeOpenedSecret() gives nothing for another key or context, and for what was changed or cut", () => {
  const sealed = sealSecret("secret", { certificate: agent.der, context });
  assert.equal(maybeOpenedSecret(sealed, { privateKeyPem: other.keyPem, context }), undefined);
  assert.equal(maybeOpenedSecret(sealed, { privateKeyPem: agent.keyPem, context: "ses-2" }), undefined);
  assert.equal(maybeOpenedSecret(sealed, { privateKeyPem: "no key", context }), undefined);
  for (let at = 0; at < sealed.length; at++) {
    const changed = sealed.map((byte, i) => i === at ? byte ^ 1 : byte);
    assert.equal(maybeOpenedSecret(changed, { privateKeyPem: agent.keyPem, context }), undefined, `byte ${at}`);
    assert.equal(maybeOpenedSecret(sealed.subarray(0, at), { privateKeyPem: agent.keyPem, context }), undefined);
  }
});
