/**
 * Failed activation attempts by the key that the attempt proved to hold: its certificate request is signed with it. An
 * installation id is told by whoever likes, so that a stranger could lock the installation of another.
 */
import type { Store } from "./store.ts";

/* Whoever guesses makes a key for each attempt; rows that nobody comes back to are dropped. */
const forgetAfterMs = 90 * 86_400_000;
const mostRows = 100_000;

export function failedAttemptsOf(store: Store, keyDigest: Uint8Array): number {
  const row = store.platformWide.get<{ failed_attempts: number }>(
    "SELECT failed_attempts FROM failed_keys WHERE key_digest = :key_digest",
    { key_digest: keyDigest },
  );
  return row?.failed_attempts ?? 0;
}

export function countFailedKey(
  store: Store,
  failed: { keyDigest: Uint8Array; installationId: string; at: Date },
): void {
  const at = failed.at.getTime();
  store.platformWide.run("DELETE FROM failed_keys WHERE last_at < :before", { before: at - forgetAfterMs });
  store.platformWide.run(
    `INSERT INTO failed_keys (key_digest, installation_id, failed_attempts, last_at) VALUES (:key_digest, :installation_id, 1, :at)
     ON CONFLICT (key_digest) DO UPDATE SET failed_attempts = failed_attempts + 1, last_at = :at`,
    { key_digest: failed.keyDigest, installation_id: failed.installationId, at },
  );
  store.platformWide.run(
    "DELETE FROM failed_keys WHERE failed_key <= (SELECT max(failed_key) FROM failed_keys) - :most",
    { most: mostRows },
  );
}

/** Of the keys that were told to be of this installation: those of a stranger have no more from it than a new key. */
export function forgetFailedAttempts(store: Store, installationId: string): void {
  store.platformWide.run("DELETE FROM failed_keys WHERE installation_id = :installation_id", {
    installation_id: installationId,
  });
}

export function forgetFailedKey(store: Store, keyDigest: Uint8Array): void {
  store.platformWide.run("DELETE FROM failed_keys WHERE key_digest = :key_digest", { key_digest: keyDigest });
}
