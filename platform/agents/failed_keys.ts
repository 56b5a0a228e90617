/**
 * Failed activation attempts by the key that the attempt proved to hold: its certificate request is signed with it. An
 * installation id can be claimed by anybody, so that anybody could lock the installation of another.
 */
import { takeLock, type Transaction } from "../store/store.ts";

/* Whoever guesses makes a key for each attempt; rows that nobody comes back to are dropped. */
const forgetAfterMs = 90 * 86_400_000;
const mostRows = 100_000;

export async function failedAttemptsOf(tx: Transaction, keyDigest: Uint8Array): Promise<number> {
  // Attempts of one key take turns, so that it has no more of them by making many at once.
  await takeLock(tx, `failed key ${keyDigest.toHex()}`);
  const row = await tx.get<{ failed_attempts: number }>(
    "SELECT failed_attempts FROM failed_keys WHERE key_digest = :key_digest",
    { key_digest: keyDigest },
  );
  return row?.failed_attempts ?? 0;
}

/** Returns how many the key has made now. */
export async function countFailedKey(
  tx: Transaction,
  failed: { keyDigest: Uint8Array; installationId: string; at: Date },
): Promise<number> {
  const at = failed.at.getTime();
  await tx.run("DELETE FROM failed_keys WHERE last_at < :before", { before: at - forgetAfterMs });
  const parameters = { key_digest: failed.keyDigest, at };
  // Not with the INSERT alone: in PostgreSQL, one that ends as an UPDATE uses up a number of the key.
  const known = await tx.get<{ failed_attempts: number }>(
    `UPDATE failed_keys SET failed_attempts = failed_attempts + 1, last_at = :at WHERE key_digest = :key_digest
     RETURNING failed_attempts`,
    parameters,
  );
  if (known !== undefined) return known.failed_attempts;
  const row = await tx.get<{ failed_attempts: number }>(
    `INSERT INTO failed_keys (key_digest, installation_id, failed_attempts, last_at) VALUES (:key_digest, :installation_id, 1, :at)
     ON CONFLICT (key_digest) DO UPDATE SET failed_attempts = failed_keys.failed_attempts + 1, last_at = :at
     RETURNING failed_attempts`,
    { ...parameters, installation_id: failed.installationId },
  );
  await tx.run(
    "DELETE FROM failed_keys WHERE failed_key <= (SELECT max(failed_key) FROM failed_keys) - :most",
    { most: mostRows },
  );
  return row!.failed_attempts;
}

/** Of the keys that claimed this installation: another key gains no more from it than a new key. */
export async function forgetFailedAttempts(tx: Transaction, installationId: string): Promise<void> {
  await tx.run("DELETE FROM failed_keys WHERE installation_id = :installation_id", {
    installation_id: installationId,
  });
}

export async function forgetFailedKey(tx: Transaction, keyDigest: Uint8Array): Promise<void> {
  await tx.run("DELETE FROM failed_keys WHERE key_digest = :key_digest", { key_digest: keyDigest });
}
