/**
 * Public keys of the platform that statements need: what signed them, and the authorities of the agents whose readings
 * they prove. They are kept, so that a statement still has what proves it after a key was replaced.
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import type { Clock } from "../../common/core/clock.ts";
import { keyIdOf, type SigningKey } from "../../common/protocol/signature.ts";
import { type Base, type By, readPlatform } from "../audit/use_case.ts";
import type { Store, Transaction } from "../store/store.ts";

export interface PlatformKeys {
  signingKey: Pick<SigningKey, "keyId" | "publicKey">;
  /** Of the certificates of agents. */
  agentAuthority: { certificate: { rawData: ArrayBuffer } };
}

/* Rows of `installation`. */
const signing = "signingKey ", authority = "agentAuthority ";

/** At a start: a store in which they are known is only read, as another process may be writing. */
export async function noteKeysAtStart(
  platform: PlatformKeys & { store: Store; clock: Pick<Clock, "now"> },
): Promise<void> {
  const { store, clock } = platform;
  const unknown = await store.transaction((tx) => unknownKeys(tx, platform), { readOnly: true });
  if (unknown.length > 0) await store.transaction((tx) => noteKeys(tx, platform, clock.now()));
}

/** Writes nothing if they are known. */
export async function noteKeys(tx: Transaction, keys: PlatformKeys, at: Date): Promise<void> {
  for (const [what, bytes] of await unknownKeys(tx, keys)) {
    await tx.run(
      "INSERT INTO installation (what, value, since) VALUES (:what, :value, :since) ON CONFLICT DO NOTHING",
      { what, value: Buffer.from(bytes).toString("base64"), since: at.getTime() },
    );
  }
}

async function unknownKeys(
  tx: Transaction,
  { signingKey, agentAuthority }: PlatformKeys,
): Promise<[what: string, bytes: Uint8Array][]> {
  const der = new Uint8Array(agentAuthority.certificate.rawData);
  const keys: [string, Uint8Array][] = [
    [`${signing}${signingKey.keyId}`, signingKey.publicKey],
    [`${authority}${createHash("sha256").update(der).digest("hex")}`, der],
  ];
  const known = await keysOf(tx);
  return keys.filter(([what]) => !known.some((row) => row.what === what));
}

interface KeyRow {
  what: string;
  value: string;
  since: number;
}

function keysOf(tx: Transaction): Promise<KeyRow[]> {
  return tx.all<KeyRow>(
    `SELECT what, value, since FROM installation WHERE what LIKE '${signing}%' OR what LIKE '${authority}%'
     ORDER BY since, what`,
  );
}

/** Undefined for a key that was replaced before the platform kept them. */
export async function publicKeyOf(tx: Transaction, keyId: string): Promise<Uint8Array | undefined> {
  const row = (await keysOf(tx)).find(({ what }) => what === `${signing}${keyId}`);
  return row === undefined ? undefined : Buffer.from(row.value, "base64");
}

/** Certificates of the authorities, in DER. */
export async function agentAuthorities(tx: Transaction): Promise<Uint8Array[]> {
  return (await keysOf(tx)).filter(({ what }) => what.startsWith(authority))
    .map(({ value }) => Buffer.from(value, "base64"));
}

export interface StatementKey {
  keyId: string;
  /** In base64. */
  publicKey: string;
  since: number;
  statements: number;
  lastAt: number | null;
  isPresent: boolean;
}

/** Those that may have signed statements, oldest first. */
export function listStatementKeys(platform: Base & Pick<PlatformKeys, "signingKey">, by: By): Promise<StatementKey[]> {
  return readPlatform(platform, by, async (tx) => {
    const used = await tx.all<{ key_id: string; n: number; last: number }>(
      "SELECT key_id, count(*) AS n, max(made_at) AS last FROM statements GROUP BY key_id",
    );
    return (await keysOf(tx)).filter(({ what }) => what.startsWith(signing)).map(({ value, since }) => {
      const keyId = keyIdOf(Buffer.from(value, "base64")), own = used.find(({ key_id }) => key_id === keyId);
      return {
        keyId,
        publicKey: value,
        since,
        statements: own?.n ?? 0,
        lastAt: own?.last ?? null,
        isPresent: keyId === platform.signingKey.keyId,
      };
    });
  });
}
