/**
 * Users of the portal, and all that two processes must share of their sign-ins. A user belongs to a dealer, or to one
 * customer of it: `of_customer`, and not `customer_id`, as the rows are the platform's own and not the customer's. Links
 * of the kind 'firstUser' are not made: the first administrator is sent an invitation.
 */
export const users = `
-- 1: whoever signs in by password needs a second factor.
ALTER TABLE dealers ADD COLUMN second_factor INTEGER NOT NULL DEFAULT 1;
-- Days without sign-in until a user is deactivated: 90 or 180.
ALTER TABLE dealers ADD COLUMN inactive_days INTEGER NOT NULL DEFAULT 90;

-- Where people reach the portal, as the server last said: for links that commands print.
CREATE TABLE portal (
  -- 'portal'.
  what TEXT PRIMARY KEY,
  origin TEXT NOT NULL
) STRICT;

CREATE TABLE users (
  user_id TEXT PRIMARY KEY,
  dealer_id TEXT NOT NULL REFERENCES dealers,
  -- Null: of the dealer.
  of_customer TEXT,
  email TEXT NOT NULL,
  name TEXT NOT NULL,
  language TEXT NOT NULL DEFAULT 'en',
  state TEXT NOT NULL CHECK (state IN ('invited', 'active', 'deactivated')),
  -- Of a deactivation: 'failedAttempts', 'inactivity' or 'administrator'.
  state_reason TEXT,
  state_since INTEGER NOT NULL,
  -- Argon2id, in PHC format.
  password TEXT,
  -- Sealed by a key of the platform; null: no second factor yet.
  totp_secret BLOB,
  -- The last time step that was used: none may be used twice.
  totp_step INTEGER NOT NULL DEFAULT 0,
  -- Since the last success.
  failed_attempts INTEGER NOT NULL DEFAULT 0,
  -- Of the last administrator of a dealer: until then, only browsers that are known may try.
  unknown_browsers_until INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  signed_in_at INTEGER
) STRICT;
CREATE UNIQUE INDEX users_by_email ON users (lower(email));
CREATE INDEX users_by_dealer ON users (dealer_id);

-- Roles are sets of permissions: see users/permissions.ts.
CREATE TABLE user_roles (
  user_id TEXT NOT NULL REFERENCES users,
  role TEXT NOT NULL,
  -- Empty: all customers of the user's dealer, all sites of the customer.
  of_customer TEXT NOT NULL,
  of_site TEXT NOT NULL,
  PRIMARY KEY (user_id, role, of_customer, of_site)
) STRICT;

-- Only digests of what a person has: links, recovery codes, cookies.
CREATE TABLE user_links (
  digest BLOB PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES users,
  kind TEXT NOT NULL CHECK (kind IN ('invitation', 'password', 'firstUser')),
  ends_at INTEGER NOT NULL
) STRICT;
CREATE INDEX user_links_by_user ON user_links (user_id);
CREATE TABLE user_recovery_codes (
  user_id TEXT NOT NULL REFERENCES users,
  digest BLOB NOT NULL,
  PRIMARY KEY (user_id, digest)
) STRICT;

CREATE TABLE user_sessions (
  digest BLOB PRIMARY KEY,
  session_id TEXT NOT NULL UNIQUE,
  user_id TEXT NOT NULL REFERENCES users,
  -- 'secondFactor': the password was right; 'enrolment': a second factor must be set up; 'full'.
  step TEXT NOT NULL CHECK (step IN ('secondFactor', 'enrolment', 'full')),
  created_at INTEGER NOT NULL,
  used_at INTEGER NOT NULL,
  ends_at INTEGER NOT NULL,
  -- When the person last proved who it is.
  confirmed_at INTEGER NOT NULL,
  -- Sealed: of an app that is being set up.
  totp_secret BLOB,
  source TEXT NOT NULL,
  browser TEXT NOT NULL
) STRICT;
CREATE INDEX user_sessions_by_user ON user_sessions (user_id);
CREATE INDEX user_sessions_by_end ON user_sessions (ends_at);

-- Browsers that a user has signed in with: how the last administrator is told from somebody who only knows the address.
CREATE TABLE user_browsers (
  digest BLOB PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES users,
  failed_attempts INTEGER NOT NULL DEFAULT 0,
  used_at INTEGER NOT NULL
) STRICT;
CREATE INDEX user_browsers_by_user ON user_browsers (user_id);

-- Failed sign-ins of a source, whoever it tried to be.
CREATE TABLE sign_in_sources (
  source TEXT PRIMARY KEY,
  failures INTEGER NOT NULL,
  since INTEGER NOT NULL
) STRICT;
`;

/** Mails that wait to be sent, or were. */
export const mails = `
CREATE TABLE mails (
  mail_id TEXT PRIMARY KEY,
  recipient TEXT NOT NULL,
  subject TEXT NOT NULL,
  -- Sealed, as it may hold a link; null once it was sent or given up.
  body BLOB,
  state TEXT NOT NULL CHECK (state IN ('waiting', 'sent', 'failed')),
  created_at INTEGER NOT NULL,
  -- Not tried before; whoever tries moves it on, so that no two processes send it.
  next_at INTEGER NOT NULL,
  tries INTEGER NOT NULL DEFAULT 0,
  -- What the mail server said last.
  failure TEXT
) STRICT;
CREATE INDEX mails_waiting ON mails (next_at) WHERE state = 'waiting';
-- When the user was last warned of a deactivation by inactivity.
ALTER TABLE users ADD COLUMN warned_at INTEGER NOT NULL DEFAULT 0;
`;

/** An address is one user of each dealer: that another dealer has it too is nobody's business. */
export const addresses = `
DROP INDEX users_by_email;
CREATE UNIQUE INDEX users_of_dealer_by_email ON users (dealer_id, lower(email));
CREATE INDEX users_by_email ON users (lower(email));
`;

/** What shows that somebody tries a few passwords with many users. */
export const spraying = `
-- The last failed attempt, whether it was followed by a success or not.
ALTER TABLE users ADD COLUMN failed_at INTEGER NOT NULL DEFAULT 0;
CREATE INDEX users_by_failure ON users (dealer_id, failed_at) WHERE failed_at > 0;
-- When it was last noted of a dealer.
ALTER TABLE dealers ADD COLUMN spraying_at INTEGER NOT NULL DEFAULT 0;
`;

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
