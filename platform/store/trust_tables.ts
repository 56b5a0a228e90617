/**
 * The trust centre: where an installation stores its data, documents for dealers, and agreements with the evidence of
 * their signatures. `of_customer` and not `customer_id`: an agreement outlives the data of the customer that signed it.
 */
export const trust = `
CREATE TABLE installation (
  -- 'region'.
  what TEXT PRIMARY KEY,
  value TEXT NOT NULL,
  since INTEGER NOT NULL
) STRICT;

CREATE TABLE trust_documents (
  document_id TEXT PRIMARY KEY,
  title TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('certificate', 'report', 'policy', 'other')),
  file_name TEXT NOT NULL,
  media_type TEXT NOT NULL,
  content BLOB NOT NULL,
  -- Hex, of the content.
  sha256 TEXT NOT NULL,
  -- 1: shown only to those whose dealer has signed the latest non-disclosure agreement.
  needs_nda INTEGER NOT NULL,
  added_at INTEGER NOT NULL
) STRICT;

CREATE TABLE agreement_texts (
  text_id TEXT PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('nda', 'dpa')),
  version TEXT NOT NULL,
  language TEXT NOT NULL,
  body TEXT NOT NULL,
  -- Hex, of the body in UTF-8.
  sha256 TEXT NOT NULL,
  published_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX agreement_texts_by_version ON agreement_texts (kind, version, language);

CREATE TABLE agreement_signatures (
  signature_id TEXT PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('nda', 'dpa')),
  version TEXT NOT NULL,
  dealer_id TEXT NOT NULL,
  -- Empty: signed for the dealer.
  of_customer TEXT NOT NULL,
  signed_at INTEGER NOT NULL,
  -- JSON: who, when, from where, which text; its digest is in the audit log.
  evidence TEXT NOT NULL,
  evidence_sha256 TEXT NOT NULL
) STRICT;
CREATE INDEX agreement_signatures_by_dealer ON agreement_signatures (dealer_id, of_customer, kind, version);
`;
