import "reflect-metadata";
import tls from "node:tls";
import type { PeerCertificate } from "node:tls";
import { PemConverter, X509Certificate } from "@peculiar/x509";
import { chainOf } from "./trust.ts";
import type { ShownCertificate } from "./probe_report.ts";

const minRsaBits = 2048;

/** The facts of a certificate that a peer showed, or null where it showed none. */
export function shownCertificate(certificate: PeerCertificate, host: string): ShownCertificate | null {
  if (certificate?.raw === undefined) return null;
  const shown = new X509Certificate(new Uint8Array(certificate.raw));
  const { subject, issuer, notBefore, notAfter } = shown;
  const matchesName = tls.checkServerIdentity(host, certificate) === undefined;
  const weakness = maybeWeakness(shown) ?? maybeWeakAuthority(certificate);
  return { subject, issuer, notBefore, notAfter, matchesName, weakness: weakness ?? null };
}

/** Of the authorities that the peer shows; the signature that a root has from itself means nothing. */
function maybeWeakAuthority(certificate: PeerCertificate): string | undefined {
  for (const der of chainOf(certificate).slice(1)) {
    const shown = new X509Certificate(new Uint8Array(der));
    const weakness = shown.subject === shown.issuer ? undefined : maybeWeakness(shown);
    if (weakness !== undefined) return `an authority "${shown.subject}" with ${weakness}`;
  }
  return undefined;
}

/** The runtime refuses such certificates with the words that it has for any other. */
function maybeWeakness({ signatureAlgorithm, signature, publicKey }: X509Certificate): string | undefined {
  const { name, hash } = signatureAlgorithm as { name: string; hash?: { name: string } };
  if (hash?.name === "SHA-1") return "a signature with SHA-1";
  // RFC 8017, appendix A.2.4: MD2, MD4 and MD5 with RSA.
  if (/^1\.2\.840\.113549\.1\.1\.[234]$/.test(name)) return "a signature with MD5 or older";
  const bits = (publicKey.algorithm as { modulusLength?: number }).modulusLength ?? minRsaBits;
  if (bits < minRsaBits) return `an RSA key of ${bits} bits`;
  if (name.startsWith("RSA") && signature.byteLength * 8 < minRsaBits) {
    return `a signature with an RSA key of ${signature.byteLength * 8} bits`;
  }
  return undefined;
}

/** Subjects of the certificates in a PEM text. */
export function issuerNames(pem: string): string[] {
  return PemConverter.decode(pem).map((der) => new X509Certificate(der).subject);
}
