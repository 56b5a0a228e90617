/**
 * Stored activation codes. The first seven symbols are the locator (four for codes of older releases): a wrong guess
 * counts against the code with this locator, and five of them invalidate it. With 35 bits, the locator cannot be hit by
 * chance. The rest is the secret, stored as a keyed digest only.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { UsageError } from "../../common/core/errors.ts";
import { makeActivationCode } from "../../common/core/activation_code.ts";
import { newId } from "../store/new_id.ts";
import { changeTenant, readTenant, type TenantBy } from "../audit/use_case.ts";
import { refuseClosed, siteOf, type SiteRow, siteRows } from "../customers/customers.ts";
import type { Tenant, Transaction } from "../store/store.ts";
import type { Platform } from "./platform.ts";

/** Agents that one code may activate. */
export const mostCodeUses = 1000;
/** Wrong attempts after which a code is invalid, and an installation must be unlocked. */
export const maxFailedAttempts = 5;

export type CodeState = "open" | "used" | "burned" | "withdrawn";

export interface CodeRow {
  customer_id: string;
  code_id: string;
  site_id: string;
  locator: string;
  digest: Uint8Array;
  state: CodeState;
  failed_attempts: number;
  /** How many agents it may activate, and how many it has. */
  most_uses: number;
  uses: number;
  created_at: number;
  expires_at: number;
  /** The last time, and the agent of it. */
  used_at: number | null;
  agent_id: string | null;
}

export interface CodeOptions {
  siteId: string;
  at: Date;
  expiresAt: Date;
  /** How many agents it activates, 1 by default. */
  mostUses?: number | undefined;
  /** Key of the digests; without it a copy of the store does not reveal the codes. */
  pepper: Uint8Array;
}

/** Creates a code. The code itself is only in the result. */
export async function addActivationCode(
  tenant: Tenant,
  options: CodeOptions,
): Promise<{ code: string; codeId: string }> {
  const codeId = newId("cod");
  for (;;) {
    const code = makeActivationCode((bytes) => crypto.getRandomValues(bytes));
    const made = await tenant.run(
      `INSERT INTO activation_codes (customer_id, code_id, site_id, locator, digest, state, created_at, expires_at,
         most_uses)
       VALUES (:customer, :code_id, :site_id, :locator, :digest, 'open', :created_at, :expires_at, :most_uses)
       ON CONFLICT (locator) DO NOTHING`,
      {
        code_id: codeId,
        site_id: options.siteId,
        locator: locatorOf(code),
        digest: digestOf(code, options.pepper),
        created_at: options.at.getTime(),
        expires_at: options.expiresAt.getTime(),
        most_uses: options.mostUses ?? 1,
      },
    );
    if (made === 1) return { code, codeId };
  }
}

/** The stored code with the locator of an attempt, whether or not the secret is right. `code` is in canonical form. */
export async function maybeAimedCode(tx: Transaction, code: string): Promise<CodeRow | undefined> {
  const aimed = await tx.get<{ customer_id: string; code_id: string }>(
    "SELECT customer_id, code_id FROM activation_codes WHERE locator IN (:locator, :short) ORDER BY length(locator) DESC LIMIT 1",
    { locator: locatorOf(code), short: code.slice(0, 4) },
  );
  // Read again within the customer, as the code may have been used meanwhile.
  return aimed && await tx.tenant(aimed.customer_id).get(
    "SELECT * FROM activation_codes WHERE customer_id = :customer AND code_id = :code_id",
    { code_id: aimed.code_id },
  );
}

export function isSecretRight(row: CodeRow, options: { code: string; pepper: Uint8Array }): boolean {
  return timingSafeEqual(digestOf(options.code, options.pepper), row.digest);
}

/** Counts a wrong attempt; returns true if it invalidated the code. */
export async function countFailedCode(tenant: Tenant, codeId: string): Promise<boolean> {
  await tenant.run(
    "UPDATE activation_codes SET failed_attempts = failed_attempts + 1 WHERE customer_id = :customer AND code_id = :code_id",
    { code_id: codeId },
  );
  return await tenant.run(
    `UPDATE activation_codes SET state = 'burned'
     WHERE customer_id = :customer AND code_id = :code_id AND state = 'open' AND failed_attempts >= :most`,
    { code_id: codeId, most: maxFailedAttempts },
  ) === 1;
}

/** Counts one use of an open code; the last one closes it. Returns how many are left; undefined if it is not open. */
export async function useCode(
  tenant: Tenant,
  use: { codeId: string; agentId: string; at: Date },
): Promise<number | undefined> {
  const used = await tenant.get<{ uses_left: number }>(
    `UPDATE activation_codes SET uses = uses + 1, used_at = :at, agent_id = :agent_id,
       state = CASE WHEN uses + 1 >= most_uses THEN 'used' ELSE 'open' END
     WHERE customer_id = :customer AND code_id = :code_id AND state = 'open' RETURNING most_uses - uses AS uses_left`,
    { code_id: use.codeId, agent_id: use.agentId, at: use.at.getTime() },
  );
  return used?.uses_left;
}

/** Withdraws an open code; returns false if it is not open. */
export async function markWithdrawn(tenant: Tenant, codeId: string): Promise<boolean> {
  return await tenant.run(
    "UPDATE activation_codes SET state = 'withdrawn' WHERE customer_id = :customer AND code_id = :code_id AND state = 'open'",
    { code_id: codeId },
  ) === 1;
}

export function codeRows(tenant: Tenant): Promise<CodeRow[]> {
  return tenant.all("SELECT * FROM activation_codes WHERE customer_id = :customer ORDER BY created_at DESC, code_id");
}

/** Creates a code for the given site, or the only one. Throws UsageError. */
export async function createCode(
  platform: Platform,
  by: TenantBy,
  { site, validMs, uses = 1 }: { site?: string | undefined; validMs: number; uses?: number | undefined },
): Promise<{ code: string; codeId: string; siteId: string; expiresAt: Date; uses: number }> {
  if (!Number.isInteger(uses) || uses < 1 || uses > mostCodeUses) {
    throw new UsageError(`Cannot make a code for ${uses} agents: it is for 1 to ${mostCodeUses}`);
  }
  return await changeTenant(platform, by, async (tenant, at) => {
    const row = site === undefined ? await onlySite(tenant) : await siteOf(tenant, site), { site_id: siteId } = row;
    await refuseClosed(tenant, "make a code", row);
    const expiresAt = new Date(at.getTime() + validMs);
    const options = { siteId, at, expiresAt, mostUses: uses, pepper: platform.pepper };
    const { code, codeId } = await addActivationCode(tenant, options);
    const detail = { site: siteId, expiresAt: expiresAt.toISOString(), uses };
    return {
      answer: { code, codeId, siteId, expiresAt, uses },
      audit: { action: "activationCodeCreated", subject: codeId, detail },
    };
  });
}

/* The only one that is open. */
async function onlySite(tenant: Tenant): Promise<SiteRow> {
  const all = await siteRows(tenant), open = all.filter(({ closed_at }) => closed_at === null);
  const [only, ...others] = open.length > 0 ? open : all;
  if (only === undefined) {
    throw new UsageError("Cannot make a code as there is no site yet", "opendca-platform site create NAME");
  }
  if (others.length === 0) return only;
  throw new UsageError(
    `Cannot tell which site is meant as there are ${others.length + 1}`,
    "name one with --site; opendca-platform site list shows them",
  );
}

/**
 * Newest first, with the names of their sites; an open code past its expiry is `expired`. Throws UsageError for an
 * unknown site.
 */
export function listCodes(
  platform: Platform,
  by: TenantBy,
  { site }: { site?: string | undefined } = {},
): Promise<(Omit<CodeRow, "state"> & { state: CodeState | "expired"; site: string })[]> {
  return readTenant(platform, by, async (tenant) => {
    const now = platform.clock.now().getTime();
    const names = new Map((await siteRows(tenant)).map(({ site_id, name }) => [site_id, name]));
    const siteId = site === undefined ? undefined : (await siteOf(tenant, site)).site_id;
    const rows = (await codeRows(tenant)).filter(({ site_id }) => siteId === undefined || site_id === siteId);
    return rows.map((row) => ({
      ...row,
      state: row.state === "open" && row.expires_at <= now ? "expired" : row.state,
      site: names.get(row.site_id)!,
    }));
  });
}

/** Throws UsageError if the code is not open. */
export function withdrawCode(platform: Platform, by: TenantBy, { codeId }: { codeId: string }): Promise<void> {
  return changeTenant(platform, by, async (tenant) => {
    if (!await markWithdrawn(tenant, codeId)) {
      const hint = "opendca-platform code list shows them";
      throw new UsageError(`Cannot withdraw "${codeId}" as no open code has that id`, hint);
    }
    return { answer: undefined, audit: { action: "activationCodeWithdrawn", subject: codeId } };
  });
}

/** How many more agents a code activates; 0 for one that is not open. */
export function usesLeft({ state, most_uses, uses }: { state: string; most_uses: number; uses: number }): number {
  return state === "open" ? most_uses - uses : 0;
}

function locatorOf(code: string): string {
  // Including the hyphen after the first four.
  return code.slice(0, 8);
}

function digestOf(code: string, pepper: Uint8Array): Uint8Array {
  return new Uint8Array(createHmac("sha256", pepper).update(code).digest());
}
