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
