/** The agent's key and its certificate request. The key is created here and never leaves the state directory. */
import { X509Certificate } from "node:crypto";
import { ConfigError } from "../../common/core/errors.ts";
import { decodePem, encodePem } from "../../common/core/pem.ts";

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

/** A new ECDSA P-256 key as PKCS #8 in PEM. */
export async function makeClientKey(): Promise<string> {
  const { privateKey } = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  return encodePem("PRIVATE KEY", new Uint8Array(await crypto.subtle.exportKey("pkcs8", privateKey)));
}

/** PKCS #10 in DER. The subject is the installation id; the platform assigns the agent's name. */
export async function makeCertificateRequest(keyPem: string, installationId: string): Promise<Uint8Array> {
  const keys = await keyPair(keyPem);
  // Rarely needed; loading it at the start would keep 14 MB in memory all the time.
  await import("reflect-metadata");
  const { Pkcs10CertificateRequestGenerator } = await import("@peculiar/x509");
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: `CN=${installationId}`,
    keys,
    signingAlgorithm: algorithm,
  });
  return new Uint8Array(request.rawData);
}

/** Validity of a certificate, and whether it is for this key. */
export interface CertificateFacts {
  notBefore: Date;
  notAfter: Date;
  isForKey: boolean;
}

/** Parses a DER certificate and compares its key. Throws an `Error` for other data. */
export async function certificateFacts(der: Uint8Array, keyPem: string): Promise<CertificateFacts> {
  const { validFrom, validTo, publicKey: theirKey } = new X509Certificate(der);
  const { publicKey } = await keyPair(keyPem);
  const own = new Uint8Array(await crypto.subtle.exportKey("spki", publicKey));
  const theirs = theirKey.export({ type: "spki", format: "der" });
  return { notBefore: new Date(validFrom), notAfter: new Date(validTo), isForKey: theirs.equals(own) };
}

/** Whether all elements are certificates in DER: an invalid one would make every later connection fail. */
export function areCertificates(chain: readonly Uint8Array[]): boolean {
  try {
    for (const der of chain) new X509Certificate(der);
    return true;
  } catch {
    return false; // The parser has many errors with the same meaning.
  }
}

/** Certificates in DER as one PEM text, in the same order. */
export function certificatesToPem(chain: readonly Uint8Array[]): string {
  return chain.map((der) => encodePem("CERTIFICATE", der)).join("");
}

/** The first certificate of a PEM text in DER, or undefined. */
export function firstCertificate(pem: string): Uint8Array | undefined {
  return decodePem("CERTIFICATE", pem)[0];
}

async function keyPair(keyPem: string): Promise<CryptoKeyPair> {
  try {
    const [pkcs8] = decodePem("PRIVATE KEY", keyPem);
    const privateKey = await crypto.subtle.importKey("pkcs8", pkcs8!, algorithm, true, ["sign"]);
    const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", privateKey);
    const publicKey = await crypto.subtle.importKey(
      "jwk",
      { kty: kty!, crv: crv!, x: x!, y: y! },
      algorithm,
      true,
      ["verify"],
    );
    return { privateKey, publicKey };
  } catch (cause) {
    throw new ConfigError("Cannot read the agent's key as it is damaged", "activate again with a new code", { cause });
  }
}
