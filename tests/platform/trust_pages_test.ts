/** The trust centre in the portal: who signs, who reads, and what is exported and erased. */
import assert from "node:assert/strict";
import { publishText } from "../../platform/trust/agreements.ts";
import { addDocument } from "../../platform/trust/documents.ts";
import { stateRegion } from "../../platform/trust/region.ts";
import { readingOf } from "../fixtures/platform_uploads.ts";
import { portalScene } from "./portal_scene.ts";
import { operator } from "./users_fixture.ts";

const title = `SOC 2 <script>alert(1)</script>`;

Deno.test("a dealer signs the agreement on its page, and reads the document behind it; a customer's viewer does not", async () => {
  await using scene = await portalScene();
  const { platform } = scene.platform;
  await stateRegion(platform, operator, "eu-central-1");
  const content = new TextEncoder().encode("report");
  const { document_id: id } = await addDocument(platform, operator, {
    title,
    kind: "report",
    fileName: "soc2.pdf",
    content,
    needsNda: true,
  });
  const { sha256 } = await publishText(platform, operator, {
    kind: "nda",
    version: "2026-1",
    language: "en",
    body: "Keep <b>it</b> secret.",
  });
  const eva = await scene.signedIn("eva@partner.example");
  const before = (await eva.get("/trust")).body;
  assert.match(before, /eu-central-1/);
  assert.match(before, /SOC 2 &lt;script&gt;/);
  assert.equal((await eva.get(`/trust/documents/${id}`)).status, 422);
  assert.match((await eva.get("/trust/agreements/nda")).body, /Keep &lt;b&gt;it&lt;\/b&gt; secret\./);
  const form = { sha256, name: "Eva Meier", capacity: "owner", consent: "1" };
  for (const missing of ["name", "capacity", "consent"] as const) {
    assert.equal((await eva.post("/trust/agreements/nda", { ...form, [missing]: "" })).status, 422, missing);
  }
  assert.equal((await eva.post("/trust/agreements/nda", { ...form, sha256: "0".repeat(64) })).status, 422);
  assert.equal((await eva.post("/trust/agreements/nda", form)).location, "/trust");
  const file = await eva.get(`/trust/documents/${id}`);
  assert.equal(file.body, "report");
  assert.equal(file.headers["content-disposition"], 'attachment; filename="soc2.pdf"');
  const signature = /\/trust\/signatures\/(agr-\w+)/.exec((await eva.get("/trust")).body)![1];
  const evidence = JSON.parse((await eva.get(`/trust/signatures/${signature}`)).body);
  assert.equal(evidence.signer.email, "eva@partner.example");
  assert.match(evidence.source, /^127\./);
  const pdf = await eva.get(`/trust/signatures/${signature}/pdf`);
  assert.equal(pdf.headers["content-disposition"], `attachment; filename="${signature}.pdf"`);
  assert.match(pdf.body, /^%PDF-/);
  const other = await scene.signedIn("max@foreign.example", { dealer: "Foreign" });
  assert.equal((await other.get(`/trust/signatures/${signature}/pdf`)).status, 422);
  assert.equal((await other.get(`/trust/signatures/${signature}`)).status, 422);
  assert.equal((await other.get(`/trust/documents/${id}`)).status, 422);
  const viewer = await scene.signedIn("vera@acme.example", { grants: [{ role: "viewer" }], customer: "Acme" });
  assert.equal((await viewer.get("/trust")).status, 404);
});

Deno.test("an administrator exports a customer as lines, and erases it only when it is closed and named", async () => {
  await using scene = await portalScene();
  await scene.devices(scene.acme, scene.berlin, [readingOf()]);
  const eva = await scene.signedIn("eva@partner.example");
  const file = await eva.post(`/customers/${scene.acme}/export`);
  const lines = file.body.trim().split("\n").map((line) => JSON.parse(line));
  assert.equal(lines[0].name, "Acme");
  assert.equal(lines.at(-1).end, true);
  assert.ok(lines.some(({ table }) => table === "records"));
  assert.equal((await eva.post(`/customers/${scene.acme}/erase`, { confirm: "Acme", reason: "x" })).status, 422);
  const berlin = await scene.signedIn("tom@partner.example", {
    grants: [{ role: "administrator", customerId: scene.acme, siteId: scene.berlin }],
  });
  assert.equal((await berlin.post(`/customers/${scene.acme}/export`)).status, 422);
});
