/**
 * Sign-in by identity providers of dealers: what they are, whom they have vouched for, and what two processes must share
 * of a sign-in that is under way. The rows are the platform's own: see user_tables.ts. There is no provider of the kind
 * 'windows': of Windows authentication, a proxy in front tells who it is.
 */
export const sso = `
CREATE TABLE identity_providers (
  provider_id TEXT PRIMARY KEY,
  dealer_id TEXT NOT NULL REFERENCES dealers,
  -- Null: its users are of the dealer, and not of one customer.
  of_customer TEXT,
  kind TEXT NOT NULL CHECK (kind IN ('oidc', 'saml', 'ldap', 'windows')),
  -- As the sign-in page shows it.
  name TEXT NOT NULL,
  is_active INTEGER NOT NULL,
  -- 0: only by e-mail domain or by the provider's own address.
  is_shown INTEGER NOT NULL,
  -- 1: the platform's second factor is needed as well.
  second_factor INTEGER NOT NULL,
  -- JSON by names of the kind's settings; those that are secret are sealed, also as JSON.
  settings TEXT NOT NULL,
  secrets BLOB,
  created_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX identity_providers_by_name ON identity_providers (dealer_id, lower(name));

-- E-mail domains that are led to a provider, in lower case.
CREATE TABLE provider_domains (
  domain TEXT PRIMARY KEY,
  provider_id TEXT NOT NULL REFERENCES identity_providers
) STRICT;

CREATE TABLE provider_roles (
  provider_id TEXT NOT NULL REFERENCES identity_providers,
  -- Its id or name, as the provider says it.
  group_name TEXT NOT NULL,
  role TEXT NOT NULL,
  -- Empty: as in user_roles.
  of_customer TEXT NOT NULL,
  of_site TEXT NOT NULL,
  PRIMARY KEY (provider_id, group_name, role, of_customer, of_site)
) STRICT;

-- Who is who: a user of a provider is known by the provider's subject, and never by an e-mail address.
CREATE TABLE user_identities (
  provider_id TEXT NOT NULL REFERENCES identity_providers,
  subject TEXT NOT NULL,
  user_id TEXT NOT NULL REFERENCES users,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (provider_id, subject)
) STRICT;
CREATE INDEX user_identities_by_user ON user_identities (user_id);

-- Sign-ins under way. Each is used once.
CREATE TABLE provider_flows (
  -- SHA-256 of the state, the id of the SAML request, or whatever else the provider gives back.
  flow BLOB PRIMARY KEY,
  provider_id TEXT NOT NULL REFERENCES identity_providers,
  purpose TEXT NOT NULL CHECK (purpose IN ('signIn', 'renew', 'confirm', 'link')),
  -- SHA-256 of the cookie of the browser that began it.
  browser BLOB NOT NULL,
  -- Sealed JSON: nonce, PKCE verifier, or the identity that the provider has vouched for.
  kept BLOB NOT NULL,
  next_path TEXT NOT NULL,
  -- Digest of the session that is confirmed or renewed.
  session BLOB,
  -- Whoever began it: one source has a limited number of them.
  source TEXT NOT NULL,
  ends_at INTEGER NOT NULL
) STRICT;
CREATE INDEX provider_flows_by_end ON provider_flows (ends_at);

-- SHA-256 of the ids of SAML assertions, until they have expired: each counts once.
CREATE TABLE used_assertions (
  provider_id TEXT NOT NULL,
  assertion BLOB NOT NULL,
  ends_at INTEGER NOT NULL,
  PRIMARY KEY (provider_id, assertion)
) STRICT;
CREATE INDEX used_assertions_by_end ON used_assertions (ends_at);

-- Null: a user of the platform's own, with password or passkey. Otherwise the provider decides on the roles.
ALTER TABLE users ADD COLUMN of_provider TEXT;

-- Of a session that a provider began; null for others.
ALTER TABLE user_sessions ADD COLUMN provider_id TEXT;
-- Sealed: what the provider is asked with whether the user still may sign in.
ALTER TABLE user_sessions ADD COLUMN provider_kept BLOB;
-- When the provider last said so.
ALTER TABLE user_sessions ADD COLUMN checked_at INTEGER;
-- When to ask again; null: it cannot be asked. Whoever asks moves it on, so that no two processes do.
ALTER TABLE user_sessions ADD COLUMN check_at INTEGER;
-- The session counts for nothing from then on, until the provider has said so again.
ALTER TABLE user_sessions ADD COLUMN valid_until INTEGER;
CREATE INDEX user_sessions_to_check ON user_sessions (check_at) WHERE check_at IS NOT NULL;
`;

/** Keys of the portal towards identity providers, and what a session of a provider is signed out by there. */
export const signOuts = `
-- What assertions are encrypted for and requests are signed with.
CREATE TABLE provider_keys (
  key_id TEXT PRIMARY KEY,
  provider_id TEXT NOT NULL REFERENCES identity_providers,
  -- PEM.
  certificate TEXT NOT NULL,
  -- PKCS #8 in PEM, sealed.
  private_key BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  -- Null: the newest one. Otherwise it counts until then.
  ends_at INTEGER
) STRICT;
CREATE INDEX provider_keys_by_provider ON provider_keys (provider_id);

-- As the provider calls its own session: SessionIndex of SAML, sid of OpenID Connect.
ALTER TABLE user_sessions ADD COLUMN provider_session TEXT;
-- Sealed JSON: how the provider wants to be told that the person signs out.
ALTER TABLE user_sessions ADD COLUMN provider_sign_out BLOB;
`;

/** When sessions by providers end there, and whether they go on without a person. */
export const sessionEnds = `
-- The provider's own end of the session; null: it has said none. A sign-in that waits for the second factor ends sooner.
ALTER TABLE user_sessions ADD COLUMN provider_ends_at INTEGER;
-- 1: a page by itself wanted to go on after valid_until. What follows is no sign of a person.
ALTER TABLE user_sessions ADD COLUMN is_unseen INTEGER NOT NULL DEFAULT 0;
`;
