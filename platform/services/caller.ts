import { fingerprintOf } from "../certificates/agent_certificate.ts";
import { maybeAgent } from "../store/agents.ts";
import { maybeCertificate, noteCertificateUse } from "../store/certificates.ts";
import type { Tenant } from "../store/store.ts";
import { CallError } from "./call_error.ts";
import type { Platform } from "./platform.ts";

/** The agent that makes a call, and its customer, which is all that the call can reach. */
export interface Caller {
  tenant: Tenant;
  agentId: string;
}

/* Calls that were under way when the new certificate was used for the first time. */
const graceMs = 3_600_000;

/** Who calls with this certificate, asked of the store at each call so that a revocation works at once. Throws CallError. */
export function callerOf(platform: Platform, certificateDer: Uint8Array | undefined): Caller {
  const { store, clock } = platform;
  const now = clock.now();
  const certificate = certificateDer === undefined ? undefined : maybeCertificate(store, fingerprintOf(certificateDer));
  if (certificate === undefined || certificate.not_after <= now.getTime()) {
    throw new CallError("certificate-required", "Cannot answer without a valid certificate of this platform");
  }
  const tenant = store.tenant(certificate.customer_id);
  const agentId = certificate.agent_id;
  if (certificate.revoked_at !== null || maybeAgent(tenant, agentId)?.state !== "active") {
    throw new CallError("agent-revoked", "Cannot answer this agent as it was revoked");
  }
  if (certificate.replaced_at !== null && certificate.replaced_at + graceMs <= now.getTime()) {
    throw new CallError("certificate-replaced", "Cannot answer with this certificate as a later one is in use");
  }
  if (certificate.first_used_at === null) {
    store.transaction(() => noteCertificateUse(tenant, { agentId, serial: certificate.serial, at: now }));
  }
  return { tenant, agentId };
}
