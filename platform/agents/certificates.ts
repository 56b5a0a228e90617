import type { AgentCertificate } from "./agent_certificate.ts";
import { type AgentRow, maybeAgent } from "./agents.ts";
import { CallError } from "./call_error.ts";
import type { Revoked } from "../keys/revocation_list.ts";
import type { Tenant, Transaction } from "../store/store.ts";

export interface CertificateRow {
  customer_id: string;
  agent_id: string;
  serial: string;
  der: Uint8Array;
  not_after: number;
  first_used_at: number | null;
  replaced_at: number | null;
  revoked_at: number | null;
}

/**
 * Throws CallError for an agent that was revoked since its call was admitted: no list of revoked certificates would have
 * this one.
 */
export async function addCertificate(
  tenant: Tenant,
  options: { agentId: string; certificate: AgentCertificate },
): Promise<void> {
  const { agentId, certificate } = options;
  if ((await maybeAgent(tenant, agentId))?.state === "revoked") {
    throw new CallError("agent-revoked", "Cannot answer this agent as it was revoked");
  }
  await tenant.run(
    `INSERT INTO certificates (customer_id, agent_id, serial, fingerprint, der, issued_at, not_after)
     VALUES (:customer, :agent_id, :serial, :fingerprint, :der, :issued_at, :not_after)`,
    {
      agent_id: agentId,
      serial: certificate.serial,
      fingerprint: certificate.fingerprint,
      der: certificate.der,
      issued_at: certificate.issuedAt.getTime(),
      not_after: certificate.notAfter.getTime(),
    },
  );
}

/* More than one an hour since the first of them. */
const mostTimes = 100;

/** When the agent was last issued certificates, oldest first; without the one of its activation. */
export async function renewalTimes(tenant: Tenant, agentId: string): Promise<number[]> {
  const rows = await tenant.all<{ issued_at: number }>(
    `SELECT issued_at FROM certificates WHERE customer_id = :customer AND agent_id = :agent_id
     ORDER BY issued_at DESC, rowid DESC LIMIT ${mostTimes}`,
    { agent_id: agentId },
  );
  return rows.map(({ issued_at }) => issued_at).toReversed().slice(rows.length < mostTimes ? 1 : 0);
}

/**
 * The certificate with this SHA-256, of any customer: this determines the customer of a caller. With the state of its
 * agent, as this is asked for with each call.
 */
export function maybeCertificate(
  tx: Transaction,
  fingerprint: Uint8Array,
): Promise<CertificateRow & { agent_state: AgentRow["state"] } | undefined> {
  return tx.get(
    `SELECT c.*, a.state AS agent_state FROM certificates c
     JOIN agents a ON a.customer_id = c.customer_id AND a.agent_id = c.agent_id WHERE c.fingerprint = :fingerprint`,
    { fingerprint },
  );
}

/** The first use of a certificate replaces all earlier ones of the agent. */
export async function noteCertificateUse(
  tenant: Tenant,
  options: { agentId: string; serial: string; at: Date },
): Promise<void> {
  const parameters = { agent_id: options.agentId, serial: options.serial, at: options.at.getTime() };
  await tenant.run(
    `UPDATE certificates SET replaced_at = :at WHERE customer_id = :customer AND agent_id = :agent_id
       AND serial <> :serial AND replaced_at IS NULL AND issued_at <= (
         SELECT issued_at FROM certificates WHERE customer_id = :customer AND agent_id = :agent_id AND serial = :serial)`,
    parameters,
  );
  await tenant.run(
    "UPDATE certificates SET first_used_at = :at WHERE customer_id = :customer AND agent_id = :agent_id AND serial = :serial",
    parameters,
  );
}

/** Revoked certificates of all customers that have not expired. */
export async function revokedCertificates(tx: Transaction, now: Date): Promise<Revoked[]> {
  const rows = await tx.all<{ serial: string; revoked_at: number }>(
    "SELECT serial, revoked_at FROM certificates WHERE revoked_at IS NOT NULL AND not_after > :now ORDER BY serial",
    { now: now.getTime() },
  );
  return rows.map(({ serial, revoked_at }) => ({ serial, at: new Date(revoked_at) }));
}

/** Revoked agents of all customers with a certificate that has not expired. */
export async function revokedAgents(tx: Transaction, now: Date): Promise<string[]> {
  const rows = await tx.all<{ agent_id: string }>(
    `SELECT agent_id FROM agents a WHERE state = 'revoked' AND EXISTS (SELECT 1 FROM certificates c
       WHERE c.customer_id = a.customer_id AND c.agent_id = a.agent_id AND c.not_after > :now) ORDER BY agent_id`,
    { now: now.getTime() },
  );
  return rows.map(({ agent_id }) => agent_id);
}

/** The agent's newest certificate. */
export function latestCertificate(tenant: Tenant, agentId: string): Promise<CertificateRow | undefined> {
  return tenant.get(
    `SELECT * FROM certificates WHERE customer_id = :customer AND agent_id = :agent_id
     ORDER BY issued_at DESC, rowid DESC LIMIT 1`,
    { agent_id: agentId },
  );
}

/** The certificate that the agent used last: a newer one may not have reached it. */
export function certificateInUse(tenant: Tenant, agentId: string): Promise<CertificateRow | undefined> {
  return tenant.get(
    `SELECT * FROM certificates WHERE customer_id = :customer AND agent_id = :agent_id AND revoked_at IS NULL
     ORDER BY first_used_at IS NULL, issued_at DESC, rowid DESC LIMIT 1`,
    { agent_id: agentId },
  );
}
