/** Statements while keys are replaced: of the platform, of its authority, and of an agent in mid-period. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { decodePem } from "../../common/core/pem.ts";
import { createSigningKeyPem, loadSigningKey } from "../../common/protocol/signature.ts";
import { signedHash } from "../../common/protocol/statement_lines.ts";
import { issueAgentCertificate, parseCsr } from "../../platform/agents/agent_certificate.ts";
import { addCertificate } from "../../platform/agents/certificates.ts";
import { renew } from "../../platform/agents/renew.ts";
import { listStatementKeys } from "../../platform/billing/known_keys.ts";
import { makeStatement } from "../../platform/billing/make_statement.ts";
import { exportStatement } from "../../platform/billing/export_statement.ts";
import { createAuthority, loadAuthority, validityFrom } from "../../platform/keys/authority.ts";
import { runCli } from "../../src/cli/run_cli.ts";
import { parseStatement } from "../../src/statement/statement_file.ts";
import { verifyStatement } from "../../src/statement/verify_statement.ts";
import { eachDatabase } from "../fixtures/each_database.ts";
import { newKeyAndCsr, pemOfDer } from "../fixtures/platform_fixture.ts";
import { testHost } from "../fixtures/test_host.ts";
import { dayText, signedScene } from "./signed_scene.ts";

/** As `opendca verify-statement s.json` with these options. */
async function verified(files: Record<string, string>, ...options: string[]) {
  const host = testHost();
  host.readTextFile = (path) =>
    files[path] === undefined ? Promise.reject(new Error("no such file")) : Promise.resolve(files[path]);
  return { code: await runCli(["verify-statement", "s.json", ...options], host), out: host.out, err: host.err };
}

eachDatabase("a statement verifies after the platform's key was replaced, by the key that signed it", async () => {
  await using scene = await signedScene();
  await scene.send({ 21: 1000, 12: 1100, 6: 1200, 3: 1300, 2: 1350 });
  const old = scene.platform.platform.signingKey, text = await scene.statement();
  const platform = { ...scene.platform.platform, signingKey: loadSigningKey(createSigningKeyPem()) };
  const exported = async (number: number) => {
    const { parts } = await exportStatement(platform, scene.by, { number, form: "json" });
    return await new Response(ReadableStream.from(parts)).text();
  };
  assert.equal(await exported(1), text, "the file is the same one");
  await makeStatement(platform, scene.by, { fromDay: dayText(4), toDay: dayText(2) });
  const later = await exported(2), now = platform.signingKey;
  assert.equal(verifyStatement(parseStatement(later)).platformKey, now.keyId);
  for (const file of [text, later]) {
    const files = { "s.json": file };
    assert.equal((await verified(files, "--strict")).code, 0);
    // The history of keys that the reader trusts, in any order.
    assert.equal((await verified(files, "--strict", "--platform-key", now.keyId, old.keyId)).code, 0);
  }
  const unknown = await verified({ "s.json": text }, "--platform-key", now.keyId);
  assert.equal(unknown.code, 77);
  assert.match(
    unknown.out,
    new RegExp(`^wrong: it is signed by the platform's key ${old.keyId}, which is none of those that you trust$`, "m"),
  );
  const revoked = await verified(
    { "s.json": text },
    "--platform-key",
    old.keyId.toUpperCase(),
    now.keyId,
    "--revoked-key",
    old.keyId,
  );
  assert.equal(revoked.code, 77);
  assert.match(
    revoked.out,
    new RegExp(`^wrong: .* key ${old.keyId}, which is revoked: anybody may have made it$`, "m"),
  );
  assert.equal((await verified({ "s.json": later }, "--revoked-key", old.keyId)).code, 0);
  const bad = await verified({ "s.json": text }, "--revoked-key", "a key");
  assert.equal(bad.code, 64);
  assert.match(bad.err, /Cannot use "a key" as the id of a key/);
  // The new key in place of the old one, by somebody who alters a file.
  const swapped = text.replace(
    Buffer.from(old.publicKey).toString("base64"),
    Buffer.from(now.publicKey).toString("base64"),
  );
  assert.match(
    (await verified({ "s.json": swapped })).out,
    /^wrong: the platform's signature of the statement is wrong$/m,
  );
  const keys = await listStatementKeys(platform, scene.by);
  assert.deepEqual(
    keys.map(({ keyId, statements, isPresent }) => [keyId, statements, isPresent]).sort(),
    [
      [old.keyId, 1, false],
      [now.keyId, 1, true],
    ].sort(),
  );
});

Deno.test("whom a reader trusts by naming nobody is said, as anybody can sign a statement", async () => {
  await using scene = await signedScene();
  await scene.send({ 21: 1000, 6: 1200 });
  const text = await scene.statement(), file = JSON.parse(text), own = scene.platform.platform.signingKey;
  const stranger = loadSigningKey(createSigningKeyPem());
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
  const forged = JSON.stringify({
    ...file,
    signature: {
      ...file.signature,
      keyId: stranger.keyId,
      publicKey: base64(stranger.publicKey),
      value: base64(stranger.sign("opendca.statement.v1", signedHash(file.hash))),
    },
  });
  const files = { "s.json": forged, "agent.pem": scene.identity.certificatePem };
  const alone = await verified(files);
  assert.equal(alone.code, 0);
  assert.match(alone.out, /^note: the keys of agents are those that the file names: .*--agent or --authority$/m);
  assert.match(alone.out, /^note: the platform's key is the one that the file names: .*--platform-key$/m);
  assert.equal(JSON.parse((await verified(files, "--json")).out).notes.length, 2);
  const half = await verified(files, "--agent", "agent.pem");
  assert.equal(half.out.match(/^note: .*$/gm)?.length, 1);
  assert.equal((await verified(files, "--agent", "agent.pem", "--platform-key", own.keyId)).code, 77);
  const sound = await verified({ ...files, "s.json": text }, "--agent", "agent.pem", "--platform-key", own.keyId);
  assert.equal(sound.code, 0);
  assert.doesNotMatch(sound.out, /^note/m);
});

eachDatabase("a statement of a key that is no longer known is no file with a wrong signature", async () => {
  await using scene = await signedScene();
  await scene.send({ 21: 1000, 6: 1200 });
  await scene.statement();
  await scene.platform.queries.run("DELETE FROM installation WHERE what LIKE 'signingKey %'");
  const platform = { ...scene.platform.platform, signingKey: loadSigningKey(createSigningKeyPem()) };
  const { parts } = await exportStatement(platform, scene.by, { number: 1, form: "json" });
  await assert.rejects(new Response(ReadableStream.from(parts)).text(), /Cannot export statement 1 with its proof/);
  const csv = await exportStatement(platform, scene.by, { number: 1, form: "csv" });
  assert.match(await new Response(ReadableStream.from(csv.parts)).text(), /ABC12345/);
});

eachDatabase("an agent whose certificate is renewed in mid-period proves both halves", async () => {
  await using scene = await signedScene();
  const { agent, platform } = scene, { agentId } = agent, { customerId } = agent.tenant;
  await scene.send({ 21: 1000, 18: 1100 });
  // Signed before the renewal, and uploaded after it.
  const before = scene.identity, { privateKeyPem, csr } = await newKeyAndCsr();
  const { certificates } = await renew(platform.platform, { customerId, agentId }, { csr });
  await scene.send({ 12: 1150 });
  scene.identity = { keyPem: privateKeyPem, certificatePem: pemOfDer(certificates!.chain[0]!) };
  await scene.send({ 9: 1180, 6: 1260 });
  const text = await scene.statement(), files = { "s.json": text, "old.pem": before.certificatePem };
  const sound = await verified(files, "--strict");
  assert.equal(sound.code, 0, sound.out);
  assert.match(sound.out, /^1 row: 1 proved, 0 not proved, 0 wrong$/m);
  assert.equal(verifyStatement(parseStatement(text)).agents.length, 2);
  const both = { ...files, "new.pem": scene.identity.certificatePem };
  assert.equal((await verified(both, "--strict", "--agent", "old.pem", "new.pem")).code, 0);
  const one = await verified(both, "--agent", "old.pem");
  assert.equal(one.code, 77);
  assert.match(one.out, /^wrong: the certificate of agt-\w+ is none of those that you trust$/m);
});

eachDatabase("a statement has each authority that its agents' certificates are of", async () => {
  await using scene = await signedScene();
  const { agent, platform: { platform, queries } } = scene, { agentId } = agent;
  await scene.send({ 21: 1000, 12: 1100 });
  const files = await createAuthority("Other authority", validityFrom(new Date(), 3000));
  const other = await loadAuthority(files), { privateKeyPem, csr } = await newKeyAndCsr();
  const certificate = await issueAgentCertificate(other, { agentId, csr: await parseCsr(csr), now: new Date() });
  await addCertificate(queries.tenant(agent.tenant.customerId), { agentId, certificate });
  scene.identity = { keyPem: privateKeyPem, certificatePem: pemOfDer(certificate.der) };
  await scene.send({ 6: 1260 });
  const replaced = { ...platform, agentAuthority: other };
  const { number } = await makeStatement(replaced, scene.by, { fromDay: dayText(20), toDay: dayText(5) });
  const text = await scene.exported(number);
  const [old] = verifyStatement(parseStatement(text)).authorities;
  assert.ok(old !== undefined);
  const pem = pemOfDer(new Uint8Array(platform.agentAuthority.certificate.rawData));
  assert.equal(decodePem("CERTIFICATE", files.certificatePem).length, 1);
  const named = { "s.json": text, "old.pem": pem, "new.pem": files.certificatePem };
  assert.equal((await verified(named, "--strict")).code, 0);
  assert.equal((await verified(named, "--strict", "--authority", "old.pem", "new.pem")).code, 0);
  const one = await verified(named, "--authority", "new.pem");
  assert.equal(one.code, 77);
  assert.match(one.out, /^wrong: an authority is none of those that you trust$/m);
});
