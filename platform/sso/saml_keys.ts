/**
 * The key of the portal towards one SAML provider, with a certificate of its own: assertions are encrypted for it, and
 * requests are signed with it. It is made when it is first asked for. After a new one was made, the one before goes on
 * until its end: it opens assertions, and signs, until the provider has read the new one.
 */
import * as x509 from "../keys/x509.ts";
import { UsageError } from "../../common/core/errors.ts";
import { type By, changePlatform } from "../audit/use_case.ts";
import { pemOf, privateKeyPem } from "../keys/authority.ts";
import { newId } from "../store/new_id.ts";
import { takeLock, type Transaction } from "../store/store.ts";
import { openJson, providerNamed, sealJson, type SsoPlatform, type Within } from "./providers.ts";

export interface SamlKey {
  keyId: string;
  certificatePem: string;
  privateKeyPem: string;
  createdAt: number;
  /** Null: the newest one. */
  endsAt: number | null;
}

export const keyOverlapMs = 30 * 86_400_000;
const validYears = 10;
/* BSI TR-02102-1: 3000 bits or more. Providers of SAML know no other kind of key for encryption. */
const algorithm = {
  name: "RSASSA-PKCS1-v1_5",
  hash: "SHA-256",
  publicExponent: new Uint8Array([1, 0, 1]),
  modulusLength: 3072,
};

interface KeyRow {
  key_id: string;
  certificate: string;
  private_key: Uint8Array;
  created_at: number;
  ends_at: number | null;
}

/** The newest first; none if there never was one. */
export function samlKeys({ store, clock, pepper }: SsoPlatform, providerId: string): Promise<SamlKey[]> {
  const now = clock.now().getTime();
  return store.transaction(async (tx) => {
    const rows = await tx.all<KeyRow>(
      `SELECT * FROM provider_keys WHERE provider_id = :id AND (ends_at IS NULL OR ends_at > :now)
       ORDER BY CASE WHEN ends_at IS NULL THEN 0 ELSE 1 END, created_at DESC`,
      { id: providerId, now },
    );
    return rows.map((row) => ({
      keyId: row.key_id,
      certificatePem: row.certificate,
      privateKeyPem: openJson<string>(row.private_key, { pepper, of: `${providerId} ${row.key_id}` }),
      createdAt: row.created_at,
      endsAt: row.ends_at,
    }));
  }, { readOnly: true });
}

/** At least one. */
export async function ensuredSamlKeys(platform: SsoPlatform, providerId: string): Promise<SamlKey[]> {
  const keys = await samlKeys(platform, providerId);
  if (keys.length > 0) return keys;
  const made = await makeKey(platform);
  await platform.store.transaction(async (tx) => {
    await takeLock(tx, "providers");
    const there = await tx.get("SELECT 1 FROM provider_keys WHERE provider_id = :id LIMIT 1", { id: providerId });
    if (there === undefined) await addKey(platform, tx, { providerId, made });
  });
  return await samlKeys(platform, providerId);
}

/** The certificate to enter at a provider that reads no metadata. Throws UsageError. */
export async function samlCertificate(
  platform: SsoPlatform,
  by: By,
  { provider, within, isNew = false, isAtOnce = false }: {
    provider: string;
    within?: Within | undefined;
    /** Another key in its place, which the provider must be told of. */
    isNew?: boolean;
    /** The keys before end now, and not after the time of overlap. */
    isAtOnce?: boolean;
  },
): Promise<SamlKey> {
  const providerId = await platform.store.transaction(async (tx) => {
    const row = await providerNamed(tx, provider, within);
    if (row.kind === "saml") return row.provider_id;
    throw new UsageError(`Cannot show a key for "${row.name}": only providers of the kind saml have one`);
  }, { readOnly: true });
  if (!isNew) return (await ensuredSamlKeys(platform, providerId))[0]!;
  const made = await makeKey(platform);
  await changePlatform(platform, by, async (tx, at) => {
    await takeLock(tx, "providers");
    const { dealer_id, of_customer } = await providerNamed(tx, providerId), now = at.getTime();
    const endsAt = isAtOnce ? now : now + keyOverlapMs, key = { id: providerId, ends: endsAt };
    await tx.run(
      "UPDATE provider_keys SET ends_at = :ends WHERE provider_id = :id AND (ends_at IS NULL OR ends_at > :ends)",
      key,
    );
    await tx.run("DELETE FROM provider_keys WHERE provider_id = :id AND ends_at <= :now", { id: providerId, now });
    await addKey(platform, tx, { providerId, made });
    return {
      answer: undefined,
      customerId: of_customer,
      audit: {
        action: "identityProviderKeyReplaced",
        subject: dealer_id,
        detail: { provider: providerId, key: made.keyId, previousUntil: new Date(endsAt).toISOString() },
      },
    };
  });
  return (await samlKeys(platform, providerId))[0]!;
}

async function makeKey({ clock }: SsoPlatform): Promise<Omit<SamlKey, "endsAt">> {
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]), notBefore = clock.now();
  const notAfter = new Date(notBefore);
  notAfter.setUTCFullYear(notAfter.getUTCFullYear() + validYears);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: ["OpenDCA portal"] }],
    notBefore,
    notAfter,
    signingAlgorithm: algorithm,
    keys,
  });
  return {
    keyId: newId("key"),
    certificatePem: pemOf(certificate),
    privateKeyPem: await privateKeyPem(keys.privateKey),
    createdAt: notBefore.getTime(),
  };
}

async function addKey(
  { pepper }: SsoPlatform,
  tx: Transaction,
  { providerId, made }: { providerId: string; made: Omit<SamlKey, "endsAt"> },
): Promise<void> {
  await tx.run(
    `INSERT INTO provider_keys (key_id, provider_id, certificate, private_key, created_at)
     VALUES (:key, :provider, :certificate, :private_key, :at)`,
    {
      key: made.keyId,
      provider: providerId,
      certificate: made.certificatePem,
      private_key: sealJson(made.privateKeyPem, { pepper, of: `${providerId} ${made.keyId}` }),
      at: made.createdAt,
    },
  );
}
