/** Which certificates of a platform are trusted: the system's authorities or configured ones, and additional pins. */
import { createHash, X509Certificate } from "node:crypto";
import tls, { type PeerCertificate, type SecureContext } from "node:tls";

export interface TrustConfig {
  /** Authorities in PEM instead of the system's; null: the system's. */
  readonly ca: { readonly pem: string } | null;
  /** SHA-256 of SubjectPublicKeyInfo as hex; one certificate of the chain must have one of them. Empty: no pin. */
  readonly pins: readonly string[];
}

/** The agent's own certificate for mutual TLS, in PEM. */
export interface ClientCertificate {
  keyPem: string;
  certificatePem: string;
}

/** TLS 1.2 or newer with the trusted authorities. */
export function secureContextOf(trust: TrustConfig, client: ClientCertificate | undefined): SecureContext {
  return tls.createSecureContext({
    ca: trust.ca === null ? systemAuthorities() : trust.ca.pem,
    minVersion: "TLSv1.2",
    ...(client === undefined ? {} : { key: client.keyPem, cert: client.certificatePem }),
  });
}

/** A failed pin check, as an `Error` for `checkServerIdentity` of node:tls. */
class PinMismatchError extends Error {
  override readonly name = "PinMismatchError";
  readonly code = "OPENDCA_PIN_MISMATCH";
}

/** For node:tls: the name must match as usual, and if there are pins, a key of the chain must be pinned. */
export function identityCheck(trust: TrustConfig): (host: string, certificate: PeerCertificate) => Error | undefined {
  return (host, certificate) => {
    const wrongName = tls.checkServerIdentity(host, certificate);
    if (wrongName !== undefined || trust.pins.length === 0) return wrongName;
    const shown = chainOf(certificate).map(publicKeyDigest);
    if (shown.some((digest) => trust.pins.includes(digest))) return undefined;
    return new PinMismatchError(`No certificate of "${host}" has a pinned key: current value is ${shown[0]}`);
  };
}

/** Whether a certificate is for this host name or address. */
export function isForHost(certificate: PeerCertificate, host: string): boolean {
  return tls.checkServerIdentity(host, certificate) === undefined;
}

/** SHA-256 of the SubjectPublicKeyInfo of a DER certificate, in hex: the format of a pin. */
export function publicKeyDigest(der: Uint8Array): string {
  const { publicKey } = new X509Certificate(der);
  return createHash("sha256").update(publicKey.export({ type: "spki", format: "der" })).digest("hex");
}

/** The certificates that a peer presented, in DER, its own first. */
export function chainOf(certificate: PeerCertificate): Uint8Array[] {
  const chain: Uint8Array[] = [];
  let link: PeerCertificate & { issuerCertificate?: PeerCertificate } | undefined = certificate;
  // A self-signed root names itself as its issuer.
  while (link?.raw !== undefined && chain.length < 10 && !chain.includes(link.raw)) {
    chain.push(link.raw);
    link = link.issuerCertificate;
  }
  return chain;
}

/** PEM. */
export function systemAuthorities(): string[] {
  const system = tls.getCACertificates("system");
  // Systems without a certificate store, such as small containers, use the list of the runtime.
  return system.length > 0 ? system : [...tls.rootCertificates];
}
