import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash, X509Certificate } from "node:crypto";
import { denoDisk } from "../../common/host/disk.ts";
import { headOf, isSealedBy } from "../../common/protocol/signed_batch.ts";
import { encodePem } from "../../common/core/pem.ts";
import { createAuthority, issueCertificate, loadAuthority, validityFrom } from "../../platform/keys/authority.ts";
import type { BatchSeal } from "../../proto/gen/opendca/v1/batch.ts";
import { parseCsr } from "../../platform/agents/agent_certificate.ts";
import { makeCertificateRequest, makeClientKey } from "../../src/link/client_key.ts";
import { chainFileName, createBatchSigner } from "../../src/link/batch_signer.ts";

const batch = (sequence: number, epoch = "e1", batchId = `b${sequence}`) => ({
  epoch,
  sequence,
  batchId,
  formedAt: new Date(0),
  records: [],
});
const records = [Uint8Array.of(1), Uint8Array.of(2, 3)];
const headAfter = (seal: BatchSeal, of: ReturnType<typeof batch>) =>
  Buffer.from(headOf({ ...of, records: records.length, root: seal.root, previous: seal.previous })).toString("hex");

async function scene() {
  const keyPem = await makeClientKey();
  const authority = await loadAuthority(await createAuthority("Test", validityFrom(new Date(), 400)));
  const certificate = async () => {
    const csr = await parseCsr(await makeCertificateRequest(keyPem, "i"));
    const issued = await issueCertificate(authority, {
      commonName: "agt-1",
      publicKey: csr.publicKey,
      usage: "client",
      names: [],
      ...validityFrom(new Date(), 90),
    });
    return encodePem("CERTIFICATE", new Uint8Array(issued.rawData));
  };
  const folder = await Deno.makeTempDir();
  let certificatePem = await certificate();
  return {
    folder,
    start: (disk = denoDisk, agentId = "agt-1") =>
      createBatchSigner({ disk, stateDirectory: folder, agentId, identity: () => ({ keyPem, certificatePem }) }),
    async renew() {
      certificatePem = await certificate();
    },
    isSigned(seal: BatchSeal, of: ReturnType<typeof batch>) {
      const x509 = new X509Certificate(certificatePem);
      assert.equal(seal.certificateDigest.toString("hex"), createHash("sha256").update(x509.raw).digest("hex"));
      const head = { ...of, records: records.length, root: seal.root, previous: seal.previous };
      return isSealedBy(x509.publicKey, head, seal.signature);
    },
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

Deno.test("each batch follows the one before, over restarts, renewals and epochs", async () => {
  await using agent = await scene();
  const first = agent.start()(batch(1), records)!;
  assert.ok(agent.isSigned(first, batch(1)));
  assert.equal(first.previous.length, 0);
  await agent.renew();
  const second = agent.start()(batch(2), records)!;
  assert.ok(agent.isSigned(second, batch(2)));
  assert.equal(second.previous.toString("hex"), headAfter(first, batch(1)));
  const third = agent.start()(batch(1, "e2"), records)!;
  assert.equal(third.previous.toString("hex"), headAfter(second, batch(2)));
});

Deno.test("a batch that is sent again is the same one in the chain", async () => {
  await using agent = await scene();
  const sign = agent.start();
  sign(batch(1), records);
  const once = sign(batch(2), records)!, again = sign(batch(2), records)!, later = agent.start()(batch(2), records)!;
  for (const other of [again, later]) assert.deepEqual([other.root, other.previous], [once.root, once.previous]);
  // Another batch of the same number is another one.
  const fork = sign(batch(2, "e1", "other"), records)!;
  assert.equal(fork.previous.toString("hex"), headAfter(once, batch(2)));
});

Deno.test("a chain that cannot be read begins anew, and one that cannot be written goes on", async () => {
  await using agent = await scene();
  agent.start()(batch(1), records);
  for (
    const text of [
      "",
      "{",
      "null",
      '{"epoch":1}',
      '{"epoch":"e1","sequence":1,"batchId":"b","previous":"x","head":"y"}',
    ]
  ) {
    await Deno.writeTextFile(`${agent.folder}/${chainFileName}`, text);
    assert.equal(agent.start()(batch(2), records)!.previous.length, 0);
  }
  // After another activation.
  assert.equal(agent.start(denoDisk, "agt-2")(batch(2), records)!.previous.length, 0);
  const full = { ...denoDisk, create: () => assert.fail("the disk is full") };
  const sign = agent.start(full);
  const first = sign(batch(3), records)!, second = sign(batch(4), records)!;
  assert.equal(second.previous.toString("hex"), headAfter(first, batch(3)));
});
