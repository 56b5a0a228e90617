/** Files of a statement and evidence of a signature, made under the permissions that the platform has when it is run. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";

const root = new URL("../../", import.meta.url).pathname;
/** What each begins with. */
const starts = { csv: "", erp: "", json: "{", xlsx: "PK", pdf: "%PDF-" } as const;

Deno.test("the platform makes a statement in each form with the permissions of its task", async () => {
  const folder = await Deno.makeTempDir();
  const run = async (...args: string[]) => {
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["task", "--quiet", "platform", "--data", `${folder}/data`, ...args],
      cwd: root,
    }).output();
    assert.ok(success, `${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  };
  try {
    await run("customer", "create", "Acme");
    await run("billing", "make", "--period", "2026-03");
    for (const [form, start] of Object.entries(starts)) {
      await run("billing", "export", "1", "--as", form, "--output", `${folder}/statement.${form}`);
      const bytes = await Deno.readFile(`${folder}/statement.${form}`);
      assert.equal(new TextDecoder().decode(bytes.subarray(0, start.length)), start);
      assert.ok(bytes.length > 0, form);
    }
    addSignature(`${folder}/data/platform.db`);
    await run("agreement", "evidence", "agr-000000000000", "--output", `${folder}/signed.pdf`);
    const pdf = await Deno.readFile(`${folder}/signed.pdf`);
    assert.equal(new TextDecoder().decode(pdf.subarray(0, 5)), "%PDF-");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** As a person signs in the portal. */
function addSignature(path: string): void {
  const id = "agr-000000000000", sha256 = "0".repeat(64), of = { id: "dea-000000000000", name: "王 Print Partner" };
  const evidence = JSON.stringify({
    signatureId: id,
    agreement: { kind: "nda", version: "1", language: "en", textSha256: sha256, text: "Keep it secret." },
    party: { dealer: of, customer: null },
    signer: { userId: "usr-1", email: "eva@example.com", accountName: "Eva", typedName: "Eva", capacity: "owner" },
    signedAt: "2026-03-02T08:00:00.000Z",
    source: "192.0.2.7",
    browser: "Firefox",
    proof: "password and app",
  });
  const db = new DatabaseSync(path);
  db.prepare("INSERT INTO agreement_signatures VALUES (?, 'nda', '1', ?, '', 0, ?, ?)").run(
    id,
    of.id,
    evidence,
    sha256,
  );
  db.prepare(
    `INSERT INTO audit_log (entry, at, actor, action, subject, detail, digest)
     VALUES (1000, 0, 'user:eva', 'agreementSigned', ?, '{}', ?)`,
  ).run(id, sha256);
  db.close();
}
