import { createHash } from "node:crypto";
import * as x509 from "../keys/x509.ts";
import { messageOf } from "../../common/core/errors.ts";
import type { CertificateBundle } from "../../proto/gen/opendca/v1/agent_service.ts";
import { Buffer } from "node:buffer";
import { type Authority, issueCertificate, validityFrom } from "../keys/authority.ts";

/** How long an agent's certificate is valid; it is renewed when a third of that is left. */
const agentCertificateDays = 90;

const maxCsrBytes = 4096;

/** An invalid certificate request. */
export class CsrError extends Error {
  override readonly name = "CsrError";
}

/** Checks a PKCS #10 request in DER: P-256, SHA-256, and signed with its own key. Throws CsrError. */
export async function parseCsr(der: Uint8Array): Promise<x509.Pkcs10CertificateRequest> {
  if (der.length === 0 || der.length > maxCsrBytes) {
    throw new CsrError(`Cannot read the certificate request: it has ${der.length} bytes, not 1 to ${maxCsrBytes}`);
  }
  let csr: x509.Pkcs10CertificateRequest;
  let verified: boolean;
  try {
    csr = new x509.Pkcs10CertificateRequest(new Uint8Array(der));
    const key = csr.publicKey.algorithm as EcKeyAlgorithm;
    const { name, hash } = csr.signatureAlgorithm as { name: string; hash?: { name: string } };
    if (key.name !== "ECDSA" || key.namedCurve !== "P-256" || name !== "ECDSA" || hash?.name !== "SHA-256") {
      throw new CsrError("Cannot accept the certificate request: it must be ECDSA P-256 with SHA-256");
    }
    verified = await csr.verify();
  } catch (error) {
    if (error instanceof CsrError) throw error;
    throw new CsrError(`Cannot read the certificate request: ${messageOf(error)}`, { cause: error });
  }
  if (!verified) throw new CsrError("Cannot accept the certificate request: its signature is wrong");
  return csr;
}

export interface AgentCertificate {
  serial: string;
  /** SHA-256 of `der`. */
  fingerprint: Uint8Array;
  der: Uint8Array;
  issuedAt: Date;
  notAfter: Date;
}

/** Issues the certificate of one agent; the subject in the request is ignored. */
export async function issueAgentCertificate(
  authority: Authority,
  options: { agentId: string; csr: x509.Pkcs10CertificateRequest; now: Date },
): Promise<AgentCertificate> {
  const { agentId, csr, now } = options;
  const certificate = await issueCertificate(authority, {
    commonName: agentId,
    publicKey: csr.publicKey,
    usage: "client",
    names: [{ type: "url", value: `urn:opendca:agent:${agentId}` }],
    ...validityFrom(now, agentCertificateDays),
  });
  const der = new Uint8Array(certificate.rawData);
  return {
    serial: certificate.serialNumber,
    fingerprint: fingerprintOf(der),
    der,
    issuedAt: now,
    notAfter: certificate.notAfter,
  };
}

export function fingerprintOf(der: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(der).digest());
}

/** The answer to Activate and Renew. */
export function bundleOf(authority: Authority, certificate: Pick<AgentCertificate, "der">): CertificateBundle {
  const { notBefore, notAfter } = new x509.X509Certificate(new Uint8Array(certificate.der));
  const lifeMs = notAfter.getTime() - notBefore.getTime();
  return {
    chain: [Buffer.from(certificate.der)],
    agentAuthority: Buffer.from(authority.certificate.rawData),
    notBefore,
    notAfter,
    renewAfter: new Date(notAfter.getTime() - lifeMs / 3),
  };
}
