import { fingerprintOf } from "./agent_certificate.ts";
import { maybeCertificate, noteCertificateUse } from "./certificates.ts";
import type { Tenant } from "../store/store.ts";
import { CallError } from "./call_error.ts";
import type { Platform } from "./platform.ts";

/** The agent that makes a call, and its customer; the call can only access this customer's data. */
export interface Caller {
  customerId: string;
  agentId: string;
}

/** The same within a transaction. */
export interface TenantAgent {
  tenant: Tenant;
  agentId: string;
}

/* Allows for calls that were in progress when the new certificate was first used. */
const graceMs = 3_600_000;

/**
 * The caller with this certificate, read from the store at each call, so that a revocation works at once. Throws
 * CallError.
 */
export async function callerOf(platform: Platform, certificateDer: Uint8Array | undefined): Promise<Caller> {
  const { store, clock } = platform;
  const now = clock.now();
  const fingerprint = certificateDer === undefined ? undefined : fingerprintOf(certificateDer);
  const certificate = fingerprint === undefined
    ? undefined
    : await store.transaction((tx) => maybeCertificate(tx, fingerprint), { readOnly: true });
  if (certificate === undefined || certificate.not_after <= now.getTime()) {
    throw new CallError("certificate-required", "Cannot answer without a valid certificate of this platform");
  }
  const { customer_id: customerId, agent_id: agentId } = certificate;
  if (certificate.revoked_at !== null || certificate.agent_state !== "active") {
    throw new CallError("agent-revoked", "Cannot answer this agent as it was revoked");
  }
  if (certificate.replaced_at !== null && certificate.replaced_at + graceMs <= now.getTime()) {
    throw new CallError("certificate-replaced", "Cannot answer with this certificate as a later one is in use");
  }
  if (certificate.first_used_at === null) {
    await store.transaction((tx) =>
      noteCertificateUse(tx.tenant(customerId), { agentId, serial: certificate.serial, at: now })
    );
  }
  return { customerId, agentId };
}
