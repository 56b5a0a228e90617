/**
 * The certificate authorities of the platform: one for its agents, and one for its own server certificate if the
 * operator has none from a public authority. ECDSA P-256 with SHA-256 (RFC 5280 profile: critical basic constraints and
 * key usage, one extended key usage, key identifiers).
 */
import * as x509 from "./x509.ts";

export const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

export interface Authority {
  certificate: x509.X509Certificate;
  privateKey: CryptoKey;
}

export interface Validity {
  notBefore: Date;
  notAfter: Date;
}

/** The files of an authority: PEM texts. */
export interface AuthorityFiles {
  certificatePem: string;
  privateKeyPem: string;
}

const dayMs = 86_400_000;
/* Clocks differ: a certificate that begins now is not valid yet on a machine that is five minutes slow. */
const skewMs = 3_600_000;

/** The period of `days` from now, starting a little earlier for slow clocks. */
export function validityFrom(now: Date, days: number): Validity {
  return { notBefore: new Date(now.getTime() - skewMs), notAfter: new Date(now.getTime() + days * dayMs) };
}

export async function createAuthority(commonName: string, validity: Validity): Promise<AuthorityFiles> {
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [commonName] }],
    keys,
    signingAlgorithm: algorithm,
    serialNumber: newSerial(),
    ...validity,
    extensions: [
      // No authority below this one.
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificatePem: pemOf(certificate), privateKeyPem: await privateKeyPem(keys.privateKey) };
}

export async function loadAuthority(files: AuthorityFiles): Promise<Authority> {
  const der = x509.PemConverter.decodeFirst(files.privateKeyPem);
  return {
    certificate: new x509.X509Certificate(files.certificatePem),
    privateKey: await crypto.subtle.importKey("pkcs8", der, algorithm, false, ["sign"]),
  };
}

export interface Issue extends Validity {
  commonName: string;
  publicKey: x509.PublicKey | CryptoKey;
  usage: "client" | "server";
  /** DNS names, or one URI for an agent. */
  names: { type: "dns" | "ip" | "url"; value: string }[];
}

/** A certificate for one key, with a random 127-bit serial number. */
export async function issueCertificate(authority: Authority, issue: Issue): Promise<x509.X509Certificate> {
  const { commonName, publicKey, usage, names, notBefore } = issue;
  // No certificate is valid longer than its issuer's.
  const notAfter = new Date(Math.min(issue.notAfter.getTime(), authority.certificate.notAfter.getTime()));
  const purpose = usage === "client" ? x509.ExtendedKeyUsage.clientAuth : x509.ExtendedKeyUsage.serverAuth;
  return x509.X509CertificateGenerator.create({
    subject: [{ CN: [commonName] }],
    issuer: authority.certificate.subject,
    publicKey,
    signingKey: authority.privateKey,
    signingAlgorithm: algorithm,
    serialNumber: newSerial(),
    notBefore,
    notAfter,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([purpose]),
      new x509.SubjectAlternativeNameExtension(names),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(authority.certificate),
    ],
  });
}

export function pemOf(certificate: x509.X509Certificate): string {
  return `${certificate.toString("pem")}\n`;
}

/** PKCS #8, not encrypted. */
export async function privateKeyPem(key: CryptoKey): Promise<string> {
  return `${x509.PemConverter.encode(await crypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY")}\n`;
}

/* RFC 5280 4.1.2.2: positive, and not zero; the first octet is kept between 0x40 and 0x7f so that the length is fixed. */
function newSerial(): string {
  const octets = crypto.getRandomValues(new Uint8Array(16));
  octets[0] = octets[0]! & 0x3f | 0x40;
  return octets.toHex();
}
