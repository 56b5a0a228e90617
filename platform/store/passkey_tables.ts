/** Passkeys of users, the challenges that they answer, and forms that wait until a person has proven again who it is. */
export const passkeys = `
-- What an authenticator knows the user by: random, and not the id, which is in pages and logs.
ALTER TABLE users ADD COLUMN passkey_handle BLOB;

CREATE TABLE user_passkeys (
  passkey_id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES users,
  -- As the authenticator says it, base64url.
  credential_id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  -- COSE (RFC 9052), which has the algorithm.
  public_key BLOB NOT NULL,
  -- Of the last signature; 0: the authenticator does not count.
  counter INTEGER NOT NULL,
  -- Separated by blanks: usb, nfc, ble, internal, hybrid.
  transports TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  used_at INTEGER,
  -- Since the counter went back, as of a copy: it is not accepted any more.
  set_aside_at INTEGER
) STRICT;
CREATE INDEX user_passkeys_by_user ON user_passkeys (user_id);

CREATE TABLE user_challenges (
  digest BLOB PRIMARY KEY,
  -- 'register', 'signIn', 'secondFactor' or 'confirm'.
  purpose TEXT NOT NULL,
  -- Digest of the cookie of the browser that asked.
  bound_to BLOB NOT NULL,
  source TEXT NOT NULL,
  ends_at INTEGER NOT NULL
) STRICT;
CREATE INDEX user_challenges_by_source ON user_challenges (source, ends_at);
CREATE INDEX user_challenges_by_end ON user_challenges (ends_at);

CREATE TABLE kept_forms (
  digest BLOB PRIMARY KEY,
  session_id TEXT NOT NULL,
  -- Sealed: where it goes, and what is in it.
  form BLOB NOT NULL,
  ends_at INTEGER NOT NULL
) STRICT;
CREATE INDEX kept_forms_by_session ON kept_forms (session_id, ends_at);
CREATE INDEX kept_forms_by_end ON kept_forms (ends_at);
`;
