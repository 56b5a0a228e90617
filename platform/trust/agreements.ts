/**
 * Agreements that are concluded electronically: the non-disclosure agreement (`nda`), which opens documents, and the data
 * processing agreement (`dpa`, GDPR article 28). A signature says who signed which exact text for whom, when and from
 * where; its evidence is kept, and the digest of the evidence is in the audit log, whose entries are chained.
 */
import { createHash } from "node:crypto";
import { UsageError } from "../../common/core/errors.ts";
import { appendAudit, noDigest } from "../audit/audit_log.ts";
import { type Base, type By, changePlatform, readPlatform } from "../audit/use_case.ts";
import { newId } from "../store/new_id.ts";
import type { Transaction } from "../store/store.ts";

export const agreementKinds = ["nda", "dpa"] as const;
export type AgreementKind = (typeof agreementKinds)[number];

/** For whom somebody signs: a dealer, or one customer of it. */
export interface Party {
  dealerId: string;
  customerId: string | undefined;
}

export interface AgreementText {
  text_id: string;
  kind: AgreementKind;
  version: string;
  language: string;
  body: string;
  sha256: string;
  published_at: number;
}

/** What is kept of a signature, and what its digest is of: `JSON.stringify` of it. */
export interface Evidence {
  format: "opendca-agreement-1";
  signatureId: string;
  agreement: { kind: AgreementKind; version: string; language: string; textSha256: string; text: string };
  party: { dealer: { id: string; name: string }; customer: { id: string; name: string } | null };
  signer: { userId: string; email: string; accountName: string; typedName: string; capacity: string };
  /** ISO 8601, UTC, by the platform's clock. */
  signedAt: string;
  source: string;
  browser: string;
  /** How the person proved who it is. */
  proof: string;
}

export interface Signature {
  signature_id: string;
  kind: AgreementKind;
  version: string;
  dealer_id: string;
  of_customer: string;
  signed_at: number;
  evidence: string;
  evidence_sha256: string;
}

const mostTextLength = 200_000;

/** Texts of one version in several languages are published one by one. Throws UsageError. */
export async function publishText(
  platform: Base,
  by: By,
  { kind, version, language, body }: { kind: AgreementKind; version: string; language: string; body: string },
): Promise<AgreementText> {
  const text = body.replaceAll("\r\n", "\n").trim();
  if (text === "" || text.length > mostTextLength) {
    throw new UsageError(`Cannot publish a text of ${text.length} characters: 1 to ${mostTextLength} are allowed`);
  }
  return await changePlatform(platform, by, async (tx, at) => {
    const row: AgreementText = {
      text_id: newId("txt"),
      kind,
      version,
      language,
      body: text,
      sha256: sha256Of(text),
      published_at: at.getTime(),
    };
    const made = await tx.run(
      `INSERT INTO agreement_texts (text_id, kind, version, language, body, sha256, published_at)
       VALUES (:text_id, :kind, :version, :language, :body, :sha256, :published_at) ON CONFLICT DO NOTHING`,
      { ...row },
    );
    if (made === 0) {
      throw new UsageError(
        `Cannot publish ${kind} ${version} in "${language}" as there is one already`,
        "people may have signed it: publish a new version",
      );
    }
    const detail = { version, language, sha256: row.sha256 };
    return { answer: row, customerId: null, audit: { action: "agreementPublished", subject: row.text_id, detail } };
  });
}

/** The latest version, in the language if there is one, otherwise in that which was published first. */
export async function currentText(
  tx: Transaction,
  kind: AgreementKind,
  language: string,
): Promise<AgreementText | undefined> {
  return await tx.get<AgreementText>(
    `SELECT * FROM agreement_texts WHERE kind = :kind AND version =
       (SELECT version FROM agreement_texts WHERE kind = :kind ORDER BY published_at DESC, text_id DESC LIMIT 1)
     ORDER BY CASE WHEN language = :language THEN 0 ELSE 1 END, published_at, text_id LIMIT 1`,
    { kind, language },
  );
}

export function readCurrentText(
  platform: Base,
  by: By,
  { kind, language }: { kind: AgreementKind; language: string },
): Promise<AgreementText | undefined> {
  return readPlatform(platform, by, (tx) => currentText(tx, kind, language));
}

export function listTexts(platform: Base, by: By): Promise<AgreementText[]> {
  return readPlatform(
    platform,
    by,
    (tx) => tx.all<AgreementText>("SELECT * FROM agreement_texts ORDER BY kind, published_at DESC, language"),
  );
}

/** Whether the latest version was signed: for the customer, or for its dealer as a whole. */
export async function hasSigned(tx: Transaction, kind: AgreementKind, party: Party): Promise<boolean> {
  const text = await currentText(tx, kind, "en");
  if (text === undefined) return false;
  const row = await tx.get(
    `SELECT 1 FROM agreement_signatures WHERE dealer_id = :dealer AND kind = :kind AND version = :version
       AND (of_customer = '' OR of_customer = :customer)`,
    { dealer: party.dealerId, kind, version: text.version, customer: party.customerId ?? "" },
  );
  return row !== undefined;
}

export interface Signing {
  kind: AgreementKind;
  party: Party;
  /** Of the text that the person saw: another one is not signed. */
  textSha256: string;
  userId: string;
  typedName: string;
  /** In which capacity, such as "managing director". */
  capacity: string;
  source: string;
  browser: string;
  proof: string;
}

/** Throws UsageError if the text was replaced meanwhile, or was signed already for this party. */
export function signAgreement(platform: Base, by: By, signing: Signing): Promise<Signature> {
  const { kind, party, typedName, capacity } = signing;
  return platform.store.transaction(async (tx) => {
    const at = platform.clock.now();
    const text = await tx.get<AgreementText>("SELECT * FROM agreement_texts WHERE kind = :kind AND sha256 = :sha256", {
      kind,
      sha256: signing.textSha256,
    });
    const current = await currentText(tx, kind, text?.language ?? "en");
    if (text === undefined || current?.version !== text.version) {
      throw new UsageError("Cannot sign as the text was replaced meanwhile", "read the new one");
    }
    const before = await tx.get<{ signature_id: string }>(
      `SELECT signature_id FROM agreement_signatures WHERE dealer_id = :dealer AND of_customer = :customer
         AND kind = :kind AND version = :version`,
      { dealer: party.dealerId, customer: party.customerId ?? "", kind, version: text.version },
    );
    if (before !== undefined) throw new UsageError(`Cannot sign as it is signed already: ${before.signature_id}`);
    const evidence = await evidenceFor(tx, { ...signing, text, at });
    const json = JSON.stringify(evidence);
    const row: Signature = {
      signature_id: evidence.signatureId,
      kind,
      version: text.version,
      dealer_id: party.dealerId,
      of_customer: party.customerId ?? "",
      signed_at: at.getTime(),
      evidence: json,
      evidence_sha256: sha256Of(json),
    };
    await tx.run(
      `INSERT INTO agreement_signatures (signature_id, kind, version, dealer_id, of_customer, signed_at, evidence,
         evidence_sha256)
       VALUES (:signature_id, :kind, :version, :dealer_id, :of_customer, :signed_at, :evidence, :evidence_sha256)`,
      { ...row },
    );
    await appendAudit(tx, {
      at,
      customerId: party.customerId ?? null,
      actor: by.actor,
      action: "agreementSigned",
      subject: row.signature_id,
      detail: { kind, version: text.version, typedName, capacity, evidence: row.evidence_sha256 },
    });
    return row;
  });
}

async function evidenceFor(
  tx: Transaction,
  { kind, party, text, at, ...signing }: Signing & { text: AgreementText; at: Date },
): Promise<Evidence> {
  const { dealer, customer } = await namesOf(tx, party);
  const user = await tx.get<{ email: string; name: string }>("SELECT email, name FROM users WHERE user_id = :id", {
    id: signing.userId,
  });
  return {
    format: "opendca-agreement-1",
    signatureId: newId("agr"),
    agreement: { kind, version: text.version, language: text.language, textSha256: text.sha256, text: text.body },
    party: {
      dealer: { id: party.dealerId, name: dealer },
      customer: customer === undefined ? null : { id: party.customerId!, name: customer },
    },
    signer: {
      userId: signing.userId,
      email: user!.email,
      accountName: user!.name,
      typedName: signing.typedName,
      capacity: signing.capacity,
    },
    signedAt: at.toISOString(),
    source: signing.source,
    browser: signing.browser,
    proof: signing.proof,
  };
}

async function namesOf(tx: Transaction, { dealerId, customerId }: Party) {
  const dealer = await tx.get<{ name: string }>("SELECT name FROM dealers WHERE dealer_id = :id", { id: dealerId });
  const customer = customerId === undefined
    ? undefined
    : await tx.get<{ name: string }>("SELECT name FROM customers WHERE customer_id = :id", { id: customerId });
  return { dealer: dealer!.name, customer: customer?.name };
}

/** The customer's, or the dealer's. */
export function readPartyName(platform: Base, by: By, party: Party): Promise<string> {
  return readPlatform(platform, by, async (tx) => {
    const { dealer, customer } = await namesOf(tx, party);
    return customer ?? dealer;
  });
}

/** Those of a dealer, or of one customer of it; of all without a party. Newest first. */
export function listSignatures(platform: Base, by: By, party?: Party): Promise<Signature[]> {
  return readPlatform(platform, by, (tx) =>
    tx.all<Signature>(
      `SELECT * FROM agreement_signatures
       WHERE (:dealer = '' OR dealer_id = :dealer) AND (:customer = '' OR of_customer = :customer)
       ORDER BY signed_at DESC, signature_id`,
      { dealer: party?.dealerId ?? "", customer: party?.customerId ?? "" },
    ));
}

export interface KeptEvidence {
  signature: Signature;
  evidence: Evidence;
  /** Its entry of the audit log, and the digest of the entry before. */
  log: { entry: number; previous: string; digest: string };
}

/** Of a party: also what its dealer has signed for all its customers; of any without one. Throws UsageError. */
export function readEvidence(
  platform: Base,
  by: By,
  { signatureId, party }: { signatureId: string; party?: Party | undefined },
): Promise<KeptEvidence> {
  return readPlatform(platform, by, async (tx) => {
    const signature = await tx.get<Signature>("SELECT * FROM agreement_signatures WHERE signature_id = :id", {
      id: signatureId,
    });
    const isOpen = signature !== undefined && (party === undefined ||
      (signature.dealer_id === party.dealerId &&
        (party.customerId === undefined || ["", party.customerId].includes(signature.of_customer))));
    if (!isOpen) throw new UsageError("Cannot find this signature");
    const entry = await tx.get<{ entry: number; digest: string }>(
      "SELECT entry, digest FROM audit_log WHERE action = 'agreementSigned' AND subject = :id",
      { id: signatureId },
    );
    if (entry === undefined) {
      throw new UsageError(
        `Cannot show the evidence of ${signatureId} as the audit log has no entry of it`,
        "opendca-platform audit verify says whether the log is whole",
      );
    }
    const previous = await tx.get<{ digest: string }>("SELECT digest FROM audit_log WHERE entry = :entry", {
      entry: entry.entry - 1,
    });
    const log = { ...entry, previous: previous?.digest ?? noDigest };
    return { signature, evidence: JSON.parse(signature.evidence), log };
  });
}

export type EvidenceVerdict =
  | { kind: "valid"; evidence: Evidence; entry: number; digest: string }
  | { kind: "invalid"; reason: string };

/**
 * Whether a file of evidence is what was signed: its text has the stated hash, and the audit log has its digest from the
 * moment of the signature. That the log itself holds together is `audit verify`'s to say.
 */
export function verifyEvidence(platform: Base, by: By, json: string): Promise<EvidenceVerdict> {
  const invalid = (reason: string): EvidenceVerdict => ({ kind: "invalid", reason });
  return readPlatform(platform, by, async (tx) => {
    let evidence: Evidence;
    if (json.startsWith("%PDF-")) {
      return invalid("it is a PDF, and the JSON that is attached to it is what was signed: pdfdetach -saveall FILE");
    }
    try {
      evidence = JSON.parse(json);
    } catch {
      return invalid("it is not JSON");
    }
    if (evidence?.format !== "opendca-agreement-1" || typeof evidence.agreement?.text !== "string") {
      return invalid("it is not the evidence of an agreement");
    }
    if (sha256Of(evidence.agreement.text) !== evidence.agreement.textSha256) {
      return invalid("its text is not the one whose hash it names");
    }
    const digest = sha256Of(JSON.stringify(evidence));
    const entry = await tx.get<{ entry: number; detail: string; digest: string; at: number }>(
      "SELECT entry, detail, digest, at FROM audit_log WHERE action = 'agreementSigned' AND subject = :id",
      { id: String(evidence.signatureId) },
    );
    if (entry === undefined) return invalid("the audit log has no such signature");
    if (JSON.parse(entry.detail).evidence !== digest) return invalid("it is not what the audit log has the digest of");
    if (new Date(entry.at).toISOString() !== evidence.signedAt) return invalid("its time is not that of the audit log");
    return { kind: "valid", evidence, entry: entry.entry, digest: entry.digest };
  });
}

export function sha256Of(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
