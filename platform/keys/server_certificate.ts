import * as x509 from "./x509.ts";
import { algorithm, type Authority, issueCertificate, pemOf, privateKeyPem, validityFrom } from "./authority.ts";

export interface CertificateFiles {
  /** The server's own certificate first, then intermediate authorities. */
  certificatePem: string;
  privateKeyPem: string;
}

const days = 397;
const renewWithinMs = 60 * 86_400_000;

/** A server certificate for host names and addresses, by the platform's own authority. */
export async function createServerCertificate(
  authority: Authority,
  options: { names: string[]; now: Date },
): Promise<CertificateFiles> {
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await issueCertificate(authority, {
    commonName: options.names[0]!,
    publicKey: keys.publicKey,
    usage: "server",
    names: options.names.map((value) => ({ type: isAddress(value) ? "ip" : "dns", value })),
    ...validityFrom(options.now, days),
  });
  return { certificatePem: pemOf(certificate), privateKeyPem: await privateKeyPem(keys.privateKey) };
}

/** Whether the certificate is for exactly these names and lasts another 60 days. */
export function isCurrent(certificatePem: string, options: { names: string[]; now: Date }): boolean {
  const certificate = new x509.X509Certificate(certificatePem);
  const names = certificate.getExtension(x509.SubjectAlternativeNameExtension)?.names.items.map(({ value }) => value);
  return names !== undefined && names.toSorted().join() === options.names.toSorted().join() &&
    certificate.notAfter.getTime() - options.now.getTime() > renewWithinMs;
}

/** Of the first certificate in a PEM text. */
export function certificateEnd(pem: string): Date {
  return new x509.X509Certificate(pem).notAfter;
}

function isAddress(name: string): boolean {
  return /^[\d.]+$|:/.test(name);
}
