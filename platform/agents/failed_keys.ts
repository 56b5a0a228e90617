/**
 * Failed activation attempts by key: the signature of the certificate request proves possession of the key. An
 * installation id is not proven, so counting by id would let anybody lock the installation of another.
 */
import { UsageError } from "../../common/core/errors.ts";
import { createUnlockToken as signedToken } from "../../common/protocol/unlock_token.ts";
import { type By, changePlatform } from "../audit/use_case.ts";
import { takeLock, type Transaction } from "../store/store.ts";
import type { Platform } from "./platform.ts";
import { isUuid } from "./request_checks.ts";

/* A guesser creates a key for each attempt; rows without further attempts are dropped. */
const forgetAfterMs = 90 * 86_400_000;
const mostRows = 100_000;

export async function failedAttemptsOf(tx: Transaction, keyDigest: Uint8Array): Promise<number> {
  // Attempts of one key run one by one, so that parallel attempts do not exceed the limit.
  await takeLock(tx, `failed key ${keyDigest.toHex()}`);
  const row = await tx.get<{ failed_attempts: number }>(
    "SELECT failed_attempts FROM failed_keys WHERE key_digest = :key_digest",
    { key_digest: keyDigest },
  );
  return row?.failed_attempts ?? 0;
}

/** Returns the number of failed attempts of the key. */
export async function countFailedKey(
  tx: Transaction,
  failed: { keyDigest: Uint8Array; installationId: string; at: Date },
): Promise<number> {
  const at = failed.at.getTime();
  await tx.run("DELETE FROM failed_keys WHERE last_at < :before", { before: at - forgetAfterMs });
  const parameters = { key_digest: failed.keyDigest, at };
  // Not only by INSERT: in PostgreSQL, one that becomes an UPDATE consumes a sequence number.
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

/** Resets the keys that claimed this installation; this gives another key no advantage over a new one. */
export async function forgetFailedAttempts(tx: Transaction, installationId: string): Promise<void> {
  await tx.run("DELETE FROM failed_keys WHERE installation_id = :installation_id", {
    installation_id: installationId,
  });
}

export async function forgetFailedKey(tx: Transaction, keyDigest: Uint8Array): Promise<void> {
  await tx.run("DELETE FROM failed_keys WHERE key_digest = :key_digest", { key_digest: keyDigest });
}

export interface IssuedUnlockToken {
  token: string;
  installationId: string;
  lockCount: number;
  expiresAt: Date;
}

/**
 * A token for `opendca unlock`, and five more attempts on the platform's side. With a tenant, not for an installation
 * that is an agent of another customer; one that was never activated is nobody's yet. Throws UsageError.
 */
export function createUnlockToken(
  platform: Platform,
  by: By & { tenant?: string | undefined },
  input: { installation: string; lockCount: number; validMs: number },
): Promise<IssuedUnlockToken> {
  return changePlatform(platform, by, async (tx, issuedAt) => {
    const installationId = input.installation.toLowerCase(), { lockCount } = input;
    if (!isUuid(installationId)) {
      const hint = "opendca status shows it on the machine that is locked";
      throw new UsageError(`Cannot use "${input.installation}" as an installation id: it is not a UUID`, hint);
    }
    const { tenant = null } = by;
    const foreign = await tx.get(
      "SELECT 1 FROM agents WHERE installation_id = :id AND state = 'active' AND customer_id <> :customer LIMIT 1",
      { id: installationId, customer: tenant ?? "" },
    );
    if (tenant !== null && foreign !== undefined) {
      throw new UsageError(`Cannot unlock "${installationId}" as it is not an agent of this customer`);
    }
    const expiresAt = new Date(issuedAt.getTime() + input.validMs);
    const token = signedToken(platform.signingKey, { installationId, lockCount, issuedAt, expiresAt });
    await forgetFailedAttempts(tx, installationId);
    return {
      answer: { token, installationId, lockCount, expiresAt },
      customerId: tenant,
      audit: {
        action: "unlockTokenCreated",
        subject: installationId,
        detail: { lock: lockCount, expiresAt: expiresAt.toISOString() },
      },
    };
  });
}
