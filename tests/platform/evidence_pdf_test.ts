/** The evidence of a signature as PDF: what `pdftotext` reads of it is what the JSON says, and the JSON is attached. */
import assert from "node:assert/strict";
import { auditRows } from "../../platform/audit/audit_log.ts";
import {
  type Evidence,
  publishText,
  readEvidence,
  signAgreement,
  type Signing,
  verifyEvidence,
} from "../../platform/trust/agreements.ts";
import { evidencePdf } from "../../platform/trust/evidence_pdf.ts";
import { peerTest } from "../fixtures/peers.ts";
import { withPlatform } from "./commands.ts";
import { client, operator, type UsersScene, usersScene } from "./users_fixture.ts";

const tools = ["pdftotext", "pdfdetach"];

async function signed({ platform, queries, acme, user }: UsersScene, body: string, signing: Partial<Signing> = {}) {
  const email = "eva@partner.example", { userId } = await user(email, { name: signing.typedName ?? "Eva" });
  const { sha256 } = await publishText(platform, operator, { kind: "dpa", version: "2026-1", language: "de", body });
  const { dealer_id: dealerId } =
    (await queries.get<{ dealer_id: string }>("SELECT dealer_id FROM customers WHERE customer_id = :acme", { acme }))!;
  const party = { dealerId, customerId: acme };
  const { signature_id: signatureId } = await signAgreement(platform, { actor: { kind: "user", name: email } }, {
    kind: "dpa",
    party,
    textSha256: sha256,
    userId,
    typedName: "Eva Meier",
    capacity: "owner",
    ...client,
    proof: "password and app",
    ...signing,
  });
  return { signatureId, kept: await readEvidence(platform, operator, { signatureId, party }) };
}

/** The text without white space and footers, and the attached file. */
async function readPdf(parts: AsyncIterable<Uint8Array>): Promise<{ text: string; attached: string; pages: number }> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeFile(`${folder}/x.pdf`, await new Response(ReadableStream.from(parts)).bytes());
    const run = async (program: string, ...args: string[]) => {
      const { success, stdout, stderr } = await new Deno.Command(program, { args, cwd: folder }).output();
      assert.ok(success, new TextDecoder().decode(stderr));
      return new TextDecoder().decode(stdout);
    };
    const pages = (await run("pdftotext", "-raw", "x.pdf", "-")).split("\f").slice(0, -1);
    await run("pdfdetach", "-save", "1", "-o", "attached.json", "x.pdf");
    const text = pages.map((page) => page.replace(/^.* · (page|Seite|pagina) \d+ \w+ \d+$/m, "")).join("");
    return { text: joined(text), attached: await Deno.readTextFile(`${folder}/attached.json`), pages: pages.length };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const joined = (text: string) => text.replace(/\s+/gu, "");

/** As it is shown: without what cannot be seen, and with the numbers of what the fonts do not have. */
function shown(text: string): string {
  return joined(text.replace(/[\p{Cc}\p{Cf}]/gu, ""))
    .replace(
      /[\u3000-\u9fff\u{1f000}-\u{1ffff}\u0600-\u06ff]/gu,
      (one) => `[U+${one.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}]`,
    );
}

function* leaves(value: unknown, path = ""): Generator<[path: string, text: string]> {
  if (typeof value === "string") yield [path, value];
  else for (const [key, inner] of Object.entries(value ?? {})) yield* leaves(inner, `${path}.${key}`);
}

const hostile: Partial<Signing> = {
  typedName: "Łukasz O’Brien-Müller 王小明 😀 \u202Egpj.exe",
  capacity: "<b>owner</b> & (director) \\ ${x} {{y}} '; --",
  source: "2001:db8:1234:5678:9abc:def0:1234:5678",
  browser: `Mozilla/5.0 ${"x".repeat(480)} Ελλάς Київ عرب`,
};

peerTest(
  "evidence as PDF has each field of the JSON, its place in the audit log, and the JSON itself",
  tools,
  async () => {
    await using scene = await usersScene();
    const body = "§ 1  Zweck\n\n    (a) öffnen, „fließen“ – final office\n\t(b) <script>alert(1)</script> 王\n" +
      `${"long".repeat(3000)}\n`;
    const { signatureId, kept } = await signed(scene, body, hostile);
    for (const language of ["en", "de", "it"] as const) {
      const { text, attached } = await readPdf(evidencePdf(kept, language));
      assert.equal(attached, kept.signature.evidence);
      let fields = 0;
      for (const [path, value] of leaves(JSON.parse(attached) as Evidence)) {
        // The kind is named in words, and the form is that of the JSON.
        if (path === ".format" || path === ".agreement.kind") continue;
        assert.ok(text.includes(shown(value)), `${language}${path}: ${shown(value)} in ${text.slice(0, 3000)}`);
        fields++;
      }
      assert.equal(fields, 18);
      const rows = await scene.platform.store.transaction((tx) => auditRows(tx, { limit: 9 }));
      const at = rows.findIndex(({ subject }) => subject === signatureId);
      for (const part of [rows[at]!.digest, rows[at - 1]!.digest, JSON.parse(rows[at]!.detail).evidence]) {
        assert.ok(text.includes(part), part);
      }
      assert.equal((await verifyEvidence(scene.platform, operator, attached)).kind, "valid");
    }
    const pdf = await verifyEvidence(scene.platform, operator, "%PDF-1.3");
    assert.match(pdf.kind === "invalid" ? pdf.reason : "", /it is a PDF, and the JSON that is attached/);
  },
);

peerTest("a text of many pages is whole in the PDF", tools, async () => {
  await using scene = await usersScene();
  const body = Array.from({ length: 600 }, (_, i) => `${i}. ${"The processor keeps it secret. ".repeat(i % 4)}`).join(
    "\n",
  );
  const paragraph = `§ ${"one paragraph without an end ".repeat(400)}`;
  const { kept } = await signed(scene, `${body}\n${paragraph}`);
  const { text, pages } = await readPdf(evidencePdf(kept, "de"));
  assert.ok(pages > 10, `${pages}`);
  assert.ok(text.endsWith(joined(`${body}${paragraph}`)), text.slice(-200));
});

Deno.test("evidence is shown to the party that signed, and to nobody else", async () => {
  await using scene = await usersScene();
  const { signatureId, kept: { signature: { dealer_id: dealerId } } } = await signed(scene, "text");
  const read = (party: { dealerId: string; customerId: string | undefined }) =>
    readEvidence(scene.platform, operator, { signatureId, party });
  assert.equal((await read({ dealerId, customerId: undefined })).log.digest.length, 64);
  await assert.rejects(read({ dealerId, customerId: scene.other }), /Cannot find this signature/);
  await assert.rejects(read({ dealerId: "dea-other", customerId: undefined }), /Cannot find this signature/);
  await assert.rejects(
    readEvidence(scene.platform, operator, { signatureId: "agr-none" }),
    /Cannot find this signature/,
  );
});

Deno.test("opendca-platform agreement evidence writes files, and refuses what it cannot do", () =>
  withPlatform(async (run, { folder, sql }) => {
    assert.match(
      (await run("agreement", "evidence", "agr-1", "--output", "x.pdf")).stderr,
      /Cannot find this signature/,
    );
    assert.match((await run("agreement", "evidence", "agr-1")).stderr, /Cannot print pdf to a terminal/);
    assert.match((await run("agreement", "evidence", "agr-1", "--as", "doc")).stderr, /Cannot use --as as one of pdf/);
    await using scene = await usersScene();
    const { kept: { signature } } = await signed(scene, "text"), [row] = [signature];
    const columns = Object.keys(row), values = Object.values(row).map((value) => `'${value}'`);
    await run("dealer", "create", "Print Partner");
    await sql(`INSERT INTO agreement_signatures (${columns}) VALUES (${values})`);
    await sql(
      `INSERT INTO audit_log (entry, at, actor, action, subject, detail, digest)
       VALUES (1000, 0, 'x', 'agreementSigned', '${row.signature_id}', '{}', 'x')`,
    );
    const path = `${folder}/x.pdf`;
    const written = await run("agreement", "evidence", row.signature_id, "--output", path);
    assert.match(written.stdout, /x\.pdf has the evidence of agr-\w+: \d+ bytes/, written.stderr);
    assert.equal((await Deno.readTextFile(path)).slice(0, 5), "%PDF-");
    assert.equal((await run("agreement", "evidence", row.signature_id, "--as", "json")).stdout, `${row.evidence}\n`);
  }));
