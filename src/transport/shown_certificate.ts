import "reflect-metadata";
import tls from "node:tls";
import type { PeerCertificate } from "node:tls";
import { PemConverter, X509Certificate } from "@peculiar/x509";
import type { ShownCertificate } from "./probe_report.ts";

/** The facts of a certificate that a peer showed, or null where it showed none. */
export function shownCertificate(certificate: PeerCertificate, host: string): ShownCertificate | null {
  if (certificate?.raw === undefined) return null;
  const { subject, issuer, notBefore, notAfter } = new X509Certificate(new Uint8Array(certificate.raw));
  const matchesName = tls.checkServerIdentity(host, certificate) === undefined;
  return { subject, issuer, notBefore, notAfter, matchesName };
}

/** Subjects of the certificates in a PEM text. */
export function issuerNames(pem: string): string[] {
  return PemConverter.decode(pem).map((der) => new X509Certificate(der).subject);
}
