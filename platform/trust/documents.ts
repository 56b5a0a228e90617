/** Documents for dealers: certificates, reports, policies. Some are shown only after a non-disclosure agreement. */
import { createHash } from "node:crypto";
import { UsageError } from "../../common/core/errors.ts";
import { type Base, type By, changePlatform, readPlatform } from "../audit/use_case.ts";
import { newId } from "../store/new_id.ts";
import { hasSigned, type Party } from "./agreements.ts";

export const documentKinds = ["certificate", "report", "policy", "other"] as const;
export type DocumentKind = (typeof documentKinds)[number];

/** Without its content. */
export interface ListedDocument {
  document_id: string;
  title: string;
  kind: DocumentKind;
  file_name: string;
  media_type: string;
  sha256: string;
  needs_nda: number;
  added_at: number;
  bytes: number;
}

const mostBytes = 25 * 1024 * 1024;
/* Shown by no browser as a page of the portal's: they are downloaded. */
const mediaTypes: Record<string, string> = {
  pdf: "application/pdf",
  txt: "text/plain; charset=utf-8",
  md: "text/markdown; charset=utf-8",
  json: "application/json",
  xlsx: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
  docx: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
  zip: "application/zip",
};

/** Throws UsageError for a file that is too large or of an unknown kind. */
export async function addDocument(
  platform: Base,
  by: By,
  { title, kind, fileName, content, needsNda }: {
    title: string;
    kind: DocumentKind;
    /** Without folders. */
    fileName: string;
    content: Uint8Array;
    needsNda: boolean;
  },
): Promise<ListedDocument> {
  const mediaType = mediaTypes[fileName.toLowerCase().split(".").at(-1)!];
  if (mediaType === undefined || !/^[\w .()+-]{1,120}$/.test(fileName)) {
    throw new UsageError(
      `Cannot add the document "${fileName}" as its name is not that of a known kind of file`,
      `the name ends in .${Object.keys(mediaTypes).join(", .")} and has letters, digits, spaces and . ( ) + - _ alone`,
    );
  }
  if (content.length === 0 || content.length > mostBytes) {
    throw new UsageError(
      `Cannot add the document "${fileName}" as it has ${content.length} bytes, and 1 to ${mostBytes} are allowed`,
    );
  }
  return await changePlatform(platform, by, async (tx, at) => {
    const row: ListedDocument = {
      document_id: newId("doc"),
      title,
      kind,
      file_name: fileName,
      media_type: mediaType,
      sha256: createHash("sha256").update(content).digest("hex"),
      needs_nda: needsNda ? 1 : 0,
      added_at: at.getTime(),
      bytes: content.length,
    };
    const { bytes: _, ...stored } = row;
    await tx.run(
      `INSERT INTO trust_documents (document_id, title, kind, file_name, media_type, content, sha256, needs_nda, added_at)
       VALUES (:document_id, :title, :kind, :file_name, :media_type, :content, :sha256, :needs_nda, :added_at)`,
      { ...stored, content },
    );
    const { document_id: subject, sha256 } = row;
    return { answer: row, customerId: null, audit: { action: "documentAdded", subject, detail: { title, sha256 } } };
  });
}

/** Throws UsageError if there is none of this id. */
export function removeDocument(platform: Base, by: By, { documentId }: { documentId: string }): Promise<void> {
  return changePlatform(platform, by, async (tx) => {
    const removed = await tx.run("DELETE FROM trust_documents WHERE document_id = :id", { id: documentId });
    if (removed === 0) throw noDocument(documentId);
    return { answer: undefined, customerId: null, audit: { action: "documentRemoved", subject: documentId } };
  });
}

const listed = "document_id, title, kind, file_name, media_type, sha256, needs_nda, added_at, length(content) AS bytes";

export function listDocuments(platform: Base, by: By): Promise<ListedDocument[]> {
  return readPlatform(
    platform,
    by,
    (tx) => tx.all<ListedDocument>(`SELECT ${listed} FROM trust_documents ORDER BY kind, lower(title), document_id`),
  );
}

/** For somebody of the party, noted in the audit log. Undefined if there is none, or it needs an agreement first. */
export async function readDocument(
  platform: Base,
  by: By,
  { documentId, party }: { documentId: string; party: Party },
): Promise<{ document: ListedDocument; content: Uint8Array } | undefined> {
  const found = await readPlatform(platform, by, async (tx) => {
    const row = await tx.get<ListedDocument & { content: Uint8Array }>(
      `SELECT ${listed}, content FROM trust_documents WHERE document_id = :id`,
      { id: documentId },
    );
    if (row === undefined || row.needs_nda === 1 && !await hasSigned(tx, "nda", party)) return undefined;
    const { content, ...document } = row;
    return { document, content };
  });
  if (found === undefined) return undefined;
  const { title, sha256 } = found.document;
  return await changePlatform(platform, by, () =>
    Promise.resolve({
      answer: found,
      customerId: party.customerId ?? null,
      audit: { action: "documentRead", subject: documentId, detail: { title, sha256 } },
    }));
}

function noDocument(id: string): UsageError {
  return new UsageError(`Cannot find the document "${id}"`, "opendca-platform document list shows them");
}
